"""Infidelity: Yeh et al., NeurIPS 2019, arXiv 1901.09392."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.checks import check_choice, is_number
from keras_xai.metrics.metric import Metric, behind, check_count, check_share, falls, per_pixel
from keras_xai.metrics.removal import check_fill
from keras_xai.queries import Queries


class Infidelity(Metric):
    """How far off the map is as a prediction of what random changes of the image cost the score: lower is better.

    For maps of contributions: what takes a share of a pixel away is predicted to cost that share of the map's value there.
    Maps that hold rates (a plain gradient) are no such prediction; `normalise` at least mends their scale.

    Args:
        size: the square's side as a share of the image's shorter side, in (0, 1].
        num_samples: model calls per image.
        fill: what the squares show, and what pixels move to: "blur", "mean" (of the image) or a number; see `Deletion`.
        normalise: multiply the map by the factor that suits it best first, so that methods can be compared.
        perturbation: "squares" takes random squares away, the paper's square removal; "noise" takes a Gaussian share of
            each pixel's difference to the fill away, or adds it where the share is negative.
        noise: standard deviation of the shares.
        score: None for the score that was explained.
        seed: of the changes, the same for every sample.

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
        num_samples: int = 64,
        fill: str | float = "blur",
        normalise: bool = True,
        perturbation: str = "squares",
        noise: float = 0.1,
        score: Any = None,
        seed: int = 0,
    ):
        check_choice("perturbation", perturbation, ("squares", "noise"))
        check_share("size", size)
        if not is_number(noise) or noise <= 0:
            raise ValueError(f"noise must be a standard deviation above 0, such as 0.1; it is {noise!r}.")
        check_count("num_samples", num_samples)
        check_fill(fill, inpaint=False)
        self.perturbation = perturbation
        self.size = size
        self.noise = noise
        self.num_samples = num_samples
        self.fill = fill
        self.normalise = normalise
        self.score = score
        self.seed = seed

    def measure(self, explanation, model, samples, explainer, previous):
        taken = self.shares(samples.size)
        none = np.zeros((1, *samples.size), np.float32)
        rows = per_pixel(np.concatenate([none, taken]), samples)
        queries = Queries(
            perturb=take_away,
            rows=np.broadcast_to(rows, (len(samples), *rows.shape)),
            tables={"fill": behind(samples, self.fill)},
        )
        predicted = np.einsum("rhw,nhw->nr", taken, explanation.maps.astype(np.float64))
        return infidelity(predicted, falls(explanation, model, samples, queries, self.score), self.normalise)

    def shares(self, size: tuple[int, int]) -> np.ndarray:
        """What each question takes away of every pixel of images of `size`: (num_samples, height, width) float32."""
        generator = np.random.default_rng(self.seed)
        if self.perturbation == "noise":
            return self.noise * generator.standard_normal((self.num_samples, *size), np.float32)
        side = max(1, round(self.size * min(size)))
        corners = [generator.integers(0, length - side + 1, self.num_samples) for length in size]
        rows, columns = (
            (np.arange(length) >= corner[:, None]) & (np.arange(length) < corner[:, None] + side)
            for length, corner in zip(size, corners, strict=True)
        )
        return (rows[:, :, None] & columns[:, None, :]).astype(np.float32)


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


def take_away(image: Any, share: Any, tables: Any) -> Any:
    """image − share · (image − fill), float32. On the device, in `keras.ops`."""
    from keras import ops

    image = ops.cast(image, "float32")
    return image - share * (image - ops.cast(tables["fill"], "float32"))
