"""Starting Keras on the backend that the user configured, with a clear word where that cannot work."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")


def start_keras() -> Any:
    """Imports Keras and starts its devices, without the frameworks' remarks about drivers and instruction sets.

    Returns:
        The module `keras`.

    Raises:
        ValueError: see `check_backend`.
    """
    from keras_xai.commands.hush import hush

    check_backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with hush():
        import keras

        # The first tensor starts the devices, which is when drivers that are not there get mentioned.
        keras.ops.zeros(1)
    return keras


def check_backend() -> None:
    """Makes sure that the backend Keras is going to load can be loaded, before Keras fails with a riddle.

    Raises:
        ValueError: the backend has no gradients or is not installed.
    """
    backend, source = _configured_backend()
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    if backend in installed:
        return
    mend = (
        f"Choose one that is installed ({', '.join(installed)}), for instance KERAS_BACKEND={installed[0]} keras-xai ..."
        if installed
        else "Install one of them, for instance with: pip install tensorflow"
    )
    if backend not in BACKENDS:
        raise ValueError(
            f"{source} names the Keras backend {backend!r}, but keras-xai runs on {', '.join(BACKENDS)}. {mend}"
        )
    raise ValueError(f"{source} names the Keras backend {backend!r}, which is not installed. {mend}")


def _configured_backend() -> tuple[str, str]:
    """Returns the backend's name and who says so, in Keras's own order: the variable, the file, the default."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"], "The environment variable KERAS_BACKEND"
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["backend"], f"The file {path}"
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "Keras's default"
