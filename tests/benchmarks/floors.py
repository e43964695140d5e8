"""What the hardware must do at the least: compiled passes written by hand, and a clock that compares fairly."""

import time
from collections.abc import Callable

import keras
import numpy as np


def small_cnn() -> keras.Model:
    """A convolutional network of 0.3 million parameters for 32×32 images."""
    layers = keras.layers
    first = keras.config.image_data_format() == "channels_first"
    inputs = x = layers.Input((3, 32, 32) if first else (32, 32, 3))
    for filters, repeats in ((32, 2), (64, 2), (128, 2)):
        for number in range(repeats):
            name = f"convolution_{filters}_{number}"
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = layers.MaxPooling2D()(x) if filters < 128 else x
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def compiled_forward(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """One compiled inference pass over a whole array, read back."""
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        run = tf.function(lambda x: model(x, training=False))
        return lambda x: run(tf.convert_to_tensor(x)).numpy()
    if backend == "jax":
        import jax

        run = jax.jit(lambda weights, state, x: model.stateless_call(weights, state, x, training=False)[0])
        return lambda x: np.asarray(
            run([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables], x)
        )
    import torch

    def call(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(x), training=False))

    return call


def compiled_gradient(model: keras.Model, layer: str) -> Callable[[np.ndarray], np.ndarray]:
    """One compiled forward pass and the gradient of the largest output at a layer, its mean over space read back.

    Args:
        model: functional. layer: the name of a layer that all paths to the output pass through.
    """
    layer_output = model.get_layer(layer).output
    below = keras.Model(model.input, layer_output)
    above = keras.Model(layer_output, model.outputs[0])
    first = keras.config.image_data_format() == "channels_first"
    axes = (2, 3) if first else (1, 2)
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function
        def step(x):
            features = below(x, training=False)
            with tf.GradientTape() as tape:
                tape.watch(features)
                score = tf.reduce_max(above(features, training=False), axis=-1)
            return tf.reduce_mean(tape.gradient(score, features), axes)

        return lambda x: step(tf.convert_to_tensor(x)).numpy()
    if backend == "jax":
        import jax

        below_state, above_state = ([v.value for v in m.trainable_variables] for m in (below, above))
        below_rest, above_rest = ([v.value for v in m.non_trainable_variables] for m in (below, above))

        @jax.jit
        def run(x):
            features = below.stateless_call(below_state, below_rest, x, training=False)[0]

            def score(values):
                return above.stateless_call(above_state, above_rest, values, training=False)[0].max(axis=-1).sum()

            return jax.grad(score)(features).mean(axis=axes)

        return lambda x: np.asarray(run(x))
    import torch

    def call(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            features = below(keras.ops.convert_to_tensor(x), training=False)
        features.requires_grad_()
        with torch.enable_grad():
            score = above(features, training=False).amax(dim=-1).sum()
            (found,) = torch.autograd.grad(score, features)
        return keras.ops.convert_to_numpy(found.mean(dim=axes))

    return call


def interleaved(functions: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median seconds of each function, run in turns so that a noisy machine treats them alike."""
    for function in functions:
        function()
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats):
        for function, taken in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [float(np.median(taken)) for taken in seconds]
