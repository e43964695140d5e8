"""Choose a few samples of a data set: of every class, at random, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from keras_xai.data.reading import Batch, reading
from keras_xai.data.restoring import GIVE_SAMPLES


class Candidate(NamedTuple):
    """A sample that may be chosen: a random key, what it is a sample of, where it stands, and its own x and y."""

    key: float
    stratum: int
    position: int
    x: Any
    y: Any


def chosen(data: Any, count: int, seed: int, scan: int) -> dict[str, Any]:
    """A few samples, as arguments of `Samples`: x, labels, names and, where the data knows them, class_names.

    Args, Raises: as in `Samples.from_data`.
    """
    import keras

    for name, value, least in (("count", count, 1), ("seed", seed, 0), ("scan", scan, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} must be an int of at least {least}; it is {value!r}.")
    generator = np.random.default_rng(seed)
    seen: Counter = Counter()
    kept: list[Candidate] = []
    read = 0
    with reading(data, scan) as batches:
        for batch in batches:
            if not len(batch.positions):
                continue
            read += len(batch.positions)
            kept = best(kept + _candidates(batch, generator, seen), count)
            kept = [one._replace(x=keras.tree.map_structure(_own, one.x)) for one in kept]
    if not kept:
        raise ValueError(
            f"data holds no sample: {read} were read, none with a weight and a known label. {GIVE_SAMPLES}"
        )
    labels = None if kept[0].y is None else as_labels(np.stack([one.y for one in kept]))
    names = getattr(data, "class_names", None) or getattr(getattr(data, "dataset", None), "classes", None)
    return {
        "x": keras.tree.map_structure(lambda *rows: np.stack(rows), *(one.x for one in kept)),
        "labels": labels,
        "names": [str(one.position) for one in kept],
        **({"class_names": list(names)} if names else {}),
    }


def best(candidates: list[Candidate], count: int) -> list[Candidate]:
    """The first `count` when strata take turns, each giving its candidates by their key; by turn, then stratum.

    Taking the best of the best of parts gives the best of all, so data may come in pieces.
    """
    taken: Counter = Counter()
    turns = []
    for one in sorted(candidates, key=lambda one: one.key):
        turns.append((taken[one.stratum], one))
        taken[one.stratum] += 1
    turns = sorted(turns, key=lambda turn: (turn[0], turn[1].key))[:count]
    return [one for _, one in sorted(turns, key=lambda turn: (turn[0], turn[1].stratum))]


def as_labels(y: Any) -> np.ndarray | None:
    """Labels as `Samples` takes them: class numbers (n,) or shares of classes (n, classes). None for anything else.

    Args:
        y: (n, …) array, nested for several outputs, or None.

    Raises:
        ValueError: they are text.
    """
    if isinstance(y, np.ndarray) and (y.dtype.kind in "US" or any(isinstance(one, str) for one in y.ravel()[:1])):
        raise ValueError(
            f"labels must be class numbers, but they are text, such as {str(y.ravel()[0])!r}. Number them: "
            "class_names, y = numpy.unique(y, return_inverse=True)."
        )
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "biuf":
        return None
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    known = y[~np.isnan(y.astype(np.float64)).reshape(len(y), -1).any(axis=1)]
    if y.ndim == 1 and (known == np.round(known)).all():
        return y
    return y if y.ndim == 2 and ((known >= 0) & (known <= 1)).all() else None


def strata(labels: np.ndarray | None, count: int, seen: Counter) -> np.ndarray:
    """What each sample is a sample of: its class; of several classes the one seen least so far; −1 for none.

    Args:
        labels: as `as_labels` gives them. count: how many samples.
        seen: how often each class was seen so far; the labels are added.

    Returns:
        (count,) int.
    """
    if labels is None:
        return np.full(count, -1)
    if labels.ndim == 1:
        return labels.astype(np.int64)
    members = [np.flatnonzero(row > 0.5).tolist() for row in labels]
    for classes in members:
        seen.update(classes)
    return np.array([min(classes, key=lambda one: seen[one], default=-1) for classes in members])


def _candidates(batch: Batch, generator: np.random.Generator, seen: Counter) -> list[Candidate]:
    """Those samples of a batch that have a weight and no unknown label."""
    import keras

    count = len(batch.positions)
    keys = generator.random(count)
    eligible = np.ones(count, bool)
    for weights in keras.tree.flatten(batch.weights) if batch.weights is not None else []:
        eligible &= weights.reshape(count, -1).any(axis=1)
    labels = as_labels(batch.y)
    if labels is not None:
        eligible &= ~np.isnan(labels.astype(np.float64)).reshape(count, -1).any(axis=1)
        labels = np.where(eligible.reshape(-1, *[1] * (labels.ndim - 1)), labels, 0)
    of = strata(labels, count, seen)
    y = batch.y if isinstance(batch.y, np.ndarray) else [None] * count

    def row_of(row):
        return keras.tree.map_structure(lambda leaf: leaf[row], batch.x)

    return [
        Candidate(keys[row], int(of[row]), int(batch.positions[row]), row_of(row), y[row])
        for row in np.flatnonzero(eligible)
    ]


def _own(row: np.ndarray) -> np.ndarray:
    """Not a view that keeps a whole batch in memory."""
    return row if row.base is None else np.copy(row)
