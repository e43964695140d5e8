"""The numbers in the manifest of an epoch, of which nothing is believed."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np

from keras_xai.dashboard.refusal import Refusal, quoted

MAX_ENTRIES = 200_000  # maps in one manifest
MAX_NAMES = 200  # methods, measures of a method, logs

OUTCOMES = ("predicted", "confidence", "valid", "flagged")

Rows = dict[int, dict[str, Any]]  # place of the sample -> what is said of its map


@dataclass
class Facts:
    """What one epoch adds to the curves.

    Attributes:
        epoch: 0-based; -1 for the untrained network.
        logs: key -> number of Keras's logs.
        outcomes: each of `OUTCOMES` -> one entry per sample.
        means: method -> measure -> mean over the samples.
        measures: method -> measure -> (n,) float, NaN where a sample has none.
        ranges: method -> (n, 2) float, the smallest and largest value of each sample's map; NaN where there is none.
    """

    epoch: int
    logs: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, list[Any]] = field(default_factory=dict)
    means: dict[str, dict[str, float]] = field(default_factory=dict)
    measures: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    ranges: dict[str, np.ndarray] = field(default_factory=dict)

    def size(self) -> int:
        """About how many bytes it holds."""
        arrays = [*self.ranges.values(), *(row for by_name in self.measures.values() for row in by_name.values())]
        return 500 + sum(100 + array.nbytes for array in arrays) + 16 * sum(map(len, self.outcomes.values()))


def facts(manifest: dict[str, Any], identifiers: Sequence[str]) -> Facts:
    """Reads the numbers; what is missing, of the wrong type or not finite is left out.

    Args:
        manifest: of a record of kind epoch or baseline.
        identifiers: which samples are wanted, in which order; others are passed over.

    Raises:
        Refusal: 422, the manifest has no epoch, or more entries than anybody can look at.
    """
    epoch = manifest.get("epoch")
    if not is_epoch(epoch):
        raise Refusal(422, f"its epoch is {quoted(epoch)}")
    places = {identifier: place for place, identifier in enumerate(identifiers)}
    by_method: dict[str, Rows] = {}
    for entry in rows_of(manifest, "maps"):
        place, method = _place(places, entry.get("sample")), entry.get("method")
        if place is not None and isinstance(method, str):
            by_method.setdefault(method, {})[place] = entry
    if len(by_method) > MAX_NAMES:
        raise Refusal(422, f"it has more than {MAX_NAMES} methods")
    means = manifest.get("means")
    of_methods = list(means.items())[:MAX_NAMES] if isinstance(means, dict) else []
    return Facts(
        epoch,
        logs=_numbers(manifest.get("logs")),
        outcomes=_outcomes(rows_of(manifest, "samples"), places),
        means={method: _numbers(by_name) for method, by_name in of_methods},
        measures={method: _measures(rows, len(places)) for method, rows in by_method.items()},
        ranges={method: _ranges(rows, len(places)) for method, rows in by_method.items()},
    )


def is_epoch(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number that counts epochs; -1 is the untrained network."""
    return type(value) is int and -1 <= value < 10**9


def number(value: Any) -> float | None:
    """A finite number; None for all else."""
    if type(value) is float:  # nearly always
        return value if math.isfinite(value) else None
    if type(value) is not int:
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None


compact = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode  # JSON without spaces


def rows_of(manifest: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in a list of a manifest.

    Raises:
        Refusal: 422, there is no such list, or it is longer than anybody can look at.
    """
    rows = manifest.get(name)
    if not isinstance(rows, list):
        raise Refusal(422, f"its {name} are {quoted(rows)}")
    if len(rows) > MAX_ENTRIES:
        raise Refusal(422, f"it has {len(rows)} {name}; more than {MAX_ENTRIES} are not shown")
    return [row for row in rows if isinstance(row, dict)]


def _place(places: dict[str, int], identifier: Any) -> int | None:
    return places.get(identifier) if isinstance(identifier, str) else None


def _numbers(named: Any) -> dict[str, float]:
    kept = list(named.items())[:MAX_NAMES] if isinstance(named, dict) else []
    return {key: value for key, raw in kept if (value := number(raw)) is not None}


def _outcomes(rows: list[dict[str, Any]], places: dict[str, int]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [None] * len(places) for name in OUTCOMES}
    for row in rows:
        place = _place(places, row.get("id"))
        if place is None:
            continue
        for name in ("valid", "flagged"):
            columns[name][place] = row[name] if isinstance(row.get(name), bool) else None
        columns["confidence"][place] = number(row.get("confidence"))
        predicted = number(row.get("predicted"))
        columns["predicted"][place] = None if predicted is None else int(predicted)
    return columns


def _measures(rows: Rows, count: int) -> dict[str, np.ndarray]:
    said = {place: entry["measures"] for place, entry in rows.items() if isinstance(entry.get("measures"), dict)}
    names = dict.fromkeys(name for measures in said.values() for name in measures)
    columns = {name: _column(said, name, count) for name in list(names)[: MAX_NAMES - 1]}
    columns["r2"] = _column(rows, "r2", count)
    return {name: column for name, column in columns.items() if not np.isnan(column).all()}


def _column(rows: Rows, name: str, count: int) -> np.ndarray:
    column = [math.nan] * count
    for place, row in rows.items():
        value = number(row.get(name))
        if value is not None:
            column[place] = value
    return np.array(column)


def _ranges(rows: Rows, count: int) -> np.ndarray:
    ranges = [(math.nan, math.nan)] * count
    for place, entry in rows.items():
        coefficients = entry.get("coefficients")
        ends = coefficients if isinstance(coefficients, list) else [entry.get("vmin"), entry.get("vmax")]
        numbers = [value for value in map(number, ends) if value is not None]
        if numbers:
            ranges[place] = min(numbers), max(numbers)
    return np.array(ranges).reshape(count, 2)
