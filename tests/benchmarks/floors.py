"""What the hardware must do at the least: compiled forward passes, and a clock that compares fairly."""

import time
from collections.abc import Callable

import keras
import numpy as np


def small_cnn() -> keras.Model:
    """A convolutional network of 0.3 million parameters for 32×32 images."""
    layers = keras.layers
    inputs = x = layers.Input((32, 32, 3))
    for filters, repeats in ((32, 2), (64, 2), (128, 2)):
        for _ in range(repeats):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
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
