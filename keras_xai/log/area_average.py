"""Making maps smaller without losing mass."""

import numpy as np


def area_average(maps: np.ndarray, resolution: int) -> np.ndarray:
    """Averages maps over equal areas, down to at most `resolution` cells a side.

    A cell that covers a pixel partly takes that part of it, so the mean of a map stays what it was at any size.
    A side that is short enough already is kept as it is.

    Args:
        maps: (n, h, w) numbers.
        resolution: the most cells a side, at least 1.

    Returns:
        (n, min(h, resolution), min(w, resolution)) float32.

    Raises:
        ValueError: maps are not (n, h, w), or the resolution is below 1.
    """
    maps = np.asarray(maps)
    if maps.ndim != 3:
        raise ValueError(f"Maps must have the shape (n, height, width), got {maps.shape}.")
    if resolution < 1:
        raise ValueError(f"resolution, the most cells a side of a stored map, must be at least 1, got {resolution}.")
    rows, columns = (_area_weights(size, min(size, resolution)) for size in maps.shape[1:])
    return (rows @ maps.astype(np.float64) @ columns.T).astype(np.float32)


def _area_weights(size: int, cells: int) -> np.ndarray:
    """(cells, size): the share of each pixel in each cell; every row sums to 1."""
    if size == cells:
        return np.eye(size)
    edges = np.arange(cells + 1) * size / cells
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(overlap, 0, None) * cells / size
