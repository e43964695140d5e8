"""The held-out images that the monitor works with: fixed for a run, split into what proposes and what tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.samples import Samples

# A class proposes with a third of its images and tests with the rest: the power of the test is what is scarce.
_PROPOSING = 1 / 3
# Images that a class needs, and those of them that propose and are recognised.
FEWEST, FEWEST_PROPOSING = 16, 4


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
        low, high: the values that the images have, from end to end.

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
        self.low, self.high = value_range(samples.image)


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
