"""Tensors read back, and what a lack of memory looks like."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.backend.which import name


def to_numpy(tensors: Any) -> Any:
    """Nested tensors as NumPy arrays, floats as float32."""
    import keras

    def read(tensor):
        if isinstance(tensor, np.ndarray):
            return tensor
        array = keras.ops.convert_to_numpy(tensor)
        return array if array.dtype.kind in "biu" else array.astype(np.float32, copy=False)

    return keras.tree.map_structure(read, tensors)


def is_out_of_memory(error: BaseException) -> bool:
    """True where a computation ended for want of memory, so that a smaller one may succeed."""
    if isinstance(error, MemoryError):
        return True
    backend = name()
    if backend == "tensorflow":
        import tensorflow as tf

        return isinstance(error, tf.errors.ResourceExhaustedError)
    if backend == "jax":
        import jax

        return isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)
    import torch

    # Of a failure on the CPU, or inside a Keras layer, only the words are left.
    said = ("out of memory", "can't allocate memory", "not enough memory")
    wordy = isinstance(error, RuntimeError) and any(words in str(error) for words in said)
    return wordy or isinstance(error, torch.OutOfMemoryError)
