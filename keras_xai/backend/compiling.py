"""A computation with a model, compiled once, on current weights."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

from keras_xai.backend.devices import gathered, num_parts, on_replicas, split, spread
from keras_xai.backend.which import name


class Compiled:
    """`function(arguments)`, compiled once and run on the model's current weights without touching them.

    Every forward pass runs in a `keras.StatelessScope`, so nothing a layer updates (statistics, seeds, losses) sticks.
    Where the variables are on several devices (see `num_parts`), each gets a part of the batch.

    XLA compiles on jax, as `jax.jit` always does. On TensorFlow it is not asked for, whatever the model says: on a
    CPU it makes MobileNetV2 11 to 12 times slower, and its shapes are static, so that a smaller batch compiles anew. torch
    runs eagerly.

    Args:
        function: takes a dict of nested arrays, returns nested tensors. It calls the model and may call `differentiate`.
        variables: returns the model's `keras.Variable`s, read anew at every call, since JAX replaces their buffers.
        join: makes one result of those of several devices, where a batch is split by hand (TensorFlow); None: it is not.

    Attributes:
        num_traces: how often `function` was traced (tensorflow, jax); always 0 on torch, which runs eagerly.
    """

    def __init__(self, function: Callable, variables: Callable[[], list], join: Callable | None = None):
        self.num_traces = 0
        self._function = function
        self._variables = variables
        self._join = join
        build = {"tensorflow": self._tensorflow, "jax": self._jax, "torch": self._torch}.get(name())
        if build is None:
            raise ValueError(
                f"keras_xai needs gradients, which the Keras backend {name()!r} does not have. "
                "Set KERAS_BACKEND to 'tensorflow', 'jax' or 'torch'."
            )
        self._call = build()

    def __call__(self, arguments: dict[str, Any], whole: Collection[str] = ()) -> Any:
        """Runs it.

        Args:
            arguments: nested arrays by name, most with a leading batch axis.
            whole: the names of those that have none, or that every part of a batch needs as they are.
        """
        return self._call(arguments, whole)

    def _stateless(self, arguments: dict, values: list | None = None) -> Any:
        import keras

        mapping = None if values is None else list(zip(self._variables(), values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self._function(arguments)

    def _traced(self, parts: list[dict], values: list | None = None) -> Any:
        self.num_traces += 1
        if len(parts) == 1:
            return self._stateless(parts[0], values)
        assert self._join is not None
        return self._join(on_replicas(self._stateless, parts, self._variables()))

    def _tensorflow(self) -> Callable:
        import keras
        import tensorflow as tf

        compiled: dict[int, Any] = {}

        @functools.cache
        def count():
            return 1 if self._join is None else num_parts(self._variables())

        def call(arguments, whole):
            parts = keras.tree.map_structure(tf.convert_to_tensor, split(arguments, whole, count()))
            if len(parts) not in compiled:
                # A free first axis: a smaller last batch is not traced again.
                specs = keras.tree.map_structure(
                    lambda t: tf.TensorSpec([None, *t.shape[1:]] if t.shape.rank else [], t.dtype), parts
                )
                traced = tf.function(lambda parts: self._traced(parts), input_signature=[specs], autograph=False)
                # Calling `traced` itself makes TensorFlow warn of retracing, since all of these stem from one line.
                compiled[len(parts)] = traced.get_concrete_function()
            return compiled[len(parts)](parts)

        return call

    def _jax(self) -> Callable:
        import jax

        compiled = jax.jit(lambda values, arguments: gathered(self._traced([arguments], values)))

        def call(arguments, whole):
            return compiled([variable.value for variable in self._variables()], spread(arguments, whole))

        return call

    def _torch(self) -> Callable:
        import keras
        import torch

        def call(arguments, whole):
            tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, arguments)
            # Detached weights: nothing is recorded below the place where a gradient is asked for.
            values = [variable.value.detach() for variable in self._variables()]
            with torch.no_grad():
                return self._stateless(tensors, values)

        return call


def needs_full_batches() -> bool:
    """True where a new batch size would compile anew (jax), so that batches have to be padded."""
    return name() == "jax"


def trace(function: Callable, arguments: Any) -> None:
    """Run `function(arguments)` for its Python side effects alone: symbolically where the backend can.

    Args:
        function: takes the nested arrays `arguments`, calls a model.
        arguments: nested NumPy arrays with a leading batch axis.
    """
    import keras

    def stateless(tensors):
        with keras.StatelessScope():
            function(tensors)

    backend = name()
    if backend == "tensorflow":
        import tensorflow as tf

        specs = keras.tree.map_structure(lambda a: tf.TensorSpec([None, *a.shape[1:]], a.dtype), arguments)
        tf.function(stateless, autograph=False).get_concrete_function(specs)
    elif backend == "jax":
        import jax

        jax.eval_shape(stateless, arguments)
    else:
        import torch

        with torch.no_grad():
            stateless(keras.tree.map_structure(lambda a: keras.ops.convert_to_tensor(a[:1]), arguments))
