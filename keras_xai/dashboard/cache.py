"""Memory with a limit."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class BoundedCache:
    """Remembers what was computed, and forgets what was not asked for lately. For several threads.

    Args:
        limit: how much it holds, in the unit of `size`.
        size: how much a value counts.
    """

    def __init__(self, limit: int, size: Callable[[Any], int] = lambda value: 1):
        self._limit, self._size, self._used = limit, size, 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def peek(self, key: Hashable) -> Any:
        """Gives the value of a key; None if it is not remembered."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Gives the value of a key, computed now if it is not remembered. What raises is not remembered, nor is None."""
        known = self.peek(key)
        if known is not None:
            return known
        value = compute()
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._used += self._size(value)
            while self._used > self._limit:
                self._used -= self._size(self._values.popitem(last=False)[1])
        return value
