"""The numbers that are logged beside the pictures of every explained epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_xai.explanation import Explanation
from keras_xai.metrics.complexity import entropy
from keras_xai.metrics.drift import drift
from keras_xai.metrics.metric import Metric
from keras_xai.metrics.placement import border_share, centre_share


def per_epoch(
    explanation: Explanation,
    previous: Explanation | None = None,
    extra: Sequence[Callable] = (),
    model: Any = None,
    samples: Any = None,
    explainer: Any = None,
    on_failure: Callable[[Callable, Exception], object] | None = None,
) -> dict[str, np.ndarray]:
    """Measures of one method at one epoch.

    Args:
        explanation: of this epoch. previous: of the explained epoch before, for the drift.
        extra: further measures: a `Metric`, or a function from an explanation to (n,) numbers or one.
        model, samples, explainer: what made the explanation, for the measures that are a `Metric`.
        on_failure: called with a further measure that failed, which is left out, and its error; None: the error is raised.

    Returns:
        Measure -> (n,) float64, NaN for invalid samples and where a measure is undefined: "score", "entropy", "centre",
        "border"; "r2" where the method fits a model; "drift" where there is a previous epoch.

    Raises:
        ValueError: an extra measure gave neither one number nor one per sample.
    """
    measures: dict[str, Any] = {
        "score": explanation.scores,
        "entropy": entropy(explanation.raw),
        "centre": centre_share(explanation.raw),
        "border": border_share(explanation.raw),
    }
    if "r2" in explanation.details:
        measures["r2"] = explanation.details["r2"]
    if previous is not None and previous.raw.shape == explanation.raw.shape:
        measures["drift"] = drift(previous.raw, explanation.raw)
    found = {name: _per_sample(name, values, explanation) for name, values in measures.items()}
    for measure in extra:
        if isinstance(measure, Metric) and previous is None and "previous" in measure.needs:
            continue
        known = (model, samples, explainer, previous) if isinstance(measure, Metric) else ()
        try:
            found[name_of(measure)] = _per_sample(name_of(measure), measure(explanation, *known), explanation)
        except Exception as error:
            if on_failure is None:
                raise
            on_failure(measure, error)
    return found


def name_of(measure: Any) -> str:
    """What a measure is called in scalars."""
    return measure.name if isinstance(measure, Metric) else measure.__name__


def _per_sample(name: str, values: Any, explanation: Explanation) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.shape not in ((), explanation.valid.shape):
        raise ValueError(
            f"The measure {name!r} must give one number or one per sample ({len(explanation)}); it gave shape "
            f"{values.shape}."
        )
    return np.where(explanation.valid, values, np.nan)
