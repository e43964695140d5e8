"""What was made once and may be needed again, within a limit of memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Bytes of what is kept of one kind.
_MEMORY = 64 * 2**20


class Kept:
    """What was made once, arrays by name; the oldest is let go of when it takes too much memory."""

    def __init__(self) -> None:
        self._made: dict[Any, dict[str, np.ndarray]] = {}
        self._bytes = 0

    def get(self, key: Any, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """What `make` made for this key, now or before."""
        if key not in self._made:
            made = make()
            self._bytes += _size(made)
            while self._made and self._bytes > _MEMORY:
                self._bytes -= _size(self._made.pop(next(iter(self._made))))
            self._made[key] = made
        return self._made[key]


def _size(arrays: dict[str, np.ndarray]) -> int:
    return sum(array.nbytes for array in arrays.values())
