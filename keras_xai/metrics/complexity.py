"""How concentrated the evidence is."""

from __future__ import annotations

import numpy as np


def entropy(maps: np.ndarray) -> np.ndarray:
    """Shannon entropy of the distribution of |evidence| over cells, divided by that of the uniform one.

    Args:
        maps: (n, h, w) float, signed or not.

    Returns:
        (n,) float64 in [0, 1]: 0 for a single cell, 1 for evidence everywhere alike, NaN for a zero map.

    Example:
        >>> entropy(np.array([[[1.0, 1.0], [0.0, 0.0]]]))
        array([0.5])
    """
    shares = shares_of(maps).reshape(len(maps), -1)
    logs = np.log(np.where(shares > 0, shares, 1))
    return -np.sum(shares * logs, axis=1) / np.log(max(shares.shape[1], 2))


def gini(maps: np.ndarray) -> np.ndarray:
    """Gini index of |evidence| over cells, the sparseness that Chalasani et al. measure explanations with.

    Args:
        maps: (n, h, w) float, signed or not.

    Returns:
        (n,) float64 in [0, 1): 0 for evidence everywhere alike, 1 − 1 / cells for a single cell, NaN for a zero map.

    Reference: Chalasani et al., "Concise explanations of neural networks using adversarial training", ICML 2020,
        https://arxiv.org/abs/1810.06583

    Example:
        >>> gini(np.array([[[1.0, 0.0], [0.0, 0.0]]]))
        array([0.75])
    """
    shares = np.sort(shares_of(maps).reshape(len(maps), -1), axis=1)
    count = shares.shape[1]
    return 1 - 2 * np.sum(shares * (count - np.arange(count) - 0.5), axis=1) / count


def effective_area(maps: np.ndarray) -> np.ndarray:
    """The share of the picture that would hold the evidence if it were spread evenly: (Σ|a|)² / (cells · Σa²).

    Args:
        maps: (n, h, w) float, signed or not.

    Returns:
        (n,) float64 in (0, 1]: 1 / cells for a single cell, 1 for evidence everywhere alike, NaN for a zero map.

    Example:
        >>> effective_area(np.array([[[1.0, 1.0], [0.0, 0.0]]]))
        array([0.5])
    """
    return 1 / np.mean((shares_of(maps) * np.prod(np.shape(maps)[1:])) ** 2, axis=(1, 2))


def shares_of(maps: np.ndarray) -> np.ndarray:
    """Each cell's share of its map's |evidence|: (n, h, w) float64, NaN for a zero map."""
    maps = np.asarray(maps)
    if maps.ndim != 3:
        raise ValueError(f"maps must have shape (n, h, w); they have {maps.shape}.")
    size = np.abs(maps.astype(np.float64))
    total = size.sum(axis=(1, 2), keepdims=True)
    return size / np.where(total > 0, total, np.nan)
