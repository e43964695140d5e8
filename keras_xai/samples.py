"""Held-out samples: what is explained at every epoch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_xai.sample_arrays import as_array, as_labels, as_seen, inputs_of, is_channels_first, one_hot


class Samples:
    """A fixed set of images to explain, with what is known about them.

    Args:
        x: (n, height, width, channels) array exactly as the model eats it; for models with several inputs a dict, tuple or
            list of arrays, one of them the image. (n, channels, height, width) for channels_first models.
        labels: the truth: (n,) int, or (n, classes) one-hot or multi-label. None where unknown (and for regression).
        targets: which class to explain: (n,) int, "label", "predicted", or None for the label where there is one, else
            the prediction. Of several true classes, the one the model finds most probable.
        images: (n, height, width, 1 or 3) uint8 as people see them. None infers them from `x`: uint8, [0, 1], [−1, 1] and
            0–255 floats are recognised; anything else is taken as standardised, each image stretched to its own range.
        masks: (n, height, width) bool: "the object is here", where known.
        ignore: (n, height, width) bool: "nothing here may matter".
        names: n strings; default "0", "1", ….
        class_names: one string per class; default the class numbers.
        image_input: which of several inputs is the image (key or position); default the only one of rank 4.
        data_format: "channels_last" or "channels_first"; default by `x`'s shape and `keras.config.image_data_format()`.

    Attributes:
        x: the arrays as given, as NumPy. image: the one among them that is the image. ids: "s00", "s01", ….
        size: (height, width). channels_first: bool. The other attributes are the arguments, checked.

    Raises:
        ValueError, TypeError: an argument has another shape, type or range than stated here.

    Example:
        >>> samples = Samples(x_validation[:16], labels=y_validation[:16], class_names=["cat", "dog"])
    """

    def __init__(
        self,
        x: Any,
        labels: Any = None,
        targets: Any = None,
        images: Any = None,
        masks: Any = None,
        ignore: Any = None,
        names: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        *,
        image_input: str | int | None = None,
        data_format: str | None = None,
    ):
        self.x, self._image_key = inputs_of(x, image_input)
        if not len(self.image):
            raise ValueError("x holds no sample: its first axis is 0. Give at least one image.")
        self.channels_first = is_channels_first(self.image.shape, data_format)
        height, width = self.image.shape[2:4] if self.channels_first else self.image.shape[1:3]
        self.size = (height, width)
        self.labels = as_labels(labels, len(self))
        self.targets = self._checked_targets(targets)
        self.images = as_seen(self._channels_last()) if images is None else self._checked_images(images)
        self.masks = self._checked_mask("masks", masks)
        self.ignore = self._checked_mask("ignore", ignore)
        self.names = self._checked_names(names)
        if isinstance(class_names, str):
            raise TypeError(f"class_names must be a list of strings, one per class; it is the string {class_names!r}.")
        self.class_names = None if class_names is None else [str(name) for name in class_names]
        width = max(2, len(str(len(self) - 1)))
        self.ids = [f"s{index:0{width}d}" for index in range(len(self))]

    @classmethod
    def from_data(cls, data: Any, count: int = 16, seed: int = 0, scan: int = 10_000, **known: Any) -> Samples:
        """A few samples of every class, at random, from whatever Keras validates on. The data is left as it was found.

        Args:
            data: arrays x, `(x, y)` or `(x, y, sample_weight)` as Keras takes them; a tf.data.Dataset, batched or not; a
                keras PyDataset; a torch DataLoader of a dataset with a length; or a sequence of such batches or samples.
                Labels are class numbers, one-hot or multi-label; other y (regression, masks, several outputs) is ignored.
                A sample of weight 0, or with NaN as its label, is none.
            count: how many. Classes take turns, so that each is there as often as the others, if the data has it.
            seed: another seed, other samples.
            scan: look at so many samples at most: spread over data that can be indexed; the first of a tf.data.Dataset.
            known: other arguments of `Samples`, such as class_names and image_input.

        Returns:
            `Samples` named by their position in the data, before any shuffling. The first ones are of different classes.

        Raises:
            TypeError: reading would use the data up or change what later epochs are given.
            ValueError: no sample, or an argument is not as stated here.

        Example:
            >>> samples = Samples.from_data(validation_dataset, count=16, class_names=["cat", "dog"])
        """
        from keras_xai.data.sampling import chosen

        return cls(**{**chosen(data, count, seed, scan), **known})

    @property
    def image(self) -> np.ndarray:
        return self.x if self._image_key is None else self.x[self._image_key]

    def with_image(self, image: Any) -> Any:
        """The model's inputs with another image tensor in place of this one's, for inputs that hold `self.x`."""
        return replace_image(self.x, image, self._image_key)

    @property
    def image_key(self) -> str | int | None:
        """Where the image is among several inputs; None for a single input."""
        return self._image_key

    def take(self, rows: Any) -> Samples:
        """Some of the samples, with all that is known of them; (m,) int says which, in order."""
        import keras

        part = copy.copy(self)
        part.x = keras.tree.map_structure(lambda array: array[rows], self.x)
        for name in ("labels", "targets", "images", "masks", "ignore"):
            value = getattr(self, name)
            setattr(part, name, value[rows] if isinstance(value, np.ndarray) else value)
        part.names, part.ids = [self.names[row] for row in rows], [self.ids[row] for row in rows]
        return part

    def __len__(self) -> int:
        return len(self.image)

    def __repr__(self) -> str:
        known = [name for name in ("labels", "masks", "ignore", "class_names") if getattr(self, name) is not None]
        height, width = self.size
        return f"Samples({len(self)} images of {height}×{width}{', with ' + ', '.join(known) if known else ''})"

    def class_name(self, index: int) -> str:
        if self.class_names is not None and 0 <= index < len(self.class_names):
            return self.class_names[index]
        return str(index)

    def candidates(self, num_classes: int) -> np.ndarray:
        """Which classes may be the target of each sample; the most probable of them is.

        Args:
            num_classes: of the explained output; 2 for one sigmoid unit.

        Returns:
            (n, num_classes) bool, at least one True per row.

        Raises:
            ValueError: a target or label is outside the model's classes.
        """
        free = np.ones((len(self), num_classes), bool)
        if isinstance(self.targets, np.ndarray):
            return one_hot("targets", self.targets, num_classes)
        if self.labels is None or self.targets == "predicted":
            return free
        if self.labels.ndim == 1:
            return one_hot("labels", self.labels, num_classes)
        if self.labels.shape[1] != num_classes:
            raise ValueError(
                f"labels have {self.labels.shape[1]} classes, but the explained output has {num_classes}. "
                "Give labels of that width, or int labels."
            )
        chosen = self.labels > 0.5
        chosen[~chosen.any(axis=1)] = True
        return chosen

    def _channels_last(self) -> np.ndarray:
        return np.moveaxis(self.image, 1, -1) if self.channels_first else self.image

    def _checked_targets(self, targets: Any) -> np.ndarray | str | None:
        if targets is None or isinstance(targets, str):
            if targets not in (None, "label", "predicted"):
                raise ValueError(f'targets must be (n,) int, "label", "predicted" or None; it is {targets!r}.')
            if targets == "label" and self.labels is None:
                raise ValueError('targets="label" needs labels; give labels=..., or targets="predicted".')
            return targets
        array = np.atleast_1d(as_array("targets", targets))
        if array.shape != (len(self),) or array.dtype.kind not in "iu":
            raise ValueError(
                f"targets must be {len(self)} class numbers, one int per sample; it has shape {array.shape} and type "
                f"{array.dtype}."
            )
        return array.astype(np.int64)

    def _checked_images(self, images: Any) -> np.ndarray:
        array = as_array("images", images)
        if array.ndim == 3:
            array = array[..., None]
        expected = (len(self), *self.size)
        if array.shape[:3] != expected or array.ndim != 4 or array.shape[3] not in (1, 3) or array.dtype != np.uint8:
            raise ValueError(
                f"images must be uint8 of shape {expected} + (1,) or (3,): x as people see it. It is {array.dtype} of shape "
                f"{array.shape}."
            )
        return array

    def _checked_mask(self, name: str, mask: Any) -> np.ndarray | None:
        if mask is None:
            return None
        array = as_array(name, mask)
        if array.ndim == 4 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.shape == tuple(self.size):
            array = np.broadcast_to(array, (len(self), *self.size))
        if array.shape != (len(self), *self.size) or not np.isin(array, (0, 1)).all():
            raise ValueError(
                f"{name} must be bool of shape {(len(self), *self.size)}; it is {array.dtype} of shape {array.shape}"
                f"{'' if np.isin(array, (0, 1)).all() else ' with values other than 0 and 1'}."
            )
        return array.astype(bool)

    def _checked_names(self, names: Sequence[str] | None) -> list[str]:
        if names is None:
            return [str(index) for index in range(len(self))]
        if isinstance(names, str) or len(names) != len(self):
            raise ValueError(f"names must be {len(self)} strings, one per sample; it is {names!r}.")
        return [str(name) for name in names]


def replace_image(inputs: Any, image: Any, image_key: str | int | None) -> Any:
    """`inputs` (one tensor, or a dict, tuple or list of them) with `image` at `image_key`."""
    if image_key is None:
        return image
    if isinstance(inputs, dict):
        return {**inputs, image_key: image}
    return type(inputs)(image if position == image_key else other for position, other in enumerate(inputs))
