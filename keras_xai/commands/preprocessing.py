"""From pixels to what a model eats."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

Preprocess = Callable[[np.ndarray], np.ndarray]


def preprocessing(choice: str | None, model: Any) -> tuple[Preprocess, str]:
    """The function that turns pixels into inputs, and how to call it.

    Args:
        choice: "none", "unit", "symmetric", "torch", "caffe" or "module:name"; None for "none" where the model begins with a
            layer that rescales, else "unit".
        model: a keras.Model, which the default looks at.

    Returns:
        A function of (n, height, width, channels) uint8 that returns float32 of that shape, and its name.

    Raises:
        ValueError: no such choice, module or function.
    """
    if choice is None:
        choice = "none" if _rescales(model) else "unit"
    if choice in _SIMPLE:
        return _SIMPLE[choice], choice
    if choice in ("torch", "caffe"):
        return _imagenet(choice), choice
    if ":" not in choice:
        known = ", ".join([*_SIMPLE, "torch", "caffe"])
        raise ValueError(f"--preprocess {choice}: expected one of {known}, or a function as module:name.")
    return _imported(choice), choice


_SIMPLE: dict[str, Preprocess] = {
    "none": lambda pixels: pixels.astype(np.float32),
    "unit": lambda pixels: pixels.astype(np.float32) / 255,
    "symmetric": lambda pixels: pixels.astype(np.float32) / 127.5 - 1,
}


def _imagenet(mode: str) -> Preprocess:
    def preprocess(pixels: np.ndarray) -> np.ndarray:
        from keras.applications import imagenet_utils

        inputs = imagenet_utils.preprocess_input(pixels.astype(np.float32), data_format="channels_last", mode=mode)
        return np.asarray(inputs, np.float32)

    return preprocess


def _imported(choice: str) -> Preprocess:
    module, _, name = choice.partition(":")
    import_from_here(module)
    function = getattr(importlib.import_module(module), name, None)
    if not callable(function):
        raise ValueError(f"--preprocess {choice}: the module {module!r} has no function {name!r}.")

    def preprocess(pixels: np.ndarray) -> np.ndarray:
        inputs = np.asarray(function(pixels.astype(np.float32)), np.float32)
        if inputs.shape != pixels.shape:
            raise ValueError(
                f"--preprocess {choice} turned images of shape {pixels.shape} into {inputs.shape}; it must keep the shape."
            )
        return inputs

    return preprocess


def import_from_here(module: str) -> None:
    """Imports a module of the user's, also from the current directory.

    Raises:
        ValueError: it cannot be imported.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"The module {module!r} cannot be imported: {error}.") from error


def _rescales(model: Any) -> bool:
    """Whether a layer for rescaling comes before the first layer with trainable weights."""
    import keras

    for layer in model._flatten_layers():
        if isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization)):
            return True
        if layer.trainable_weights and not list(layer._layers):
            return False
    return False
