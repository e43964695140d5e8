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
        shapes: for every key, the tensor's shape without the batch axis, and its dtype (read on jax).
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

    if backend == "jax":
        import jax

        keys = list(shapes)
        # A list: JAX would sort the keys of a dict, and these have no order.
        probes = [keras.ops.zeros((batch_size, *shape), dtype) for shape, dtype in shapes.values()]

        def probed(probes):
            return function(lambda key, tensor: tensor + probes[keys.index(key)])

        found, answers = jax.grad(probed, has_aux=True)(probes)
        return answers, dict(zip(keys, found, strict=True))

    import torch

    leaves: dict[Any, Any] = {}

    def leaf(key, tensor):
        leaves[key] = tensor if tensor.requires_grad else tensor.detach().requires_grad_()
        return leaves[key].clone()  # a layer may write into what it is given

    with torch.enable_grad():
        total, answers = function(leaf)
        if not total.requires_grad:
            return answers, dict.fromkeys(leaves)
        found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, create_graph=again)
    return keras.tree.map_structure(lambda t: t.detach(), answers), dict(zip(leaves, found, strict=True))
