"""Images behind soft masks, made on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.explanation import interpolation


@dataclass(frozen=True)
class Masked:
    """`perturb` for rows {"mask": (n, r, h, w)}: the image where the mask is highest, tables["fill"] or 0 where lowest.

    Args:
        channels_first: the image's layout. Masks are enlarged bilinearly to its size, then stretched to 0 … 1.
    """

    channels_first: bool

    def __call__(self, image: Any, row: Any, tables: Any) -> Any:
        size = image.shape[2:4] if self.channels_first else image.shape[1:3]
        mask = full_range(stretched(row["mask"], size))
        return blend(image, mask, tables.get("fill"), self.channels_first)


def full_range(masks: Any) -> Any:
    """(b, h, w) -> each mask from 0 to 1; 0 where it is constant."""
    from keras import ops

    lowest = ops.min(masks, axis=(1, 2), keepdims=True)
    extent = ops.max(masks, axis=(1, 2), keepdims=True) - lowest
    return (masks - lowest) / ops.where(extent > 0, extent, ops.ones_like(extent))


def stretched(masks: Any, size: tuple[int, int]) -> Any:
    """Bilinear, as `keras_xai.explanation.resize`, on the device: (b, h, w) -> (b, height, width)."""
    from keras import ops

    rows, columns = (interpolation(int(masks.shape[axis]), size[axis - 1]) for axis in (1, 2))
    return ops.matmul(ops.matmul(rows, masks), np.ascontiguousarray(columns.T))


def blend(image: Any, mask: Any, fill: Any, channels_first: bool) -> Any:
    """image × mask + fill × (1 − mask), float32; without a fill the rest is 0.

    Args:
        image, fill: (b, height, width, channels) or (b, channels, height, width). mask: (b, height, width).
    """
    from keras import ops

    image = ops.cast(image, "float32")
    mask = ops.expand_dims(mask, 1 if channels_first else -1)
    return image * mask if fill is None else image * mask + ops.cast(fill, "float32") * (1 - mask)
