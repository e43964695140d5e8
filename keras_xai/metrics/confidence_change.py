"""Average drop and increase: Chattopadhay et al. (Grad-CAM++), WACV 2018, arXiv 1710.11063."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from keras_xai.metrics.metric import Metric, ask, confidence, per_pixel
from keras_xai.queries import Queries


class AverageDrop(Metric):
    """How much confidence is lost when the image is dimmed to what the map highlights: lower is better.

    The map, cut at 0 and divided by its largest value, is multiplied with the image. Maps that highlight everything lose
    nothing: read it together with `entropy` or `effective_area`.

    Args:
        fill: what dimmed pixels fade to, in the model's input range; the paper's is 0.
        score: None for the target's probability where there is one, else the score that was explained.

    Returns (n,) float64 in [0, 1] for probabilities: the share of the confidence that is lost; its mean over samples is the
    paper's average drop. NaN where the map has no positive evidence or the score is not above 0.

    Reference: Chattopadhay et al., "Grad-CAM++", WACV 2018, https://arxiv.org/abs/1710.11063

    Example:
        >>> keras_xai.metrics.AverageDrop()(explanation, model, samples).mean()
    """

    name = "average_drop"
    higher_is_better: ClassVar[Any] = False

    def __init__(self, fill: float = 0.0, score: Any = None):
        if isinstance(fill, (str, bool)) or not np.isfinite(fill):
            raise ValueError(f"fill must be a finite number in the model's input range; it is {fill!r}.")
        self.fill = fill
        self.score = score

    def measure(self, explanation, model, samples, explainer, previous):
        before, after = self._before_and_after(explanation, model, samples)
        return np.where(before > 0, drop(before, after), np.nan)

    def _before_and_after(self, explanation: Any, model: Any, samples: Any) -> np.ndarray:
        """(2, n) scores of the image and of what the map highlights, NaN without positive evidence."""
        evidence = np.maximum(explanation.maps, 0)
        top = evidence.max(axis=(1, 2), keepdims=True)
        weights = evidence / np.where(top > 0, top, 1)
        n = len(samples)
        tables = {
            "weights": per_pixel(weights, samples),
            "fill": np.full((n, 1, 1, 1), self.fill, np.float32),
        }
        rows = np.broadcast_to(np.array([0.0, 1.0], np.float32), (n, 2))
        score = confidence(explanation) if self.score is None else self.score
        scores = ask(model, samples, explanation.targets, Queries(perturb=dim, rows=rows, tables=tables), score)
        return np.where(top[:, 0] > 0, scores, np.nan).T.astype(np.float64)


class Increase(AverageDrop):
    """Whether the model is more confident when it sees only what the map highlights; the mean over samples is the rate.

    Args and reference: as `AverageDrop`. Returns (n,) float64, 1 or 0.
    """

    name = "increase"
    higher_is_better = True

    def measure(self, explanation, model, samples, explainer, previous):
        before, after = self._before_and_after(explanation, model, samples)
        return np.where(np.isnan(after), np.nan, after > before)


def drop(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """max(0, before − after) / before: (n,), (n,) -> (n,) float64."""
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    return np.maximum(before - after, 0) / np.where(before == 0, np.nan, before)


def dim(image: Any, row: Any, tables: Any) -> Any:
    """Fade pixels to the fill where the weight is below 1; row 0 leaves the image as it is. On the device."""
    from keras import ops

    kept = 1.0 - ops.reshape(row, (-1, 1, 1, 1)) * (1.0 - tables["weights"])
    faded = tables["fill"] + kept * (ops.cast(image, "float32") - tables["fill"])
    return ops.cast(faded, image.dtype)
