"""The numbers in the manifest of an epoch, of which nothing is believed.

They are kept as pieces of JSON: what a browser asks for is one answer about hundreds of epochs, and of a run that is
still going on only the newest of them is new.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from keras_xai.dashboard.refusal import Refusal, quoted

MAX_ENTRIES = 200_000  # maps in one manifest
MAX_NAMES = 200  # methods, measures of a method, logs

OUTCOMES = ("predicted", "confidence", "valid", "flagged")

Range = tuple[float, float] | None


@dataclass
class Facts:
    """What one epoch adds to the curves.

    Attributes:
        epoch: 0-based; -1 for the untrained network.
        logs: key -> number of Keras's logs.
        outcomes: each of `OUTCOMES` -> JSON list, one entry per sample.
        means: method -> measure -> mean over the samples.
        measures: method -> measure -> JSON list, one entry per sample.
        ranges: method -> smallest and largest value of each sample's map; None where there is none.
    """

    epoch: int
    logs: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    means: dict[str, dict[str, float]] = field(default_factory=dict)
    measures: dict[str, dict[str, str]] = field(default_factory=dict)
    ranges: dict[str, list[Range]] = field(default_factory=dict)

    def size(self) -> int:
        """About how many bytes it holds."""
        texts = sum(len(text) for by_name in self.measures.values() for text in by_name.values())
        return 500 + texts + 100 * sum(map(len, self.ranges.values())) + sum(map(len, self.outcomes.values()))


def facts(manifest: dict[str, Any], identifiers: Sequence[str]) -> Facts:
    """Reads the numbers; what is missing, of the wrong type or not finite becomes null.

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
    entries = _rows(manifest, "maps")
    found = Facts(epoch, logs=_numbers(manifest.get("logs")), outcomes=_outcomes(_rows(manifest, "samples"), places))
    means = manifest.get("means")
    for method, by_name in list(means.items())[:MAX_NAMES] if isinstance(means, dict) else []:
        found.means[method] = _numbers(by_name)
    values: dict[str, dict[str, list[float | None]]] = {}
    for entry in entries:
        place, method = _place(places, entry.get("sample")), entry.get("method")
        if place is None or not isinstance(method, str):
            continue
        if method not in values:
            if len(values) >= MAX_NAMES:
                raise Refusal(422, f"it has more than {MAX_NAMES} methods")
            values[method], found.ranges[method] = {}, [None] * len(places)
        found.ranges[method][place] = _range(entry)
        measures = entry.get("measures")
        for measure, value in [*(measures.items() if isinstance(measures, dict) else []), ("r2", entry.get("r2"))]:
            value = number(value)
            if value is not None and (measure in values[method] or len(values[method]) < MAX_NAMES):
                values[method].setdefault(measure, [None] * len(places))[place] = value
    found.measures = {
        method: {measure: compact(row) for measure, row in by_name.items()} for method, by_name in values.items()
    }
    return found


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


def compact(value: Any) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _rows(manifest: dict[str, Any], name: str) -> list[dict[str, Any]]:
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


def _outcomes(rows: list[dict[str, Any]], places: dict[str, int]) -> dict[str, str]:
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
    return {name: compact(column) for name, column in columns.items()}


def _range(entry: dict[str, Any]) -> Range:
    coefficients = entry.get("coefficients")
    ends = coefficients if isinstance(coefficients, list) else [entry.get("vmin"), entry.get("vmax")]
    numbers = [value for value in map(number, ends) if value is not None]
    return (min(numbers), max(numbers)) if numbers else None
