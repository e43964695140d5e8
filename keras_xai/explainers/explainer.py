"""The contract of an explainer, and the one place where explainers meet the engine."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from keras_xai import backend
from keras_xai.engine import Engine, engine_for
from keras_xai.explanation import Explanation
from keras_xai.queries import Answers, Queries
from keras_xai.samples import Samples
from keras_xai.scores import name_of


class Result(NamedTuple):
    """What `Explainer.explain` returns.

    Attributes:
        raw: (n, h', w') array at the method's own resolution, un-normalised.
        details: what the method adds to `Explanation.details`.
    """

    raw: Any
    details: dict[str, Any] = {}


class Paper(NamedTuple):
    """Where a method was published: "Selvaraju et al.", "Grad-CAM: …", 2017, "https://…"."""

    authors: str
    title: str
    year: int
    url: str


class Explainer:
    """The base of all explainers. A method is one subclass with a `name` and one generator, `explain`.

    The constructor takes keywords, stores and checks them under their own names, and computes nothing. `prepare` and
    `explain` may not keep anything on `self`: one explainer serves any number of models, samples and epochs.

    Memory, beside the model and the samples, is that of one batch whose inputs take 16 MB, and of the answers: see
    `keras_xai.engine`. What is summed by `accumulate` does not grow with the questions; scores and predictions do.

    Attributes:
        name: what the method is called in `Explanation.method` and in the log.
        signed: True where negative values mean evidence against.
        needs: what it looks at, in words: "activations and gradient at a layer", "scores".
        passes: what a sample costs, in words: "1 forward, 1 backward".
        fewest_passes: of which a sampling method makes maps that are worth a look.
        per_class: False where every class has the same map.
        divisible: False where what it finds on one sample depends on the others it is given.
        sensitive: whether its maps change when the weights are randomised, as Adebayo et al. (2018) ask; None: not known.
        paper: where it was published, or None.
        score: what is explained (see `keras_xai.scores`); None for the logit.

    Example:
        >>> class Energy(Explainer):
        ...     name = "energy"
        ...     def explain(self, samples, plan):
        ...         seen = yield Queries(observe=activations_at(None))
        ...         return Result((seen.activations**2).mean(axis=-1))
        >>> Energy()(model, images).maps
    """

    name: ClassVar[str]
    signed: ClassVar[bool] = False
    needs: ClassVar[str] = ""
    passes: ClassVar[str] = ""
    fewest_passes: ClassVar[int] = 16
    per_class: ClassVar[bool] = True
    divisible: ClassVar[bool] = True
    sensitive: ClassVar[bool | None] = None
    paper: ClassVar[Paper | None] = None
    score: Any = None

    def prepare(self, samples: Samples) -> Any:
        """What depends on the samples alone and is kept over epochs: masks, segments, seeds. Default: nothing."""
        return None

    def explain(self, samples: Samples, plan: Any) -> Generator[Queries, Answers, Result]:
        """Yield `Queries`, get `Answers` back, any number of times; return a `Result`."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it explains: write its explain().")

    def cheaper(self) -> Explainer | None:
        """The same method with half as many passes of the model; None where their number is not given, or small."""
        for name in ("num_samples", "steps"):
            passes = getattr(self, name, None)
            if isinstance(passes, (int, np.integer)) and passes >= 2 * self.fewest_passes:
                return type(self)(**{**self.get_config(), name: int(passes) // 2})
        return None

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments: `type(self)(**config)` is the same explainer."""
        return {name: getattr(self, name) for name in _parameters(type(self).__init__)}

    def __call__(self, model: Any, samples: Any, targets: Any = None) -> Explanation:
        """Explain what a model does on samples.

        Args:
            model: a built keras.Model. It is left exactly as it was.
            samples: `Samples`, or an array (n, height, width, channels).
            targets: which class to explain, for a bare array: (n,) int, "predicted" or None for the prediction.

        Returns:
            An `Explanation`.

        Raises:
            TypeError, ValueError: the model, samples, targets or layer do not fit together.
        """
        engine_for(model)  # arguments that were swapped are refused for what they are
        if not isinstance(samples, Samples):
            samples = Samples(samples, targets=targets)
        elif targets is not None:
            raise ValueError("targets belong to the samples here: keras_xai.Samples(x, targets=...).")
        with backend.preserved_random_states():
            (outcome,) = explain(model, [self], samples, [self.prepare(samples)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = {k: v for k, v in self.get_config().items() if v is not defaults[k].default}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"


def explain(
    model: Any, explainers: Sequence[Explainer], samples: Samples, plans: Sequence[Any]
) -> list[Explanation | Exception]:
    """Run explainers side by side; what they ask in the same round about the same score shares its passes.

    Args:
        model: a built keras.Model.
        explainers: any number.
        samples: n samples.
        plans: what each explainer's `prepare(samples)` gave.

    Returns:
        For each explainer its `Explanation`, or the exception it ended with; one failure does not touch the others.
    """
    engine = engine_for(model)
    outcomes: list[Any] = [None] * len(explainers)
    running = {i: explainer.explain(samples, plans[i]) for i, explainer in enumerate(explainers)}
    base: dict[int, Answers] = {}
    answers: dict[int, Any] = dict.fromkeys(running)
    seconds = dict.fromkeys(running, 0.0)
    while running:
        asked: dict[int, Queries] = {}
        for i, generator in list(running.items()):
            started = time.perf_counter()
            try:
                asked[i] = _checked(generator.send(answers[i]), explainers[i])
                seconds[i] += time.perf_counter() - started
                continue
            except StopIteration as stop:
                seconds[i] += time.perf_counter() - started
                outcomes[i] = _explanation(explainers[i], samples, base.get(i), stop.value, seconds[i])
            except Exception as error:
                outcomes[i] = error
            del running[i]
        answers = {}
        for score in {explainers[i].score: None for i in asked}:
            members = {i: asked[i] for i in asked if explainers[i].score == score}
            for i, outcome in _answer(
                engine, samples, score, members, with_base=not base.keys() >= members.keys()
            ).items():
                if isinstance(outcome, Exception):
                    outcomes[i] = outcome
                    running.pop(i).close()
                else:
                    seconds[i] += outcome[1].seconds
                    if i not in base:
                        base[i] = outcome[0]
                        seconds[i] += outcome[0].seconds / len(members)
                    answers[i] = outcome[1]
    return outcomes


def _answer(engine: Engine, samples: Samples, score: Any, asked: dict[int, Queries], with_base: bool) -> dict[int, Any]:
    """(answers to the plain samples, answers) per asker, or what went wrong for it: one by one if together fails."""
    tables = [Queries()] * with_base + list(asked.values())
    try:
        answers = engine.answer(samples, tables, score)
    except Exception as error:
        if len(asked) == 1:
            return dict.fromkeys(asked, error)
        alone = [_answer(engine, samples, score, {i: table}, with_base) for i, table in asked.items()]
        return {i: outcome for one in alone for i, outcome in one.items()}
    return {i: (answers[0], answer) for i, answer in zip(asked, answers[with_base:], strict=True)}


@functools.cache
def _parameters(constructor: Callable) -> tuple[str, ...]:
    """The names of a constructor's arguments."""
    return () if constructor is object.__init__ else tuple(inspect.signature(constructor).parameters)[1:]


def _checked(asked: Any, explainer: Explainer) -> Queries:
    if not isinstance(asked, Queries):
        raise TypeError(
            f"{type(explainer).__name__}.explain must yield keras_xai.queries.Queries; it yielded {asked!r}."
        )
    return asked


def _explanation(
    explainer: Explainer, samples: Samples, base: Answers | None, result: Any, seconds: float
) -> Explanation | Exception:
    kind = type(explainer).__name__
    if base is None:
        return TypeError(f"{kind}.explain returned without asking anything; yield at least one Queries().")
    result = result if isinstance(result, Result) else Result(result)
    raw = np.asarray(backend.to_numpy(result.raw), np.float32)
    if raw.ndim != 3 or len(raw) != len(samples):
        return ValueError(
            f"{kind}.explain must return one map per sample, ({len(samples)}, h, w); it returned shape {raw.shape}."
        )
    valid = np.isfinite(base.scores) & np.isfinite(raw).all(axis=(1, 2))
    details = {
        "score": name_of(base.score),
        "probabilities": base.probabilities,
        "config": explainer.get_config(),
        **result.details,
    }
    return Explanation(
        method=explainer.name,
        signed=explainer.signed,
        raw=np.where(valid[:, None, None], raw, np.float32(0)),
        valid=valid,
        scores=base.scores,
        targets=base.targets.astype(np.int64),
        predictions=base.predictions,
        details=details,
        images=samples.images,
        labels=samples.labels,
        names=samples.names,
        class_names=samples.class_names,
        seconds=seconds,
    )
