"""The monitor on a trained model."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from keras_xai.samples import Samples
from keras_xai.spurious.alert import Alert
from keras_xai.spurious.decision import records
from keras_xai.spurious.probe import single_labels
from keras_xai.spurious.report import report
from keras_xai.spurious.watch import Watch

# Pixels a side: of fewer a window is most of the image.
_SMALLEST = 4


class Findings(list):
    """The alerts of an audit, a list of `Alert`, with what could not be said.

    Attributes:
        effects: {class: {intervention: {"effect", "lower", "threshold", …}}} of every class that was examined.
        skipped: {class: why it could not be examined}. notes: {class: what its images could not show}.
        asked: how many forward passes it took; a gradient counts as two more.
    """

    def __init__(self, alerts: list[Alert], watch: Watch, samples: Samples, alpha: float):
        super().__init__(alerts)
        self.effects = {c: records(found) for c, found in watch.latest.items()}
        self.skipped, self.notes = dict(watch.skipped), dict(watch.notes)
        self.asked = watch.asked
        self._samples, self._alpha = samples, alpha

    def report(self) -> str:
        """Markdown: the alerts, and what was not evaluated and why."""
        return report(self, self._samples.class_name, self.skipped, self.notes, (), self._alpha)


def audit(
    model: Any,
    data: Any,
    log_dir: str | os.PathLike | None = None,
    alpha: float = 0.05,
    per_class: int = 192,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """Find out which classes of a trained model rely on a small region or on a global property of the image.

    What `keras_xai.callbacks.SpuriousFeatureMonitor` does at one epoch, for all classes. What is found is an alert at once:
    there is no second epoch to confirm it, so that it cries wolf a little more often.

    Args:
        model: a built keras.Model that classifies. It is left exactly as it was.
        data: held-out images with labels: `Samples`, or (x, y). 60 or more of a class show what there is to see.
        log_dir: where to write alerts for TensorBoard; None writes nothing.
        alpha: the chance of taking any effect for one that exceeds its threshold though it does not; in (0, 1).
        per_class: at most so many images of a class are used.
        seed: of all random choices: the same seed finds the same.
        progress: called with (classes done, classes).

    Returns:
        `Findings`: a list of `Alert`, with `report()`, `skipped`, `notes` and `effects`.

    Raises:
        TypeError, ValueError: data without labels, an argument out of range, or a model that does not classify.

    Example:
        >>> for alert in keras_xai.audit(model, (x_test, y_test)):
        ...     print(alert.sentence)
    """
    samples = as_samples(data)
    check_settings(alpha, per_class)
    watch = Watch(samples, alpha, per_class, seed, confirmations=1)
    alerts = watch.look(model, epoch=0, progress=progress)
    findings = Findings(alerts, watch, samples, alpha)
    if log_dir is not None:
        from keras_xai.spurious.recorder import Recorder

        recorder = Recorder(log_dir, "audit", samples, seed)
        recorder.write(0, alerts, watch)
        recorder.text("xai/alerts", 0, findings.report())
        recorder.finish()
    return findings


def as_samples(data: Any) -> Samples:
    """Held-out images with one label each.

    Raises:
        TypeError, ValueError: something else, no labels, or images too small to have regions.
    """
    if isinstance(data, tuple) and len(data) == 2:
        data = Samples(data[0], labels=data[1])
    if not isinstance(data, Samples):
        raise TypeError(
            f"The monitor needs held-out images with labels: keras_xai.Samples(x, labels=y) or (x, y); it got "
            f"{type(data).__name__}."
        )
    single_labels(data)
    if min(data.size) < _SMALLEST:
        raise ValueError(
            f"The monitor compares regions of images with the rest of them, which needs at least {_SMALLEST} pixels a side; "
            f"these images have {data.size[0]} × {data.size[1]}."
        )
    return data


def check_settings(alpha: Any, per_class: Any) -> None:
    """Raises ValueError where one is out of range."""
    if not isinstance(alpha, (int, float)) or not 0 < alpha < 1:
        raise ValueError(f"alpha is the permitted rate of false alarms of a run, in (0, 1); it is {alpha!r}.")
    if isinstance(per_class, bool) or not isinstance(per_class, int) or per_class < 16:
        raise ValueError(
            f"per_class is how many images of a class are used, an int of at least 16; it is {per_class!r}."
        )
