"""Answers read back batch by batch, one behind the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai import backend


class Gathered:
    """What comes from a device in batches, as arrays on the host.

    A batch is read when the next one was dispatched, so that a device that works by itself has something to do meanwhile. It
    holds the results of two batches at most, and the host each answer once.

    Args:
        total: how many answers there will be.
    """

    def __init__(self, total: int):
        self._total = total
        self._filled = 0
        self._arrays: Any = None
        self._waiting: tuple[Any, int] | None = None

    def add(self, result: Any, count: int) -> None:
        """Nested tensors (b, …), of which the first `count` are answers; the batch before is read."""
        self._read()
        self._waiting = result, count

    def arrays(self) -> Any:
        """All of it, nested (total, …)."""
        self._read()
        return self._arrays

    def _read(self) -> None:
        import keras

        if self._waiting is None:
            return
        (result, count), self._waiting = self._waiting, None
        read = backend.to_numpy(result)
        if count == self._total:  # no second copy of what came at once
            self._arrays = keras.tree.map_structure(lambda array: array[:count], read)
            return
        if self._arrays is None:
            self._arrays = keras.tree.map_structure(
                lambda array: np.empty((self._total, *array.shape[1:]), array.dtype), read
            )

        def fill(array, part):
            array[self._filled : self._filled + count] = part[:count]

        keras.tree.map_structure(fill, self._arrays, read)
        self._filled += count
