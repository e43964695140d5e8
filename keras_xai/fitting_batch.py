"""How many images at once: as many as memory holds, and no length that would have to be compiled for without need."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from keras_xai import backend

# A batch of images holds about this many input values (16 MB), and at most this many images.
_BATCH_VALUES = 2**22
_MAX_BATCH = 256


def batch_size(shape: tuple[int, ...]) -> int:
    """Images of this shape per batch: a power of two, at most 256, so that a batch's inputs take about 16 MB."""
    return min(2 ** max(0, int(math.log2(_BATCH_VALUES / math.prod(shape)))), _MAX_BATCH)


class FittingBatch:
    """Halves a batch that memory does not hold, remembers the size that it does, and says so once."""

    def __init__(self):
        self._sizes: dict[Hashable, int] = {}

    def run(self, function: Callable[[int], Any], usual: int, key: Hashable, whose: str) -> Any:
        """`function(size)` for the largest size that memory holds.

        Args:
            function: does its work in batches of so many images.
            usual: the size to begin with.
            key: what the size is remembered for: images of one kind.
            whose: the model's name, for the warning.

        Raises:
            Exception: what `function` raised, for want of memory also with a single image at a time.
        """
        known = size = min(usual, self._sizes.get(key, usual))
        while True:
            try:
                found = function(size)
                break
            except Exception as error:
                if size == 1 or not backend.is_out_of_memory(error):
                    raise
            size //= 2  # after the except clause: the traceback would keep the tensors of the failed attempt
        if size < known:
            if not self._sizes:
                warnings.warn(
                    f"keras_xai: {known} images at once were too many for the memory that is left. {whose!r} is explained "
                    f"in batches of at most {size} from now on: the same result, more slowly. Leave more memory free to "
                    "change that.",
                    stacklevel=2,
                )
            self._sizes[key] = size
        return found


class KnownLengths:
    """Lengths of batches that something was compiled for, where each length is compiled for by itself (jax).

    A batch of more than half of a known length is padded to it: fewer samples than before, such as the last ones of a data
    set or those that a budget allows, cost no tracing.
    """

    def __init__(self):
        self._known: set[int] = set()

    def at_least(self, length: int) -> int:
        """The length to pad to: the least known one that is not twice as long, else `length` itself, known from now on."""
        if not backend.needs_full_batches():
            return length
        fitting = [known for known in self._known if length <= known < 2 * length]
        if not fitting:
            self._known.add(length)
        return min(fitting, default=length)


def padded(arrays: Any, length: int) -> Any:
    """Nested arrays (n, …) with the last entry repeated until there are `length`; None stays None."""
    import keras

    def longer(array):
        missing = length - len(array)
        return array if missing <= 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])

    return None if arrays is None else keras.tree.map_structure(longer, arrays)
