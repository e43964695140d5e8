"""Models that are made to fail, for `keras_xai.testing`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from keras_xai import backend, engine
from keras_xai.interception import named_operations
from keras_xai.samples import Samples, replace_image

ERROR = "raised on purpose by keras_xai.testing"


def tiny_model(samples: Samples) -> Any:
    """A CNN for these samples, fitted for one batch, so that its statistics and its optimizer are not at their start."""
    import keras

    if samples.image_key is not None:
        raise ValueError("Samples with several inputs need a model: check_explainer(explainer, model, samples).")
    known = [array for array in (samples.labels, samples.targets) if isinstance(array, np.ndarray)]
    classes = max([3, *(array.shape[1] if array.ndim == 2 else int(array.max()) + 1 for array in known)])
    layout = "channels_first" if samples.channels_first else "channels_last"
    generator = np.random.default_rng(0)
    with backend.preserved_random_states():
        inputs = keras.Input(samples.image.shape[1:])
        x = keras.layers.Conv2D(4, 3, padding="same", data_format=layout)(inputs)
        x = keras.layers.BatchNormalization(axis=1 if samples.channels_first else -1)(x)
        # SiLU, since TensorFlow's fused convolution and ReLU turns NaN into 0.
        x = keras.layers.Dropout(0.25)(keras.layers.Activation("silu")(x))
        x = keras.layers.Conv2D(
            6, 3, strides=2, activation="silu", activity_regularizer=keras.regularizers.L2(1e-3), data_format=layout
        )(x)
        x = keras.layers.GlobalAveragePooling2D(data_format=layout)(x)
        model = keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))
        model.compile("adam", "sparse_categorical_crossentropy")
        model.train_on_batch(samples.image, np.arange(len(samples)) % classes)
        for weight in model.trainable_variables:
            weight.assign(generator.normal(size=weight.shape) / np.sqrt(max(np.prod(weight.shape[:-1]), 1)))
    return model


def forget(model: Any) -> None:
    """Make the next call trace and compile anew."""
    engine._ENGINES.pop(model, None)


@contextlib.contextmanager
def _wrapped(operations: Sequence[Any], attribute: str, wrap: Callable) -> Iterator[None]:
    """Replace a method on instances, past Keras's and torch's tracking."""
    for operation in operations:
        object.__setattr__(operation, attribute, wrap(getattr(operation, attribute)))
    try:
        yield
    finally:
        for operation in operations:
            object.__delattr__(operation, attribute)


@contextlib.contextmanager
def failing(model: Any, at: int | None) -> Iterator[list[int]]:
    """Let call number `at` of all calls of layers raise; yields how many there were."""
    count = [0]

    def wrap(original):
        def call(*args, **kwargs):
            count[0] += 1
            if count[0] == at:
                raise RuntimeError(ERROR)
            return original(*args, **kwargs)

        return functools.wraps(original)(call)

    with _wrapped([operation for _, operation in named_operations(model)], "call", wrap):
        yield count


@contextlib.contextmanager
def poisoned(model: Any, image_key: str | int | None, threshold: float) -> Iterator[None]:
    """Let the model see NaN wherever a value of the image is above the threshold."""
    from keras import ops

    def wrap(original):
        def call(inputs, *args, **kwargs):
            image = inputs if image_key is None else inputs[image_key]
            image = ops.where(image > threshold, float("nan"), image)
            return original(replace_image(inputs, image, image_key), *args, **kwargs)

        return functools.wraps(original)(call)

    with _wrapped([model], "call", wrap):
        yield
