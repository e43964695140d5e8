"""Which properties of whole images mark a class: known from the images alone, before any model is asked."""

from __future__ import annotations

import numpy as np

from keras_xai import backend
from keras_xai.spurious.interventions import FIXED_EDITS, GlobalEdit
from keras_xai.spurious.probe import Probe

# The chance that an image of the class has more of the property than one of another class.
_SEPARATION = 0.9


def marked_by(probe: Probe, kinds: tuple[str, ...] = FIXED_EDITS) -> dict[int, tuple[str, ...]]:
    """Class -> the fixed edits that its images seem to have undergone: unlike others they hardly change under them.

    Args:
        probe: the images; those that propose are looked at. kinds: of edits.
    """
    from sklearn.metrics import roc_auc_score

    samples = probe.samples
    indices = np.concatenate(list(probe.proposing.values()))
    labels, images = probe.labels[indices], samples.image[indices]
    marked: dict[int, tuple[str, ...]] = dict.fromkeys(probe.proposing, ())
    for kind in kinds:
        edit = GlobalEdit(kind, probe.low, probe.high, samples.channels_first)
        change = change_under(edit, images)
        for c in np.unique(labels):
            if 0 < (labels == c).sum() < len(labels) and roc_auc_score(labels == c, -change) >= _SEPARATION:
                marked[int(c)] += (kind,)
    return marked


def change_under(edit: GlobalEdit, images: np.ndarray, batch: int = 64) -> np.ndarray:
    """How much of the variance of each image an edit changes.

    Args:
        edit: without a donor. images: (n, …) as the model eats them.

    Returns:
        (n,) float64.
    """
    found = [np.zeros(0)]
    for start in range(0, len(images), batch):
        before = images[start : start + batch]
        after = backend.to_numpy(edit(before, {"donor": before}, {})).astype(np.float64)
        axes = tuple(range(1, images.ndim))
        found.append(np.square(after - before).mean(axis=axes) / (before.astype(np.float64).var(axis=axes) + 1e-12))
    return np.concatenate(found)
