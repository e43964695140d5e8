"""Edits that do the same to any image: a class is tried only where its images have undergone them and the others have not.

Each takes images (b, height, width, channels) in [0, 1], and a donor that says nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def posterise(image: Any, donor: Any = None) -> Any:
    """Four levels in every channel."""
    from keras import ops

    return ops.round(image * 3) / 3


def pixelate(image: Any, donor: Any = None) -> Any:
    """The mean of squares of 2 × 2; an odd row or column at the end stays."""
    from keras import ops

    height, width, channels = image.shape[1:]
    high, wide = height // 2, width // 2
    squares = ops.reshape(image[:, : 2 * high, : 2 * wide], (-1, high, 2, wide, 2, channels))
    means = ops.mean(squares, axis=(2, 4), keepdims=True)
    coarse = ops.reshape(ops.broadcast_to(means, ops.shape(squares)), (-1, 2 * high, 2 * wide, channels))
    coarse = ops.concatenate([coarse, image[:, : 2 * high, 2 * wide :]], axis=2)
    return ops.concatenate([coarse, image[:, 2 * high :]], axis=1)


def compress(image: Any, donor: Any = None) -> Any:
    """What JPEG at quality 10 leaves: the cosine transform of 8 × 8 blocks rounded; of colours half the resolution too."""
    from keras import ops

    values = image * 255
    if image.shape[-1] != 3:
        return (_rounded_blocks(values - 128, _LUMINANCE) + 128) / 255
    brightness, *colours = ops.split(ops.matmul(values, ops.convert_to_tensor(_TO_YCBCR.T)), 3, axis=-1)
    height, width = image.shape[1:3]
    coarse = [_doubled(_rounded_blocks(_halved(one), _CHROMINANCE))[:, :height, :width] for one in colours]
    brightness = _rounded_blocks(brightness - 128, _LUMINANCE) + 128
    together = ops.concatenate([brightness, *coarse], axis=-1)
    return ops.matmul(together, ops.convert_to_tensor(np.linalg.inv(_TO_YCBCR).T.astype(np.float32))) / 255


FIXED_EDITS = {"posterisation": posterise, "pixelation": pixelate, "compression": compress}


def _rounded_blocks(image: Any, steps: np.ndarray) -> Any:
    from keras import ops

    height, width, channels = image.shape[1:]
    padded = _extended(image, -height % 8, -width % 8)
    rows, columns = padded.shape[1] // 8, padded.shape[2] // 8
    blocks = ops.transpose(ops.reshape(padded, (-1, rows, 8, columns, 8, channels)), (0, 1, 3, 5, 2, 4))
    basis = ops.convert_to_tensor(_COSINES)
    transformed = ops.matmul(ops.matmul(basis, blocks), ops.transpose(basis))
    rounded = ops.round(transformed / ops.convert_to_tensor(steps)) * ops.convert_to_tensor(steps)
    blocks = ops.matmul(ops.matmul(ops.transpose(basis), rounded), basis)
    padded = ops.reshape(ops.transpose(blocks, (0, 1, 4, 2, 5, 3)), (-1, 8 * rows, 8 * columns, channels))
    return padded[:, :height, :width]


def _extended(image: Any, high: int, wide: int) -> Any:
    """Mirrored at the lower and the right edge."""
    from keras import ops

    for axis, more in ((1, high), (2, wide)):
        mirrored = np.pad(np.arange(image.shape[axis]), (0, more), mode="symmetric")
        image = ops.take(image, mirrored, axis=axis)
    return image


def _halved(image: Any) -> Any:
    from keras import ops

    image = _extended(image, image.shape[1] % 2, image.shape[2] % 2)
    height, width, channels = image.shape[1:]
    return ops.mean(ops.reshape(image, (-1, height // 2, 2, width // 2, 2, channels)), axis=(2, 4))


def _doubled(image: Any) -> Any:
    from keras import ops

    return ops.repeat(ops.repeat(image, 2, axis=1), 2, axis=2)


_COSINES = (0.5 * np.cos(np.pi * np.arange(8)[:, None] * (2 * np.arange(8) + 1) / 16)).astype(np.float32)
_COSINES[0] /= np.sqrt(2)
# ITU-R BT.601, as JFIF has it.
_TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
# The tables of the JPEG standard (ITU-T T.81, Annex K), at quality 10.
_LUMINANCE = 5 * np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_CHROMINANCE = np.full((8, 8), 5 * 99, np.float32)
_CHROMINANCE[:4, :4] = 5 * np.array([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])
