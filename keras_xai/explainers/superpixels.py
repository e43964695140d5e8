"""Label maps for LIME and its kin: pieces of an image that are hidden together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Fewer pieces than this say too little about where the evidence is.
MIN_SEGMENTS = 8


def superpixels(images: np.ndarray, how: Any = "auto") -> np.ndarray:
    """Cut images into segments.

    Args:
        images: (n, height, width, 1 or 3) uint8.
        how: "auto" (SLIC with a number of segments that fits the image: about 49 on 28×28, 64 from 32×32 on), "slic",
            "quickshift", "felzenszwalb" (scikit-image's, with its defaults), "grid", a callable from one image
            (height, width, 1 or 3) to an int label map (height, width), or label maps (n, height, width) themselves.

    Returns:
        (n, height, width) int32, numbered 0 to k − 1 in each image.

    Raises:
        ValueError: label maps of another shape; or a named method found fewer than 8 segments.
    """
    if isinstance(how, str):
        if how not in _METHODS:
            raise ValueError(f"segments must be one of {sorted(_METHODS)}, a callable or label maps; it is {how!r}.")
        found = [_METHODS[how](image) for image in images]
        for index, labels in enumerate(found):
            count = len(np.unique(labels))
            if count < min(MIN_SEGMENTS, labels.size):
                height, width = labels.shape
                raise ValueError(
                    f"segments={how!r} finds {count} in image {index} of {height}×{width} pixels, too few to explain it. "
                    'Use segments="auto" or "grid", or a callable with settings for images of this size.'
                )
    elif callable(how):
        found = [np.asarray(how(image)) for image in images]
    else:
        found = list(np.asarray(how))
    shape = images.shape[1:3]
    if len(found) != len(images) or any(one.shape != shape or one.dtype.kind not in "iub" for one in found):
        got = sorted({f"{one.dtype} {one.shape}" for one in found})
        raise ValueError(
            f"segments must be {len(images)} int label maps of shape {shape}, one per sample; got {len(found)} of {got}."
        )
    labels = np.stack([np.unique(one, return_inverse=True)[1].reshape(shape) for one in found]).astype(np.int32)
    if (labels.max(axis=(1, 2)) < 1).any():
        raise ValueError(
            f"segments of image {int(labels.max(axis=(1, 2)).argmin())} are one piece; at least 2 are needed."
        )
    return labels


def grid(shape: tuple[int, int], count: int) -> np.ndarray:
    """About `count` equal rectangles: (height, width) int."""
    height, width = shape
    rows = int(np.clip(round(np.sqrt(count * height / width)), 1, height))
    columns = int(np.clip(round(count / rows), 1, width))
    return (np.arange(height) * rows // height)[:, None] * columns + (np.arange(width) * columns // width)[None, :]


def _count(shape: tuple[int, int]) -> int:
    return int(np.clip(shape[0] * shape[1] / 16, 16, 64))


def _slic(image: np.ndarray, **settings: Any) -> np.ndarray:
    from skimage.segmentation import slic

    return slic(_as_rgb(image), start_label=0, **settings)


def _auto(image: np.ndarray) -> np.ndarray:
    count = _count(image.shape[:2])
    labels = _slic(image, n_segments=count)
    enough = len(np.unique(labels)) >= count // 2
    return labels if enough else grid(image.shape[:2], count)


def _quickshift(image: np.ndarray) -> np.ndarray:
    from skimage.segmentation import quickshift

    return quickshift(_as_rgb(image), rng=0)


def _as_rgb(image: np.ndarray) -> np.ndarray:
    """Grey as colour: beside distances in pixels, colours count from 0 to 100, grey values from 0 to 1, which is nothing."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _felzenszwalb(image: np.ndarray) -> np.ndarray:
    from skimage.segmentation import felzenszwalb

    return felzenszwalb(image, channel_axis=-1)


_METHODS: dict[str, Callable] = {
    "auto": _auto,
    "slic": _slic,
    "quickshift": _quickshift,
    "felzenszwalb": _felzenszwalb,
    "grid": lambda image: grid(image.shape[:2], _count(image.shape[:2])),
}
