"""Sums of the entries of a batch that belong together."""

from __future__ import annotations

from typing import Any

from keras_xai.backend.which import name


def summed(tensor: Any, index: Any, count: int) -> Any:
    """Entries with the same index added up.

    Args:
        tensor: (b, …). index: (b,) int, each in [0, count). count: of sums.

    Returns:
        (count, …) tensor; 0 where no entry has the index.
    """
    if name() == "torch":
        # Keras's own sum writes an index for every single number.
        return tensor.new_zeros((count, *tensor.shape[1:])).index_add_(0, index, tensor)
    from keras import ops

    return ops.segment_sum(tensor, index, num_segments=count)
