"""Which framework this process runs on."""

from __future__ import annotations


def name() -> str:
    """The Keras backend in use: "tensorflow", "jax" or "torch"."""
    import keras

    return keras.config.backend()
