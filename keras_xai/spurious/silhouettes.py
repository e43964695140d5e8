"""Where the object is when nobody said so, and what it looks like inside."""

from __future__ import annotations

import numpy as np

from keras_xai.samples import Samples
from keras_xai.spurious.windows import Shape, fullest_windows, middle

# Of the range of values: what differs from the border by more is object.
_DIFFERENT = 0.1
_TILE = 0.25


def silhouettes(samples: Samples) -> np.ndarray:
    """The masks that were given; else what differs from the typical colour of the image's border; else the middle.

    A silhouette of less than 5 % or more than 80 % of an image is none: there the middle half stands in.

    Args:
        samples: n images.

    Returns:
        (n, height, width) bool.
    """
    seen = samples.images.astype(np.float32) / 255
    border = np.concatenate([seen[:, 0], seen[:, -1], seen[:, :, 0], seen[:, :, -1]], axis=1)
    found = np.abs(seen - np.median(border, axis=1)[:, None, None]).max(axis=-1) > _DIFFERENT
    if samples.masks is not None:
        found = samples.masks.copy()
    found[~_usable(found)] = middle(samples.size)
    return found


def know_backgrounds(samples: Samples) -> bool:
    """Whether masks say what is background. Where a few do not, the middle that stands in for them changes little."""
    return samples.masks is not None and bool(_usable(samples.masks).mean() >= 0.95)


def _usable(masks: np.ndarray) -> np.ndarray:
    share = masks.mean(axis=(1, 2))
    return (share >= 0.05) & (share <= 0.8)


def filled_with_texture(image: np.ndarray, silhouette: np.ndarray) -> np.ndarray:
    """A piece of the object repeated over the whole image, mirrored so that it meets itself without a seam.

    Args:
        image: (height, width, channels). silhouette: (height, width) bool.

    Returns:
        The same shape and type.
    """
    height, width = silhouette.shape
    side = max(2, round(_TILE * min(height, width)))
    (window,) = fullest_windows(silhouette[None], Shape(side, side))
    tile = image[window.top : window.top + side, window.left : window.left + side]
    tile = np.concatenate([tile, tile[::-1]])
    tile = np.concatenate([tile, tile[:, ::-1]], axis=1)
    return np.tile(tile, (height // (2 * side) + 1, width // (2 * side) + 1, 1))[:height, :width]


def surroundings(image: np.ndarray, ring: np.ndarray, channels_first: bool = False) -> np.ndarray:
    """One pixel: the mean of those round a region.

    Args:
        image: as the model eats it. ring: (height, width) bool, those pixels. channels_first: the layout of the image.

    Returns:
        (1, 1, channels), or (channels, 1, 1), of the same type.
    """
    axis = (slice(None), ring) if channels_first else (ring,)
    colour = image[axis].mean(axis=1 if channels_first else 0).astype(image.dtype)
    return colour[:, None, None] if channels_first else colour[None, None]
