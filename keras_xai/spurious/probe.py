"""The held-out images that the monitor works with: fixed for a run, split into what proposes and what tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.samples import Samples
from keras_xai.spurious.interventions import EDITS_OF_VALUES
from keras_xai.spurious.patchwork import Patchwork
from keras_xai.spurious.silhouettes import filled_with_texture, silhouettes, surroundings
from keras_xai.spurious.usual_looks import UsualLooks
from keras_xai.spurious.windows import Region, around, middle

# A class proposes with a third of its images and tests with the rest: the power of the test is what is scarce.
_PROPOSING = 1 / 3
# About so many images of all classes together propose for other classes, and test them.
_POOLS = (640, 1280)
# Of the range of values: pixels that differ by less are alike.
_ALIKE = 0.02
# Images that a class needs, and those of them that propose and are recognised.
FEWEST, FEWEST_PROPOSING = 16, 4
# Bytes of one kind of images made of images that are kept from one block of classes to the next.
_KEPT = 128 * 2**20


class Probe:
    """Held-out images by class.

    Args:
        samples: n images with one label each.
        num_classes: of the model.
        per_class: at most so many images of a class are used.
        seed: of the choice and the split.

    Attributes:
        labels: (n,) int.
        proposing, testing: class -> indices into the samples, in random order.
        pool: images of all classes that serve the others; all there are, unless classes with images are many.
        large_enough: the classes with as many images as an examination needs.
        low, high: the values that the images have, from end to end.
        silhouettes: (n, height, width) bool: where the objects are.
        looks: what is usual in classes. patchwork: images of pieces of images.

    Raises:
        ValueError: there are no labels, or an image has several.
    """

    def __init__(self, samples: Samples, num_classes: int, per_class: int, seed: int):
        self.samples = samples
        self.labels = single_labels(samples)
        if self.labels.max(initial=0) >= num_classes or self.labels.min(initial=0) < 0:
            raise ValueError(
                f"labels go from {self.labels.min()} to {self.labels.max()}, but the model has {num_classes} classes, "
                f"0 to {num_classes - 1}."
            )
        generator = np.random.default_rng(seed)
        self.proposing, self.testing = {}, {}
        for label in range(num_classes):
            members = generator.permutation(np.flatnonzero(self.labels == label))[:per_class]
            cut = round(len(members) * _PROPOSING)
            self.proposing[label], self.testing[label] = members[:cut], members[cut:]
        self.pool = self._pool()
        self.large_enough = [c for c in range(num_classes) if len(self.members(c)) >= FEWEST]
        self.low, self.high = value_range(samples.image)
        self.silhouettes = silhouettes(samples)
        self._textures: dict[int, np.ndarray] = {}
        self._mosaics: dict[int, np.ndarray] = {}
        proposing = self.pool[np.isin(self.pool, np.concatenate([*self.proposing.values()]))]
        self.looks = UsualLooks(samples, self.labels, self.proposing, proposing, self.low, self.high)
        self.patchwork = Patchwork(samples, self.labels, self.proposing)

    def taken(self, places: dict[int, Region]) -> float:
        """The mean share of an image that windows take from where objects are: in the masks, or else in the middle."""
        return self.on_objects(places)[1]

    def on_objects(self, places: dict[int, Region]) -> tuple[float, float]:
        """How much of windows lies on objects, and how much of the image that is.

        Args:
            places: image -> its window.
        """
        size, masks = self.samples.size, self.samples.masks
        shares = []
        for index, window in places.items():
            inside = window.mask(size)
            taken = inside & (middle(size) if masks is None else masks[index])
            shares.append((taken.sum() / inside.sum(), taken.mean()))
        share, area = np.mean(shares, axis=0)
        return float(share), float(area)

    def telling(self, known: dict[int, Region], places: dict[int, Region], strangers: Any) -> float:
        """How well the pixels in windows alone tell a class: by how near they are to the mean of the class's windows.

        What was put on images is alike in all of them, and at its place other images have something else. Parts of
        objects differ from image to image. Pixels that are alike in the class's windows count most (a diagonal
        Mahalanobis distance).

        Args:
            known: image -> window, of the class. places: the same of other images of the class, to be told.
            strangers: as many images of other classes, looked at in the places of these.

        Returns:
            The chance that an image of the class is nearer than one of another class; 1/2 tells nothing.
        """
        from sklearn.metrics import roc_auc_score

        image = np.moveaxis(self.samples.image, 1, -1) if self.samples.channels_first else self.samples.image

        def content(index, window):
            return image[index][window.mask(self.samples.size)].astype(np.float64)

        learnt = np.array([content(*one) for one in known.items()])
        mean, spread = learnt.mean(axis=0), learnt.var(axis=0) + (_ALIKE * (self.high - self.low)) ** 2
        pairs = [*places.items(), *zip(strangers, places.values(), strict=True)]
        near = [-(np.square(content(*one) - mean) / spread).mean() for one in pairs]
        return float(roc_auc_score(np.arange(len(pairs)) < len(places), near))

    def members(self, label: int) -> np.ndarray:
        """All images of a class that are used."""
        return np.concatenate([self.proposing[label], self.testing[label]])

    def _pool(self) -> np.ndarray:
        present = len(np.unique(self.labels))
        few, many = (max(1, count // max(1, present)) for count in _POOLS)
        chosen = [*(p[:few] for p in self.proposing.values()), *(t[:many] for t in self.testing.values())]
        return np.concatenate(chosen)

    def forget(self) -> None:
        """Lets go of the images that were made of images, where they take much memory."""
        for made in (self._textures, self._mosaics):
            if sum(image.nbytes for image in made.values()) > _KEPT:
                made.clear()

    def background(self, index: int) -> np.ndarray:
        """A sample without its object, which is filled with the colour around it."""
        image, mask, first = self.samples.image[index], self.silhouettes[index], self.samples.channels_first
        where = mask[None] if first else mask[..., None]
        return np.where(where, surroundings(image, around(mask), first), image)

    def donor(self, index: int, kind: str) -> np.ndarray:
        """The image that lends a property: a sample, or where only values count the `mosaic` of it."""
        return self.mosaic(index) if kind in EDITS_OF_VALUES else self.samples.image[index]

    def mosaic(self, index: int) -> np.ndarray:
        """A sample and three more of its class and half, every second pixel of each: values that are usual in the class.

        Returns:
            An image as the model eats it. Detail means nothing in it.
        """
        if index not in self._mosaics:
            label = int(self.labels[index])
            half = next(one[label] for one in (self.proposing, self.testing) if index in one[label])
            mates = np.roll(half, -int(np.flatnonzero(half == index)[0]))
            mosaic = self.samples.image[index].copy()
            for k, mate in enumerate(np.resize(mates, 4)):
                part = (
                    np.s_[..., k // 2 :: 2, k % 2 :: 2]
                    if self.samples.channels_first
                    else np.s_[k // 2 :: 2, k % 2 :: 2]
                )
                mosaic[part] = self.samples.image[mate][part]
            self._mosaics[index] = mosaic
        return self._mosaics[index]

    def texture(self, index: int) -> np.ndarray:
        """An image full of what a sample's object looks like inside, as the model eats it."""
        if index not in self._textures:
            image = self.samples.image[index]
            first = self.samples.channels_first
            filled = filled_with_texture(np.moveaxis(image, 0, -1) if first else image, self.silhouettes[index])
            self._textures[index] = np.moveaxis(filled, -1, 0) if first else filled
        return self._textures[index]


def single_labels(samples: Samples) -> np.ndarray:
    """(n,) int labels.

    Raises:
        ValueError: there are none, or an image has several.
    """
    labels = samples.labels
    if labels is None:
        raise ValueError(
            "The monitor compares classes, so the samples need labels: keras_xai.Samples(x, labels=y), held out from "
            "training."
        )
    if labels.ndim == 1:
        return labels
    several = np.flatnonzero((labels > 0.5).sum(axis=1) != 1)
    if len(several):
        raise ValueError(
            f"The monitor needs one class per image, but sample {several[0]} has {(labels[several[0]] > 0.5).sum()} of "
            "them; multi-label models are not supported."
        )
    return labels.argmax(axis=1)


def value_range(image: Any) -> tuple[float, float]:
    """The values that images of this data may have: 0–255 for bytes, else what is seen, end to end.

    Args:
        image: (n, …) array.
    """
    if image.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(image.min()), float(image.max())
    return low, high if high > low else low + 1.0
