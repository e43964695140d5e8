"""Where in the picture the evidence is, compared with evidence spread evenly."""

from __future__ import annotations

import numpy as np

from keras_xai.metrics.complexity import shares_of


def centre_share(maps: np.ndarray) -> np.ndarray:
    """Share of |evidence| in the central half of each side, divided by that region's share of the area (a quarter).

    Args:
        maps: (n, h, w) float, signed or not; cells that the region cuts count by the part inside.

    Returns:
        (n,) float64 in [0, 4]: 1 for evidence everywhere alike, NaN for a zero map.
    """
    return _share(maps, 0.25, 0.75) / 0.25


def border_share(maps: np.ndarray) -> np.ndarray:
    """Share of |evidence| in the outer eighth on each side, divided by that frame's share of the area (7/16).

    Args:
        maps: (n, h, w) float, signed or not; cells that the region cuts count by the part inside.

    Returns:
        (n,) float64 in [0, 16/7]: 1 for evidence everywhere alike, NaN for a zero map.
    """
    return (1 - _share(maps, 0.125, 0.875)) / (7 / 16)


def _share(maps: np.ndarray, low: float, high: float) -> np.ndarray:
    """Share of the evidence between two fractions of each side."""
    shares = shares_of(maps)
    return np.einsum("nhw,h,w->n", shares, _inside(shares.shape[1], low, high), _inside(shares.shape[2], low, high))


def _inside(cells: int, low: float, high: float) -> np.ndarray:
    """The part of each of `cells` equal cells of [0, 1] that lies in [low, high]."""
    edges = np.clip(np.linspace(0, 1, cells + 1), low, high)
    return np.diff(edges) * cells
