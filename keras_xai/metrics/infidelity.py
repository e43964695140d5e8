"""Infidelity: Yeh et al., NeurIPS 2019, arXiv 1901.09392."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.lime import fill as filled
from keras_xai.metrics.metric import (
    Metric,
    as_the_model_eats,
    ask,
    channels_last,
    check_count,
    check_share,
    explained_score,
)
from keras_xai.metrics.removal import check_fill
from keras_xai.queries import Queries


class Infidelity(Metric):
    """How far off the map is as a prediction of what removing random squares costs the score: lower is better.

    The paper's square removal for maps of contributions: a removed square is predicted to cost the sum of the map inside
    it. Maps that hold rates (a plain gradient) are no such prediction; `normalise` at least mends their scale.

    Args:
        size: the square's side as a share of the image's shorter side, in (0, 1].
        num_squares: model calls per image.
        fill: what removed squares show: "blur", "mean" (of the image) or a number; see `Deletion`.
        normalise: multiply the map by the factor that suits it best first, so that methods can be compared.
        score: None for the score that was explained.
        seed: of the squares' places, the same for every sample.

    Returns (n,) float64 ≥ 0, in squared units of the score.

    Reference: Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019,
        https://arxiv.org/abs/1901.09392

    Example:
        >>> keras_xai.metrics.Infidelity(size=0.3)(explanation, model, samples)
    """

    name = "infidelity"
    higher_is_better = False

    def __init__(
        self,
        size: float = 0.25,
        num_squares: int = 64,
        fill: str | float = "blur",
        normalise: bool = True,
        score: Any = None,
        seed: int = 0,
    ):
        check_share("size", size)
        check_count("num_squares", num_squares)
        check_fill(fill, inpaint=False)
        self.size = size
        self.num_squares = num_squares
        self.fill = fill
        self.normalise = normalise
        self.score = score
        self.seed = seed

    def measure(self, explanation, model, samples, explainer, previous):
        images = channels_last(samples)
        boxes = random_squares(samples.size, self.size, self.num_squares, self.seed)
        rows = np.concatenate([np.zeros((1, 4), np.int32), boxes])  # first one that removes nothing
        hidden = filled(images, np.zeros(images.shape[:3], int), self.fill)
        perturb = hide_box_channels_first if samples.channels_first else hide_box
        queries = Queries(
            perturb=perturb,
            rows=np.broadcast_to(rows, (len(samples), *rows.shape)),
            tables={"fill": as_the_model_eats(hidden, samples)},
        )
        score = explained_score(explanation) if self.score is None else self.score
        scores = ask(model, samples, explanation.targets, queries, score).astype(np.float64)
        return infidelity(sums_inside(explanation.maps, boxes), scores[:, :1] - scores[:, 1:], self.normalise)


def infidelity(predicted: np.ndarray, changes: np.ndarray, normalise: bool = True) -> np.ndarray:
    """Mean squared difference between what a map predicts and what happens.

    Args:
        predicted: (n, r) sum over pixels of perturbation × map. changes: (n, r) score before − after the perturbation.
        normalise: multiply the predictions by the factor with the least squares first.

    Returns:
        (n,) float64 ≥ 0; for a prediction of nothing it is the mean square of the changes.
    """
    predicted, changes = np.asarray(predicted, np.float64), np.asarray(changes, np.float64)
    if normalise:
        square = (predicted**2).sum(axis=1, keepdims=True)
        predicted = predicted * (predicted * changes).sum(axis=1, keepdims=True) / np.where(square > 0, square, 1)
    return ((predicted - changes) ** 2).mean(axis=1)


def random_squares(size: tuple[int, int], share: float, count: int, seed: int) -> np.ndarray:
    """`count` squares (top, left, height, width) inside an image of `size` pixels: (count, 4) int32."""
    side = max(1, round(share * min(size)))
    generator = np.random.default_rng(seed)
    corners = [generator.integers(0, length - side + 1, count) for length in size]
    return np.stack([*corners, *[np.full(count, side)] * 2], axis=1).astype(np.int32)


def sums_inside(maps: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Sums of maps (n, h, w) inside boxes (r, 4): (n, r) float64."""
    return np.stack(
        [maps[:, t : t + h, le : le + w].sum(axis=(1, 2), dtype=np.float64) for t, le, h, w in boxes], axis=1
    )


def hide_box(image: Any, row: Any, tables: Any, axes: tuple[int, int] = (1, 2)) -> Any:
    """The fill inside the box (top, left, height, width). On the device, in `keras.ops`."""
    from keras import ops

    inside: Any = True
    for axis, start, length in ((axes[0], 0, 2), (axes[1], 1, 3)):
        shape = [1] * 4
        shape[axis] = image.shape[axis]
        place = ops.reshape(ops.arange(image.shape[axis], dtype="int32"), shape)
        first = ops.reshape(row[:, start], (-1, 1, 1, 1))
        count = ops.reshape(row[:, length], (-1, 1, 1, 1))
        inside = ops.logical_and(inside, ops.logical_and(place >= first, place < first + count))
    return ops.where(inside, tables["fill"], image)


def hide_box_channels_first(image: Any, row: Any, tables: Any) -> Any:
    """The same for images (n, channels, height, width)."""
    return hide_box(image, row, tables, axes=(2, 3))
