"""What was made once and may be needed again, within a limit of memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Bytes of what is kept of one kind.
_MEMORY = 64 * 2**20


class Kept:
    """What was made once, arrays by name; all of it is let go of when it takes too much memory."""

    def __init__(self) -> None:
        self._made: dict[Any, dict[str, np.ndarray]] = {}
        self._bytes = 0

    def get(self, key: Any, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """What `make` made for this key, now or before."""
        if key not in self._made:
            if self._bytes > _MEMORY:
                self._made, self._bytes = {}, 0
            self._made[key] = make()
            self._bytes += sum(array.nbytes for array in self._made[key].values())
        return self._made[key]
