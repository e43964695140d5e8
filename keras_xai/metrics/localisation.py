"""Whether the evidence lies on the object, where masks say where that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_xai.metrics.metric import Metric, check_share


def pointing_game(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Whether the strongest evidence lies on the object.

    Args:
        maps: (n, h, w) float. masks: (n, h, w) bool.

    Returns:
        (n,) float64, 1 or 0; in between where several cells share the largest value and some of them lie outside; NaN for
        an empty mask and a map without positive evidence.

    Reference: Zhang et al., "Top-down neural attention by excitation backprop", ECCV 2016,
        https://arxiv.org/abs/1608.00507
    """
    maps, masks = _pair(maps, masks)
    strongest = maps == maps.max(axis=1, keepdims=True)
    return _defined((strongest & masks).sum(axis=1) / strongest.sum(axis=1), maps, masks)


def relevance_mass(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The share of the positive evidence that lies on the object (relevance mass accuracy).

    Args:
        maps: (n, h, w) float; negative values count as none. masks: (n, h, w) bool.

    Returns:
        (n,) float64 in [0, 1]; evidence spread evenly gives the object's share of the picture. NaN as above.

    Reference: Arras, Osman and Samek, "CLEVR-XAI", Information Fusion 2022, https://arxiv.org/abs/2003.07258
    """
    maps, masks = _pair(maps, masks)
    evidence = np.maximum(maps, 0)
    total = evidence.sum(axis=1)
    return _defined((evidence * masks).sum(axis=1) / np.where(total > 0, total, np.nan), maps, masks)


def relevance_rank(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Of the K pixels with the most evidence, the share on the object, which has K pixels (relevance rank accuracy).

    Args:
        maps: (n, h, w) float. masks: (n, h, w) bool.

    Returns:
        (n,) float64 in [0, 1]; pixels that tie at the border count by their mean. NaN as above.

    Reference: Arras, Osman and Samek, "CLEVR-XAI", Information Fusion 2022, https://arxiv.org/abs/2003.07258
    """
    maps, masks = _pair(maps, masks)
    found = np.zeros(len(maps))
    for index, (evidence, mask) in enumerate(zip(maps, masks, strict=True)):
        count = int(mask.sum())
        if count:
            border = np.sort(evidence)[-count]
            above, tied = evidence > border, evidence == border
            found[index] = (mask[above].sum() + (count - above.sum()) * mask[tied].mean()) / count
    return _defined(found, maps, masks)


def iou(maps: np.ndarray, masks: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Intersection over union of the object and the cells above a share of the map's largest value.

    Args:
        maps: (n, h, w) float. masks: (n, h, w) bool. threshold: in (0, 1].

    Returns:
        (n,) float64 in [0, 1]. NaN as above.
    """
    check_share("threshold", threshold)
    maps, masks = _pair(maps, masks)
    strong = maps >= threshold * maps.max(axis=1, keepdims=True)
    return _defined((strong & masks).sum(axis=1) / np.maximum((strong | masks).sum(axis=1), 1), maps, masks)


MEASURES: dict[str, Callable] = {one.__name__: one for one in (pointing_game, relevance_mass, relevance_rank, iou)}


class Localisation(Metric):
    """Whether the evidence lies on the object that the samples' masks show.

    Args:
        measure: "pointing_game", "relevance_mass", "relevance_rank" or "iou"; also the scalar's name.
        **options: for that function, such as threshold=0.3.

    Example:
        >>> samples = keras_xai.Samples(x, labels=y, masks=masks)
        >>> keras_xai.metrics.Localisation("relevance_mass")(explanation, samples=samples)
    """

    needs = ("samples", "masks")
    higher_is_better = True

    def __init__(self, measure: str = "relevance_mass", **options: Any):
        if measure not in MEASURES:
            raise ValueError(f"measure must be one of {sorted(MEASURES)}; it is {measure!r}.")
        self.name = measure  # type: ignore[misc]
        self.options = options
        blank = np.zeros((1, 1, 1))
        MEASURES[measure](blank, blank, **options)  # refuses wrong options now

    def measure(self, explanation, model, samples, explainer, previous):
        return MEASURES[self.name](explanation.maps, samples.masks, **self.options)


def _pair(maps: Any, masks: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both flat: (n, cells) float64 and bool."""
    maps, masks = np.asarray(maps, np.float64), np.asarray(masks)
    if maps.ndim != 3 or masks.shape != maps.shape:
        raise ValueError(f"maps and masks must have one shape (n, h, w); they have {maps.shape} and {masks.shape}.")
    return maps.reshape(len(maps), -1), masks.reshape(len(masks), -1).astype(bool)


def _defined(values: np.ndarray, maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return np.where(masks.any(axis=1) & (maps.max(axis=1) > 0), values, np.nan)
