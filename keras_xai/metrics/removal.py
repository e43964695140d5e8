"""Pixels taken out, or put in, in the order of the evidence: deletion, insertion and ROAD."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from keras_xai.explainers.fills import channels_last
from keras_xai.explanation import Explanation
from keras_xai.metrics.imputation import impute
from keras_xai.metrics.metric import (
    Metric,
    as_the_model_eats,
    ask,
    behind,
    check_count,
    check_share,
    confidence,
    part_of,
    per_pixel,
)
from keras_xai.queries import Queries
from keras_xai.samples import Samples

# Images that were made outside of the device are sent there in portions of about so many values (64 MB).
_PORTION = 2**24


class Removal(Metric):
    """The base of deletion, insertion and ROAD: a curve of scores over shares of removed pixels, and its mean.

    Attributes:
        shares: of the pixels taken out.
        fill: what stands in their place. score: None for the target's probability, or the explained score.
        seed: of the order among pixels with the same evidence, and of noise.
        noise: of the imputation, as a share of the image's range.
    """

    shares: tuple[float, ...]
    fill: Any
    score: Any
    seed: int
    noise: float = 0.0

    def curve(self, explanation: Explanation, model: Any, samples: Any, least_first: bool = False) -> np.ndarray:
        """The scores over `shares`, (n, shares) float32."""
        samples = samples if isinstance(samples, Samples) else Samples(samples)
        order = removal_order(explanation.maps, self.seed, least_first)
        score = confidence(explanation) if self.score is None else self.score
        if self.fill == "inpaint":
            return _curve_of_imputed(model, samples, explanation.targets, order, self, score)
        return ask(model, samples, explanation.targets, without(samples, order, self.shares, self.fill), score)


class Deletion(Removal):
    """How fast the score falls when the pixels with the most evidence go first: area under the curve, lower is better.

    Args:
        fill: what is put in their place: "blur" (with a standard deviation of an eighth of the shorter side), "mean" (the
            image's mean colour), "inpaint" (linear imputation, see `impute`), or a number in the model's input range. The
            paper's is 0. A sharp edge against the fill is evidence of its own; compare several.
        steps: how many equal steps from the whole image to none of it.
        score: None for the target's probability where there is one, else the score that was explained.
        seed: of the order among pixels with the same evidence.

    Returns (n,) float64, the mean of the curve by the trapezoidal rule; `curve` gives the curve itself.

    Reference: Petsiuk, Das and Saenko, "RISE", BMVC 2018, https://arxiv.org/abs/1806.07421

    Example:
        >>> keras_xai.metrics.Deletion(fill="mean")(explanation, model, samples)
    """

    name = "deletion"
    higher_is_better: ClassVar[Any] = False

    def __init__(self, fill: str | float = "blur", steps: int = 20, score: Any = None, seed: int = 0):
        check_fill(fill)
        check_count("steps", steps)
        self.fill = fill
        self.steps = steps
        self.score = score
        self.seed = seed

    @property
    def shares(self) -> tuple[float, ...]:  # type: ignore[override]
        return tuple(np.linspace(0, 1, self.steps + 1))

    def measure(self, explanation, model, samples, explainer, previous):
        return _where_ordered(area(self.curve(explanation, model, samples)), explanation)


class Insertion(Deletion):
    """How fast the score rises when the pixels with the most evidence appear first: area under the curve, higher is better.

    Args and reference: as `Deletion`; the paper's fill is "blur". Returns (n,) float64. `curve` runs from the whole image
    to none of it, the pixels with the least evidence going first.
    """

    name = "insertion"
    higher_is_better = True

    def measure(self, explanation, model, samples, explainer, previous):
        return _where_ordered(area(self.curve(explanation, model, samples, least_first=True)), explanation)


class ROAD(Removal):
    """Remove and debias: mean score after noisy linear imputation, which leaves no shape of what was removed.

    Args:
        order: "morf" takes the most relevant pixels out first (lower is better), "lerf" the least relevant first (higher
            is better), "difference" is LeRF − MoRF: above 0 for maps better than chance, whatever the model's confidence.
        shares: of the pixels to take out, each in (0, 1].
        noise: standard deviation of the imputation's noise, as a share of the image's own range.
        score, seed: as in `Deletion`.

    Returns (n,) float64, the mean over `shares`.

    Reference: Rong et al., "A consistent and efficient evaluation strategy for attribution methods", ICML 2022,
        https://arxiv.org/abs/2202.00449
    """

    fill = "inpaint"

    def __init__(
        self,
        order: str = "difference",
        shares: Any = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9),
        noise: float = 0.01,
        score: Any = None,
        seed: int = 0,
    ):
        if order not in ("morf", "lerf", "difference"):
            raise ValueError(f'order must be "morf", "lerf" or "difference"; it is {order!r}.')
        for share in shares:
            check_share("Each of shares", share)
        if not noise >= 0:
            raise ValueError(f"noise must be a share of the image's range of at least 0; it is {noise!r}.")
        self.order = order
        self.shares = tuple(shares)
        self.noise = noise
        self.score = score
        self.seed = seed

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"road_{self.order}"

    def measure(self, explanation, model, samples, explainer, previous):
        signs = {"lerf": (1, 0), "morf": (0, 1), "difference": (1, -1)}[self.order]
        means = [
            sign * self.curve(explanation, model, samples, least_first).mean(axis=1)
            for sign, least_first in zip(signs, (True, False), strict=True)
            if sign
        ]
        return _where_ordered(sum(means), explanation)


def removal_order(maps: np.ndarray, seed: int = 0, least_first: bool = False) -> np.ndarray:
    """Each pixel's place in the order of falling evidence, as a share of all pixels.

    Args:
        maps: (n, h, w) float. seed: of the order among pixels with the same evidence, the same for every sample.
        least_first: rising evidence instead.

    Returns:
        (n, h, w) float32 in (0, 1): what is below x are the first x of the pixels.
    """
    flat = np.asarray(maps).reshape(len(maps), -1)
    ties = np.broadcast_to(np.random.default_rng(seed).permutation(flat.shape[1]), flat.shape)
    ranks = np.argsort(np.lexsort((ties, flat if least_first else -flat)), axis=1)
    return ((ranks + 0.5) / flat.shape[1]).reshape(np.shape(maps)).astype(np.float32)


def area(curve: np.ndarray) -> np.ndarray:
    """Area under curves over [0, 1] by the trapezoidal rule: (n, points) -> (n,) float64."""
    curve = np.asarray(curve, np.float64)
    return ((curve[:, 1:] + curve[:, :-1]) / 2).mean(axis=1)


def without(samples: Samples, order: np.ndarray, shares: Any, fill: str | float) -> Queries:
    """Ask about the images without the first `shares` of their pixels in an order."""
    rows = np.broadcast_to(np.asarray(shares, np.float32), (len(samples), len(shares)))
    tables = {"order": per_pixel(order, samples), "fill": behind(samples, fill)}
    return Queries(perturb=remove, rows=rows, tables=tables)


def remove(image: Any, row: Any, tables: Any) -> Any:
    """On the device, in `keras.ops`."""
    from keras import ops

    return ops.where(tables["order"] < ops.reshape(row, (-1, 1, 1, 1)), tables["fill"], image)


def given(image: Any, row: Any, tables: Any) -> Any:
    """The image that the row holds."""
    return row


def _curve_of_imputed(
    model: Any, samples: Samples, targets: np.ndarray, order: np.ndarray, metric: Removal, score: Any
) -> np.ndarray:
    """A few samples at a time: these images are made off the device, where the linear systems are solved."""
    images = channels_last(samples)
    at_once = max(1, _PORTION // (images[0].size * len(metric.shares)))
    curves = []
    for start in range(0, len(samples), at_once):
        chosen = slice(start, start + at_once)
        rows = np.stack(
            [
                np.stack([_imputed(image, places < share, metric.noise, metric.seed) for share in metric.shares])
                for image, places in zip(images[chosen], order[chosen], strict=True)
            ]
        )
        queries = Queries(perturb=given, rows=as_the_model_eats(rows, samples, axis=2))
        curves.append(ask(model, part_of(samples, chosen), targets[chosen], queries, score))
    return np.concatenate(curves)


def _imputed(image: np.ndarray, gone: np.ndarray, noise: float, seed: int) -> np.ndarray:
    # The same noise for every image, so that it does not depend on the order of the samples.
    drawn = np.random.default_rng(seed).normal(size=image.shape) * (noise * float(np.ptp(image))) if noise else 0.0
    found = impute(image, gone, drawn)
    if image.dtype.kind != "f":
        found = np.clip(np.round(found), image.min(), image.max())
    return found.astype(image.dtype)


def _where_ordered(values: Any, explanation: Explanation) -> np.ndarray:
    """NaN for maps that put the pixels into no order."""
    return np.where(np.ptp(explanation.maps, axis=(1, 2)) > 0, values, np.nan)


def check_fill(fill: Any, inpaint: bool = True) -> None:
    names = ("blur", "mean", "inpaint")[: 2 + inpaint]
    number = isinstance(fill, (int, float, np.number)) and not isinstance(fill, bool) and np.isfinite(fill)
    if not (fill in names if isinstance(fill, str) else number):
        raise ValueError(f"fill must be one of {names} or a finite number; it is {fill!r}.")
