"""Several devices, which share the work, and several processes, of which one writes.

Tested: two devices of one process under `tf.distribute.MirroredStrategy`; four of one process, and two of each of two
processes, under `keras.distribution.DataParallel` on jax. A batch is split over all of them, so that each runs its part. On
jax every process then gets all of the result, which is why all have to ask the same questions, in the same order. On torch,
and where nothing is distributed, every process computes the whole of it for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from keras_xai.backend.which import name


def num_parts(variables: list) -> int:
    """Over how many devices a batch is spread: those that share these variables; on jax those of all processes.

    Args:
        variables: a model's `keras.Variable`s.
    """
    if name() == "tensorflow":
        strategy = _mirrored(variables)
        return 1 if strategy is None else strategy.num_replicas_in_sync
    distribution = _distribution()
    if distribution is None:
        return 1
    mesh = distribution.device_mesh
    return int(mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)])


def split(arguments: dict[str, Any], whole: Collection[str], count: int) -> list[dict[str, Any]]:
    """A batch as `count` equal parts; as one where its length does not allow it.

    Args:
        arguments: nested arrays by name. whole: the names of those that every part gets as they are.
    """
    import keras

    if count == 1 or _length(arguments, whole) % count:
        return [arguments]
    size = _length(arguments, whole) // count

    def part(number):
        return lambda array: array[number * size : (number + 1) * size]

    return [
        {
            key: value if key in whole else keras.tree.map_structure(part(number), value)
            for key, value in arguments.items()
        }
        for number in range(count)
    ]


def on_replicas(function: Callable, parts: list[dict[str, Any]], variables: list) -> list[Any]:
    """TensorFlow, inside of a `tf.function`: each part on a replica of its own, and what each gave."""
    import keras

    strategy = _mirrored(variables)
    given = strategy.experimental_distribute_values_from_function(lambda at: parts[at.replica_id_in_sync_group])
    results = strategy.run(function, args=(given,))

    def of_replica(number):
        return lambda value: strategy.experimental_local_results(value)[number]

    return [keras.tree.map_structure(of_replica(number), results) for number in range(len(parts))]


def spread(arguments: dict[str, Any], whole: Collection[str]) -> dict[str, Any]:
    """JAX: a batch laid over the devices of Keras's distribution, which then share the computation.

    Args:
        arguments: nested arrays by name. whole: the names of those that every device needs as they are.
    """
    import keras

    distribution = _distribution()
    if distribution is None or _length(arguments, whole) % num_parts([]):
        return arguments

    def lay(array):
        return _laid(array, distribution.get_data_layout(array.shape).backend_layout)

    return {key: value if key in whole else keras.tree.map_structure(lay, value) for key, value in arguments.items()}


def held(arrays: Any) -> Any:
    """Nested arrays put where the computations are, once, instead of once per batch: on jax onto every device."""
    import keras

    distribution = _distribution() if name() == "jax" else None
    if distribution is None:
        return keras.tree.map_structure(keras.ops.convert_to_tensor, arrays)

    return keras.tree.map_structure(lambda array: _laid(array, _everywhere(distribution, array)), arrays)


def gathered(results: Any) -> Any:
    """JAX, inside of a `jax.jit`: nested tensors; with several processes whole in each, so that it can read them."""
    import keras

    distribution = _distribution() if num_processes() > 1 else None
    if distribution is None:
        return results
    return keras.tree.map_structure(
        lambda tensor: keras.distribution.distribute_tensor(tensor, _everywhere(distribution, tensor)), results
    )


def spans_processes(variables: list) -> bool:
    """Whether these variables are on devices of several processes, none of which can compute with them alone.

    Args:
        variables: a model's `keras.Variable`s.
    """
    return name() == "jax" and not all(variable.value.is_fully_addressable for variable in variables)


def entries(array: Any, which: Any) -> Any:
    """Entries of a NumPy array that may be given to `Compiled`.

    Args:
        which: (b,) int, ascending.

    Returns:
        (b, …): a view where they follow each other and TensorFlow copies them anyway, else a copy.
    """
    in_a_row = which[-1] - which[0] + 1 == len(which)
    return array[which[0] : which[-1] + 1] if in_a_row and name() == "tensorflow" else array[which]


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


def num_processes() -> int:
    """How many processes the job has; those of TensorFlow's parameter servers count too."""
    backend = name()
    if backend == "jax":
        import jax

        return jax.process_count()
    if backend == "torch":
        import torch

        distributed = torch.distributed
        return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
    import tensorflow as tf

    resolver = tf.distribute.get_strategy().cluster_resolver
    return 1 if resolver is None else max(1, sum(map(len, resolver.cluster_spec().as_dict().values())))


def _mirrored(variables: list) -> Any:
    """The MirroredStrategy that a model's variables are under; None for any other place."""
    import tensorflow as tf

    strategy = getattr(variables[0].value, "distribute_strategy", None) if variables else None
    return strategy if isinstance(strategy, tf.distribute.MirroredStrategy) else None


def _distribution() -> Any:
    """Keras's distribution over devices, if there is one."""
    import keras

    return keras.distribution.distribution() if name() == "jax" else None


def _everywhere(distribution: Any, array: Any) -> Any:
    """The layout of an array that every device has all of."""
    import keras

    return keras.distribution.TensorLayout([None] * array.ndim, distribution.device_mesh).backend_layout


def _laid(array: Any, layout: Any) -> Any:
    """An array that every process has, on the devices of all of them: each process puts what belongs to its own."""
    import jax

    array = np.asarray(array)
    return jax.make_array_from_callback(array.shape, layout, lambda index: array[index])


def _length(arguments: dict[str, Any], whole: Collection[str]) -> int:
    import keras

    return len(keras.tree.flatten([value for key, value in arguments.items() if key not in whole])[0])
