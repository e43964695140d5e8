"""The networks that are explained, untrained: what looking costs does not depend on the weights."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from tests.benchmarks.floors import small_cnn


class Case(NamedTuple):
    """A network and a batch for it.

    Attributes:
        build: makes the network. size: of its square images, in pixels. count: of images. repeats: of each measurement.
    """

    build: Callable[[], keras.Model]
    size: int
    count: int
    repeats: int


def mobile_net() -> keras.Model:
    return keras.applications.MobileNetV2(weights=None)


def res_net() -> keras.Model:
    return keras.applications.ResNet50(weights=None)


CASES = {
    "small CNN 32 px × 64": Case(small_cnn, 32, 64, 15),
    "MobileNetV2 224 px × 16": Case(mobile_net, 224, 16, 9),
    "ResNet50 224 px × 8": Case(res_net, 224, 8, 7),
}


def images(count: int, size: int) -> np.ndarray:
    """Random ones, in the layout that Keras is set to."""
    first = keras.config.image_data_format() == "channels_first"
    shape = (count, 3, size, size) if first else (count, size, size, 3)
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def last_map(model: keras.Model) -> str:
    """The name of the last layer that puts out a map, after its activation: what Grad-CAM looks at."""
    return next(layer.name for layer in reversed(model.layers) if len(layer.output.shape) == 4)
