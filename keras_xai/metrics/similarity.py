"""How alike maps are: of two methods, of two epochs, of two classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from keras_xai.explanation import Explanation
from keras_xai.metrics.metric import Metric, check_share


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of the angle between two maps of each sample.

    Args:
        a, b: (n, h, w) float.

    Returns:
        (n,) float64 in [−1, 1]: 1 for the same evidence up to a positive factor, 0 for evidence without overlap; NaN
        where one of the two is zero.
    """
    a, b = _pair(a, b)
    return _cosine(a, b)


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rank correlation over cells: whether two maps put the cells into one order, whatever their scales. Ties share ranks.

    Args:
        a, b: (n, h, w) float.

    Returns:
        (n,) float64 in [−1, 1]; NaN where one of the two is constant.
    """
    from scipy.stats import rankdata

    a, b = (rankdata(one, axis=1) for one in _pair(a, b))
    return _cosine(a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True))


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity of two maps, each divided by its own largest |value|; windows of 7×7, or as large as fit.

    Args:
        a, b: (n, h, w) float with sides of at least 3 cells.

    Returns:
        (n,) float64 in [−1, 1]; NaN where one of the two is zero.

    Reference: Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 2004
    """
    from skimage.metrics import structural_similarity

    shape = np.shape(a)
    _pair(a, b)
    side = min(7, *shape[1:])
    if side < 3:
        raise ValueError(f"ssim compares windows of at least 3×3 cells; the maps have {shape[1]}×{shape[2]}.")
    found = np.full(len(a), np.nan)
    for index, pair in enumerate(zip(np.asarray(a, np.float64), np.asarray(b, np.float64), strict=True)):
        tops = [np.abs(one).max() for one in pair]
        if min(tops) > 0:
            one, two = (one / top for one, top in zip(pair, tops, strict=True))
            whole = 2.0 if min(one.min(), two.min()) < 0 else 1.0
            found[index] = structural_similarity(one, two, win_size=side - 1 + side % 2, data_range=whole)
    return found


def top_iou(a: np.ndarray, b: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Intersection over union of the cells with the most evidence.

    Args:
        a, b: (n, h, w) float; the largest values count, so negative evidence does not.
        share: of the cells, in (0, 1]; at least one. Where several hold the value at the border, all of them count.

    Returns:
        (n,) float64 in [0, 1]; NaN where one of the two is constant.
    """
    check_share("share", share)
    a, b = _pair(a, b)
    count = max(1, round(share * a.shape[1]))
    tops = [one >= np.sort(one, axis=1)[:, [-count]] for one in (a, b)]
    shared = (tops[0] & tops[1]).sum(axis=1) / (tops[0] | tops[1]).sum(axis=1)
    return np.where((np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0), shared, np.nan)


MEASURES: dict[str, Callable] = {"cosine": cosine, "spearman": spearman, "ssim": ssim, "top_iou": top_iou}


def agreement(
    explanations: Mapping[str, Explanation], measure: str | Callable = "spearman"
) -> dict[tuple[str, str], np.ndarray]:
    """How far methods agree about the same samples.

    Args:
        explanations: by method, as `ExplanationCallback.explanations` holds them.
        measure: "cosine", "spearman", "ssim", "top_iou" or a callable (maps, maps) -> (n,).

    Returns:
        {(method, other method): (n,) float64} for every pair, NaN for samples that are invalid in one of the two.
    """
    compare = similarity(measure)
    found = {}
    for (one, a), (two, b) in combinations(explanations.items(), 2):
        found[one, two] = np.where(a.valid & b.valid, compare(a.maps, b.maps), np.nan)
    return found


class Similarity(Metric):
    """How alike the maps are to those of the explained epoch before; `drift` is 1 − the cosine and always there.

    Args:
        measure: "cosine", "spearman", "ssim" or "top_iou".

    Returns (n,) as that function does.
    """

    needs = ("previous",)

    def __init__(self, measure: str = "spearman"):
        similarity(measure)
        self.compared_by = measure

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.compared_by}_to_previous"

    def measure(self, explanation, model, samples, explainer, previous):
        return similarity(self.compared_by)(explanation.maps, previous.maps)


def similarity(measure: Any) -> Callable:
    """One of `MEASURES` by its name, or a callable as it is."""
    if callable(measure):
        return measure
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {sorted(MEASURES)} or a callable; it is {measure!r}.")
    return MEASURES[measure]


def _pair(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both flat, (n, cells) float64."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError(f"The two must have one shape (n, h, w); they have {a.shape} and {b.shape}.")
    return a.reshape(len(a), -1), b.reshape(len(b), -1)


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.sum(a**2, axis=1) * np.sum(b**2, axis=1))
    return np.clip(np.sum(a * b, axis=1) / np.where(length > 0, length, np.nan), -1, 1)
