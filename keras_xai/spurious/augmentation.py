"""From alarm to cure in the data: give the region, or the property, that a class relies on to every class alike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_xai import backend


class Augmentation:
    """Gives images the pixels of a region, or a property, of images of other classes, so that it tells nothing any more.

    It repeats on training images the intervention that verified the reliance. Half of the donors should carry the cue and
    half should not: then the cue says nothing about the class, however often it came with one of them. Get it from
    `alert.augmentation()`.

    Args:
        intervention: `(values, row, tables) -> values` in `keras.ops`, with row["donor"] and, where given, row["mask"];
            see `keras_xai.spurious.interventions`.
        donors: (m, height, width, channels) images as the model eats them, m ≥ 1.
        masks: (height, width) bool, True where pixels are replaced, or (m, height, width), one for each donor; None for an
            intervention on whole images.
        share: in (0, 1], of the images that are changed.
        seed: of the choice of images and donors. The choice goes on from call to call; the same calls in the same order
            give the same images.
        channels_first: whether donors and images are (…, channels, height, width).

    Example:
        >>> cure = monitor.alerts[-1].augmentation()
        >>> dataset = dataset.map(cure)                            # tf.data, batched or not
        >>> images, labels = cure(images, labels)                  # in the __getitem__ of a keras.utils.PyDataset
    """

    def __init__(
        self,
        intervention: Callable,
        donors: Any,
        masks: Any = None,
        share: float = 1.0,
        seed: int = 0,
        channels_first: bool = False,
    ):
        self._intervention = intervention
        self._donors = np.asarray(donors)
        if self._donors.ndim != 4 or not len(self._donors):
            raise ValueError(
                f"donors must be one or more images (m, height, width, channels); they have shape {self._donors.shape}."
            )
        size = self._donors.shape[2:] if channels_first else self._donors.shape[1:3]
        self._masks = None if masks is None else _per_donor(np.asarray(masks, bool), len(self._donors), size)
        if not 0 < share <= 1:
            raise ValueError(f"share must lie in (0, 1]: the part of the images to change; it is {share!r}.")
        self._share = share
        self._channels_first = channels_first
        self._generator = np.random.default_rng(seed)
        self._lock = threading.Lock()

    def __call__(self, images: Any, *rest: Any) -> Any:
        """Changes images; labels and weights are handed on as they came.

        Args:
            images: (n, height, width, channels) a batch, or (height, width, channels) one image; the model's scale. NumPy,
                or a tensor of any framework, also inside `tf.data.Dataset.map`.
            rest: labels, sample weights, whatever else comes with the images.

        Returns:
            The images alone, or a tuple of them and the rest. Shape and type stay.
        """
        changed = backend.in_pipeline(self._changed, images)
        return (changed, *rest) if rest else changed

    def _changed(self, images: np.ndarray) -> np.ndarray:
        if images.shape[-3:] != self._donors.shape[1:] or images.ndim not in (3, 4):
            raise ValueError(
                f"This augmentation was made for images of shape {self._donors.shape[1:]}, one or a batch of them; it got "
                f"{images.shape}. Apply it after resizing, in the scale that the model eats."
            )
        batch = images if images.ndim == 4 else images[None]
        with self._lock:  # tf.data and PyDataset call from several threads
            chosen = np.flatnonzero(self._generator.random(len(batch)) < self._share)
            donors = self._generator.integers(len(self._donors), size=len(chosen))
        if not len(chosen):
            return images
        row = {"donor": self._donors[donors].astype(images.dtype)}
        if self._masks is not None:
            row["mask"] = np.expand_dims(self._masks[donors], 1 if self._channels_first else -1)
        result = batch.copy()
        result[chosen] = np.asarray(backend.to_numpy(self._intervention(batch[chosen], row, {})), images.dtype)
        return result.reshape(images.shape)


def _per_donor(masks: np.ndarray, count: int, size: tuple[int, ...]) -> np.ndarray:
    if masks.shape not in (size, (count, *size)):
        raise ValueError(
            f"masks must be (height, width) = {size} like the donors, or one such for each of the {count} donors; they have "
            f"shape {masks.shape}."
        )
    return np.broadcast_to(masks, (count, *size))
