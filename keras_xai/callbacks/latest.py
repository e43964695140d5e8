"""Explanations of a few samples, put beside what is known of the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explanation import Explanation

_ROWS = ("raw", "valid", "scores", "targets", "predictions")


def updated(known: Explanation, fresh: Explanation, rows: np.ndarray) -> Explanation:
    """What was known of all samples, with a few of them explained anew.

    Args:
        known: of n samples. fresh: of m of them, by the same method. rows: (m,) int, which ones.

    Returns:
        An `Explanation` of n samples. Of its details, those that hold one entry per sample are joined too.
    """
    details = dict(fresh.details)
    for name, value in fresh.details.items():
        before = known.details.get(name)
        if _has(value, len(fresh)) and _has(before, len(known)):
            details[name] = _replaced(before, value, rows)
    return _like(known, details, {name: _replaced(getattr(known, name), getattr(fresh, name), rows) for name in _ROWS})


def rows_of(known: Explanation, rows: np.ndarray) -> Explanation:
    """Some of the samples of an explanation, without details.

    Args:
        known: of n samples. rows: (m,) int.
    """
    part = _like(known, {}, {name: getattr(known, name)[rows] for name in _ROWS})
    part.images, part.labels = known.images[rows], None if known.labels is None else known.labels[rows]
    part.names = [known.names[row] for row in rows]
    return part


def with_rows(known: np.ndarray | None, values: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Measures of all samples, with those of a few replaced.

    Args:
        known: (count,) float, or None. values: (m,) float. rows: (m,) int.

    Returns:
        (count,) float64, NaN where nothing is known yet.
    """
    return _replaced(np.full(count, np.nan) if known is None else known, values, rows)


def _like(known: Explanation, details: dict[str, Any], rows: dict[str, Any]) -> Explanation:
    about = {name: getattr(known, name) for name in ("method", "signed", "images", "labels", "names", "class_names")}
    return Explanation(**about, details=details, **rows)


def _has(value: Any, count: int) -> bool:
    return isinstance(value, (list, np.ndarray)) and np.ndim(value) != 0 and len(value) == count


def _replaced(before: Any, values: Any, rows: np.ndarray) -> Any:
    if isinstance(before, list):
        joined = list(before)
        for row, value in zip(rows, values, strict=True):
            joined[row] = value
        return joined
    copy = np.array(before)
    copy[rows] = values
    return copy
