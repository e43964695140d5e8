"""The callback: run the line of explanation at the end of an epoch, and stay out of the way of training."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_xai import backend
from keras_xai.callbacks.notebook import NotebookDisplay, in_notebook
from keras_xai.explainers.discovery import chosen
from keras_xai.explainers.explainer import Explainer, explain
from keras_xai.explanation import Explanation
from keras_xai.log import ExplanationLog
from keras_xai.metrics.metric import Metric
from keras_xai.metrics.per_epoch import name_of, per_epoch
from keras_xai.samples import Samples


class ExplanationCallback(keras.callbacks.Callback):
    """Explains held-out samples at the end of epochs of `model.fit` and logs the result for TensorBoard.

    Training is not touched: weights, optimizer, statistics, seeds and random states are the same with and without it, and
    no failure in here ends the run.

    Args:
        samples: `Samples`, or an array of images (n, height, width, channels) as the model eats them; held out.
        explainers: explainers or their names; None for Grad-CAM, LIME and activations. LIME then fills with the blurred
            image: in its own mean colour a uniform patch, the classic shortcut, would stay what it is.
        log_dir: where TensorBoard is pointed at; the log goes to `<log_dir>/explanations`. The same directory as
            `keras.callbacks.TensorBoard(log_dir)` shows both as one experiment.
        every: explain after every so many epochs.
        metrics: further measures, each one of `keras_xai.metrics` that asks the model, such as `metrics.Deletion()`, or a
            function from an `Explanation` to (n,) numbers or one, logged as the scalar `xai/<its name>/<method>` beside
            score, entropy, centre, border, drift and R².
        budget: at most this share of the training time, in (0, 1]; epochs that would exceed it are skipped, and said so
            in TensorBoard's Text tab. The first explanation, which compiles, is free. None for no limit.
        log_keys: scalars to put into the epoch's `logs` as well, such as "xai/drift/grad_cam", for EarlyStopping,
            ModelCheckpoint and CSVLogger listed after this callback. NaN until first measured, which no comparison
            beats: with `every` above 1, or in a resumed run, give EarlyStopping a `start_from_epoch` and ModelCheckpoint
            an `initial_value_threshold`.
        on_error: "warn" switches an explainer that fails off for the run, warns once and logs the reason; "raise" raises.
        verbose: 0 is silent, 1 says in one line what is logged where and, in a notebook, shows the latest explanations
            below the cell; "auto" does as `fit` was told.
        name: of the log within the directory.

    Attributes:
        explanations: {method: `Explanation`} of the last explained epoch.
        measures: {method: {measure: (n,) float64}} of that epoch.
        filmstrips: {method: uint8 (height, width, 3)}, epochs in columns, after `fit`.

    Raises:
        TypeError, ValueError: an argument is not as stated here.

    Example:
        >>> samples = keras_xai.Samples(x_validation[:16], labels=y_validation[:16])
        >>> model.fit(x, y, epochs=10, callbacks=[keras_xai.callbacks.ExplanationCallback(samples, log_dir="logs")])
    """

    def __init__(
        self,
        samples: Any,
        explainers: Sequence[Explainer | str] | None = None,
        log_dir: str | os.PathLike = "logs",
        every: int = 1,
        metrics: Sequence[Callable] = (),
        budget: float | None = None,
        log_keys: Sequence[str] | None = None,
        on_error: str = "warn",
        verbose: str | int = "auto",
        name: str = "explanations",
    ):
        super().__init__()
        self.samples = samples if isinstance(samples, Samples) else Samples(samples)
        self.explainers = chosen(explainers)
        if not isinstance(log_dir, (str, os.PathLike)):
            raise TypeError(f"log_dir must be a path; it is {log_dir!r}.")
        if "://" in os.fspath(log_dir):
            raise ValueError(
                f"log_dir must be a local directory; it is {log_dir!r}. Write there and copy, or mount it."
            )
        self.log_dir = os.path.expanduser(log_dir)
        if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
            raise ValueError(f"every must be a number of epochs, at least 1; it is {every!r}.")
        if budget is not None and not (isinstance(budget, (int, float, np.number)) and 0 < budget <= 1):
            raise ValueError(f"budget is a share of the training time in (0, 1], or None; it is {budget!r}.")
        if on_error not in ("warn", "raise"):
            raise ValueError(f'on_error must be "warn" or "raise"; it is {on_error!r}.')
        if verbose not in ("auto", 0, 1):
            raise ValueError(f'verbose must be 0, 1 or "auto"; it is {verbose!r}.')
        if isinstance(log_keys, str):
            raise TypeError(f"log_keys must be a list of scalar names; it is the string {log_keys!r}.")
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"name is part of a TensorBoard tag: a string, not empty and without '/'; it is {name!r}.")
        self.every = every
        self.metrics = _metrics(metrics)
        self.budget = budget
        self.log_keys = tuple(log_keys or ())
        self.on_error = on_error
        self.verbose = verbose
        self.name = name
        self.explanations: dict[str, Explanation] = {}
        self.measures: dict[str, dict[str, np.ndarray]] = {}
        self.filmstrips: dict[str, np.ndarray] = {}
        self._plans: dict[str, Any] = {}
        self._log: ExplanationLog | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.on_train_end()  # of a fit that was interrupted
        self.explanations, self.measures, self.filmstrips = {}, {}, {}
        self._active, self._metrics = dict(self.explainers), self.metrics
        self._scalars = dict.fromkeys(self.log_keys, float("nan"))
        self._started = time.perf_counter()
        self._seconds: list[float] = []
        self._log = ExplanationLog(
            self.log_dir, self.name, self.samples, enabled=backend.is_main_process(), epochs=self.params.get("epochs")
        )
        self._begun = False
        self._previous: dict[str, Explanation] = {}
        if self.every > self.params.get("epochs", self.every):
            warnings.warn(
                f"keras_xai: nothing will be explained, since every={self.every} is more than the "
                f"{self.params['epochs']} epochs of this fit. Give a smaller every=.",
                stacklevel=2,
            )
        talks = self.verbose == 1 or (self.verbose == "auto" and self.params.get("verbose"))
        self._display = NotebookDisplay(self.samples) if talks and in_notebook() else None
        if talks:
            when = "every epoch" if self.every == 1 else f"every {self.every} epochs"
            print(
                f"keras_xai: {', '.join(self._active)} of {len(self.samples)} samples after {when}. "
                f"Watch them with: tensorboard --logdir {self.log_dir}",
                flush=True,
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self._begun:
            return
        self._begun = True
        with self._guarded(epoch):
            optimizer = getattr(self.model, "optimizer", None)
            untrained = epoch == 0 and (optimizer is None or keras.ops.convert_to_numpy(optimizer.iterations) == 0)
            if untrained and self.model.built:
                self._previous = self._explain(epoch)
                if self._previous and self._log is not None:
                    self._log.baseline(self._previous)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every == 0 and self._active and self._affordable(epoch):
            with self._guarded(epoch):
                explanations = self._explain(epoch)
                started = time.perf_counter()
                self.measures = {method: self._measure(method, explanations[method], epoch) for method in explanations}
                self._seconds[-1] += time.perf_counter() - started
                self.explanations = self._previous = explanations
                self._scalars |= self._means()
                if explanations and self._log is not None:
                    self._log.epoch(epoch, explanations, self.measures, logs)
                if explanations:
                    self._show(epoch, explanations)
        if logs is not None:
            logs.update({key: self._scalars[key] for key in self.log_keys})

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._log is not None:
            self._log.finish()
            self.filmstrips = dict(self._log.filmstrips)
            self._log = None

    @contextlib.contextmanager
    def _guarded(self, epoch: int) -> Iterator[None]:
        """Inside, random states stay as they were, and what was not foreseen ends our work, not the training."""
        try:
            with backend.preserved_random_states():
                yield
        except Exception as error:
            what = f"{', '.join(self._active)} failed"
            self._active.clear()
            self._report(what, error, epoch, "Switched off for the rest of this run; training goes on")

    def _explain(self, epoch: int) -> dict[str, Explanation]:
        """What the explainers that still work find; those that fail are switched off."""
        started = time.perf_counter()
        failed: dict[str, Exception] = {}
        for method, explainer in self._active.items():
            if method not in self._plans:
                try:
                    self._plans[method] = explainer.prepare(self.samples)
                except Exception as error:
                    failed[method] = error
        ready = [method for method in self._active if method not in failed]
        try:
            outcomes: Sequence[Any] = explain(
                self.model, [self._active[method] for method in ready], self.samples, [self._plans[m] for m in ready]
            )
        except Exception as error:
            outcomes = [error] * len(ready)
        found = {}
        for method, outcome in zip(ready, outcomes, strict=True):
            if isinstance(outcome, Exception):
                failed[method] = outcome
            else:
                found[method] = outcome
        if failed:
            self._switch_off(failed, epoch)
        self._seconds.append(time.perf_counter() - started)
        return found

    def _measure(self, method: str, explanation: Explanation, epoch: int) -> dict[str, np.ndarray]:
        previous = self._previous.get(method)
        try:
            known = self.model, self.samples, self.explainers[method]
            return per_epoch(explanation, previous, self._metrics, *known)
        except Exception as error:
            self._report(
                f"A measure of {method!r} failed",
                error,
                epoch,
                "metrics= is switched off for this run; training goes on",
            )
            self._metrics = ()
            return per_epoch(explanation, previous)

    def _show(self, epoch: int, explanations: dict[str, Explanation]) -> None:
        if self._display is None:
            return
        try:
            self._display.show(epoch, explanations)
        except Exception as error:
            self._display = None
            self._report("The display in the notebook failed", error, epoch, "It is switched off; all else goes on")

    def _means(self) -> dict[str, float]:
        means = {}
        for method, measures in self.measures.items():
            for measure, values in measures.items():
                finite = values[np.isfinite(values)]
                means[f"xai/{measure}/{method}"] = float(finite.mean()) if len(finite) else float("nan")
        return means

    def _affordable(self, epoch: int) -> bool:
        """Whether explaining now keeps within the budget, judged by what the last explanation took."""
        if self.budget is None or len(self._seconds) < 2:
            return True
        spent, elapsed = sum(self._seconds[1:]), time.perf_counter() - self._started
        affordable = spent + self._seconds[-1] <= self.budget * (elapsed - sum(self._seconds))
        if not affordable and self._log is not None:
            self._log.text(
                "xai/skipped",
                epoch,
                f"Epoch {epoch} was not explained: it would take about {self._seconds[-1]:.2g} s, and {spent:.2g} s of "
                f"{elapsed:.2g} s were spent on explanations so far; the budget is {self.budget:.1%}.",
            )
        return affordable

    def _switch_off(self, failed: dict[str, Exception], epoch: int) -> None:
        reasons: dict[str, list[str]] = {}
        for method, error in failed.items():
            self._active.pop(method)
            reasons.setdefault(f"{type(error).__name__}: {error}", []).append(method)
        for methods in reasons.values():
            what = f"{', '.join(methods)} failed"
            self._report(what, failed[methods[0]], epoch, "Switched off for the rest of this run; training goes on")

    def _report(self, what: str, error: Exception, epoch: int, then: str) -> None:
        if self.on_error == "raise":
            raise error
        reason = f"{type(error).__name__}: {error}"
        if self._log is not None:
            self._log.text("xai/errors", epoch, f"**{what}** at epoch {epoch}. {then}.\n\n    {reason}")
        warnings.warn(f"keras_xai: {what} at epoch {epoch}. {then}. {reason}", stacklevel=2)


def _metrics(given: Sequence[Callable]) -> tuple[Callable, ...]:
    if callable(given):
        raise TypeError(f"metrics must be a list of functions; it is {given!r}. Write metrics=[...].")
    for one in given:
        if isinstance(one, type) or not (isinstance(one, Metric) or (callable(one) and hasattr(one, "__name__"))):
            hint = f" Write {one.__name__}(), with brackets." if isinstance(one, type) else ""
            raise TypeError(
                f"metrics must be functions from an Explanation to numbers or a keras_xai.metrics.Metric; one is "
                f"{one!r}.{hint}"
            )
    names = [name_of(one) for one in given]
    if len(set(names)) < len(names):
        raise ValueError(f"metrics must differ in name, which their scalars are called by; they are {names}.")
    return tuple(given)
