"""The monitor's part of the log: records, curves, text and evidence."""

from __future__ import annotations

import os

import numpy as np

from keras_xai import backend
from keras_xai.log.explanation_log import ExplanationLog
from keras_xai.samples import Samples
from keras_xai.spurious.alert import Alert
from keras_xai.spurious.asking import subset
from keras_xai.spurious.decision import LOCAL
from keras_xai.spurious.effects import balanced
from keras_xai.spurious.picture import evidence_picture
from keras_xai.spurious.probe import single_labels
from keras_xai.spurious.report import alert_markdown, coverage
from keras_xai.spurious.watch import Watch

# The log shows so many of the samples, and curves of so many classes.
_MOST_SAMPLES = 256
_MOST_CURVES = 64


class Recorder:
    """Writes what a `Watch` finds.

    Args:
        log_dir, name: of the log. samples: of the watch. seed: of the choice of samples that the log shows.
    """

    def __init__(self, log_dir: str | os.PathLike, name: str, samples: Samples, seed: int):
        order = np.random.default_rng([seed, 3]).permutation(len(samples))
        shown = np.sort(balanced(order, single_labels(samples), _MOST_SAMPLES))
        self._shown = {samples.ids[index] for index in shown}
        self._samples = samples
        self._log = ExplanationLog(log_dir, name, _shown(samples, shown), enabled=backend.is_main_process())
        self._coverage: list[str] = []

    def write(self, epoch: int, alerts: list[Alert], watch: Watch) -> None:
        """Writes one moment.

        Args:
            epoch: 0-based. alerts: what is new. watch: after it looked.
        """
        for alert in alerts:
            record = alert.record()
            record["affected"] = [one for one in record["affected"] if one in self._shown]
            self._log.alert(record, alert.pictures())
            self._log.picture(
                f"xai/alerts/{alert.class_name}/{alert.kind}", epoch, evidence_picture(alert, self._samples)
            )
        if alerts:
            self.text("xai/alerts", epoch, "\n\n".join(alert_markdown(alert) for alert in alerts))
        self._log.scalar("xai/spurious/max_effect", epoch, watch.largest_effect())
        self._log.scalar("xai/spurious/alerts", epoch, watch.num_alerts())
        for c in sorted(watch.latest)[:_MOST_CURVES]:
            curves: dict[str, float] = {}
            for verdict in watch.latest[c]:
                name = verdict.effect.kind if verdict.effect.kind in LOCAL else "global"
                curves[name] = max(verdict.size, curves.get(name, -1.0))
            for name, size in curves.items():
                self._log.scalar(f"xai/spurious/{name}/{self._samples.class_name(c)}", epoch, size)
        said = coverage(self._samples.class_name, watch.skipped, watch.notes, watch.unseen)
        if said and said != self._coverage:
            self.text("xai/spurious/not_evaluated", epoch, "\n".join(said))
        self._coverage = said

    def text(self, tag: str, epoch: int, markdown: str) -> None:
        """Writes an entry for the Text tab."""
        self._log.text(tag, epoch, markdown)

    def finish(self) -> None:
        """Waits until all is in the file, and closes."""
        self._log.finish()


def _shown(samples: Samples, indices: np.ndarray) -> Samples:
    """Some samples under their own ids."""
    few = subset(samples, indices)
    few.images, few.labels, few.class_names = (
        samples.images[indices],
        single_labels(samples)[indices],
        samples.class_names,
    )
    few.ids, few.names = [samples.ids[i] for i in indices], [samples.names[i] for i in indices]
    return few
