"""Colour scales that stay put over a run."""

import numpy as np


def colour_scale(peaks: np.ndarray) -> np.ndarray:
    """Rounds the largest values seen so far up to 1, 1.5, 2, 3, 5 or 7 times a power of ten.

    So rounded, the top of a scale changes a few times in a run instead of at each epoch, and pictures of neighbouring
    epochs can be compared by eye.

    Args:
        peaks: any shape, the largest |value| so far; at least 0.

    Returns:
        float64 of the same shape, at most a millionth below the peak; 0 where the peak is 0 or not finite.
    """
    peaks = np.asarray(peaks, np.float64)
    usable = np.isfinite(peaks) & (peaks > 0)
    safe = np.where(usable, peaks, 1.0)
    power = 10.0 ** np.floor(np.log10(safe))
    mantissa = safe / power * (1 - 1e-6)  # 0.2 in float32 is above 0.2, and is meant as 0.2
    steps = np.array([1, 1.5, 2, 3, 5, 7, 10])
    return np.where(usable, steps[np.searchsorted(steps, mantissa)] * power, 0.0)
