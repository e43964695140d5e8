"""A saved model and the images it takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_xai.commands.preprocessing import import_from_here


def load_model(path: str, modules: Sequence[str] = ()) -> Any:
    """Loads a model that Keras saved.

    Args:
        path: a .keras or .h5 file.
        modules: to import first, for the model's own layers.

    Raises:
        ValueError: there is no such file, or it cannot be loaded.
    """
    import keras

    if not Path(path).is_file():
        hint = " It is a folder; save the model to one file: model.save('model.keras')." if Path(path).is_dir() else ""
        raise ValueError(f"There is no model file {path!r}.{hint}")
    for module in modules:
        import_from_here(module)
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"Keras cannot load {path!r}: {reason} If the model has layers of your own, register them with "
            "keras.saving.register_keras_serializable and name their module with --import."
        ) from error


def image_shape(model: Any, size: tuple[int, int] | None = None) -> tuple[int, int, int, bool]:
    """The images that a model takes.

    Args:
        model: a keras.Model with one input.
        size: (height, width), where the model leaves it open.

    Returns:
        height, width, channels, and whether the channels come first.

    Raises:
        ValueError: the model has several inputs, takes no images, or needs a size.
    """
    import keras

    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(
            f"The model {model.name!r} takes inputs of shape {shape}; expected one image input (batch, height, width, "
            "channels). Explain other models in Python: keras_xai.GradCAM()(model, samples)."
        )
    first = shape[1] in (1, 3) and shape[3] not in (1, 3)
    first = first or (shape[3] not in (1, 3) and keras.config.image_data_format() == "channels_first")
    height, width, channels = (shape[2], shape[3], shape[1]) if first else shape[1:]
    if size is not None and ((height or size[0]), (width or size[1])) != tuple(size):
        raise ValueError(f"The model {model.name!r} takes images of {height}x{width}, not of {size[0]}x{size[1]}.")
    if size is None and None in (height, width):
        raise ValueError(f"The model {model.name!r} takes images of any size; choose one with --image-size.")
    height, width = size or (height, width)
    return height, width, channels, first
