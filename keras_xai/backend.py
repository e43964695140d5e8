"""The one file that knows a framework: compile, differentiate, read back, guard the random states.

Everything else is written in NumPy and `keras.ops`. Each function here has one body per backend, chosen when it is
called: importing this module imports no framework.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def name() -> str:
    """The Keras backend in use: "tensorflow", "jax" or "torch"."""
    import keras

    return keras.config.backend()


class Compiled:
    """`function(*arguments)`, compiled once and run on the model's current weights without touching them.

    Every forward pass runs in a `keras.StatelessScope`, so nothing a layer updates (statistics, seeds, losses) sticks.

    Args:
        function: takes nested arrays, returns nested tensors. It calls the model and may call `differentiate`.
        variables: returns the model's `keras.Variable`s, read anew at every call, since JAX replaces their buffers.

    Attributes:
        num_traces: how often `function` was traced (tensorflow, jax); always 0 on torch, which runs eagerly.
    """

    def __init__(self, function: Callable, variables: Callable[[], list]):
        self.num_traces = 0
        self._function = function
        self._variables = variables
        build = {"tensorflow": self._tensorflow, "jax": self._jax, "torch": self._torch}.get(name())
        if build is None:
            raise ValueError(
                f"keras_xai needs gradients, which the Keras backend {name()!r} does not have. "
                "Set KERAS_BACKEND to 'tensorflow', 'jax' or 'torch'."
            )
        self._call = build()

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def _stateless(self, arguments: tuple, values: list | None = None) -> Any:
        import keras

        mapping = None if values is None else list(zip(self._variables(), values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self._function(*arguments)

    def _traced(self, arguments: tuple, values: list | None = None) -> Any:
        self.num_traces += 1
        return self._stateless(arguments, values)

    def _tensorflow(self) -> Callable:
        import keras
        import tensorflow as tf

        compiled = None

        def call(*arguments):
            nonlocal compiled
            tensors = keras.tree.map_structure(tf.convert_to_tensor, arguments)
            if compiled is None:
                # A free first axis: a smaller last batch is not traced again.
                specs = keras.tree.map_structure(
                    lambda t: tf.TensorSpec([None, *t.shape[1:]] if t.shape.rank else [], t.dtype), tensors
                )
                traced = tf.function(lambda *a: self._traced(a), input_signature=specs, autograph=False)
                # Calling `traced` itself makes TensorFlow warn of retracing, since all of these stem from one line.
                compiled = traced.get_concrete_function()
            return compiled(*tensors)

        return call

    def _jax(self) -> Callable:
        import jax

        compiled = jax.jit(lambda values, arguments: self._traced(arguments, values))
        return lambda *arguments: compiled([variable.value for variable in self._variables()], arguments)

    def _torch(self) -> Callable:
        import keras
        import torch

        def call(*arguments):
            tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, arguments)
            # Detached weights: nothing is recorded below the place where a gradient is asked for.
            values = [variable.value.detach() for variable in self._variables()]
            with torch.no_grad():
                return self._stateless(tensors, values)

        return call


def differentiate(
    function: Callable, shapes: dict[Any, tuple], batch_size: Any, again: bool = False
) -> tuple[Any, dict[Any, Any]]:
    """Gradients of a sum of scores at places inside a computation.

    Args:
        function: `function(watch)` returns `(total, answers)`: a scalar tensor and nested tensors. It passes each tensor
            it wants a gradient at through `watch(key, tensor)` and goes on with what comes back.
        shapes: for every key, the tensor's shape without the batch axis, and its dtype.
        batch_size: int or scalar tensor.
        again: whether the gradients themselves are going to be differentiated.

    Returns:
        `answers`, and a dict from key to d total / d tensor, None where the total does not depend on the tensor.
    """
    import keras

    backend = name()
    if backend == "tensorflow":
        import tensorflow as tf

        watched = {}
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def watch(key, tensor):
                tape.watch(tensor)
                watched[key] = tensor
                return tensor

            total, answers = function(watch)
        keys = list(watched)
        return answers, dict(zip(keys, tape.gradient(total, [watched[key] for key in keys]), strict=True))

    keys = list(shapes)
    # A list: JAX would sort the keys of a dict, and these have no order.
    probes = [keras.ops.zeros((batch_size, *shape), dtype) for shape, dtype in shapes.values()]
    if backend == "jax":
        import jax

        def probed(probes):
            return function(lambda key, tensor: tensor + probes[keys.index(key)])

        found, answers = jax.grad(probed, has_aux=True)(probes)
        return answers, dict(zip(keys, found, strict=True))

    import torch

    with torch.enable_grad():
        probes = [probe.requires_grad_() for probe in probes]
        total, answers = function(lambda key, tensor: tensor + probes[keys.index(key)])
        if not total.requires_grad:
            return answers, dict.fromkeys(keys)
        found = torch.autograd.grad(total, probes, allow_unused=True, create_graph=again)
    return keras.tree.map_structure(lambda t: t.detach(), answers), dict(zip(keys, found, strict=True))


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


def to_numpy(tensors: Any) -> Any:
    """Nested tensors as NumPy arrays, floats as float32."""
    import keras

    def read(tensor):
        if isinstance(tensor, np.ndarray):
            return tensor
        if "float" in keras.backend.standardize_dtype(tensor.dtype):
            tensor = keras.ops.cast(tensor, "float32")
        return keras.ops.convert_to_numpy(tensor)

    return keras.tree.map_structure(read, tensors)


def needs_full_batches() -> bool:
    """True where a new batch size would compile anew (jax), so that batches have to be padded."""
    return name() == "jax"


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


def is_main_process() -> bool:
    """True in the one process of a job that writes."""
    backend = name()
    if backend == "jax":
        import jax

        return jax.process_index() == 0
    if backend == "torch":
        import torch

        distributed = torch.distributed
        return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0
    import tensorflow as tf

    resolver = tf.distribute.get_strategy().cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type == "chief" or (resolver.task_type == "worker" and resolver.task_id == 0)


@contextlib.contextmanager
def preserved_random_states() -> Iterator[None]:
    """Put the global random states of Python, NumPy, Keras, TensorFlow and torch back on exit, whatever ran inside."""
    states: list[Callable[[], None]] = []
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    states.append(lambda: random.setstate(python_state))
    states.append(lambda: np.random.set_state(numpy_state))  # noqa: NPY002
    states.append(_kept_keras_state())
    if name() == "tensorflow":
        generator = _tensorflow_seeds()
        if generator is not None:
            tensorflow_state = generator.getstate()
            states.append(lambda: generator.setstate(tensorflow_state))
    torch = sys.modules.get("torch")
    if torch is not None:
        torch_state = torch.get_rng_state()
        states.append(lambda: torch.set_rng_state(torch_state))
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            cuda_states = torch.cuda.get_rng_state_all()
            states.append(lambda: torch.cuda.set_rng_state_all(cuda_states))
    try:
        yield
    finally:
        for restore in states:
            restore()


def random_states() -> dict[str, Any]:
    """The global random states of Python, NumPy, Keras and the framework, as tuples and bytes that can be compared."""
    numpy_state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    states: dict[str, Any] = {
        "Python's random state": random.getstate(),
        "NumPy's random state": (numpy_state["state"]["key"].tobytes(), str(numpy_state)),
    }
    generator = _keras_generator()
    if generator is not None:
        states["Keras's random state"] = _seed_of(generator).tobytes()
    if name() == "tensorflow":
        seeds = _tensorflow_seeds()
        states["TensorFlow's random state"] = seeds and seeds.getstate()
    if name() == "torch":
        import torch

        states["torch's random state"] = torch.get_rng_state().numpy().tobytes()
    return states


def _kept_keras_state() -> Callable[[], None]:
    """Puts the generator behind `keras.random` back; one that was made meanwhile is forgotten."""
    from keras.src.backend.common import global_state

    generator = _keras_generator()
    seed = None if generator is None else _seed_of(generator)

    def restore():
        global_state.set_global_attribute("global_seed_generator", generator)
        if generator is not None and not np.array_equal(_seed_of(generator), seed):
            generator.state.assign(seed)

    return restore


def _seed_of(generator: Any) -> np.ndarray:
    """A copy of a Keras seed generator's state."""
    from keras import ops

    return np.array(ops.convert_to_numpy(generator.state.value))


def _keras_generator() -> Any:
    from keras.src.backend.common import global_state

    return global_state.get_global_attribute("global_seed_generator")


def _tensorflow_seeds() -> random.Random | None:
    """What gives TensorFlow's operations their seeds after `tf.random.set_seed`."""
    from tensorflow.python.eager import context

    return getattr(context.context(), "_rng", None)


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
