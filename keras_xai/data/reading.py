"""Read some samples of whatever Keras trains on, and leave it as it was found."""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from keras_xai import backend
from keras_xai.data.pipelines import unshuffled
from keras_xai.data.restoring import GIVE_SAMPLES, restored

# What is in memory is looked at in pieces of this many samples.
_PIECE = 256


class Batch(NamedTuple):
    """Some samples of a data set.

    Attributes:
        x: nested arrays (n, …). y: (n, …) array or None; nested for several outputs. weights: (n, …) array or None; nested.
        positions: (n,) int, where they stand in the data as stored, before any shuffling.
    """

    x: Any
    y: Any
    weights: Any
    positions: np.ndarray


@contextlib.contextmanager
def reading(data: Any, scan: int) -> Iterator[Iterator[Batch]]:
    """Some samples of a data set; on exit the data set and the random states are as before.

    Args:
        data: as in `Samples.from_data`.
        scan: read about so many samples at most: spread over data that can be indexed, else the first.

    Yields:
        An iterator of `Batch`es, to be used inside.

    Raises:
        TypeError: reading would change the data, or it is of no known kind.
        ValueError: parts that do not belong together.
    """
    kind = kind_of(data)
    with backend.preserved_random_states(), contextlib.ExitStack() as undo:
        if kind == "tf.data":
            yield _streamed(unshuffled(data), scan)
        elif kind == "DataLoader":
            undo.enter_context(
                restored(data.dataset, data.sampler, data.batch_sampler, data.collate_fn, data.generator)
            )
            yield _of_loader(data, scan)
        elif holds_arrays(data):
            yield of_arrays(data, scan)
        elif kind is None and hasattr(data, "__getitem__"):
            undo.enter_context(restored(data))
            yield of_sequence(data, scan)
        else:
            raise TypeError(
                f"Samples cannot be chosen from {type(data).__name__} without using it up. They can from arrays, (x, y), a "
                "tf.data.Dataset, a keras PyDataset, a torch DataLoader of a dataset with a length, and sequences of "
                f"batches or samples. {GIVE_SAMPLES}"
            )


def kind_of(data: Any) -> str | None:
    """What has to be read in a way of its own; imports nothing to find out.

    Returns:
        "tf.data"; "DataLoader", of a dataset with a length; "stream", another loader or an iterator; or None.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and isinstance(data, tensorflow.data.Dataset):
        return "tf.data"
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(data, torch.utils.data.DataLoader):
        return "stream" if isinstance(data.dataset, torch.utils.data.IterableDataset) else "DataLoader"
    return "stream" if hasattr(data, "__next__") and not hasattr(data, "__getitem__") else None


def holds_arrays(data: Any) -> bool:
    """Arrays, or x, y and weights in a tuple, rather than a sequence of batches or samples."""
    if isinstance(data, list):
        return not data or not isinstance(data[0], (tuple, list))
    return isinstance(data, (tuple, dict)) or hasattr(data, "__array__") or hasattr(data, "detach")


def of_arrays(data: Any, scan: int, start: int = 0) -> Iterator[Batch]:
    """Pieces of what is in memory, or can be sliced, from sample `start` on."""
    import keras

    parts, length = arrays_of(data)
    step = max(1, math.ceil(length / scan))
    for begin in range(start, length, step * _PIECE):
        stop = min(length, begin + step * _PIECE)
        piece = keras.tree.map_structure(lambda leaf: _numpy(leaf[begin:stop:step]), parts)  # noqa: B023
        yield Batch(**_with_none(piece), positions=np.arange(begin, stop, step))


def arrays_of(data: Any) -> tuple[dict[str, Any], int]:
    """x, and y and weights where they are there, and how many samples they hold.

    Raises:
        ValueError: they differ in length.
    """
    import keras

    if isinstance(data, list) and all(np.ndim(one) == 3 for one in data):
        data = np.stack(data) if data else np.empty((0, 1, 1, 1))  # images one by one
    parts = {
        name: np.asarray(part) if isinstance(part, list) and all(map(np.isscalar, part)) else part
        for name, part in _without_none(_parts(data)).items()  # labels in a list, too
    }
    lengths = {len(leaf) for leaf in keras.tree.flatten(parts)}
    if len(lengths) != 1:
        raise ValueError(f"x, y and the sample weights must have one length; they have {sorted(lengths)}.")
    return parts, lengths.pop()


def of_sequence(data: Any, scan: int) -> Iterator[Batch]:
    """Batches or samples by their number: the first to learn the size, then others spread evenly."""
    total = length_of(data)
    if total == 0:
        return
    first = as_batch(data[0], 0)
    yield first
    size = max(1, len(first.positions))
    count = math.ceil(scan / size)
    numbers = range(count) if total is None else np.linspace(0, total - 1, min(count, total)).astype(int)
    for number in numbers[1:]:
        yield as_batch(data[int(number)], int(number) * size)


def _of_loader(loader: Any, scan: int) -> Iterator[Batch]:
    """Past the loader's workers and its order: the samples that its sampler may draw, by their number."""
    if loader.batch_sampler is None:
        drawn: Iterable = loader.sampler
    else:
        drawn = itertools.chain.from_iterable(loader.batch_sampler)
    indices = sorted(set(itertools.islice(drawn, len(loader.dataset))))
    indices = indices[:: max(1, math.ceil(len(indices) / scan))]
    if loader.batch_sampler is None:
        for index in indices:
            yield as_batch(loader.collate_fn(loader.dataset[index]), index)
        return
    for start in range(0, len(indices), loader.batch_size or 32):
        some = indices[start : start + (loader.batch_size or 32)]
        yield as_batch(loader.collate_fn([loader.dataset[index] for index in some]), some)


def _streamed(elements: Iterable, scan: int) -> Iterator[Batch]:
    position = 0
    for element in elements:
        batch = as_batch(element, position)
        yield batch
        position += len(batch.positions)
        if position >= scan:
            return


def as_batch(element: Any, positions: Any) -> Batch:
    """One element of a data set; a single sample becomes a batch of one."""
    import keras

    parts = keras.tree.map_structure(_numpy, _without_none(_parts(element)))
    if max(leaf.ndim for leaf in keras.tree.flatten(parts["x"])) < 4:
        parts = keras.tree.map_structure(lambda leaf: leaf[None], parts)
    count = len(keras.tree.flatten(parts["x"])[0])
    if isinstance(positions, int):
        positions = positions + np.arange(count)
    return Batch(**_with_none(parts), positions=np.asarray(positions))


def _parts(data: Any) -> dict[str, Any]:
    """x, y and weights as Keras takes them apart."""
    if isinstance(data, (tuple, list)):
        if not 1 <= len(data) <= 3:
            raise ValueError(
                f"data must be x, (x, y) or (x, y, sample_weight); it is a {type(data).__name__} of {len(data)}."
            )
        return dict(zip(("x", "y", "weights"), data, strict=False))
    return {"x": data}


def _without_none(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part is not None}


def _with_none(parts: dict[str, Any]) -> dict[str, Any]:
    return {"y": None, "weights": None, **parts}


def _numpy(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def length_of(data: Any) -> int | None:
    """How many elements; None for an endless PyDataset."""
    length: Callable[[], int | None] = (
        (lambda: data.num_batches) if hasattr(data, "num_batches") else (lambda: len(data))
    )
    try:
        return length()
    except (NotImplementedError, TypeError):
        return None
