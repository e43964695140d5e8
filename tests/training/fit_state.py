"""Everything that a fit leaves behind, as plain values that compare with ==."""

import random
import sys

import keras
import numpy as np

_PLAIN = (bool, int, float, str, bytes, type(None))
_HOLD_IDENTITIES = ("_nodes", "_loss_ids", "_parent_path")


def set_random_states():
    """Name counters and all global generators as in a fresh process that was seeded."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.random.set_global_generator(tf.random.Generator.from_seed(3))


def fit_state(model, history):
    """A dict from what it is to its value; arrays as bytes, so that equal means bit-identical.

    Draws from all global random states, so it can be taken once, right after `fit`.
    """
    state = {"losses": _losses(model), "epochs": history.epoch}
    for variable in [*model.variables, *model.optimizer.variables, *model.metrics_variables]:
        state[f"variable {variable.path}"] = _bytes(variable)
    for number, layer in enumerate(model._flatten_layers()):
        for attribute, value in vars(layer).items():
            state[f"attribute {number} {layer.name}.{attribute}"] = _plain(value, attribute)
    for key, values in history.history.items():
        if not key.startswith("xai/"):
            state[f"history {key}"] = np.asarray(values).tobytes()
    state |= random_states()
    state["next layer names"] = [layer.name for layer in (keras.layers.Conv2D(1, 1), keras.layers.Dense(1))]
    state["next variable name"] = keras.Variable(np.zeros(2)).name
    return state


def random_states():
    """What the global generators give next, and their states where they can be read."""
    state = {"python": random.getstate(), "numpy": repr(np.random.get_state())}  # noqa: NPY002
    if "torch" in sys.modules:
        state["torch"] = bytes(sys.modules["torch"].get_rng_state().numpy())
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        state["tensorflow"] = tf.random.uniform((4,)).numpy().tobytes()
        state["tensorflow generator"] = tf.random.get_global_generator().uniform((4,)).numpy().tobytes()
    state["keras"] = _bytes(keras.random.uniform((4,)))
    return state


def differences(one, other):
    """What is not the same in two states: {name: the two values}."""
    return {
        key: (one.get(key, "absent"), other.get(key, "absent"))
        for key in sorted(one.keys() | other.keys())
        if one.get(key, "absent") != other.get(key, "absent")
    }


def _losses(model):
    """How many; on torch, where they are no symbols of a traced step, also their values."""
    losses = model.losses
    return [_bytes(loss) for loss in losses] if keras.backend.backend() == "torch" else len(losses)


def _bytes(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor)).tobytes()


def _plain(value, attribute):
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple, set)):
        plain = [] if attribute in _HOLD_IDENTITIES else [one for one in value if isinstance(one, _PLAIN)]
        return type(value).__name__, len(value), plain
    if isinstance(value, dict):
        return sorted(map(str, value))
    return type(value).__name__
