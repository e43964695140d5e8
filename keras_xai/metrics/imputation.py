"""What stands where pixels were taken out."""

from __future__ import annotations

from typing import Any

import numpy as np

# Rong et al. (2022): the direct neighbours count twice as much as the diagonal ones.
_NEIGHBOURS = [
    (0, 1, 2.0),
    (1, 0, 2.0),
    (0, -1, 2.0),
    (-1, 0, 2.0),
    (1, 1, 1.0),
    (1, -1, 1.0),
    (-1, 1, 1.0),
    (-1, -1, 1.0),
]


def impute(image: np.ndarray, gone: np.ndarray, noise: Any = 0.0) -> np.ndarray:
    """Noisy linear imputation: every missing pixel is the weighted mean of its neighbours, missing ones included.

    Unlike a constant fill it does not show the model the shape of what was removed.

    Args:
        image: (h, w, channels). gone: (h, w) bool. noise: added to the missing pixels, a number or (h, w, channels).

    Returns:
        (h, w, channels) float64; the image's mean colour where all is gone.

    Reference: Rong et al., "A consistent and efficient evaluation strategy for attribution methods", ICML 2022,
        https://arxiv.org/abs/2202.00449
    """
    from scipy.sparse import coo_array, csc_array, diags_array
    from scipy.sparse.linalg import splu

    image, gone = np.asarray(image, np.float64), np.asarray(gone, bool)
    known = image.reshape(-1, image.shape[-1])
    filled = image.copy()
    noise = np.broadcast_to(np.asarray(noise, np.float64), image.shape)
    if gone.all():
        return np.broadcast_to(known.mean(axis=0), image.shape) + noise
    if not gone.any():
        return filled
    height, width = gone.shape
    rows, columns = np.nonzero(gone)
    number = np.full(gone.shape, -1)
    number[gone] = np.arange(len(rows))
    total = np.zeros(len(rows))
    fixed = np.zeros((len(rows), image.shape[-1]))
    links: list[tuple] = []
    for down, right, weight in _NEIGHBOURS:
        row, column = rows + down, columns + right
        inside = np.flatnonzero((row >= 0) & (row < height) & (column >= 0) & (column < width))
        row, column = row[inside], column[inside]
        total[inside] += weight
        other = number[row, column]
        fixed[inside[other < 0]] += weight * image[row[other < 0], column[other < 0]]
        links.append((np.full((other >= 0).sum(), -weight), inside[other >= 0], other[other >= 0]))
    values, i, j = (np.concatenate(parts) for parts in zip(*links, strict=True))
    matrix = diags_array(total) + coo_array((values, (i, j)), shape=(len(rows), len(rows)))
    # Symmetric and diagonally dominant: no pivoting is needed, and a symmetric ordering keeps it sparse.
    solver = splu(csc_array(matrix), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled[gone] = solver.solve(fixed)
    return np.where(gone[..., None], filled + noise, filled)
