"""Small networks that are built once and begin anew for every run, so that nothing is compiled twice."""

import functools

import keras
import numpy as np

NETWORKS = ("plain flat", "plain gap", "residual flat", "residual gap")
UNSEEN = ("separable flat", "separable gap")  # of the validation part alone
LEARNING_RATE = 3e-3


def build(name: str, shape: tuple[int, int, int]) -> keras.Model:
    """A compiled network with random weights.

    Args:
        name: one of `NETWORKS` or `UNSEEN`: the body, and what stands between the last maps and the classes.
        shape: (height, width, channels).
    """
    body, head = name.split()
    layers = keras.layers
    inputs = keras.Input(shape)
    x = {"plain": _plain, "residual": _residual, "separable": _separable}[body](inputs)
    x = layers.Flatten()(x) if head == "flat" else layers.GlobalAveragePooling2D()(x)
    if body == "separable":
        x = layers.Dense(48, activation="silu")(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fresh(name: str, shape: tuple[int, int, int], seed: int) -> keras.Model:
    """The network of that name with the weights of a seed and an optimizer that has not moved yet."""
    model = _shared(name, shape)
    keras.utils.set_random_seed(seed)
    model.set_weights(build(name, shape).get_weights())
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(np.zeros(variable.shape))
    return model


@functools.cache
def _shared(name: str, shape: tuple[int, int, int]) -> keras.Model:
    model = build(name, shape)
    model.optimizer.build(model.trainable_variables)
    return model


def _plain(x):
    layers = keras.layers
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return layers.Conv2D(32, 3, padding="same", activation="relu")(x)


def _residual(x):
    layers = keras.layers

    def convolution(x, filters, strides=1):
        x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization(momentum=0.9)(x)

    for filters in (16, 32):
        x = skip = layers.Activation("relu")(convolution(x, filters, strides=2))
        x = layers.Activation("relu")(convolution(x, filters))
        x = layers.Activation("relu")(layers.Add()([convolution(x, filters), skip]))
    return x


def _separable(x):
    layers = keras.layers
    x = layers.Conv2D(24, 5, strides=2, padding="same", use_bias=False)(x)
    for filters in (32, 48):
        x = layers.Activation("silu")(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D()(x)
    return layers.Activation("silu")(layers.BatchNormalization(momentum=0.9)(x))
