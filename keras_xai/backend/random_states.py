"""The global random states of Python, NumPy, Keras and the framework."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from keras_xai.backend.which import name


@contextlib.contextmanager
def preserved_random_states() -> Iterator[None]:
    """Put the global random states of Python, NumPy, Keras, TensorFlow and torch back on exit, whatever ran inside."""
    states: list[Callable[[], None]] = []
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    states.append(lambda: random.setstate(python_state))
    states.append(lambda: np.random.set_state(numpy_state))  # noqa: NPY002
    states.append(_kept_keras_state())
    if name() == "tensorflow":
        generator = _tensorflow_seeds()
        if generator is not None:
            tensorflow_state = generator.getstate()
            states.append(lambda: generator.setstate(tensorflow_state))
    torch = sys.modules.get("torch")
    if torch is not None:
        torch_state = torch.get_rng_state()
        states.append(lambda: torch.set_rng_state(torch_state))
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            cuda_states = torch.cuda.get_rng_state_all()
            states.append(lambda: torch.cuda.set_rng_state_all(cuda_states))
    try:
        yield
    finally:
        for restore in states:
            restore()


def random_states() -> dict[str, Any]:
    """The global random states of Python, NumPy, Keras and the framework, as tuples and bytes that can be compared."""
    numpy_state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    states: dict[str, Any] = {
        "Python's random state": random.getstate(),
        "NumPy's random state": (numpy_state["state"]["key"].tobytes(), str(numpy_state)),
    }
    generator = _keras_generator()
    if generator is not None:
        states["Keras's random state"] = _seed_of(generator).tobytes()
    if name() == "tensorflow":
        seeds = _tensorflow_seeds()
        states["TensorFlow's random state"] = seeds and seeds.getstate()
    if name() == "torch":
        import torch

        states["torch's random state"] = torch.get_rng_state().numpy().tobytes()
    return states


def _kept_keras_state() -> Callable[[], None]:
    """Puts the generator behind `keras.random` back; one that was made meanwhile is forgotten."""
    from keras.src.backend.common import global_state

    generator = _keras_generator()
    seed = None if generator is None else _seed_of(generator)

    def restore():
        global_state.set_global_attribute("global_seed_generator", generator)
        if generator is not None and not np.array_equal(_seed_of(generator), seed):
            generator.state.assign(seed)

    return restore


def _seed_of(generator: Any) -> np.ndarray:
    """A copy of a Keras seed generator's state."""
    from keras import ops

    return np.array(ops.convert_to_numpy(generator.state.value))


def _keras_generator() -> Any:
    from keras.src.backend.common import global_state

    return global_state.get_global_attribute("global_seed_generator")


def _tensorflow_seeds() -> random.Random | None:
    """What gives TensorFlow's operations their seeds after `tf.random.set_seed`."""
    from tensorflow.python.eager import context

    return getattr(context.context(), "_rng", None)
