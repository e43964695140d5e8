"""What users give as samples, checked and as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def inputs_of(x: Any, image_input: str | int | None) -> tuple[Any, str | int | None]:
    """`x` as NumPy, and the key of the image in it."""
    if isinstance(x, list) and x and all(np.ndim(one) == 3 for one in x) and not stacks(x):
        sizes = sorted({tuple(np.shape(one)) for one in x})
        raise ValueError(f"x holds images of different sizes, {sizes}; the model needs one: resize or pad them.")
    arrays: Any
    if isinstance(x, dict):
        arrays = {key: as_array(f"x[{key!r}]", value) for key, value in x.items()}
        items = dict(arrays)
    elif isinstance(x, tuple) or (isinstance(x, list) and len(x) > 0 and np.ndim(x[0]) > 1 and not stacks(x)):
        arrays = type(x)(as_array(f"x[{position}]", value) for position, value in enumerate(x))
        items = dict(enumerate(arrays))
    else:
        if image_input is not None:
            raise ValueError(f"image_input={image_input!r} chooses among several inputs, but x is one array.")
        array = as_array("x", x)
        if array.ndim == 3 and array.shape[-1] > 4:
            raise ValueError(
                f"x must have 4 axes, (n, height, width, channels); it has shape {array.shape}. For one grey image per "
                "sample add the channel axis: x[..., None]."
            )
        if array.ndim != 4:
            raise ValueError(
                f"x must have 4 axes, (n, height, width, channels); it has shape {array.shape}. For a single image add the "
                "sample axis: x[None]."
            )
        return array, None
    lengths = {key: len(array) if array.ndim else 0 for key, array in items.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"All inputs in x need the same number of samples; they have {lengths}.")
    images = [key for key, array in items.items() if array.ndim == 4]
    if image_input is None:
        if len(images) != 1:
            raise ValueError(
                f"x has {len(images)} inputs of rank 4 ({images}); say which one is the image with image_input=... ."
            )
        return arrays, images[0]
    if image_input not in images:
        raise ValueError(f"image_input={image_input!r} is not an input of rank 4; those are {images}.")
    return arrays, image_input


def stacks(x: list) -> bool:
    """True for a plain list of images of one shape."""
    return all(np.ndim(one) == 3 and np.shape(one) == np.shape(x[0]) for one in x)


def as_array(name: str, value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array; it is {type(value).__name__}: {error}") from None
    if array.dtype.kind == "V":  # bfloat16
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        hint = "" if array.ndim else " To choose samples from a data set, use keras_xai.Samples.from_data(data)."
        raise TypeError(
            f"{name} must be an array of numbers; it is {type(value).__name__} of type {array.dtype}.{hint}"
        )
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise ValueError(f"{name} holds {count} non-finite values; remove the samples or mend the preprocessing.")
    return array


def as_labels(labels: Any, count: int) -> np.ndarray | None:
    if labels is None:
        return None
    array = as_array("labels", labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or len(array) != count:
        raise ValueError(
            f"labels must be ({count},) int or ({count}, classes) one-hot or multi-label; it has shape {array.shape}."
        )
    if array.ndim == 1:
        if not (array == np.round(array)).all():
            raise ValueError(
                "labels must be class numbers, but they are not whole. For regression leave labels out and use "
                "score=keras_xai.scores.Regression()."
            )
        return array.astype(np.int64)
    return array.astype(np.float32)


def one_hot(name: str, classes: np.ndarray, num_classes: int) -> np.ndarray:
    outside = np.flatnonzero((classes < 0) | (classes >= num_classes))
    if len(outside):
        raise ValueError(
            f"{name}[{outside[0]}] is {classes[outside[0]]}, but the explained output has {num_classes} classes, "
            f"0 to {num_classes - 1}."
        )
    return np.arange(num_classes) == classes[:, None]


def is_channels_first(shape: tuple[int, ...], data_format: str | None) -> bool:
    if data_format is not None:
        if data_format not in ("channels_first", "channels_last"):
            raise ValueError(f'data_format must be "channels_last" or "channels_first"; it is {data_format!r}.')
        return data_format == "channels_first"
    if shape[1] in (1, 3) and shape[3] not in (1, 3):
        return True
    import keras

    return shape[3] not in (1, 3) and keras.config.image_data_format() == "channels_first"


def as_seen(image: np.ndarray) -> np.ndarray:
    """(n, height, width, channels) in any range -> (n, height, width, 1 or 3) uint8."""
    image = image[..., :3] if image.shape[-1] >= 3 else image[..., :1]
    if image.dtype == np.uint8:
        return image
    image = image.astype(np.float32)
    low, high = float(image.min()), float(image.max())
    slack = 1e-3
    if low >= 0 and high <= 1 + slack:
        image = image * 255
    elif low >= -1 - slack and high <= 1 + slack:
        image = (image + 1) * 127.5
    elif not (low >= 0 and high <= 255):
        # Each by itself: what a sample looks like, and so its superpixels, must not depend on its neighbours.
        darkest, brightest = (reach(axis=(1, 2, 3), keepdims=True) for reach in (image.min, image.max))
        image = (image - darkest) * (255 / np.maximum(brightest - darkest, 1e-30))
    return np.clip(np.round(image), 0, 255).astype(np.uint8)
