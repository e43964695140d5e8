"""Kernel SHAP: Lundberg and Lee, NeurIPS 2017, arXiv 1705.07874."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.explainers.checks import check_count, check_fill
from keras_xai.explainers.designs import with_complements
from keras_xai.explainers.explainer import Explainer, Paper, Result
from keras_xai.explainers.fills import channels_last, fill
from keras_xai.explainers.lime import hidden_segments
from keras_xai.explainers.seeds import generator_for
from keras_xai.explainers.superpixels import superpixels
from keras_xai.queries import Queries
from keras_xai.samples import Samples


class KernelSHAP(Explainer):
    """The Shapley value of each superpixel: its share of the score, averaged over all orders of showing the segments.

    The one division of the score that is fair in Shapley's sense. The shares always sum to the score of the image less
    that of the hidden image (efficiency); where all subsets of segments fit into `num_samples` they are exact, else they
    are estimated from pairs of a subset and its complement, drawn by the Shapley kernel. LIME's coefficients need fewer
    passes and are no shares. Memory: as for `LIME`.

    Args:
        num_samples: masked images per sample, the full and the empty one included; several for each segment, since with
            few the least squares are ill-conditioned and pass on any rounding of the scores.
        segments, fill: as in `LIME`; fewer segments need fewer samples.
        score: see `keras_xai.scores`; None for the logit.
        seed: of the subsets; each sample draws its own from the seed and its pixels, wherever it stands.

    Maps: (n, height, width) float32, signed: each segment's Shapley value, in units of the score. `details`: "segments" (n,
    height, width) int32, "coefficients" list of (k_i,) float64, "empty_scores" (n,) float32, "exact" (n,) bool.

    Raises:
        ValueError: an argument out of range, or too few segments.

    Reference: Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017,
    https://arxiv.org/abs/1705.07874; solved as in Covert and Lee, AISTATS 2021, https://arxiv.org/abs/2012.01536

    Example:
        >>> keras_xai.KernelSHAP(num_samples=2000, segments="grid")(model, images).details["coefficients"]
    """

    name = "kernel_shap"
    signed = True
    needs = "scores of images with hidden superpixels"
    passes = "512 forward"
    sensitive = True
    paper = Paper("Lundberg and Lee", "Interpreting Model Predictions", 2017, "https://arxiv.org/abs/1705.07874")

    def __init__(
        self,
        num_samples: int = 512,
        segments: Any = "auto",
        fill: str | float = "mean",
        score: Any = None,
        seed: int = 0,
    ):
        check_count("num_samples", num_samples, least=4)
        check_count("seed", seed, least=0)
        check_fill(fill)
        self.num_samples = num_samples
        self.segments = segments
        self.fill = fill
        self.score = score
        self.seed = seed

    def prepare(self, samples: Samples) -> Plan:
        segments = superpixels(samples.images, self.segments)
        masks, weights = [], []
        for picture, labels in zip(samples.image, segments, strict=True):
            shown, weight = subsets(int(labels.max()) + 1, self.num_samples, generator_for(self.seed, picture))
            masks.append(shown)
            weights.append(weight)
        rows = max(map(len, masks))  # all get as many: what is too much shows all and weighs nothing
        padded = [np.pad(shown, ((0, rows - len(shown)), (0, 0)), constant_values=True) for shown in masks]
        hidden = fill(channels_last(samples), segments, self.fill)
        return Plan(segments, masks, weights, hidden_segments(samples, segments, padded, hidden))

    def explain(self, samples, plan):
        seen = yield plan.queries
        shares = [
            shapley_values(shown, weights, scores[: len(shown)].astype(np.float64))
            for shown, weights, scores in zip(plan.masks, plan.weights, seen.scores, strict=True)
        ]
        raw = np.stack([values[labels] for values, labels in zip(shares, plan.segments, strict=True)])
        exact = np.array([len(shown) == 2 ** shown.shape[1] for shown in plan.masks])
        details = {
            "segments": plan.segments,
            "coefficients": shares,
            "empty_scores": seen.scores[:, 1],
            "exact": exact,
        }
        return Result(raw, details)


@dataclass(frozen=True)
class Plan:
    """What Kernel SHAP knows before it meets a model; lists have one entry per sample.

    Attributes:
        segments: (n, height, width) int32. masks: (r_i, k_i) bool, the full one first, then the empty one. weights: (r_i,)
            float64, 0 for these two. queries: the masked images to ask about.
    """

    segments: np.ndarray
    masks: list[np.ndarray]
    weights: list[np.ndarray]
    queries: Queries


def subsets(count: int, num_samples: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which segments to show: all subsets with the weights of the Shapley kernel, or pairs drawn in proportion to them.

    Args:
        count: of segments, k. num_samples: at most so many subsets.

    Returns:
        (r, k) bool, the full and the empty subset first; (r,) float64 weights, 0 for these two.
    """
    ends = np.array([np.ones(count, bool), np.zeros(count, bool)])
    # Each size's share of the kernel's mass: (k − 1) / (s (k − s)), over C(k, s) subsets of that size.
    sizes = np.arange(1, count)
    mass = (count - 1) / (sizes * (count - sizes))
    if count <= 20 and 2**count <= num_samples:
        inner = (np.arange(1, 2**count - 1)[:, None] >> np.arange(count) & 1).astype(bool)
        subset_sizes = inner.sum(axis=1)
        weights = (mass / np.bincount(subset_sizes, minlength=count)[1:count])[subset_sizes - 1]
    else:
        half = (num_samples - 2) // 2
        drawn = generator.choice(sizes, half, p=mass / mass.sum())
        order = generator.random((half, count)).argsort(axis=1)
        chosen = order < drawn[:, None]
        inner = with_complements(chosen)
        weights = np.ones(len(inner))
    return np.concatenate([ends, inner]), np.concatenate([[0, 0], weights / weights.sum()])


def shapley_values(masks: np.ndarray, weights: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Weighted least squares on the scores, whose solution has to sum to score(full) − score(empty).

    Args:
        masks: (r, k) bool, the full one first, then the empty one. weights: (r,), 0 for these two. scores: (r,).

    Returns:
        (k,) float64; NaN where a score is not finite.
    """
    if not np.isfinite(scores).all():
        return np.full(masks.shape[1], np.nan)
    shown = masks.astype(np.float64)
    total = scores[0] - scores[1]
    gram = np.linalg.pinv((shown.T * weights) @ shown, hermitian=True)
    free = gram @ (shown.T @ (weights * (scores - scores[1])))
    towards_sum = gram.sum(axis=1)
    return free + towards_sum * (total - free.sum()) / towards_sum.sum()
