"""Everything about a model and the process that explaining may not change, to be compared before and after."""

from __future__ import annotations

from typing import Any

from keras_xai import backend
from keras_xai.interception import named_operations

_SIMPLE = (str, bytes, int, float, bool, type(None))


def fingerprint(model: Any) -> dict[str, Any]:
    """The state of a model and of the global random number generators.

    Args:
        model: a built keras.Model.

    Returns:
        Where -> what: the bytes of every weight, statistic, seed, metric and optimizer variable; every attribute of the
        model and of each layer below it, containers with what they hold; how many losses there are; random states.
    """
    from keras import ops

    found: dict[str, Any] = dict(backend.random_states())
    variables = [*model.variables, *getattr(getattr(model, "optimizer", None), "variables", [])]
    for position, variable in enumerate(variables):
        found[f"variable {position}, {variable.path}"] = ops.convert_to_numpy(variable.value).tobytes()
    found["the number of model.losses"] = len(model.losses)
    for path, operation in [("the model", model), *named_operations(model)]:
        for name, value in vars(operation).items():
            found[f"{path}: {name}"] = _opened(value)
    return found


def difference(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """Where two fingerprints first differ, in words; None where they do not."""
    for place in [*before, *after]:
        if place not in after:
            return f"{place} (it is gone)"
        if place not in before:
            return f"{place} (it is new)"
        if not _same(before[place], after[place]):
            return place
    return None


def _opened(value: Any) -> Any:
    """A container as a tuple of its contents, so that what is put into it later shows."""
    if isinstance(value, dict):
        return (value, *value.keys(), *value.values())
    if isinstance(value, (list, tuple, set)):
        return (value, *value)
    return value


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or (type(a) is type(b) and isinstance(a, _SIMPLE) and a == b)
