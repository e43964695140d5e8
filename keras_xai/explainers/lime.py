"""LIME for images: Ribeiro, Singh and Guestrin, KDD 2016, arXiv 1602.04938."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.explainers.checks import check_count, check_fill, is_number
from keras_xai.explainers.designs import DESIGNS, next_order
from keras_xai.explainers.explainer import Explainer, Paper, Result
from keras_xai.explainers.fills import channels_last, fill
from keras_xai.explainers.seeds import generator_for
from keras_xai.explainers.superpixels import superpixels
from keras_xai.queries import Queries
from keras_xai.samples import Samples


class LIME(Explainer):
    """Which superpixels the score depends on: hide some, fit a weighted linear model to the scores.

    Needs no gradient, so it works on any model. Segments, masks, kernel weights and the solution of the ridge regression
    depend on the samples alone and are made once; an epoch costs the forward passes and one matrix product. The masks are
    a balanced design, which comes as near to the solution of many masks as several times as many random ones
    (`python -m tests.benchmarks.lime_designs`). How many masks an image needs depends on it and on the model: `agreement`
    asks about each image until its coefficients are known well enough.

    Memory, beside the model's own: about three batches of images, whatever `num_samples`, three copies of the samples (what
    hides a segment is an image too), and per sample and mask 9 bytes a segment and 8 bytes a class. With `agreement` it is
    8 bytes a segment more for every round that a mask is used in.

    Args:
        num_samples: masked images per sample; None for 128, a complete fold-over of up to 64 segments. Fewer than twice the
            segments explain much worse. The `lime` package takes 1,000, the unmasked one included. With `agreement` the
            most that a sample gets; None for 1,000.
        segments: "auto", "slic", "quickshift", "felzenszwalb", "grid", a callable(image) -> label map, or label maps
            (n, height, width); see `superpixels`.
        fill: what a hidden segment shows: "mean" (of its own pixels, as the `lime` package does; a segment of one colour
            stays visible), "blur" (of the image), or a number in the model's input range.
        kernel_width: of the exponential kernel on the cosine distance between a mask and the full image. It matters little:
            masks of so many segments all lie about as far from it.
        ridge: strength of the L2 penalty; above 0.
        design: how masks are chosen: "fold_over" (a folded-over Hadamard matrix, see `designs.fold_over_masks`), "paired"
            (random ones and their complements), "random" (every segment shown with probability ½, as the `lime` package
            does), or a callable (num_samples, num_segments, numpy.random.Generator) -> (num_samples, num_segments) bool.
            In the first two a mask and its complement both weigh the mean of their kernel weights, so that they stay
            balanced, and segments that look the same when hidden get 0 without being asked about.
        score: see `keras_xai.scores`; None for the logit. The `lime` package explains `scores.Probability()`.
        seed: of the masks; each sample draws its own from the seed and its pixels, wherever it stands.
        agreement: above 0 and below 1: masks are asked about in rounds, each a smallest fold-over of the sample's segments,
            until `details["agreement"]` is as high or `num_samples` are used up: an easy image takes one round, a hard one
            many. None: every sample gets `num_samples`. Needs the design "fold_over".

    Maps: (n, height, width) float32, signed: each segment's coefficient, the change of the score that showing it makes.
    `details`: "segments" (n, height, width) int32, "coefficients" list of (k_i,) float64, "intercepts" (n,), "r2" (n,)
    the weighted R² of the fit (NaN where the score does not change), "agreement" (n,) Pearson's correlation of the
    coefficients with those of infinitely many masks that is to be expected (see `expected_agreement`; NaN where it cannot be
    told), "masks" list of (passes of the sample, k_i) bool.

    The `lime` package's result: `LIME(num_samples=1000, design="random", score=keras_xai.scores.Probability())`.

    Raises:
        ValueError: an argument out of range, or too few segments.

    Reference: Ribeiro, Singh and Guestrin, "Why should I trust you?", KDD 2016, https://arxiv.org/abs/1602.04938

    Example:
        >>> keras_xai.LIME()(model, images).details["r2"]
    """

    name = "lime"
    signed = True
    needs = "scores of images with hidden superpixels"
    passes = "128 forward"
    fewest_passes = 128
    sensitive = True
    paper = Paper("Ribeiro et al.", "Why should I trust you?", 2016, "https://arxiv.org/abs/1602.04938")

    def __init__(
        self,
        num_samples: int | None = None,
        segments: Any = "auto",
        fill: str | float = "mean",
        kernel_width: float = 0.25,
        ridge: float = 1.0,
        design: str | Callable = "fold_over",
        score: Any = None,
        seed: int = 0,
        agreement: float | None = None,
    ):
        check_count("num_samples", num_samples, least=2, default="128, or 1,000 with agreement")
        check_count("seed", seed, least=0)
        check_fill(fill)
        for name, value in (("kernel_width", kernel_width), ("ridge", ridge)):
            if not is_number(value) or not value > 0:
                raise ValueError(f"{name} must be a number above 0; it is {value!r}.")
        if not (design in DESIGNS if isinstance(design, str) else callable(design)):
            raise ValueError(
                f"design must be one of {sorted(DESIGNS)} or a callable (num_samples, num_segments, generator) -> masks; "
                f"it is {design!r}."
            )
        if agreement is not None and not (is_number(agreement) and 0 < agreement < 1):
            raise ValueError(f"agreement must be a number above 0 and below 1, or None; it is {agreement!r}.")
        if agreement is not None and design != "fold_over":
            raise ValueError(f'agreement asks in rounds of the design "fold_over"; design is {design!r}.')
        self.num_samples = num_samples
        self.segments = segments
        self.fill = fill
        self.kernel_width = kernel_width
        self.ridge = ridge
        self.design = design
        self.score = score
        self.seed = seed
        self.agreement = agreement

    def prepare(self, samples: Samples) -> Plan:
        segments = superpixels(samples.images, self.segments)
        image = channels_last(samples)
        hidden = fill(image, segments, self.fill)
        balanced = self.design in ("fold_over", "paired")
        masks, regressions = [], []
        for picture, labels, behind in zip(image, segments, hidden, strict=True):
            asked = changing(picture, labels, behind) if balanced else np.ones(labels.max() + 1, bool)
            rounds = self._rounds(int(asked.sum()), generator_for(self.seed, picture))
            design = np.concatenate(rounds)
            masks.append(np.ones((len(design), len(asked)), bool))
            masks[-1][:, asked] = design
            ends = np.cumsum([len(one) for one in rounds])
            regressions.append([self._regression(masks[-1][:end], asked, balanced) for end in ends])
        return Plan(segments, hidden, masks, regressions)

    def explain(self, samples, plan):
        scores = [np.empty(0) for _ in plan.masks]
        found: list[Any] = [None] * len(plan.masks)
        for number in range(max(map(len, plan.regressions))):
            ends = [
                len(known) if self._settled(number, regressions, solution) else len(regressions[number].masks)
                for known, regressions, solution in zip(scores, plan.regressions, found, strict=True)
            ]
            counts = np.subtract(ends, [len(known) for known in scores])
            if not counts.any():
                break
            seen = yield plan.queries(samples, ends, counts)
            for index in np.flatnonzero(counts):
                answers = seen.scores[index, : counts[index]].astype(np.float64)
                scores[index] = np.concatenate([scores[index], answers])
                found[index] = plan.regressions[index][number].solve(scores[index])
        coefficients, intercepts, r2, agreement = zip(*found, strict=True)
        raw = [values[labels] for values, labels in zip(coefficients, plan.segments, strict=True)]
        details = {
            "segments": plan.segments,
            "coefficients": list(coefficients),
            "intercepts": np.array(intercepts),
            "r2": np.array(r2),
            "agreement": np.array(agreement),
            "masks": [masks[: len(values)] for masks, values in zip(plan.masks, scores, strict=True)],
        }
        return Result(np.stack(raw), details)

    def _settled(self, number: int, regressions: list[Regression], solution: Any) -> bool:
        """Whether round `number` need not be asked about a sample, after the one before gave `solution`."""
        return number > 0 and (number >= len(regressions) or not solution[-1] < self.agreement)

    def _rounds(self, count: int, generator: np.random.Generator) -> list[np.ndarray]:
        """Masks by the round in which they are asked about."""
        if self.agreement is None:
            return [self._masks(self.num_samples or 128, count, generator)]
        most = self.num_samples or 1000
        size = min(2 * next_order(count), most)
        return [self._masks(size, count, generator) for _ in range(most // size)]

    def _regression(self, masks: np.ndarray, asked: np.ndarray, balanced: bool) -> Regression:
        design = masks[:, asked]
        weights = kernel(design, self.kernel_width)
        if balanced:
            weights = (weights + kernel(~design, self.kernel_width)) / 2
        operator = np.zeros((len(asked), len(masks)))
        operator[asked] = ridge_operator(design, weights, self.ridge)
        return Regression(masks, operator, weights)

    def _masks(self, rows: int, count: int, generator: np.random.Generator) -> np.ndarray:
        design = DESIGNS[self.design] if isinstance(self.design, str) else self.design
        masks = np.asarray(design(rows, count, generator))
        if masks.shape != (rows, count) or not np.isin(masks, (0, 1)).all():
            raise ValueError(
                f"design must return bool masks of shape {(rows, count)}; it returned shape {masks.shape}."
            )
        return masks.astype(bool)


@dataclass(frozen=True)
class Plan:
    """What LIME knows before it meets a model; lists have one entry per sample.

    Attributes:
        segments: (n, height, width) int32. hidden: what they show when hidden, (n, height, width, channels).
        masks: (r_i, k_i) bool. regressions: for each round that of its masks and all before.
    """

    segments: np.ndarray
    hidden: np.ndarray
    masks: list[np.ndarray]
    regressions: list[list[Regression]]

    def queries(self, samples: Samples, ends: list[int], counts: np.ndarray) -> Queries:
        """The images with hidden segments for the last `counts` (n,) masks before `ends`."""
        most = counts.max()
        rows = [
            np.pad(masks[end - count : end], ((0, most - count), (0, 0)))
            for masks, end, count in zip(self.masks, ends, counts, strict=True)
        ]
        return replace(hidden_segments(samples, self.segments, rows, self.hidden), counts=counts)


@dataclass(frozen=True)
class Regression:
    """Masks, (r, k) bool, with their weights (r,) and the operator (k, r) that solves the ridge regression on them."""

    masks: np.ndarray
    operator: np.ndarray
    weights: np.ndarray

    def solve(self, scores: np.ndarray) -> tuple[np.ndarray, float, float, float]:
        """Coefficients (k,), intercept, weighted R² and the agreement to be expected."""
        coefficients, intercept, r2 = fit(self.masks, self.operator, self.weights, scores)
        agreement = np.nan if np.isnan(r2) else expected_agreement(self.masks, self.operator, scores)
        return coefficients, intercept, r2, agreement


def changing(image: np.ndarray, segments: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Which segments look different when they are hidden: (k,) bool; all where none does.

    Args:
        image, hidden: (height, width, channels). segments: (height, width) int, numbered 0 to k − 1.
    """
    found = np.bincount(segments.ravel(), (image != hidden).any(axis=-1).ravel()) > 0
    return found if found.any() else ~found


def kernel(masks: np.ndarray, width: float) -> np.ndarray:
    """Weights √exp(−d²/width²), d the cosine distance of each mask to the full image: (num_samples,) float64."""
    distance = 1 - np.sqrt(masks.mean(axis=1))
    return np.sqrt(np.exp(-(distance**2) / width**2))


def ridge_operator(masks: np.ndarray, weights: np.ndarray, ridge: float) -> np.ndarray:
    """The matrix that turns scores into the coefficients of a weighted ridge regression with a free intercept.

    Args:
        masks: (num_samples, k) bool. weights: (num_samples,). ridge: penalty on the squared coefficients.

    Returns:
        (k, num_samples) float64.
    """
    centred = masks - np.average(masks, axis=0, weights=weights)
    weighted = centred.T * weights
    return np.linalg.solve(weighted @ centred + ridge * np.eye(masks.shape[1]), weighted)


def fit(masks: np.ndarray, operator: np.ndarray, weights: np.ndarray, scores: np.ndarray) -> tuple:
    """Coefficients (k,), intercept and weighted R² of one sample's regression; R² is NaN for constant scores."""
    scores = np.where(np.isfinite(scores), scores, np.nan)  # infinity would make NumPy warn
    coefficients = operator @ scores
    mean = np.average(scores, weights=weights)
    predicted = masks @ coefficients
    intercept = mean - np.average(predicted, weights=weights)
    total = np.sum(weights * (scores - mean) ** 2)
    residual = np.sum(weights * (scores - predicted - intercept) ** 2)
    constant = not total > np.finfo(np.float32).eps ** 2 * np.sum(weights) * max(mean**2, 1e-30)
    return coefficients, intercept, np.nan if constant else 1 - residual / total


def expected_agreement(masks: np.ndarray, operator: np.ndarray, scores: np.ndarray) -> float:
    """Pearson's correlation of the coefficients with those of infinitely many masks, as far as one can tell.

    What a sum over segments leaves of the scores is taken for noise; its variance, by least squares, is carried through
    `operator` and compared with the spread of the coefficients. Where each mask is followed by its complement, coefficients
    depend on the differences of the two scores alone, and so does the noise, if these leave at least 8 degrees of freedom.

    Args:
        masks: (r, k) bool, drawn so that each shows a segment with probability ½. operator: (k, r), from scores to
            coefficients; the correlation is over the segments whose row is not 0. scores: (r,).

    Returns:
        From 0 to 1; NaN where there are no more masks than unknowns.
    """
    asked = operator.any(axis=1)
    masks, operator = masks[:, asked], operator[asked]
    one, other = (slice(start, len(masks) // 2 * 2, 2) for start in (0, 1))
    folded = len(masks) // 2 - len(operator) >= 8 and (masks[one] != masks[other]).all()
    if folded:
        table, values = masks[one] - 0.5, (scores[one] - scores[other]) / 2
    else:
        table, values = np.column_stack([np.ones(len(masks)), masks]), scores
    freedom = len(values) - table.shape[1]
    if freedom <= 0:
        return np.nan
    residuals = values - table @ np.linalg.lstsq(table, values)[0]
    variance = (1 + folded) * np.sum(residuals**2) / freedom  # half a difference has half the variance of a score
    coefficients = operator @ scores
    noise = variance * np.sum((operator - operator.mean(axis=0)) ** 2)
    return float(np.sqrt(max(0.0, 1 - noise / np.sum((coefficients - coefficients.mean()) ** 2))))


def hidden_segments(samples: Samples, segments: np.ndarray, masks: list[np.ndarray], hidden: np.ndarray) -> Queries:
    """The images with hidden segments, one for each mask.

    Args:
        segments: (n, height, width) int. masks: for each sample (r, k_i) bool, True for what is shown. hidden: what the
            segments show then, (n, height, width, channels), see `fill`.
    """
    width = max(mask.shape[1] for mask in masks)
    padded = np.stack([np.pad(mask, ((0, 0), (0, width - mask.shape[1]))) for mask in masks])
    if samples.channels_first:
        tables = {"segments": segments[:, None], "fill": np.moveaxis(hidden, -1, 1)}
    else:
        tables = {"segments": segments[..., None], "fill": hidden}
    return Queries(perturb=hide, rows=padded, tables=tables)


def hide(image: Any, row: Any, tables: Any) -> Any:
    """Show the segments whose mask is True; the others show the fill. On the device, in `keras.ops`."""
    from keras import ops

    # One flat row of masks: `ops.take_along_axis` would turn every label into 64 bits.
    begin = ops.arange(ops.shape(row)[0], dtype="int32")[:, None, None, None] * row.shape[1]
    shown = backend.looked_up(ops.reshape(row, (-1,)), ops.add(begin, tables["segments"]))
    return ops.where(shown, image, tables["fill"])
