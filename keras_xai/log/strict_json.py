"""JSON that every parser accepts: no NaN or Infinity tokens, no NumPy types, no spaces."""

import decimal
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

_TEXT_OR_FLOAT = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?e[+-]?\d+|-?\d+\.\d+')
DIGITS = 6  # float32 carries seven; the seventh costs a byte per number and is never looked at


def strict_json(value: Any) -> bytes:
    """Encodes a value as compact, strict JSON.

    Numbers that JSON cannot say (NaN and the infinities) become `null`, floats are rounded to six significant
    digits and written in the shortest way (0.000154 as 154e-6), NumPy scalars and arrays become numbers and lists, mapping
    keys become text.

    Args:
        value: nested mappings, lists, tuples, arrays, numbers, booleans, text and None.

    Returns:
        ASCII bytes.

    Raises:
        TypeError: something inside has no JSON form; the message names its type.
    """
    written = json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))
    return _TEXT_OR_FLOAT.sub(lambda found: _shortest(found[0]), written).encode("ascii")


def _shortest(token: str) -> str:
    """A float as digits and an exponent, where that takes fewer characters; text as it is."""
    if token[0] == '"':
        return token
    sign, digits, exponent = decimal.Decimal(token).normalize().as_tuple()
    short = f"{'-' * sign}{''.join(map(str, digits))}e{exponent}"
    return min(token, short, key=len)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    raise TypeError(
        f"A record holds a {type(value).__name__}, which JSON cannot carry. "
        "Expected mappings, lists, arrays, numbers, text or None."
    )
