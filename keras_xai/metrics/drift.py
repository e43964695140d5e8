"""How much maps changed."""

from __future__ import annotations

import numpy as np

from keras_xai.metrics.similarity import cosine


def drift(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Cosine distance between two maps of each sample: how much the evidence moved, whatever its strength.

    Args:
        before, after: (n, h, w) float.

    Returns:
        (n,) float64 in [0, 2]: 0 for the same evidence up to a positive factor, 1 for evidence without overlap, above 1
        only for signed maps that disagree; NaN where one of the two is zero.
    """
    return 1 - cosine(before, after)
