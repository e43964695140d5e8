"""What the network said about a sample, and what is true, in numbers and in words."""

from typing import Any

import numpy as np


def truth(labels: np.ndarray | None, index: int) -> int | list[int] | None:
    """The true class of one sample.

    Args:
        labels: (n,) int, (n, 1), one-hot or multi-label (n, classes); or None.
        index: which sample.

    Returns:
        The class; a list of classes where a multi-label row has not exactly one; None where there are no labels.
    """
    if labels is None:
        return None
    row = np.atleast_1d(np.asarray(labels)[index])
    if row.size == 1:
        return int(row[0])
    classes = np.flatnonzero(row > 0.5).tolist()
    return classes[0] if len(classes) == 1 else classes


def class_rows(explanation: Any) -> np.ndarray:
    """What the network said about each sample, as rows that the functions below can read.

    Args:
        explanation: an `Explanation`. Dense predictions count by their mean over space; values that are known to be no
            probabilities are moved below 0, where nobody takes them for such; a regression has no classes at all.

    Returns:
        (n, classes) float64.
    """
    rows = np.asarray(explanation.predictions, np.float64)
    rows = rows.reshape(len(rows), -1, rows.shape[-1] if rows.ndim > 1 else 1).mean(axis=1)
    if explanation.details.get("score") == "regression":
        return np.full_like(rows, np.nan)
    if explanation.details.get("probabilities", True):
        return rows
    if rows.shape[1] == 1:
        rows = np.concatenate([-rows, rows], axis=1)
    return rows - rows.max(axis=1, keepdims=True) - 1


def prediction(row: np.ndarray) -> tuple[int | None, float | None]:
    """The predicted class of one sample and the confidence in it.

    Args:
        row: (classes,) float; one number is the probability of class 1.

    Returns:
        The class and its probability in 0..1. The probability is None where the outputs are no probabilities
        (logits, a regression); both are None where an output is not finite or a single output is no probability.
    """
    row = np.asarray(row, np.float64).ravel()
    if not np.isfinite(row).all() or not row.size:
        return None, None
    if row.size == 1:
        row = np.array([1 - row[0], row[0]])
        if not _probabilities(row):
            return None, None
    best = int(row.argmax())
    return best, min(float(row[best]), 1.0) if _probabilities(row) else None


def top_classes(row: np.ndarray, class_names: list[str] | None, count: int = 5) -> list[tuple[str, float]]:
    """The likeliest classes of one sample, the likeliest first.

    Args:
        row: (classes,) float; one number is the probability of class 1.
        class_names: names by class, or None.
        count: at most so many.

    Returns:
        (class name, probability) pairs; none where the outputs are no probabilities.
    """
    row = np.asarray(row, np.float64).ravel()
    if row.size == 1:
        row = np.array([1 - row[0], row[0]])
    if not _probabilities(row):
        return []
    order = np.argsort(-row, kind="stable")[:count]
    return [(class_name(class_names, int(index)), min(float(row[index]), 1.0)) for index in order]


def class_name(class_names: list[str] | None, index: Any) -> str:
    """The name of a class, or of several; the number where there is no name; a question mark for None."""
    if index is None:
        return "?"
    if isinstance(index, list):
        return ", ".join(class_name(class_names, one) for one in index) or "none"
    names = class_names or []
    return str(names[index]) if 0 <= index < len(names) else str(index)


def is_wrong(true: int | list[int] | None, predicted: int | None) -> bool:
    """Whether the prediction is known to be wrong."""
    if true is None or predicted is None:
        return False
    return predicted not in true if isinstance(true, list) else predicted != true


def _probabilities(row: np.ndarray) -> bool:
    """Half-precision softmax may exceed 1 by a rounding error."""
    return bool(row.size and np.isfinite(row).all() and row.min() >= 0 and row.max() <= 1.001)
