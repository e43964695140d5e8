"""The demo's network."""

from __future__ import annotations

import itertools
from typing import Any

from keras_xai.demo.data import SIDE


def build_model(seed: int = 0, learning_rate: float = 3e-3) -> Any:
    """Builds and compiles a small convolutional network for the demo's pictures.

    Its last feature maps are 8 x 8, so Grad-CAM can tell the corner from the digit. The head takes the *largest* value
    of each map: which strokes there are says more about a digit than how much of them.

    Args:
        seed: of the weights. Keras's global seed is neither used nor set.
        learning_rate: float > 0.

    Returns:
        A compiled `keras.Model`: (n, 32, 32, 3) float32 in [0, 1] to (n, 10) probabilities.
    """
    import keras

    layers = keras.layers
    # Said outright, since a user's keras.json may have another default.
    layout = {"data_format": "channels_last"}
    seeds = itertools.count(1000 * seed)

    def convolution(x: Any, filters: int, name: str) -> Any:
        start = keras.initializers.GlorotUniform(next(seeds))
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer=start, name=name, **layout)(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_normalised")(x)
        return layers.Activation("relu", name=f"{name}_relu")(x)

    inputs = keras.Input((SIDE, SIDE, 3), name="picture")
    x = convolution(inputs, 16, "edges")
    x = layers.MaxPooling2D(name="half", **layout)(x)
    x = convolution(x, 32, "corners")
    x = layers.MaxPooling2D(name="quarter", **layout)(x)
    x = convolution(x, 64, "strokes")
    x = convolution(x, 64, "shapes")
    x = layers.GlobalMaxPooling2D(name="strongest", **layout)(x)
    start = keras.initializers.GlorotUniform(next(seeds))
    outputs = layers.Dense(10, activation="softmax", kernel_initializer=start, name="digit")(x)
    model = keras.Model(inputs, outputs, name="demo")
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
