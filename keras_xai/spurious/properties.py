"""Which properties of whole images mark a class: known from the images alone, before any model is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_xai import backend
from keras_xai.log.area_average import area_average
from keras_xai.spurious.fixed_edits import FIXED_EDITS
from keras_xai.spurious.interventions import GlobalEdit
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.windows import shapes, window_sums

# Images of a class that say how odd it is, and the most pixels a side.
_LOOKED_AT, _COARSE = 16, 32
# The chance that an image of the class has more of the property than one of another class.
_SEPARATION = 0.9


def marked_by(probe: Probe, kinds: Sequence[str] = tuple(FIXED_EDITS)) -> dict[int, tuple[str, ...]]:
    """Class -> the fixed edits that its images seem to have undergone: unlike others they hardly change under them.

    Args:
        probe: the images; those that propose are looked at. kinds: of edits.
    """
    from sklearn.metrics import roc_auc_score

    samples = probe.samples
    indices = np.concatenate([np.zeros(0, int), *(probe.proposing[c] for c in probe.large_enough)])
    labels = probe.labels[indices]
    marked: dict[int, tuple[str, ...]] = dict.fromkeys(probe.proposing, ())
    for kind in kinds:
        edit = GlobalEdit(kind, probe.low, probe.high, samples.channels_first)
        change = change_under(edit, samples.image, indices)
        for c in np.unique(labels):
            if 0 < (labels == c).sum() < len(labels) and roc_auc_score(labels == c, -change) >= _SEPARATION:
                marked[int(c)] += (kind,)
    return marked


def change_under(edit: GlobalEdit, images: np.ndarray, indices: np.ndarray, batch: int = 64) -> np.ndarray:
    """How much of the variance of each image an edit changes.

    Args:
        edit: without a donor. images: (n, …) as the model eats them. indices: (q,) of those that are looked at.

    Returns:
        (q,) float64.
    """
    found = [np.zeros(0)]
    for start in range(0, len(indices), batch):
        before = images[indices[start : start + batch]]
        after = backend.to_numpy(edit(before, {"donor": before}, {})).astype(np.float64)
        axes = tuple(range(1, images.ndim))
        found.append(np.square(after - before).mean(axis=axes) / (before.astype(np.float64).var(axis=axes) + 1e-12))
    return np.concatenate(found)


def oddness(probe: Probe) -> dict[int, float]:
    """Class -> how unlike other images its images are at some place at which they are like each other.

    What is put on all images of a class is such a place. It says in which order to examine classes, and nothing else.

    Args:
        probe: the images; a few of each class that propose are looked at, made small.

    Returns:
        For each class the largest mean over a window of |mean of the class − mean of all| / deviation within the class;
        0 for a class with too few images to be examined.
    """
    samples = probe.samples
    axis = 1 if samples.channels_first else -1
    shown = {c: probe.proposing[c][:_LOOKED_AT] for c in probe.large_enough}
    means, deviations = {}, {}
    for c, indices in shown.items():
        images = samples.image[indices].astype(np.float64).mean(axis=axis)
        small = area_average(images, _COARSE)
        means[c], deviations[c] = small.mean(axis=0), small.std(axis=0)
    found = dict.fromkeys(probe.proposing, 0.0)
    if shown:
        usual, least = np.mean(list(means.values()), axis=0), 0.02 * (probe.high - probe.low)
        shape = shapes(usual.shape)[0]
        for c in shown:
            unlike = np.abs(means[c] - usual) / (deviations[c] + least)
            found[c] = float(window_sums(unlike[None], shape).max() / (shape.height * shape.width))
    return found
