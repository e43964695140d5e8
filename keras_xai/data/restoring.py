"""Use an object and have it as it was."""

from __future__ import annotations

import contextlib
import io
import random
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

GIVE_SAMPLES = "Take some held-out images yourself and give samples=keras_xai.Samples(x, labels=y)."

# Longer containers and larger variables hold data, not state.
_LONG = 1_000
_LARGE = 10_000
# Nothing of a data set's own is behind what these packages make, but much that others share.
_FRAMEWORKS = ("tensorflow", "jax", "jaxlib", "threading", "concurrent", "multiprocessing", "logging")
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.ndarray, type, types.ModuleType)


@contextlib.contextmanager
def restored(*roots: Any) -> Iterator[None]:
    """Put back, on exit, the attributes and random generators of objects and of all they hold, whatever ran inside.

    Arrays that are changed in place and what was sent over a connection stay changed.

    Args:
        roots: any objects.

    Raises:
        TypeError: one of them holds an iterator, which reading would use up.
    """
    undo: list[Callable[[], None]] = []
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        one = waiting.pop()
        if isinstance(one, _PLAIN) or id(one) in seen:
            continue
        seen[id(one)] = one
        restore = _of_state(one)
        if restore is not None:
            undo.append(restore)
            continue
        if hasattr(one, "__next__") and not any(one is root for root in roots):
            raise TypeError(
                f"{type(roots[0]).__name__} holds an iterator ({type(one).__name__}), which reading samples would move on. "
                f"{GIVE_SAMPLES}"
            )
        restore, held = _of_content(one)
        undo.append(restore)
        waiting.extend(held)
    try:
        yield
    finally:
        for restore in undo:
            restore()


def _of_state(one: Any) -> Callable[[], None] | None:
    """What puts a random generator, a small variable or a file's position back; None for other objects."""
    if isinstance(one, np.random.Generator):
        one = one.bit_generator
    if isinstance(one, np.random.BitGenerator):
        bits, bit_state = one, one.state
        return lambda: setattr(bits, "state", bit_state)
    if isinstance(one, random.Random):
        return _recalled(one.setstate, one.getstate())
    if hasattr(one, "get_state") and hasattr(one, "set_state"):  # NumPy's RandomState, torch's Generator
        return _recalled(one.set_state, one.get_state())
    if hasattr(one, "assign") and hasattr(one, "dtype"):  # variables, such as those of a seed generator
        value = np.array(one) if np.prod(one.shape) <= _LARGE else None
        return lambda: None if value is None or np.array_equal(np.array(one), value) else one.assign(value)
    if isinstance(one, io.IOBase):
        return _recalled(one.seek, one.tell()) if one.seekable() else None
    return None


def _recalled(restore: Callable[[Any], Any], state: Any) -> Callable[[], None]:
    return lambda: restore(state)


def _of_content(one: Any) -> tuple[Callable[[], None], list]:
    """What puts an object's attributes or entries back, and these."""
    if isinstance(one, (list, dict, set)):
        return _of_container(one)
    if isinstance(one, (tuple, frozenset)):
        return (lambda: None), list(one) if len(one) <= _LONG else []
    if type(one).__module__.partition(".")[0] in _FRAMEWORKS:
        return (lambda: None), [getattr(one, "state", None)]  # of a tf.random.Generator
    held = [cell.cell_contents for cell in getattr(one, "__closure__", None) or () if _is_filled(cell)]
    held.append(getattr(one, "__self__", None))
    if isinstance(one, (types.FunctionType, types.BuiltinFunctionType)) or not hasattr(one, "__dict__"):
        return (lambda: None), held
    attributes, before = vars(one), dict(vars(one))

    def restore():
        for name in attributes.keys() - before.keys():
            del attributes[name]
        for name, value in before.items():
            if attributes.get(name, restore) is not value:
                attributes[name] = value

    return restore, [*held, *before.values()]


def _of_container(one: Any) -> tuple[Callable[[], None], list]:
    if len(one) > _LONG:
        return (lambda: None), []
    before = one.copy()

    def restore():
        if isinstance(one, list):
            one[:] = before
        else:
            one.clear()
            one.update(before)

    return restore, list(before.values()) if isinstance(before, dict) else list(before)


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
