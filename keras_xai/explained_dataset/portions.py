"""Batches of any size as portions that fill the engine and end where a shard ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np


class Portion(NamedTuple):
    """Consecutive samples of one shard.

    Attributes:
        start: the first one's number. x: nested arrays (n, …). y: the same, or None.
    """

    start: int
    x: Any
    y: Any

    def __len__(self) -> int:
        return _length(self.x)


def portions(batches: Iterable[tuple[Any, Any]], start: int, largest: int, shard_size: int) -> Iterator[Portion]:
    """Cuts and joins batches.

    Args:
        batches: pairs of x and y. start: the number of the first sample.
        largest: how many samples make a portion, at most.
        shard_size: no portion goes over a multiple of this.

    Yields:
        Portions, in order; where they are cut depends on the samples' numbers alone.
    """
    waiting: list[tuple[Any, Any]] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += _length(batch[0])
        while held >= (wanted := min(largest - start % shard_size % largest, shard_size - start % shard_size)):
            first, waiting = _split(waiting, wanted)
            yield Portion(start, *first)
            start, held = start + wanted, held - wanted
    if held:
        yield Portion(start, *_joined(waiting))


def _split(batches: list[tuple[Any, Any]], count: int) -> tuple[tuple[Any, Any], list[tuple[Any, Any]]]:
    """The first `count` samples, and the rest."""
    taken: list[tuple[Any, Any]] = []
    for position, batch in enumerate(batches):
        length = _length(batch[0])
        if length >= count:
            taken.append(_part(batch, slice(None, count)))
            rest = [_part(batch, slice(count, None))] if length > count else []
            return _joined(taken), rest + batches[position + 1 :]
        taken.append(batch)
        count -= length
    raise AssertionError("fewer samples than asked for")


def _joined(batches: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    import keras

    if len(batches) == 1:
        return batches[0]
    return keras.tree.map_structure(
        lambda *arrays: None if arrays[0] is None else np.concatenate(arrays), *batches, none_is_leaf=True
    )


def _part(batch: tuple[Any, Any], which: slice) -> tuple[Any, Any]:
    import keras

    return keras.tree.map_structure(lambda array: None if array is None else array[which], batch)


def _length(arrays: Any) -> int:
    import keras

    return len(keras.tree.flatten(arrays)[0])
