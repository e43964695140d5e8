"""tf.data pipelines as graphs, and functions of arrays inside of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def pipeline_graph(dataset: Any) -> Any:
    """A tf.data.Dataset as a GraphDef.

    Raises:
        ValueError: it cannot be written down as a graph.
    """
    import tensorflow as tf
    from tensorflow.core.framework import graph_pb2

    variant = tf.data.experimental.to_variant(dataset)
    try:
        serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=1)
    except tf.errors.OpError as error:
        raise ValueError(error.message) from error
    return graph_pb2.GraphDef.FromString(serialized.numpy())


def pipeline_of(graph: Any, element_spec: Any) -> Any:
    """The tf.data.Dataset that a GraphDef describes.

    Raises:
        ValueError: it describes none.
    """
    import tensorflow as tf

    try:
        variant = tf.raw_ops.DatasetFromGraph(graph_def=graph.SerializeToString())
    except tf.errors.OpError as error:
        raise ValueError(error.message) from error
    return tf.data.experimental.from_variant(variant, element_spec)


def in_pipeline(function: Callable, array: Any) -> Any:
    """`function(array)` for a function of NumPy arrays that keeps shape and type, also where `tf.data` traces a map.

    Args:
        function: (…) array to array of the same shape and type.
        array: anything NumPy reads, or a symbolic TensorFlow tensor, whatever the Keras backend.

    Returns:
        A NumPy array, or a symbolic tensor.
    """
    tf = sys.modules.get("tensorflow")
    if tf is None or not tf.is_tensor(array) or not tf.is_symbolic_tensor(array):
        return function(np.asarray(array))
    found = tf.numpy_function(function, [array], array.dtype)
    found.set_shape(array.shape)
    return found
