"""Entries of a tensor by their number."""

from __future__ import annotations

from typing import Any

from keras_xai.backend.which import name


def looked_up(values: Any, places: Any) -> Any:
    """`values[places]`, without the question that `keras.ops.take` asks of every place: does it count from the end?

    Args:
        values: (m, …) tensor. places: int tensor of any shape, each in [0, m).

    Returns:
        (*places.shape, …) tensor.
    """
    if name() == "tensorflow":
        import tensorflow as tf

        return tf.gather(values, places)
    if name() == "torch":
        return values.index_select(0, places.ravel()).reshape((*places.shape, *values.shape[1:]))
    from keras import ops

    return ops.take(values, places, axis=0)
