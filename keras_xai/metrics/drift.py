"""How much maps changed."""

from __future__ import annotations

import numpy as np


def drift(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Cosine distance between two maps of each sample: how much the evidence moved, whatever its strength.

    Args:
        before, after: (n, h, w) float.

    Returns:
        (n,) float64 in [0, 2]: 0 for the same evidence up to a positive factor, 1 for evidence without overlap, above 1
        only for signed maps that disagree; NaN where one of the two is zero.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if before.shape != after.shape or before.ndim != 3:
        raise ValueError(f"before and after must have one shape (n, h, w); they have {before.shape} and {after.shape}.")
    length = np.sqrt(np.sum(before**2, axis=(1, 2)) * np.sum(after**2, axis=(1, 2)))
    cosine = np.sum(before * after, axis=(1, 2)) / np.where(length > 0, length, np.nan)
    return 1 - np.clip(cosine, -1, 1)
