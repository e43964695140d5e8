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
from keras_xai.callbacks.budget import Budget
from keras_xai.callbacks.checks import check_settings, checked_metrics, warn_of_many
from keras_xai.callbacks.latest import rows_of, updated, with_rows
from keras_xai.callbacks.notebook import NotebookDisplay, in_notebook
from keras_xai.callbacks.progress import Progress
from keras_xai.engine import engine_for
from keras_xai.explainers.discovery import chosen
from keras_xai.explainers.explainer import Explainer, explain
from keras_xai.explanation import Explanation
from keras_xai.log import ExplanationLog
from keras_xai.log.tags import BASELINE_EPOCH
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
        budget: at most this share of the training time, in (0, 1], by what was measured; None for no limit. Cheap methods
            keep explaining all samples at every due epoch. A costly one looks less often, down to every fifth due epoch;
            if that is too dear it explains fewer samples at a time, the first four always and the others in turn; then
            with a half or a quarter of its passes; then it waits. What an epoch left out is said in TensorBoard's Text
            tab, `xai/skipped`. The first explanation, which compiles, is free. Ignored in a job of several processes.
        log_keys: scalars to put into the epoch's `logs` as well, such as "xai/drift/grad_cam", for EarlyStopping,
            ModelCheckpoint and CSVLogger listed after this callback. NaN until first measured, which no comparison
            beats: with `every` above 1, or in a resumed run, give EarlyStopping a `start_from_epoch` and ModelCheckpoint
            an `initial_value_threshold`.
        on_error: "warn" switches an explainer or a metric that fails off for the run, warns once and logs the reason;
            "raise" raises.
        verbose: 0 is silent; 1 says in one line what is logged where, shows a progress bar where explaining takes more than
            two seconds and, in a notebook, the latest explanations below the cell; 2 is for logs, with a line in place of
            the bar; "auto" does as `fit` was told.
        name: of the log within the directory.

    Attributes:
        explanations: {method: `Explanation`} of the last explained epoch. With a `budget`, of every sample the latest one;
            `details["epochs"]`, (n,) int, says of which epoch it is, -1 for the untrained network.
        measures: {method: {measure: (n,) float64}} of the same epochs.
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
        check_settings(log_dir, every, budget, on_error, verbose, log_keys, name)
        self.log_dir = os.path.expanduser(log_dir)
        self.every = every
        self.metrics = checked_metrics(metrics)
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
        alone = backend.num_processes() == 1
        self._budget = Budget(self.budget, len(self.samples)) if self.budget is not None and alone else None
        if self.budget is not None and not alone:
            warnings.warn(
                "keras_xai: budget= is ignored in a job of several processes, which measure different times and would "
                "explain different samples. Use every= instead.",
                stacklevel=2,
            )
        self._idle_since = time.perf_counter()
        self._everything = np.arange(len(self.samples))
        self._changed: set[str] = set()
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
        if self.budget is None:
            warn_of_many(len(self.samples), self.every)
        self._talk = self.params.get("verbose", 0) if self.verbose == "auto" else self.verbose
        self._display = NotebookDisplay(self.samples) if self._talk and in_notebook() else None
        if self._talk:
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
                self._previous = self._explain(BASELINE_EPOCH, self._rows())
                if self._previous and self._log is not None:
                    self._log.baseline(self._previous)
                if self._budget is not None:
                    self._budget.learn({method: one.seconds for method, one in self._previous.items()}, self._rows())
                    self._idle_since = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every == 0 and self._active:
            with self._guarded(epoch):
                rows = self._rows() if self._budget is None or not self._previous else self._affordable(epoch)
                if rows:
                    self._look(epoch, rows, logs)
        if logs is not None:
            logs.update({key: self._scalars[key] for key in self.log_keys})

    def _look(self, epoch: int, rows: dict[str, np.ndarray], logs: dict | None) -> None:
        started, free = time.perf_counter(), not self._previous
        fresh = self._explain(epoch, rows)
        seconds = {method: explanation.seconds for method, explanation in fresh.items()}
        # Whoever kept those of an earlier epoch keeps them as they were.
        self.explanations, self.measures = dict(self.explanations), dict(self.measures)
        for method, explanation in fresh.items():
            before = time.perf_counter()
            self._remember(method, explanation, rows[method], epoch)
            seconds[method] += time.perf_counter() - before
        self.explanations = {method: self._previous[method] for method in self._active if method in self._previous}
        self.measures = {method: self.measures[method] for method in self.explanations if method in self.measures}
        self._scalars |= self._means()
        if fresh and self._log is not None:
            looked = {method: self.explanations[method] for method in fresh}
            if self._changed & looked.keys():
                self._log.inputs(looked)
                self._changed -= looked.keys()
            self._log.epoch(epoch, looked, {method: self.measures[method] for method in fresh}, logs, rows=rows)
        if fresh:
            self._show(epoch, self.explanations)
        if self._budget is not None:
            if free:
                self._budget.learn(seconds, rows)
            else:
                self._budget.settle(time.perf_counter() - started, seconds, rows)
            self._idle_since = time.perf_counter()

    def _remember(self, method: str, fresh: Explanation, rows: np.ndarray, epoch: int) -> None:
        """Measures what was found, and puts it beside what is known of the other samples."""
        known, measures = self._previous.get(method), self._measure(method, fresh, rows, epoch)
        if known is None or len(rows) == len(self.samples):
            self.explanations[method], self.measures[method] = fresh, measures
        else:
            self.explanations[method] = updated(known, fresh, rows)
            earlier = self.measures.get(method, {})
            self.measures[method] = {
                name: with_rows(earlier.get(name), values, rows, len(self.samples)) for name, values in measures.items()
            }
        self._previous[method] = self.explanations[method]

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

    def _rows(self) -> dict[str, np.ndarray]:
        return dict.fromkeys(self._active, self._everything)

    def _explain(self, epoch: int, rows: dict[str, np.ndarray]) -> dict[str, Explanation]:
        """What the explainers that still work find on their samples; those that fail are switched off."""
        found: dict[str, Explanation] = {}
        failed: dict[str, Exception] = {}
        when = "the untrained network" if epoch == BASELINE_EPOCH else f"epoch {epoch + 1}"
        progress = Progress(f"explaining {when}", bar=self._talk == 1) if self._talk else None
        # Those that look at the same samples share the passes of the model.
        for chosen_rows in {tuple(rows[method]): rows[method] for method in rows}.values():
            ready = [method for method in rows if np.array_equal(rows[method], chosen_rows)]
            with engine_for(self.model).reporting(progress):
                outcomes = self._outcomes(ready, chosen_rows)
            for method, outcome in zip(ready, outcomes, strict=True):
                (failed if isinstance(outcome, Exception) else found)[method] = outcome  # type: ignore[assignment]
        if progress is not None:
            progress.finish()
        if failed:
            self._switch_off(failed, max(epoch, 0))
        if self._budget is not None:
            for method, explanation in found.items():
                explanation.details["epochs"] = np.full(len(rows[method]), epoch)
        return {method: found[method] for method in self._active if method in found}

    def _outcomes(self, methods: list[str], rows: np.ndarray) -> list[Explanation | Exception]:
        samples = self.samples if len(rows) == len(self.samples) else self.samples.take(rows)
        plans: dict[str, Any] = {}
        outcomes: dict[str, Any] = {}
        for method in methods:
            try:
                plans[method] = self._plan(method, samples, rows)
            except Exception as error:
                outcomes[method] = error
        try:
            found: Sequence[Any] = explain(
                self.model, [self._active[method] for method in plans], samples, list(plans.values())
            )
        except Exception as error:
            found = [error] * len(plans)
        outcomes |= zip(plans, found, strict=True)
        return [outcomes[method] for method in methods]

    def _plan(self, method: str, samples: Samples, rows: np.ndarray) -> Any:
        """What the explainer prepared for these samples, made once; turns come round again."""
        plans = self._plans.setdefault(method, {})
        if tuple(rows) not in plans:
            plans[tuple(rows)] = self._active[method].prepare(samples)
        return plans[tuple(rows)]

    def _measure(self, method: str, explanation: Explanation, rows: np.ndarray, epoch: int) -> dict[str, np.ndarray]:
        previous, samples = self._previous.get(method), self.samples
        if len(rows) < len(samples):
            samples, previous = samples.take(rows), None if previous is None else rows_of(previous, rows)

        def leave_out(metric: Callable, error: Exception) -> None:
            self._metrics = tuple(one for one in self._metrics if one is not metric)
            what = f"The metric {name_of(metric)!r} of {method!r} failed"
            self._report(what, error, epoch, "It is left out for the rest of this run; the others and training go on")

        known = self.model, samples, self._active[method]
        return per_epoch(explanation, previous, self._metrics, *known, leave_out)

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

    def _affordable(self, epoch: int) -> dict[str, np.ndarray]:
        """Which samples of which methods the budget pays for now; what it does not is said in the Text tab."""
        assert self._budget is not None
        seconds = time.perf_counter() - self._idle_since
        self._idle_since += seconds
        divisible = {method: explainer.divisible for method, explainer in self._active.items()}
        plan = self._budget.plan(seconds, divisible, self._make_cheaper)
        if self._log is not None and (text := plan.text(self.samples.ids)):
            self._log.text("xai/skipped", epoch, f"Epoch {epoch}, with a budget of {self.budget:.1%}: {text}.")
        return plan.rows

    def _make_cheaper(self, method: str) -> bool:
        """Goes on with half as many passes of the model, where the method can."""
        explainer = self._active[method].cheaper()
        if explainer is not None:
            self._active[method] = explainer
            self._plans.pop(method, None)
            self._changed.add(method)
        return explainer is not None

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
