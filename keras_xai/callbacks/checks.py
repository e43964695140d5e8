"""What the arguments of the callback have to be."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_xai.metrics.metric import Metric
from keras_xai.metrics.per_epoch import name_of

_MANY = 256


def check_settings(
    log_dir: Any, every: Any, budget: Any, on_error: Any, verbose: Any, log_keys: Any, name: Any
) -> None:
    """Raises an error that says what an argument is, and what it has to be."""
    if not isinstance(log_dir, (str, os.PathLike)):
        raise TypeError(f"log_dir must be a path; it is {log_dir!r}.")
    if "://" in os.fspath(log_dir):
        raise ValueError(f"log_dir must be a local directory; it is {log_dir!r}. Write there and copy, or mount it.")
    if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
        raise ValueError(f"every must be a number of epochs, at least 1; it is {every!r}.")
    if budget is not None and not (isinstance(budget, (int, float, np.number)) and 0 < budget <= 1):
        raise ValueError(f"budget is a share of the training time in (0, 1], or None; it is {budget!r}.")
    if on_error not in ("warn", "raise"):
        raise ValueError(f'on_error must be "warn" or "raise"; it is {on_error!r}.')
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f'verbose must be 0, 1, 2 or "auto"; it is {verbose!r}.')
    if isinstance(log_keys, str):
        raise TypeError(f"log_keys must be a list of scalar names; it is the string {log_keys!r}.")
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(f"name is part of a TensorBoard tag: a string, not empty and without '/'; it is {name!r}.")


def checked_metrics(given: Sequence[Callable]) -> tuple[Callable, ...]:
    """The metrics as a tuple; an error where one is none, or two have one name."""
    if callable(given):
        raise TypeError(f"metrics must be a list of functions; it is {given!r}. Write metrics=[...].")
    for one in given:
        if isinstance(one, type) or not (isinstance(one, Metric) or (callable(one) and hasattr(one, "__name__"))):
            hint = f" Write {one.__name__}(), with brackets." if isinstance(one, type) else ""
            raise TypeError(
                f"metrics must be functions from an Explanation to numbers or a keras_xai.metrics.Metric; one is "
                f"{one!r}.{hint}"
            )
    names = [name_of(one) for one in given]
    if len(set(names)) < len(names):
        raise ValueError(f"metrics must differ in name, which their scalars are called by; they are {names}.")
    return tuple(given)


def warn_of_many(count: int, every: int) -> None:
    """Says what it costs to explain a whole validation set, which is given perhaps by mistake."""
    if count > _MANY:
        warnings.warn(
            f"keras_xai: {count} samples will be explained after every {every} epoch(s), which may take longer than "
            "training. A few dozen show as much: keras_xai.Samples.from_data((x, y), count=16) chooses them from all "
            "classes; budget=0.03 bounds the time.",
            stacklevel=3,
        )
