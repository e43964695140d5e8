"""From numbers of single epochs to numbers over epochs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Range = list[float] | None


def by_name(epochs: Sequence[Any], gather: Callable[[Sequence[Any]], Any] = list) -> dict[str, Any]:
    """Turns dictionaries, one per epoch, into a dictionary of lists; None where a name is missing.

    Args:
        epochs: the dictionaries, or None.
        gather: what is made of the list of a name's values, by default the list.
    """
    names = dict.fromkeys(name for epoch in epochs for name in epoch or {})
    return {name: gather([(epoch or {}).get(name) for epoch in epochs]) for name in names}


def per_epoch(epochs: Sequence[dict[str, dict[str, np.ndarray]]], count: int) -> dict[str, dict[str, list[Any]]]:
    """Method -> measure -> epoch -> one number per sample, None where there is none.

    Args:
        epochs: method -> measure -> (n,) float with NaN.
        count: n, for the epochs that lack a measure.
    """
    nothing = [None] * count
    return {
        method: {name: [nothing if row is None else numbers(row) for row in rows] for name, rows in measures.items()}
        for method, measures in by_name(epochs, by_name).items()
    }


def widest(epochs: Sequence[dict[str, np.ndarray]]) -> dict[str, list[Range]]:
    """Of each method's map of each sample the smallest and the largest value of all epochs.

    Args:
        epochs: method -> (n, 2) float, smallest and largest, NaN where there is no map.
    """
    by_method: dict[str, list[np.ndarray]] = {}
    for epoch in epochs:
        for method, ranges in epoch.items():
            by_method.setdefault(method, []).append(ranges)
    return {method: _widest(np.stack(ranges)) for method, ranges in by_method.items()}


def largest(records: Sequence[dict[str, dict[int, np.ndarray]]]) -> dict[str, dict[int, list[float | None]]]:
    """Of each channel's tile of each sample the largest value of all records.

    Args:
        records: layer -> channel -> (n,) float, NaN where there is no tile.
    """
    found: dict[str, dict[int, np.ndarray]] = {}
    for record in records:
        for layer, channels in record.items():
            known = found.setdefault(layer, {})
            for channel, values in channels.items():
                known[channel] = np.fmax(known.get(channel, values), values)
    return {
        layer: {channel: numbers(values) for channel, values in channels.items()} for layer, channels in found.items()
    }


def numbers(row: np.ndarray) -> list[float | None]:
    """An array as a list, None for NaN, which no JSON can say."""
    return [None if value != value else value for value in row.tolist()]  # NaN alone differs from itself


def _widest(ranges: np.ndarray) -> list[Range]:
    ends = np.stack([np.fmin.reduce(ranges[:, :, 0]), np.fmax.reduce(ranges[:, :, 1])], axis=1)
    return [None if low != low else [low, high] for low, high in ends.tolist()]
