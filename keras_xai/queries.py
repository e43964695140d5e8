"""What explainers ask and what the engine answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_xai.calls import Call, Head


@dataclass(frozen=True)
class Observation:
    """Something to look at in every forward pass. Use the functions below to make one.

    Attributes:
        place: "input", or "layer" for the layers that `layer` means (see `Topology.resolve`), or "depth" for `layer` many
            layers spread over the depth, or "attention" for the scores of the attention layers that `layer` means.
        gradient: whether d score / d (what is there) is wanted beside it.
        reduce: `(values)` or `(values, gradients) -> tensor or tuple of tensors` with the batch axis first, in
            `keras.ops`, run on the device before anything is read back. None keeps everything.
        reduce_last: what takes the place of `reduce` at the last of several layers; None: nothing does.
        grid: (rows, columns) of the tokens, for layers of tokens; None finds it (see `calls.token_grid`).
    """

    place: str
    layer: Any = None
    gradient: bool = False
    reduce: Callable | None = None
    grid: tuple[int, int] | None = None
    reduce_last: Callable | None = None


def gradient_at_input(reduce: Callable | None = None) -> Observation:
    """The images and the score's gradient there, (n, height, width, channels)."""
    return Observation("input", gradient=True, reduce=reduce)


def activations_at(
    layer: Any = None, reduce: Callable | None = None, grid: Any = None, reduce_last: Callable | None = None
) -> Observation:
    """What a layer puts out, (n, h', w', channels)."""
    return Observation("layer", _hashable(layer), reduce=reduce, grid=_hashable(grid), reduce_last=reduce_last)


def activations_over_depth(
    count: int, reduce: Callable | None = None, reduce_last: Callable | None = None
) -> Observation:
    """What about `count` layers put out, spread evenly over the depth of the model."""
    return Observation("depth", count, reduce=reduce, reduce_last=reduce_last)


def attention_scores(layers: Any = None, reduce: Callable | None = None) -> Observation:
    """What attention layers look at: (n, heads, tokens, tokens), every row a distribution over the tokens it reads."""
    return Observation("attention", _hashable(layers), reduce=reduce)


def gradient_at(layer: Any = None, reduce: Callable | None = None, grid: Any = None) -> Observation:
    """What a layer puts out and the score's gradient there, each (n, h', w', channels); nothing below is differentiated."""
    return Observation("layer", _hashable(layer), gradient=True, reduce=reduce, grid=_hashable(grid))


@dataclass(frozen=True, eq=False)
class Queries:
    """A table of questions: one row per question and sample.

    Attributes:
        observe: one `Observation` or several; the score is always observed.
        perturb: `(values, row, tables) -> values` in `keras.ops`, makes the query from the original on the device. A
            module-level function or something that hashes by value, since it is part of what is compiled. Every argument
            comes with a leading batch axis: one entry per query. None asks about the samples as they are.
        at: None perturbs the image, as the model eats it; a layer perturbs what that layer puts out, as float32.
        grid: as in `Observation`, for the layer `at`.
        rows: nested arrays (n, r, …), given to `perturb` row by row, or what looks like them (`shape`, `dtype`, and
            `[which, row]`) and is made when it is needed. None: one unperturbed question per sample.
        tables: nested arrays (n, …) that the rows of one sample share: segments, fills, donors.
        accumulate: "stack" keeps an answer per row; "weighted_sum" sums what is observed over a sample's rows with
            `weights`; "moments" gives its (mean, variance) over them. Sums run on the device: memory does not grow with r.
        weights: (n, r) float for "weighted_sum".
        counts: (n,) int: only the first so many rows of a sample are asked, with "stack"; the answers of the others are 0.
            None asks all.
    """

    observe: Any = ()
    perturb: Callable | None = None
    at: Any = None
    grid: tuple[int, int] | None = None
    rows: Any = None
    tables: Any = field(default_factory=dict)
    accumulate: str = "stack"
    weights: Any = None
    counts: Any = None

    def __post_init__(self):
        observe = (self.observe,) if isinstance(self.observe, Observation) else tuple(self.observe)
        object.__setattr__(self, "observe", observe)
        if self.accumulate not in ("stack", "weighted_sum", "moments"):
            raise ValueError(f'accumulate must be "stack", "weighted_sum" or "moments"; it is {self.accumulate!r}.')
        if (self.perturb is None) != (self.rows is None):
            raise ValueError("Queries need perturb and rows together: rows are what perturb is given.")
        if (self.accumulate == "weighted_sum") != (self.weights is not None):
            raise ValueError('accumulate="weighted_sum" and weights=... belong together.')
        if self.counts is not None and (self.rows is None or self.accumulate != "stack"):
            raise ValueError('counts=... say how many rows to ask: give rows, and accumulate="stack".')
        if self.rows is None and self.accumulate != "stack":
            raise ValueError(f"accumulate={self.accumulate!r} sums over rows, and these queries have none.")

    def num_rows(self, n: int) -> int:
        """Rows per sample; 1 where there are none."""
        import keras

        if self.rows is None:
            return 1
        shapes = {array.shape[:2] for array in keras.tree.flatten(self.rows)}
        if len(shapes) != 1 or next(iter(shapes))[0] != n:
            raise ValueError(f"rows must be arrays (n, r, …) with n = {n} samples and one r; they begin with {shapes}.")
        return next(iter(shapes))[1]

    def places(self, n: int) -> np.ndarray:
        """Which of the n · r questions are asked, (asked,) int: sample · r + row."""
        rows = self.num_rows(n)
        if self.counts is None:
            return np.arange(n * rows)
        counts = np.asarray(self.counts)
        if counts.shape != (n,) or counts.min() < 0 or counts.max() > rows or not counts.any():
            raise ValueError(f"counts must be ({n},) int from 0 to {rows}, and not all 0; they are {counts.tolist()}.")
        return np.flatnonzero(np.arange(rows) < counts[:, None])

    def signature(self) -> str:
        """Shapes and types of what one query is given: together with the static parts, the key of what is compiled."""
        import keras

        if self.rows is None:
            return ""
        rows = keras.tree.map_structure(lambda array: f"{array.shape[2:]} {array.dtype}", self.rows)
        tables = keras.tree.map_structure(lambda array: f"{array.shape[1:]} {array.dtype}", self.tables)
        return f"{rows} {tables}"


@dataclass
class Answers:
    """What the engine saw, as NumPy arrays; r is the number of rows, and the axis is absent where there are none.

    Attributes:
        scores: (n[, r]) float32. targets: (n,) int. predictions: (n[, r], classes) float32.
        input: what was observed at the input (reduced, accumulated), or None.
        layers: the same for every observed layer, by path. calls: what is known of those layers, by path.
        score: the score that was used. head: the output explained. probabilities: whether `predictions` are such.
        seconds: what it took, without the first batch of a function that had to be compiled, which the other batches tell
            the time of, if there are any. Tables that shared one pass share its time.
    """

    scores: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    input: Any
    layers: dict[str, Any]
    calls: dict[str, Call]
    score: Any
    head: Head
    probabilities: bool
    seconds: float = 0.0

    @property
    def activations(self) -> np.ndarray:
        """The activations of the only observed layer, where nothing was reduced."""
        value = self._only_layer()
        return value[0] if isinstance(value, tuple) else value

    @property
    def gradients(self) -> np.ndarray:
        """The gradients at the only observed layer, where nothing was reduced."""
        value = self._only_layer()
        if not isinstance(value, tuple):
            raise ValueError("These queries did not ask for gradients at a layer; use gradient_at(layer).")
        return value[1]

    def _only_layer(self) -> Any:
        if len(self.layers) != 1:
            raise ValueError(f"Answers hold the layers {list(self.layers)}; read them from `.layers` by path.")
        return next(iter(self.layers.values()))


def _hashable(layer: Any) -> Any:
    return tuple(layer) if isinstance(layer, list) else layer
