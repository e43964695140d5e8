"""The monitor as a callback."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_xai import backend
from keras_xai.spurious.alert import Alert
from keras_xai.spurious.audit import as_samples, check_settings
from keras_xai.spurious.budget import Budget
from keras_xai.spurious.recorder import Recorder
from keras_xai.spurious.report import report
from keras_xai.spurious.watch import Watch


class SpuriousFeatureMonitor(keras.callbacks.Callback):
    """Says early which class relies on which small region or global property of the image.

    After every due epoch it changes held-out images (replaces small regions by those of other images, or gives them
    another brightness, tint, sharpness, …) and counts whose prediction flips. What a third of the images of a class suggest
    is tested on the others. One hit is a notice, two within three examinations are an alert. It says "verified reliance:
    look", with the pictures beside it, and *spurious* only where the samples' `masks` or `ignore` say that the region cannot
    matter.

    An effect has to exceed a threshold that models without a shortcut should not reach, by a bound that holds for the whole
    run at level `alpha` (betting, see `keras_xai.spurious.decision`). Whether such models stay below the thresholds is a
    judgement; README.md says how often it was wrong. A class that the model hardly recognises yet is not examined.

    Training is left as it was, and a failure switches the monitor off, not the training.

    Args:
        samples: held-out `Samples` with labels, or (x, y); 60 or more of a class show what there is to see. Masks of the
            objects, where given, let it tell spurious from legitimate.
        log_dir: where TensorBoard is pointed at.
        every: examine after every so many epochs.
        action: "warn" prints a warning for each alert, "stop" stops the training as well, or a function of an `Alert`.
        budget: the share of training time to spend, in (0, 1]. The most suspicious classes come first, the others take
            turns over epochs; what was left out is said. Where a class costs more than has been saved up the monitor waits
            for as many epochs as it takes, and says so. The first two classes come on top: one compiles, the other
            says what a class costs; and what was found once is confirmed at the next due epoch, and paid back.
            None examines all classes at every due epoch. Ignored in a job of several processes.
        seed: of all random choices. With budget=None the same seed gives the same log.
        alpha: the chance, per run, of taking any effect for one that exceeds its threshold though it does not; in (0, 1).
        per_class: at most so many images of a class are used.
        on_error: "warn" switches the monitor off when something fails, "raise" raises.
        verbose: 0 is silent, 1 says in one line what is watched; "auto" does as `fit` was told.
        name: of the log within the directory.

    Attributes:
        alerts: all `Alert`s so far, notices included.

    Logs, from the first epoch on: "xai/spurious/max_effect" (NaN until something was measured) and "xai/spurious/alerts",
    how many alerts stand.

    Raises:
        TypeError, ValueError: an argument is not as stated here.

    Example:
        >>> monitor = keras_xai.callbacks.SpuriousFeatureMonitor(keras_xai.Samples(x_validation, labels=y_validation))
        >>> model.fit(x, y, epochs=10, callbacks=[monitor])
        >>> print(monitor.report())
    """

    def __init__(
        self,
        samples: Any,
        log_dir: str | os.PathLike = "logs",
        every: int = 1,
        action: str | Callable[[Alert], Any] = "warn",
        budget: float | None = 0.1,
        seed: int = 0,
        *,
        alpha: float = 0.05,
        per_class: int = 192,
        on_error: str = "warn",
        verbose: str | int = "auto",
        name: str = "monitor",
    ):
        super().__init__()
        self.samples = as_samples(samples)
        check_settings(alpha, per_class)
        if not isinstance(log_dir, (str, os.PathLike)):
            raise TypeError(f"log_dir must be a path; it is {log_dir!r}.")
        if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
            raise ValueError(f"every must be a number of epochs, at least 1; it is {every!r}.")
        if action not in ("warn", "stop") and not callable(action):
            raise ValueError(f'action must be "warn", "stop" or a function of an Alert; it is {action!r}.')
        if budget is not None and not (isinstance(budget, (int, float, np.number)) and 0 < budget <= 1):
            raise ValueError(f"budget is a share of the training time in (0, 1], or None; it is {budget!r}.")
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seed must be an int, at least 0; it is {seed!r}.")
        if on_error not in ("warn", "raise"):
            raise ValueError(f'on_error must be "warn" or "raise"; it is {on_error!r}.')
        if verbose not in ("auto", 0, 1):
            raise ValueError(f'verbose must be 0, 1 or "auto"; it is {verbose!r}.')
        self.log_dir = os.path.expanduser(log_dir)
        self.every = every
        self.action = action
        self.budget = budget
        self.seed = int(seed)
        self.alpha = alpha
        self.per_class = per_class
        self.on_error = on_error
        self.verbose = verbose
        self.name = name
        self._recorder: Recorder | None = None
        self._start()

    @property
    def alerts(self) -> list[Alert]:
        return self._watch.alerts

    def report(self) -> str:
        """What was found, and what was not evaluated and why: Markdown."""
        watch = self._watch
        return report(watch.alerts, self.samples.class_name, watch.skipped, watch.notes, watch.unseen, self.alpha)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.on_train_end()  # of a fit that was interrupted
        self._start()
        self._active = True
        if self.budget is not None and backend.num_processes() > 1:
            self._purse = Budget(None)
            warnings.warn(
                "keras_xai: budget= is ignored in a job of several processes, which measure different times and would "
                "examine different classes. Give budget=None, and every= to look less often.",
                stacklevel=2,
            )
        self._recorder = Recorder(self.log_dir, self.name, self.samples, self.seed)
        if self.verbose == 1 or (self.verbose == "auto" and self.params.get("verbose")):
            print(
                f"keras_xai: watching {len(self.samples)} held-out samples for spurious features. "
                f"See them with: tensorboard --logdir {self.log_dir}",
                flush=True,
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch_began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._purse.earn(time.perf_counter() - self._epoch_began)
        if self._active and (epoch + 1) % self.every == 0:
            try:
                self._examine(epoch)
            except Exception as error:
                self._fail(error, epoch)
        if logs is not None:
            logs["xai/spurious/max_effect"] = self._watch.largest_effect()
            logs["xai/spurious/alerts"] = self._watch.num_alerts()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._recorder is not None:
            self._recorder.finish()
            self._recorder = None

    def _start(self) -> None:
        self._watch = Watch(self.samples, self.alpha, self.per_class, self.seed, confirmations=2)
        self._active = False
        self._purse = Budget(self.budget)
        self._epoch_began = time.perf_counter()

    def _examine(self, epoch: int) -> None:
        moments = self._watch.moments
        found = self._watch.look(self.model, epoch, self._purse)
        looked = time.perf_counter()
        if self._recorder is not None:
            if self._watch.moments == moments:
                self._recorder.text("xai/skipped", epoch, f"Epoch {epoch}: the monitor waits, {self._purse.text()}.")
            self._recorder.write(epoch, found, self._watch)
        self._purse.charge(time.perf_counter() - looked)
        for alert in found:
            if alert.severity == "alert":
                self._act(alert)

    def _act(self, alert: Alert) -> None:
        if callable(self.action):
            self.action(alert)
            return
        warnings.warn(f"keras_xai: {alert.sentence} See {self.log_dir} in TensorBoard.", stacklevel=2)
        if self.action == "stop":
            self.model.stop_training = True

    def _fail(self, error: Exception, epoch: int) -> None:
        if self.on_error == "raise":
            raise error
        self._active = False
        reason = f"{type(error).__name__}: {error}"
        message = f"The monitor failed at epoch {epoch} and is switched off for the rest of this run; training goes on."
        if self._recorder is not None:
            self._recorder.text("xai/errors", epoch, f"**{message}**\n\n    {reason}")
        warnings.warn(f"keras_xai: {message} {reason}", stacklevel=2)
