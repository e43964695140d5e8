"""Integrated gradients: Sundararajan, Taly and Yan, ICML 2017, arXiv 1703.01365."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.checks import check_choice, check_count, is_number
from keras_xai.explainers.explainer import Explainer, Paper, Result
from keras_xai.explainers.fills import filled
from keras_xai.explainers.smooth_grad import gradient_alone
from keras_xai.queries import Queries, gradient_at_input
from keras_xai.samples import Samples


class IntegratedGradients(Explainer):
    """How much each pixel accounts for of the difference between the score of the image and that of a baseline.

    The gradient is averaged along the straight line between both. The map sums to that difference (completeness), which
    `details` check: a large gap asks for more steps; deep ReLU networks on photographs need 200 or so. What equals the
    baseline gets nothing, so look at two baselines before you say that a black region does not matter. On photographs its
    pixels told EfficientNet-Lite0 no more than random ones when shown alone (insertion); taking them out cost it much.

    Args:
        steps: points on the line; two more passes measure both ends.
        baseline: "zero" (in the model's own input range), "mean" (of the image, per channel), "blur" (of the image), a
            number, or an array of one image's shape, as the model eats it.
        rule: "gauss" (Gauss–Legendre, exact for polynomials of degree 2 · steps − 1) or "trapezoid".
        score: see `keras_xai.scores`; None for the target's logit.

    Maps: (n, height, width) float32, signed, in units of the score, summed over channels. `details`: "completeness_gap"
    (n,) float32, the sum of the map less score(image) − score(baseline); "baseline_scores" (n,) float32.

    Reference: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017,
    https://arxiv.org/abs/1703.01365

    Example:
        >>> keras_xai.IntegratedGradients(steps=20, baseline="blur")(model, images).details["completeness_gap"]
    """

    name = "integrated_gradients"
    signed = True
    needs = "gradient at the input"
    passes = "52 forward, 52 backward"
    sensitive = True
    paper = Paper(
        "Sundararajan et al.", "Axiomatic Attribution for Deep Networks", 2017, "https://arxiv.org/abs/1703.01365"
    )

    def __init__(self, steps: int = 50, baseline: Any = "zero", rule: str = "gauss", score: Any = None):
        check_count("steps", steps, least=2)
        check_choice("rule", rule, ("gauss", "trapezoid"))
        if isinstance(baseline, str):
            check_choice("baseline", baseline, ("zero", "mean", "blur"))
        elif np.ndim(baseline) not in (0, 3) or (np.ndim(baseline) == 0 and not is_number(baseline)):
            raise ValueError(
                'baseline must be "zero", "mean", "blur", a finite number or an array of one image\'s shape; it is '
                f"{baseline if np.ndim(baseline) == 0 else 'an array'} of shape {np.shape(baseline)}."
            )
        self.steps = steps
        self.baseline = baseline
        self.rule = rule
        self.score = score

    def prepare(self, samples: Samples) -> Queries:
        alphas, weights = line(self.steps, self.rule)
        repeated = (len(samples), 1)
        return Queries(
            observe=gradient_at_input(reduce=gradient_alone),
            perturb=between,
            rows=np.tile(alphas, repeated),
            tables={"baseline": baselines(samples, self.baseline)},
            accumulate="weighted_sum",
            weights=np.tile(weights, repeated),
        )

    def explain(self, samples, plan):
        seen = yield plan
        difference = samples.image.astype(np.float32) - plan.tables["baseline"]
        difference = np.moveaxis(difference, 1, -1) if samples.channels_first else difference
        raw = (difference * seen.input).sum(axis=-1)
        start, end = seen.scores[:, 0], seen.scores[:, -1]
        with np.errstate(invalid="ignore"):  # infinite scores
            gap = raw.sum(axis=(1, 2), dtype=np.float64) - (end - start)
        return Result(raw, {"completeness_gap": gap.astype(np.float32), "baseline_scores": start})


def line(steps: int, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Where to look on the line from 0 to 1, both ends included, and with what weights, which sum to 1.

    Args:
        steps: inner points for "gauss", where both ends weigh nothing; points beside the start for "trapezoid".

    Returns:
        Two float32 arrays of one length.
    """
    if rule == "gauss":
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        alphas, weights = np.r_[0, (nodes + 1) / 2, 1], np.r_[0, weights / 2, 0]
    else:
        alphas = np.linspace(0, 1, steps + 1)
        weights = np.r_[0.5, np.ones(steps - 1), 0.5] / steps
    return alphas.astype(np.float32), weights.astype(np.float32)


def baselines(samples: Samples, how: Any) -> np.ndarray:
    """(n, …) float32, in the image's layout; see `IntegratedGradients`.

    Raises:
        ValueError: a given baseline has another shape than the image.
    """
    image = samples.image.astype(np.float32)
    if np.ndim(how) == 3:
        if np.shape(how) != image.shape[1:]:
            raise ValueError(f"baseline has shape {np.shape(how)}; the model eats images of shape {image.shape[1:]}.")
        return np.broadcast_to(np.asarray(how, np.float32), image.shape).copy()
    return filled(samples, 0.0 if isinstance(how, str) and how == "zero" else how)


def between(image: Any, alpha: Any, tables: Any) -> Any:
    """On the device: baseline + α (image − baseline), float32."""
    from keras import ops

    alpha = ops.reshape(alpha, (-1, 1, 1, 1))
    return tables["baseline"] + alpha * (ops.cast(image, "float32") - tables["baseline"])
