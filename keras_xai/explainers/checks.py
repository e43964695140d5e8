"""Checks of constructors' arguments that several explainers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def check_count(name: str, value: Any, least: int = 1, default: str | None = None) -> None:
    """An int of at least `least`; also None where `default` says what that means.

    Raises:
        ValueError: it is none.
    """
    if value is None and default is not None:
        return
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        otherwise = "" if default is None else f", or None for {default}"
        raise ValueError(f"{name} must be an int of at least {least}{otherwise}; it is {value!r}.")


def check_pair(name: str, value: Any, default: str) -> None:
    """An int above 0, two of them (rows, columns), or None for what `default` says.

    Raises:
        ValueError: it is neither.
    """
    if value is None:
        return
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value, value]
    if len(items) != 2 or not all(isinstance(one, (int, np.integer)) and one > 0 for one in items):
        raise ValueError(f"{name} must be an int above 0, (rows, columns), or None for {default}; it is {value!r}.")


def pair(value: Any) -> tuple[int, int]:
    """An int or two of them as (rows, columns)."""
    rows, columns = value if isinstance(value, Sequence) else (value, value)
    return int(rows), int(columns)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """One of a few words.

    Raises:
        ValueError: it is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {list(choices)}; it is {value!r}.")


def is_number(value: Any) -> bool:
    """A real, finite number."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(np.isfinite(value))


def check_fill(value: Any) -> None:
    """What hidden pixels show: "mean", "blur" or a finite number.

    Raises:
        ValueError: it is none of them.
    """
    if not (value in ("mean", "blur") if isinstance(value, str) else is_number(value)):
        raise ValueError(f'fill must be "mean", "blur" or a finite number; it is {value!r}.')
