"""The engine answers what explainers ask: batched, merged, compiled, on current weights, without touching the model.

Memory, above the model's own: the inputs of all samples once, with what their questions share, such as segments; a batch
of `batch_size` images with its activations, as in a forward pass and, for a gradient, from there up to the score; what two
batches gave; on the host the answers. Sums over questions are on the device, one per sample however many they are.

By construction, since no test has an accelerator: a batch is sent in one piece, and what `reduce` left of its answers is
read once, after the next batch was dispatched; nothing is read sample by sample. Half precision runs as the model does.
"""

from __future__ import annotations

import contextlib
import logging
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.accumulation import finished, merged
from keras_xai.calls import Head
from keras_xai.fitting_batch import FittingBatch, batch_size, padded
from keras_xai.forward import INPUT, Forward, batch_arguments, places_of
from keras_xai.gathering import Gathered
from keras_xai.layers import Topology
from keras_xai.queries import Answers, Queries
from keras_xai.samples import Samples, replace_image
from keras_xai.scores import Logit, LogProbability, Probability, Score

# A first call that takes more seconds than this to compile is told.
_PATIENCE = 2.0
_LOGGER = logging.getLogger("keras_xai")
# Compiled functions kept per model; a score made anew at every call must not fill the memory.
_MAX_COMPILED = 64

_ENGINES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def engine_for(model: Any) -> Engine:
    """The model's engine, made once and kept as long as the model lives.

    Raises:
        TypeError: not a Keras 3 model.
    """
    import keras

    if not isinstance(model, keras.Model):
        kind = type(model)
        raise TypeError(
            f"model must be a Keras 3 model (keras.Model, backend {backend.name()!r}); it is {kind.__module__}."
            f"{kind.__qualname__}. Build or load the model with Keras 3."
        )
    model = getattr(model, "_plain_model", model)  # of an ExplainedModel
    if model not in _ENGINES:
        _ENGINES[model] = Engine(model)
    return _ENGINES[model]


class Engine:
    """Runs queries on one model. Get it from `engine_for(model)`.

    Attributes:
        num_traces: how often a function was traced; it stays put after the first explained epoch.
    """

    def __init__(self, model: Any):
        self._model: Callable[[], Any] = weakref.ref(model)  # what is compiled must not keep the model alive
        self._variables: list = []
        self._topologies: dict[tuple, Topology] = {}
        self._forwards: dict[tuple, Forward] = {}
        self._probabilities: dict[tuple, bool] = {}
        self._past_traces = 0
        self._warned = False
        self._fitting = FittingBatch()
        self._report: Any = None
        self._tracing = 0.0

    @contextlib.contextmanager
    def reporting(self, report: Callable[[int, int], None] | None) -> Iterator[None]:
        """Inside, `report(done, total)` is called after every batch of a table of questions, in passes of the model.

        Where it has a method `compiled`, `report.compiled(seconds)` is called when a first call took seconds to compile.
        """
        self._report = report
        try:
            yield
        finally:
            self._report = None

    @property
    def num_traces(self) -> int:
        return self._past_traces + sum(forward.compiled.num_traces for forward in self._forwards.values())

    def topology(self, samples: Samples) -> Topology:
        """The model's calls for inputs like these; traced once."""
        self._notice_changes()
        key = _signature(samples)
        if key not in self._topologies:
            inputs, started = _map(lambda array: array[:1], samples.x), time.perf_counter()
            with backend.preserved_random_states():
                self._topologies[key] = Topology(self._model(), inputs, samples.size, samples.channels_first)
            self._tracing += time.perf_counter() - started
        return self._topologies[key]

    def score(self, score: Any, samples: Samples) -> tuple[Any, Head]:
        """The score that can be explained here and the output it reads; log-probabilities where no logit is to be had."""
        score = Logit() if score is None else score
        if not callable(score) or isinstance(score, type):
            hint = f" Write {score.__name__}(), with brackets." if isinstance(score, type) else ""
            raise TypeError(
                f"score must be one of keras_xai.scores or a callable (outputs, targets) -> (n,); it is {score!r}.{hint}"
            )
        topology = self.topology(samples)
        if not isinstance(score, Score):
            output = getattr(score, "output", None)
            return score, topology.heads[0] if output is None else topology.head(output)
        head = topology.head(score.output)
        probabilities = self.gives_probabilities(samples, head)
        if isinstance(score, (Probability, LogProbability)) and probabilities is False:
            raise ValueError(
                f"score={type(score).__name__}() needs probabilities, but the output {head.name!r} of "
                f"{self._model().name!r} holds none: no final softmax or sigmoid was found, and its values leave [0, 1]. "
                "End the model with a softmax or sigmoid layer, or explain score=keras_xai.scores.Logit()."
            )
        if type(score) is not Logit or head.activation is not None or not probabilities:
            return score, head
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"The output of {self._model().name!r} holds probabilities, but no final softmax or sigmoid layer or "
                "activation was found whose input could be explained; the log-probability is explained instead of the "
                "logit. To explain logits, end the model with a softmax layer or activation; to silence this, pass "
                "score=keras_xai.scores.LogProbability().",
                stacklevel=2,
            )
        return LogProbability(output=score.output), head

    def answer(self, samples: Samples, queries: Sequence[Queries], score: Any = None) -> list[Answers]:
        """Answer several tables of questions about the same samples and score.

        Unperturbed ones are merged: one forward and at most one backward pass serve them all.

        Args:
            samples: n samples.
            queries: any number of tables.
            score: see `keras_xai.scores`; None for the logit.

        Returns:
            One `Answers` per table, in order.

        Raises:
            ValueError: a layer, target or output does not exist.
        """
        score, head = self.score(score, samples)
        topology = self._topologies[_signature(samples)]
        candidates = samples.candidates(head.num_classes)
        if isinstance(score, Score) and not score.needs_target:
            candidates = np.arange(head.num_classes) == np.zeros((len(samples), 1))
        plain = [table for table in queries if table.rows is None]
        answers: dict[int, Answers] = {}

        def view(table: Queries, observed: dict, result: dict, seconds: float) -> Answers:
            places = [place for one in table.observe for place in places_of(one, topology, head)]
            at_input = [observed[place] for place in places if place[0] == INPUT]
            at_layers = {place[0].path: observed[place] for place in places if place[0] != INPUT}
            calls = {place[0].path: place[0] for place in places if place[0] != INPUT}
            return Answers(
                **result,
                input=at_input[0] if at_input else None,
                layers=at_layers,
                calls=calls,
                score=score,
                head=head,
                probabilities=bool(self.gives_probabilities(samples, head)),
                seconds=seconds,
            )

        with backend.preserved_random_states():
            if plain or candidates.sum(axis=1).max() > 1:
                together = Queries(tuple(dict.fromkeys(one for table in plain for one in table.observe)))
                observed, result, seconds = self._run(samples, together, score, head, topology, candidates)
                for table in plain:
                    answers[id(table)] = view(table, observed, result, seconds / len(plain))
                # Perturbed images are asked about the target of the unperturbed one.
                candidates = np.arange(head.num_classes) == result["targets"][:, None]
            for table in queries:
                if table.rows is not None:
                    answers[id(table)] = view(table, *self._run(samples, table, score, head, topology, candidates))
        return [answers[id(table)] for table in queries]

    def _run(
        self,
        samples: Samples,
        table: Queries,
        score: Any,
        head: Head,
        topology: Topology,
        candidates: np.ndarray,
    ) -> tuple[dict, dict, float]:
        """One table of questions: (observed by place, answers per query, seconds)."""
        most = batch_size(samples.image.shape[1:]) * backend.num_parts(self._variables)
        usual = min(most, len(table.places(len(samples))))
        in_batches = partial(self._in_batches, samples, table, score, head, topology, candidates)
        return self._fitting.run(in_batches, usual, _signature(samples), self._model().name)

    def _in_batches(
        self,
        samples: Samples,
        table: Queries,
        score: Any,
        head: Head,
        topology: Topology,
        candidates: np.ndarray,
        size: int,
    ) -> tuple[dict, dict, float]:
        """One table through one compiled function in batches of `size`: (observed by place, answers per query, seconds)."""
        places = tuple(dict.fromkeys(place for one in table.observe for place in places_of(one, topology, head)))
        forward = self._forward(samples, table, score, head, topology, places)
        n, rows = len(samples), table.num_rows(len(samples))
        asked = table.places(n)
        # On the device once, not once per batch.
        shared = {}
        if table.rows is not None:
            shared = {"x": samples.x, "tables": table.tables}
            shared = backend.held(padded(shared, forward.samples_known.at_least(n)))
        parts = backend.num_parts(self._variables)
        gathered = Gathered(len(asked))
        total: list = []
        known, started, first = forward.compiled.num_traces, time.perf_counter(), None
        for start in range(0, len(asked), size):
            count = min(size, len(asked) - start)
            length = forward.batches_known.at_least(size) if backend.needs_full_batches() else count
            index = np.arange(start, start + -(-length // parts) * parts)  # a part of one length for every device
            which, row = np.divmod(asked[index.clip(max=len(asked) - 1)], rows)
            result = forward(shared | batch_arguments(samples, table, candidates, which, row, count))
            if table.accumulate != "stack":
                part = result.pop("observed")
                total = [merged(table.accumulate, *two) for two in zip(total, part, strict=True)] if total else part
            gathered.add(result, count)
            if first is None:
                first = time.perf_counter() - started
                if forward.compiled.num_traces > known:
                    self._tell_compiled(first)
            if self._report is not None:
                self._report(start + count, len(asked))
        answers = gathered.arrays()
        if table.rows is not None:
            answers = _map(lambda array: _placed(array, asked, n * rows).reshape(n, rows, *array.shape[1:]), answers)
            answers["targets"] = candidates.argmax(axis=1).astype(np.int32)
        if table.accumulate == "stack":
            observed = answers.pop("observed")
        else:
            observed = _map(lambda array: array[:n], [finished(table.accumulate, one) for one in total])
        seconds = time.perf_counter() - started
        if forward.compiled.num_traces > known:
            seconds = without_first(seconds, first or 0.0, -(-len(asked) // size))
        return dict(zip(places, observed, strict=True)), answers, seconds

    def _tell_compiled(self, seconds: float) -> None:
        """Says how long the first batch of a newly compiled function took, if that is worth a word."""
        seconds, self._tracing = seconds + self._tracing, 0.0
        if seconds > _PATIENCE:
            _LOGGER.info("%s: traced and compiled in %.1f s; later calls do without.", self._model().name, seconds)
            if hasattr(self._report, "compiled"):
                self._report.compiled(seconds)

    def _forward(
        self,
        samples: Samples,
        table: Queries,
        score: Any,
        head: Head,
        topology: Topology,
        places: tuple,
    ) -> Forward:
        at = INPUT if table.at is None else topology.resolve(table.at, head, table.grid)[0]
        probabilities = bool(self.gives_probabilities(samples, head))
        static = (places, score, head, table.perturb, at, table.accumulate, probabilities)
        key = (_signature(samples), *static, table.signature())
        if key not in self._forwards:
            while len(self._forwards) >= _MAX_COMPILED:
                oldest = next(iter(self._forwards))
                self._past_traces += self._forwards.pop(oldest).compiled.num_traces
            self._forwards[key] = Forward(self._model, topology, places, score, head, samples, *static[3:])
        return self._forwards[key]

    def gives_probabilities(self, samples: Samples, head: Head) -> bool | None:
        """Whether an output holds probabilities; without a known activation judged by running it, None for undecided."""
        if head.activation is not None:
            return True
        key = (_signature(samples), head)
        if key not in self._probabilities:
            forward = Forward(self._model, self.topology(samples), (), _nothing, head, samples)
            few = _map(lambda array: array[:8], samples.x)
            image = few if samples.image_key is None else few[samples.image_key]
            found = []
            # Images far outside the data drive logits out of [0, 1]; probabilities stay.
            for factor in (1.0, 1e2, -1e2, 1e4, -1e4):
                inputs = replace_image(few, (image * factor).astype(np.float32), samples.image_key)
                candidates = np.ones((len(image), head.num_classes), bool)
                with backend.preserved_random_states():
                    result = forward({"x": inputs, "candidates": candidates})
                found.append(backend.to_numpy(result["predictions"]))
            self._past_traces += forward.compiled.num_traces
            values = np.reshape(found, (-1, head.shape[-1] if head.shape else 1))
            values = values[np.isfinite(values).all(axis=1)]  # half precision may overflow out there
            sum_to_one = values.shape[1] > 1 and np.allclose(values.sum(axis=1), 1, atol=1e-3)
            if not np.isfinite(found[0]).all() or not (sum_to_one or np.ptp(values, axis=0).any()):
                return None  # these weights cannot tell: ask again next time
            self._probabilities[key] = bool(np.min(values) >= 0 and np.max(values) <= 1 + 1e-3)
        return self._probabilities[key]

    def _notice_changes(self) -> None:
        """Forget what was compiled when the model got other variables: rebuilt, quantized, LoRA enabled."""
        model = self._model()
        if not model.built:
            raise ValueError(
                f"The model {model.name!r} has no weights yet. Build it first: call it on a batch, or model.build(shape)."
            )
        variables = model.variables
        if list(map(id, variables)) != list(map(id, self._variables)):
            self._past_traces = self.num_traces
            self._variables = variables
            self._topologies.clear()
            self._forwards.clear()
            self._probabilities.clear()


def without_first(seconds: float, first: float, batches: int) -> float:
    """What all batches would have taken, had the first one not been compiled for; nothing where it was the only one."""
    return (seconds - first) * batches / (batches - 1) if batches > 1 else 0.0


def _placed(array: np.ndarray, places: np.ndarray, total: int) -> np.ndarray:
    """(asked, …) at its places among (total, …), 0 elsewhere."""
    if len(places) == total:
        return array
    whole = np.zeros((total, *array.shape[1:]), array.dtype)
    whole[places] = array
    return whole


def _nothing(outputs: Any, targets: Any) -> Any:
    from keras import ops

    return ops.zeros_like(targets, dtype="float32")


def _signature(samples: Samples) -> tuple:
    arrays = _map(lambda array: f"{array.shape[1:]} {array.dtype.str}", samples.x)
    return str(arrays), samples.image_key, samples.channels_first


def _map(function: Any, *structures: Any) -> Any:
    import keras

    return keras.tree.map_structure(function, *structures)
