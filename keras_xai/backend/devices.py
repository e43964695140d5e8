"""Several devices, which share the work, and several processes, of which one writes.

Tested: two devices of one process under `tf.distribute.MirroredStrategy`, four under `keras.distribution.DataParallel` on
jax. A batch is split over them, so that each runs its part. In a job of several processes every process computes the whole
of it, and `is_main_process` says which one writes; that is not tested, since no test starts such a job.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from keras_xai.backend.which import name


def num_parts(variables: list) -> int:
    """Over how many devices a batch is spread: those of this process that share these variables.

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
        return keras.distribution.distribute_tensor(array, distribution.get_data_layout(array.shape))

    return {key: value if key in whole else keras.tree.map_structure(lay, value) for key, value in arguments.items()}


def held(arrays: Any) -> Any:
    """Nested arrays put where the computations are, once, instead of once per batch: on jax onto every device."""
    import keras

    distribution = _distribution() if name() == "jax" else None
    if distribution is None:
        return keras.tree.map_structure(keras.ops.convert_to_tensor, arrays)

    def lay(array):
        layout = keras.distribution.TensorLayout([None] * array.ndim, distribution.device_mesh)
        return keras.distribution.distribute_tensor(array, layout)

    return keras.tree.map_structure(lay, arrays)


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
    """Keras's distribution over the devices of this process, if there is one."""
    import keras

    distribution = keras.distribution.distribution() if name() == "jax" else None
    if distribution is not None:
        import jax

        if jax.process_count() > 1:
            return None
    return distribution


def _length(arguments: dict[str, Any], whole: Collection[str]) -> int:
    import keras

    return len(keras.tree.flatten([value for key, value in arguments.items() if key not in whole])[0])
