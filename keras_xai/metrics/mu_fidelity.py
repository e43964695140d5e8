"""μ-Fidelity: Bhatt, Weller and Moura, IJCAI 2020, arXiv 2005.00631."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.lime import hide
from keras_xai.explainers.superpixels import grid
from keras_xai.metrics.metric import Metric, behind, check_count, check_share, falls, per_pixel
from keras_xai.metrics.removal import check_fill
from keras_xai.queries import Queries


class MuFidelity(Metric):
    """Whether hiding cells costs the score what the map says they hold: a correlation over random sets of cells.

    Args:
        cells: about how many equal rectangles the image is cut into.
        share: of the cells that are hidden together, in (0, 1].
        num_subsets: model calls per image.
        fill: what hidden cells show: "blur", "mean" (of the image) or a number; see `Deletion`.
        score: None for the score that was explained.
        seed: of the sets of cells, the same for every sample.

    Returns (n,) float64 in [−1, 1]; NaN where score or map do not vary.

    Reference: Bhatt, Weller and Moura, "Evaluating and aggregating feature-based model explanations", IJCAI 2020,
        https://arxiv.org/abs/2005.00631

    Example:
        >>> keras_xai.metrics.MuFidelity(num_subsets=256)(explanation, model, samples)
    """

    name = "mu_fidelity"
    higher_is_better = True

    def __init__(
        self,
        cells: int = 81,
        share: float = 0.2,
        num_subsets: int = 128,
        fill: str | float = "blur",
        score: Any = None,
        seed: int = 0,
    ):
        check_count("cells", cells, least=4)
        check_share("share", share)
        check_count("num_subsets", num_subsets, least=3)
        check_fill(fill, inpaint=False)
        self.cells = cells
        self.share = share
        self.num_subsets = num_subsets
        self.fill = fill
        self.score = score
        self.seed = seed

    def measure(self, explanation, model, samples, explainer, previous):
        labels = grid(samples.size, self.cells)
        hidden = random_subsets(self.num_subsets, labels.max() + 1, self.share, self.seed)
        shown = np.concatenate([np.ones((1, hidden.shape[1]), bool), ~hidden])
        tables = {
            "segments": per_pixel(np.broadcast_to(labels, (len(samples), *labels.shape)).astype(np.int32), samples),
            "fill": behind(samples, self.fill),
        }
        queries = Queries(perturb=hide, rows=np.broadcast_to(shown, (len(samples), *shown.shape)), tables=tables)
        evidence = np.stack([np.bincount(labels.ravel(), one.ravel()) for one in explanation.maps])
        return pearson(evidence @ hidden.T, falls(explanation, model, samples, queries, self.score))


def random_subsets(count: int, cells: int, share: float, seed: int) -> np.ndarray:
    """`count` random sets of equal size: (count, cells) bool."""
    size = min(max(1, round(share * cells)), cells - 1)
    return np.random.default_rng(seed).random((count, cells)).argsort(axis=1) < size


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation along the last axis: (n, r), (n, r) -> (n,) float64, NaN where one of the two does not vary."""
    a, b = (one - one.mean(axis=-1, keepdims=True) for one in (np.asarray(a, float), np.asarray(b, float)))
    length = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    return np.clip((a * b).sum(axis=-1) / np.where(length > 0, length, np.nan), -1, 1)
