"""One kind of question as one compiled function: perturb, run the model, score, differentiate, reduce, accumulate."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.accumulation import accumulated, merged
from keras_xai.calls import Attention, Call, Head
from keras_xai.fitting_batch import KnownLengths
from keras_xai.interception import intercept, run
from keras_xai.layers import Topology
from keras_xai.queries import Observation, Queries
from keras_xai.samples import Samples, replace_image
from keras_xai.scores import Outputs, Score

# Tried from the top until float16 gradients are finite; a power of two changes nothing but the exponent.
_HALF_SCALES = (2.0**15, 2.0**10, 2.0**5, 1.0)

INPUT = "input"


class Forward:
    """The static part of a question, compiled; what varies per query comes as arguments.

    Args:
        model: a function that returns the model.
        topology: its calls.
        places: (call, attention or "input", with gradient, reduce) for everything to observe.
        score, head: what is explained.
        perturb, at: how a query is made from its sample, and where ("input" or a call).
        accumulate: see `Queries`.
        samples: for the place and layout of the image; not kept.
        probabilities: the output holds probabilities, although nothing was found to intercept.

    Attributes:
        samples_known, batches_known: for how many samples, and for batches of which length, it was compiled.
    """

    def __init__(
        self,
        model: Callable,
        topology: Topology,
        places: tuple,
        score: Any,
        head: Head,
        samples: Samples,
        perturb: Callable | None = None,
        at: Any = INPUT,
        accumulate: str = "stack",
        probabilities: bool = False,
    ):
        self._model = model
        self._topology = topology
        self._places = places
        self._score = score
        self._head = head
        self._perturb = perturb
        self._at = at
        self._accumulate = accumulate
        self._probabilities = probabilities
        self._image_key = samples.image_key
        self._channels_first = samples.channels_first
        self._watched = list(dict.fromkeys(place for place, gradient, _ in places if gradient))
        half = any(call.dtype == "float16" for call in topology.calls)
        self._scales: tuple[float, ...] = _HALF_SCALES if half and self._watched else (1.0,)
        self.samples_known, self.batches_known = KnownLengths(), KnownLengths()
        self.compiled = backend.Compiled(self._run, lambda: self._model().variables, self._joined)

    def __call__(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run one batch.

        Args:
            arguments: "x" the inputs, "candidates" (b, classes) bool; for perturbed queries also "index" (b,) into x,
                "rows", "tables", and what the accumulation needs: "real" (b,) 0 for padding, "weights" (b,).

        Returns:
            "scores", "targets", "predictions" per query; "observed", a list with one entry per place.
        """
        whole = {"scale", "x", "tables"} if "index" in arguments else {"scale"}
        while True:
            result = self.compiled({**arguments, "scale": np.float32(self._scales[0])}, whole)
            overflowed = result.pop("overflowed")
            if len(self._scales) == 1 or not backend.to_numpy(overflowed).any():
                return result
            self._scales = self._scales[1:]

    def inside(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """As calling it, but as a part of the caller's graph, on unperturbed images."""
        result = self._run({**arguments, "scale": self._scales[0]})
        for scale in self._scales[1:]:
            smaller, overflowed = self._run({**arguments, "scale": scale}), result["overflowed"]
            result = _map(functools.partial(_replaced, overflowed), result, smaller)
        del result["overflowed"]
        return result

    def _joined(self, results: list[dict[str, Any]]) -> dict[str, Any]:
        """What several devices found about their parts of a batch, as if it were from one."""
        from keras import ops

        observed = [result.pop("observed") for result in results]
        joined = _map(lambda *parts: ops.concatenate(parts), *results)
        if self._accumulate == "stack":
            return {**joined, "observed": _map(lambda *parts: ops.concatenate(parts), *observed)}
        merge = functools.partial(merged, self._accumulate)
        return {**joined, "observed": [functools.reduce(merge, parts) for parts in zip(*observed, strict=True)]}

    def _run(self, arguments: dict[str, Any]) -> dict[str, Any]:
        import keras
        from keras import ops

        inputs, row, tables = arguments["x"], arguments.get("rows"), arguments.get("tables")
        n = ops.shape(keras.tree.flatten(inputs)[0])[0]
        if "index" in arguments:
            inputs, tables = keras.tree.map_structure(
                lambda tensor: backend.looked_up(tensor, arguments["index"]), (inputs, tables)
            )
        image = inputs if self._image_key is None else inputs[self._image_key]
        if self._perturb is not None and self._at == INPUT:
            image = self._perturb(image, row, tables)
        if INPUT in self._watched and "float" not in keras.backend.standardize_dtype(image.dtype):
            image = ops.cast(image, "float32")

        def forward(watch):
            return self._forward(inputs, image, row, tables, arguments, watch)

        if self._watched:
            shapes = {place: self._shape(place, image) for place in self._watched}
            answers, gradients = backend.differentiate(forward, shapes, ops.shape(image)[0])
        else:
            (_, answers), gradients = forward(None), {}
        gradients = {place: self._gradient(gradients, place, arguments["scale"]) for place in self._watched}
        values = dict(zip(self._observed(), answers.pop("values"), strict=True))
        observed = [
            _reduced(reduce, values[place], gradients[place] if gradient else None)
            for place, gradient, reduce in self._places
        ]
        overflowed = self._overflowed(answers["scores"], gradients)
        if self._accumulate != "stack":
            observed = [accumulated(self._accumulate, one, arguments, n) for one in observed]
        return {**answers, "observed": observed, "overflowed": overflowed}

    def _forward(
        self, inputs: Any, image: Any, row: Any, tables: Any, arguments: dict[str, Any], watch: Any
    ) -> tuple[Any, dict]:
        """The model run once: (sum of scores, answers). `watch` marks where to differentiate."""
        import keras
        from keras import ops

        values: dict[Any, Any] = {}

        def look(place, tensor):
            if place in self._observed():
                values[place] = ops.cast(self._channels_last(tensor, place), "float32")
            return watch(place, tensor) if place in self._watched else tensor

        def hook(call):
            def replace(output):
                if call == self._at:
                    changed = self._perturb(ops.cast(call.to_map(output), "float32"), row, tables)
                    output = call.from_map(changed, output)
                return look(call, output)

            return replace

        hooks = {call: hook(call) for call in [*self._observed(), self._at] if isinstance(call, Call)}
        attentions = {one: functools.partial(look, one) for one in self._observed() if isinstance(one, Attention)}
        with intercept(self._model(), hooks, self._head, attentions) as caught:
            raw = run(self._model(), replace_image(inputs, look(INPUT, image), self._image_key))
        raw = keras.tree.map_structure(lambda tensor: ops.cast(tensor, "float32"), raw)
        predictions = as_column(keras.tree.flatten(raw)[self._topology.heads.index(self._head)])
        outputs = self._outputs(raw, predictions, caught)
        targets = most_probable(outputs, arguments["candidates"])
        known = isinstance(self._score, Score)
        scores = self._score.evaluate(outputs, targets) if known else self._score(raw, targets)
        if len(scores.shape) != 1:
            raise ValueError(
                f"The score {self._score!r} must return one number per sample, shape (n,); it returned shape "
                f"{tuple(scores.shape)}."
            )
        scores = ops.cast(scores, "float32")
        answers = {
            "scores": scores,
            "targets": targets,
            "predictions": predictions,
            "values": [values[place] for place in self._observed()],
        }
        return ops.sum(scores) * arguments["scale"], answers

    def _outputs(self, raw: Any, predictions: Any, caught: list) -> Outputs:
        from keras import ops

        if caught:
            return Outputs(raw, predictions, as_column(ops.cast(caught[0], "float32")), self._head.activation)
        if self._probabilities:
            return Outputs(raw, predictions, ops.log(ops.maximum(predictions, 1e-37)), "unknown")
        return Outputs(raw, predictions, predictions, None)

    def _observed(self) -> list:
        return list(dict.fromkeys(place for place, _, _ in self._places))

    def _gradient(self, gradients: dict, place: Any, scale: Any) -> Any:
        from keras import ops

        # JAX gives zeros where the others give None.
        beside = isinstance(self._score, Score) and place != INPUT and not self._topology.feeds(place, self._head)
        if gradients.get(place) is None or beside:
            raise ValueError(
                f"The explained score does not depend on {getattr(place, 'path', place)!r} through differentiable "
                "operations, so it has no gradient there. Choose another layer with layer=..., or an explainer that needs "
                "no gradient, such as keras_xai.LIME()."
            )
        gradient = ops.cast(gradients[place], "float32")
        return self._channels_last(gradient / scale if len(self._scales) > 1 else gradient, place)

    def _overflowed(self, scores: Any, gradients: dict) -> Any:
        """True where a finite score has a gradient that is not: float16 ran out of range at this scale."""
        from keras import ops

        overflowed = ops.zeros_like(scores, dtype="bool")
        if len(self._scales) > 1:
            for gradient in gradients.values():
                finite = ops.all(ops.isfinite(gradient), axis=(1, 2, 3))
                overflowed = ops.logical_or(overflowed, ops.logical_and(ops.isfinite(scores), ops.logical_not(finite)))
        return overflowed

    def _shape(self, place: Any, image: Any) -> tuple:
        import keras

        if place == INPUT:
            return tuple(image.shape[1:]), keras.backend.standardize_dtype(image.dtype)
        return place.tensor_shape, place.dtype

    def _channels_last(self, tensor: Any, place: Any) -> Any:
        from keras import ops

        if isinstance(place, Attention):
            return tensor
        if isinstance(place, Call):
            return place.to_map(tensor)
        return ops.transpose(tensor, (0, 2, 3, 1)) if self._channels_first else tensor


def as_column(output: Any) -> Any:
    """An output of one number per sample, (n,), as one unit, (n, 1); others as they are."""
    return output[:, None] if len(output.shape) == 1 else output


def most_probable(outputs: Outputs, candidates: Any) -> Any:
    """The class the model finds most probable among each sample's candidates.

    Args:
        outputs: of one forward pass; dense predictions count by their mean over space.
        candidates: (n, classes) bool.

    Returns:
        (n,) int32 tensor.
    """
    from keras import ops

    evidence = outputs.predictions
    if len(evidence.shape) > 2:
        evidence = ops.mean(evidence, axis=tuple(range(1, len(evidence.shape) - 1)))
    if evidence.shape[-1] == 1:
        positive = evidence if outputs.activation is None else evidence - 0.5
        evidence = ops.concatenate([-positive, positive], axis=-1)
    evidence = ops.where(ops.isnan(evidence), 0.0, evidence)
    return ops.cast(ops.argmax(ops.where(candidates, evidence, -np.inf), axis=-1), "int32")


def places_of(observation: Observation, topology: Topology, head: Head) -> list[tuple]:
    """(call, attention or INPUT, with gradient, reduce) for everything an observation means."""
    if observation.place == INPUT:
        return [(INPUT, observation.gradient, observation.reduce)]
    calls: tuple
    if observation.place == "depth":
        calls = topology.spread(observation.layer, head)
    elif observation.place == "attention":
        calls = topology.attentions(observation.layer)
    else:
        calls = topology.resolve(observation.layer, head, observation.grid)
    reduces = [observation.reduce] * len(calls)
    reduces[-1] = observation.reduce_last or observation.reduce
    return [(call, observation.gradient, reduce) for call, reduce in zip(calls, reduces, strict=True)]


def batch_arguments(
    samples: Samples, table: Queries, candidates: np.ndarray, which: np.ndarray, row: np.ndarray, count: int
) -> dict[str, Any]:
    """What `Forward` is called with: queries number `row` of samples `which`; those from `count` on are padding."""
    arguments: dict[str, Any] = {"candidates": candidates[which]}
    if table.rows is None:
        arguments["x"] = _map(lambda array: backend.entries(array, which), samples.x)
        return arguments
    real = (np.arange(len(which)) < count).astype(np.float32)
    arguments["index"] = which.astype(np.int32)
    arguments["rows"] = _map(lambda array: array[which, row], table.rows)
    if table.accumulate == "weighted_sum":
        arguments["weights"] = np.asarray(table.weights, np.float32)[which, row] * real
    if table.accumulate == "moments":
        arguments["real"] = real
    return arguments


def _map(function: Callable, *structures: Any) -> Any:
    import keras

    return keras.tree.map_structure(function, *structures)


def _replaced(where: Any, value: Any, other: Any) -> Any:
    from keras import ops

    return ops.where(ops.reshape(where, (-1,) + (1,) * (len(value.shape) - 1)), other, value)


def _reduced(reduce: Callable | None, values: Any, gradients: Any) -> Any:
    arguments = (values,) if gradients is None else (values, gradients)
    if reduce is not None:
        return reduce(*arguments)
    return arguments if gradients is not None else values
