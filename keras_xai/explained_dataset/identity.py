"""What must be the same when a run is resumed, in a form that can be written down and compared."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_xai.explainers.explainer import Explainer


def of_model(model: Any) -> dict[str, Any]:
    """A built model by the kinds of its layers and the bytes of its weights; not by names, which Keras counts up."""
    import keras

    digest = hashlib.sha256()
    for weight in model.weights:
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(weight.value))
        digest.update(f"{value.shape} {weight.dtype}".encode())
        digest.update(value.tobytes())
    kinds = " ".join(type(layer).__name__ for layer in model.layers)
    return {"layers": kinds, "weights": digest.hexdigest()}


def of_explainer(explainer: Explainer) -> dict[str, Any]:
    """An explainer by its method and configuration."""
    return {"method": explainer.name, "config": written(explainer.get_config())}


def of_data(x: Any, labels: np.ndarray | None) -> dict[str, Any]:
    """Samples by the shapes and types of one of them.

    Args:
        x: nested arrays (n, …). labels: (n,) class numbers, (n, classes), or None.
    """
    import keras

    def kind(array):
        return f"{array.shape[1:]} {array.dtype}"

    return {
        "inputs": written(keras.tree.map_structure(kind, x)),
        "labels": None if labels is None else "class numbers" if labels.ndim == 1 else str(labels.shape[1:]),
    }


def of_sample(x: Any, index: int) -> str:
    """A cheap checksum of one sample's inputs."""
    import keras

    checksum = 0
    for array in keras.tree.flatten(x):
        checksum = zlib.crc32(np.ascontiguousarray(array[index]).tobytes(), checksum)
    return f"{checksum:08x}"


def written(value: Any) -> Any:
    """A configuration as JSON has it: arrays by their checksum, functions and layers by their names."""
    import keras

    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(key): written(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    if hasattr(value, "__array__"):
        array = np.ascontiguousarray(value)
        return f"array {array.shape} {array.dtype} {hashlib.sha256(array.tobytes()).hexdigest()[:16]}"
    if isinstance(value, keras.layers.Layer):
        return f"layer {value.name}"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Where two such descriptions differ, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before | now:
            yield from differences(before.get(key), now.get(key), f"{place}.{key}" if place else key)
    elif before != now:
        yield f"{place} was {_short(before)}, and is now {_short(now)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
