"""Images of any size brought to the size of a cell: small ones crisp, large ones averaged."""

import math

import numpy as np

SMALL = 120
LARGE = 224
LEAST = 80  # pixels a side: below that little is seen in a photograph
PAGE = 1_500_000  # pixels in the cells of a page; more make a log large and slow to write, and no screen shows them


def cell_shape(height: int, width: int, small: int = SMALL, large: int = LARGE, cells: int = 1) -> tuple[int, int]:
    """The size at which a picture is shown, smaller where a page has many.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        small: a longer side below this is multiplied by the whole number that comes nearest to it.
        large: a longer side above this is reduced to it.
        cells: how many stand on the page. Where they would take more than `PAGE` pixels, both limits are lowered,
            though not below `LEAST`, and pictures of at most `SMALL` are not reduced.

    Returns:
        `(height, width)` of the cell: a whole multiple of the picture's, or smaller with the same aspect.
    """
    longest = max(height, width)
    room = max(LEAST, math.isqrt(PAGE // max(cells, 1)))
    small = min(small, room)
    if longest > SMALL:  # what is small already is not blurred for the few pixels that would save
        large = min(large, room)
    if longest > large:
        return max(1, round(height * large / longest)), max(1, round(width * large / longest))
    factor = max(1, int(small / longest + 0.5))
    return height * factor, width * factor


def fit(batch: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring pictures or maps to the shape of a cell.

    Larger cells repeat each pixel (none is invented: what is seen is what the model saw), smaller ones average areas.

    Args:
        batch: `(n, h, w, ...)`, uint8 or float32.
        shape: of the cell, from `cell_shape`.

    Returns:
        `(n, *shape, ...)` of the same dtype.
    """
    result = batch
    for axis, size in enumerate(shape, start=1):
        if size > batch.shape[axis]:
            result = np.repeat(result, size // batch.shape[axis], axis=axis)
        elif size < batch.shape[axis]:
            result = _average(result, size, axis)
    return result if result.dtype == batch.dtype else np.rint(result).astype(batch.dtype)


def nearest(batch: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring label maps or pictures `(n, h, w, ...)` to any shape; a value is taken, never mixed. Same dtype."""
    rows, columns = (
        ((np.arange(size) + 0.5) * old / size).astype(np.intp)
        for size, old in zip(shape, batch.shape[1:3], strict=True)
    )
    return batch[:, rows[:, None], columns]


def _average(batch: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Average over `size` equal stretches of an axis; a pixel cut by an edge counts with its part on either side."""
    old = batch.shape[axis]
    edges = np.arange(size + 1) * old / size
    starts, stops = edges[:-1], edges[1:]
    total: np.ndarray = np.zeros((), np.float32)
    for offset in range(int(np.ceil(old / size)) + 1):
        pixel = np.floor(starts).astype(np.intp) + offset
        part = np.clip(np.minimum(stops, pixel + 1) - np.maximum(starts, pixel), 0, None) * size / old
        weights = np.expand_dims(part.astype(np.float32), tuple(range(1, batch.ndim - axis)))
        total = total + np.take(batch, pixel, axis=axis, mode="clip") * weights
    return total
