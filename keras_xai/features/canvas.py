"""Images to be optimised: their parameters are amplitudes of waves in decorrelated colours, moved about at every step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

# Square root of the covariance of ImageNet's colours, one row per colour: Olah, Mordvintsev and Schubert (2017).
_COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)


class Motion(NamedTuple):
    """How a canvas is moved before the network sees it.

    Attributes:
        angle: in radians. scale: above 1 enlarges. down, right: in pixels.
    """

    angle: float = 0.0
    scale: float = 1.0
    down: float = 0.0
    right: float = 0.0


def waves(length: int) -> np.ndarray:
    """The Hartley transform, Fourier's in real numbers: a symmetric orthogonal (length, length) float32 matrix."""
    phase = 2 * np.pi * np.outer(np.arange(length), np.arange(length)) / length
    return ((np.cos(phase) + np.sin(phase)) / np.sqrt(length)).astype(np.float32)


def amplitudes(height: int, width: int) -> np.ndarray:
    """1 / frequency in cycles per pixel, as in natural images; the constant counts as one cycle: (height, width)."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    return (1 / np.maximum(frequency, 1 / max(height, width))).astype(np.float32)


def painted(spectrum: Any) -> Any:
    """(n, channels, height, width) amplitudes -> (n, height, width, channels) images in (0, 1), in `keras.ops`.

    Neighbouring pixels and colours are correlated as in photographs, so that a step along the gradient changes shapes
    instead of single pixels.
    """
    from keras import ops

    channels, height, width = spectrum.shape[1:]
    down, right = ops.convert_to_tensor(waves(height)), ops.convert_to_tensor(waves(width))
    image = ops.matmul(down, ops.matmul(spectrum * ops.convert_to_tensor(amplitudes(height, width)), right))
    image = ops.transpose(image, (0, 2, 3, 1)) / 4
    if channels == 3:
        longest = np.linalg.norm(_COLOURS, axis=0).max()
        image = ops.matmul(image, ops.convert_to_tensor((_COLOURS / longest).T))
    return ops.sigmoid(image)


def moved(images: Any, motion: Any) -> Any:
    """Turn, scale and shift images about their centre, bilinear; what comes in from outside is mirrored. On the device.

    Args:
        images: (n, height, width, channels) tensor. motion: (4,) tensor, as `Motion`.
    """
    from keras import ops

    height, width, channels = images.shape[1:]
    rows, columns = (np.arange(size, dtype=np.float32) - (size - 1) / 2 for size in (height, width))
    rows, columns = (ops.convert_to_tensor(one) for one in (np.repeat(rows, width), np.tile(columns, height)))
    cosine, sine = ops.cos(motion[0]) / motion[1], ops.sin(motion[0]) / motion[1]
    from_row = _mirrored(rows * cosine + columns * sine - motion[2] + (height - 1) / 2, height)
    from_column = _mirrored(columns * cosine - rows * sine - motion[3] + (width - 1) / 2, width)
    top, left = ops.floor(from_row), ops.floor(from_column)
    flat = ops.reshape(images, (-1, height * width, channels))
    total: Any = 0.0
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - ops.abs(top + down - from_row)) * (1 - ops.abs(left + right - from_column))
            row, column = ops.minimum(top + down, height - 1), ops.minimum(left + right, width - 1)
            place = ops.cast(row * width + column, "int32")
            total = total + ops.take(flat, place, axis=1) * ops.reshape(weight, (1, -1, 1))
    return ops.reshape(total, (-1, height, width, channels))


def motions(count: int, jitter: float, rotate: float, scale: float, seed: int) -> np.ndarray:
    """Random motions: (count, 4) float32.

    Args:
        jitter: shift in pixels at most. rotate: degrees at most. scale: at most this share larger or smaller.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.uniform(-1, 1, (count, 4))
    scales = np.array([np.deg2rad(rotate), np.log1p(scale), jitter, jitter])
    found = drawn * scales
    found[:, 1] = np.exp(found[:, 1])
    return found.astype(np.float32)


def _mirrored(place: Any, size: int) -> Any:
    """Back into 0 … size − 1, as between two mirrors that stand at the outermost pixels."""
    from keras import ops

    return size - 1 - ops.abs(size - 1 - ops.mod(place, max(2 * (size - 1), 1)))
