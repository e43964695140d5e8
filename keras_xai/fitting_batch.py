"""As many images at once as memory holds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from typing import Any

from keras_xai import backend


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
