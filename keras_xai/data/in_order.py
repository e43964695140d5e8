"""All samples of whatever Keras predicts on, once, in the order in which they are stored."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from keras_xai.data.pipelines import from_element, unshuffled
from keras_xai.data.reading import Batch, arrays_of, as_batch, holds_arrays, kind_of, length_of, of_arrays
from keras_xai.data.restoring import restored

_ALL = sys.maxsize


class InOrder:
    """The samples of a data set from number `start` on, in batches of any size; one pass.

    A shuffled tf.data pipeline is read without its shuffling, cache and repetition where it can be copied, else as it is. A
    DataLoader's dataset is read by the loader's workers, in the order of its numbers. Arrays and DataLoaders begin at
    `start`; a tf.data pipeline and what has numbered batches begin at the batch with it, where `element_size` is given. All
    else, an iterator above all, is read from its beginning, and what comes before `start` is dropped.

    Args:
        data: arrays, `(x, y)` or `(x, y, sample_weight)`; a tf.data.Dataset, a keras PyDataset, a torch DataLoader, a
            sequence or an iterator of such batches or samples.
        start: the first sample wanted.
        element_size: how many samples each batch before `start` has, or None. What turns out to be wrong is not believed.

    Attributes:
        element_size: how many samples each batch has that was read or passed over, the last one at most so many; None where
            they differ, where nothing was read yet, and of arrays and DataLoaders.
        total: how many samples there are, `start` or not; known after the first batch, and of what comes in batches an upper
            bound, since the last may be smaller. None where only reading tells.

    Raises:
        ValueError: the data have no end, or parts that do not belong together.
    """

    def __init__(self, data: Any, start: int = 0, element_size: int | None = None):
        self.total: int | None = None
        self.element_size: int | None = None
        self._data = data
        self._start = start
        self._known_size = element_size

    @property
    def counts(self) -> bool:
        """Whether samples have numbers: any can be begun at, and `total` is exact."""
        kind = kind_of(self._data)
        return kind == "DataLoader" or (kind is None and holds_arrays(self._data))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Pairs of nested arrays x (n, …) and y (n, …), or None."""
        data, kind = self._data, kind_of(self._data)
        if kind == "DataLoader":
            return self._loaded(data)
        if kind is None and holds_arrays(data):
            return self._sliced(data)
        if kind is None and hasattr(data, "__getitem__"):
            count = _finite(data)
            return self._batches(lambda number: (data[index] for index in range(number, count)), count)
        if kind == "tf.data":
            dataset, cardinality = _pipeline(data)
            return self._batches(lambda number: from_element(dataset, number) if number else dataset, cardinality)
        if hasattr(data, "__iter__"):
            self._known_size = None
            return self._batches(lambda number: data, None)
        raise TypeError(
            "data must be arrays, (x, y), a tf.data.Dataset, a keras PyDataset, a torch DataLoader, or a sequence or "
            f"iterator of batches; it is {type(data).__name__}."
        )

    def _sliced(self, data: Any) -> Iterator[tuple[Any, Any]]:
        self.total = arrays_of(data)[1]
        for batch in of_arrays(data, _ALL, self._start):
            yield batch.x, batch.y

    def _loaded(self, loader: Any) -> Iterator[tuple[Any, Any]]:
        numbers = _numbers(loader)
        self.total = len(numbers)
        in_order = sys.modules["torch"].utils.data.DataLoader(
            loader.dataset,
            batch_size=None if loader.batch_sampler is None else loader.batch_size or 32,
            sampler=numbers[self._start :],
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
        )
        for element in in_order:
            batch = as_batch(element, 0)
            yield batch.x, batch.y

    def _batches(self, from_number: Callable[[int], Iterable], count: int | None) -> Iterator[tuple[Any, Any]]:
        """Those from `start` on of what `from_number` gives, which has `count` elements, if that is known."""
        batches, position = self._landed(from_number, count)
        usual, last, alike = self._known_size if position else None, None, True
        for batch in batches:
            size = len(batch.positions)
            usual = usual or size
            alike = alike and size <= usual and last in (None, usual)
            self.element_size, last = usual if alike else None, size
            if count is not None and self.total is None:
                self.total = count * usual
            skipped = max(0, self._start - position)
            position += size
            if skipped == 0:
                yield batch.x, batch.y
            elif skipped < size:
                yield tuple(_without_first(skipped, part) for part in (batch.x, batch.y))

    def _landed(self, from_number: Callable[[int], Iterable], count: int | None) -> tuple[Iterator[Batch], int]:
        """Batches that begin with the one that `start` is in, or at the beginning; and the number of the first sample."""
        size = self._known_size
        number = self._start // size if size else 0
        if size and number and (count is None or number < count):
            batches = _as_batches(from_number(number))
            first = next(batches, None)
            found = 0 if first is None else len(first.positions)
            if first is not None and (found == size or (found < size and number + 1 == count)):
                return itertools.chain([first], batches), number * size
        return _as_batches(from_number(0)), 0


def _as_batches(elements: Iterable) -> Iterator[Batch]:
    return (as_batch(element, 0) for element in elements)


def _without_first(count: int, arrays: Any) -> Any:
    import keras

    return keras.tree.map_structure(lambda array: None if array is None else array[count:], arrays)


def _finite(data: Any) -> int:
    """How many elements a sequence has."""
    number = length_of(data)
    if number is None:
        raise ValueError(f"This {type(data).__name__} has no end: say how many batches it has, by its __len__.")
    return number


def _pipeline(dataset: Any) -> tuple[Any, int | None]:
    """A tf.data.Dataset to read once, in the order that it stores where that can be told, and how many elements it has."""
    with contextlib.suppress(TypeError):
        dataset = unshuffled(dataset)
    number = int(dataset.cardinality())
    if number == -1:
        raise ValueError("This tf.data.Dataset has no end: leave out its repeat(), or take(...) a part of it.")
    return dataset, number if number >= 0 else None


def _numbers(loader: Any) -> list[int]:
    """Which samples of its dataset a DataLoader may give, in ascending order."""
    if getattr(loader.sampler, "replacement", False):
        return list(range(len(loader.dataset)))
    with restored(loader.sampler, loader.batch_sampler):
        drawn = loader.sampler if loader.batch_sampler is None else itertools.chain.from_iterable(loader.batch_sampler)
        return sorted(set(itertools.islice(drawn, len(loader.dataset))))
