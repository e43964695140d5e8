"""Gradients at places inside a computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_xai.backend.which import name


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
