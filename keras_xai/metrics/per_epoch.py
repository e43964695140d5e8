"""The numbers that are logged beside the pictures of every explained epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_xai.explanation import Explanation
from keras_xai.metrics.complexity import entropy
from keras_xai.metrics.drift import drift
from keras_xai.metrics.placement import border_share, centre_share


def per_epoch(
    explanation: Explanation, previous: Explanation | None = None, extra: Sequence[Callable[[Explanation], Any]] = ()
) -> dict[str, np.ndarray]:
    """Measures of one method at one epoch.

    Args:
        explanation: of this epoch. previous: of the explained epoch before, for the drift.
        extra: further measures, each from an explanation to (n,) numbers or one; called by its `__name__`.

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
    for measure in extra:
        measures[measure.__name__] = measure(explanation)
    return {name: _per_sample(name, values, explanation) for name, values in measures.items()}


def _per_sample(name: str, values: Any, explanation: Explanation) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.shape not in ((), explanation.valid.shape):
        raise ValueError(
            f"The measure {name!r} must give one number or one per sample ({len(explanation)}); it gave shape "
            f"{values.shape}."
        )
    return np.where(explanation.valid, values, np.nan)
