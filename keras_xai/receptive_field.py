"""Which pixels a cell of a map looks at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Window:
    """Along one axis: cell i looks at `size` pixels from pixel `start + i · step` on; outside of the image is padding."""

    size: float = 1.0
    step: float = 1.0
    start: float = 0.0

    def pixels(self, cell: int, length: int) -> tuple[int, int]:
        """(first, count) of the pixels a cell looks at, moved inside an image of `length` pixels."""
        begin = self.start + cell * self.step
        first = math.floor(begin)
        count = min(math.ceil(begin + self.size) - first, length)
        return min(max(first, 0), length - count), count


def joined(windows: Sequence[Window]) -> Window:
    """What cells look at that look at the same cells of several maps."""
    start = min(window.start for window in windows)
    return Window(max(window.start + window.size for window in windows) - start, windows[0].step, start)


def window_after(operation: Any, axis: int, window: Window, cells_in: int, cells_out: int) -> Window:
    """What the cells of an operation's output look at.

    Args:
        operation: a convolution, pooling, padding or cropping is followed exactly; another one that keeps the number of
            cells looks at one cell each; one that changes it is taken for a resize, with one more cell on either side.
        axis: 0 for height, 1 for width.
        window: of the cells of its input. cells_in, cells_out: how many there are before and after.
    """
    border = _border(operation, axis)
    if border is not None:
        return Window(window.size, window.step, window.start - border * window.step)
    kernel = _along(operation, ("kernel_size", "pool_size"), axis)
    stride = _along(operation, ("strides",), axis)
    reach = (kernel - 1) * _along(operation, ("dilation_rate",), axis)
    if cells_out > cells_in or (kernel == stride == 1 and cells_out != cells_in):
        ratio = cells_in / cells_out
        beside = max(1, math.ceil((kernel - 1) * ratio))
        size = window.size + (max(ratio, 1) - 1 + 2 * beside) * window.step
        return Window(size, window.step * ratio, window.start - beside * window.step)
    same = getattr(operation, "padding", None) == "same"
    before = max((cells_out - 1) * stride + reach + 1 - cells_in, 0) // 2 if same else 0
    return Window(window.size + reach * window.step, window.step * stride, window.start - before * window.step)


def _border(operation: Any, axis: int) -> int | None:
    """How many cells a padding layer puts before the first; negative for cropping; None for anything else."""
    for attribute, sign in (("padding", 1), ("cropping", -1)):
        value = getattr(operation, attribute, None)
        if isinstance(value, (tuple, list)) and len(value) == 2:
            return sign * value[axis][0]
    return None


def _along(operation: Any, attributes: Sequence[str], axis: int) -> int:
    """The first of the attributes that the operation has, along one axis; 1 where it has none."""
    for attribute in attributes:
        value = getattr(operation, attribute, None)
        if value is not None:
            return value[axis] if isinstance(value, (tuple, list)) and len(value) == 2 else _only(value)
    return 1


def _only(value: Any) -> int:
    return value[0] if isinstance(value, (tuple, list)) else value
