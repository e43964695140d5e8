"""What hidden pixels show."""

from __future__ import annotations

import numpy as np

from keras_xai.samples import Samples


def fill(image: np.ndarray, segments: np.ndarray, how: str | float) -> np.ndarray:
    """What hidden pixels show.

    Args:
        image: (n, height, width, channels), as the model eats it. segments: (n, height, width) int.
        how: "mean" (of each segment), "blur" (of the image), or a number.

    Returns:
        The same shape and dtype as `image`.
    """
    if not isinstance(how, str):
        return np.full_like(image, how)
    if how == "blur":
        from skimage.filters import gaussian

        sigma = min(image.shape[1:3]) / 8
        blurred = [gaussian(one.astype(np.float32), sigma, channel_axis=-1, preserve_range=True) for one in image]
        return np.stack(blurred).astype(image.dtype)
    filled = np.empty_like(image)
    for one, labels, target in zip(image, segments, filled, strict=True):
        sizes = np.bincount(labels.ravel())
        for channel in range(image.shape[-1]):
            means = np.bincount(labels.ravel(), one[..., channel].ravel()) / sizes
            target[..., channel] = means[labels]
    return filled


def filled(samples: Samples, how: str | float) -> np.ndarray:
    """Whole images as `fill` makes them, "mean" being that of the image per channel: (n, …) float32 in their own layout."""
    last = channels_last(samples).astype(np.float32)
    hidden = fill(last, np.zeros(last.shape[:3], np.int32), how)
    return np.moveaxis(hidden, -1, 1) if samples.channels_first else hidden


def channels_last(samples: Samples) -> np.ndarray:
    """The images as the model eats them, (n, height, width, channels)."""
    return np.moveaxis(samples.image, 1, -1) if samples.channels_first else samples.image
