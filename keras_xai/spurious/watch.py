"""What is kept from one examination to the next: the images, what was found before, and what may still be spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.samples import Samples
from keras_xai.spurious.alert import Alert
from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.budget import Budget
from keras_xai.spurious.decision import strongest
from keras_xai.spurious.evidence import make_alert
from keras_xai.spurious.examination import BLOCK, NOT_ASKED, Examination, examine
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.properties import marked_by, oddness


class Watch:
    """Examines one model at one moment after the other.

    Args:
        samples: held-out, with labels.
        alpha: the permitted rate of false alarms of a whole run.
        per_class: at most so many images of a class are used.
        seed: of all random choices.
        confirmations: how often something has to be found to become an alert, with at most one examination between two
            finds in which it is not; before that it is a notice.

    Attributes:
        alerts: all notices and alerts so far.
        standing: (class, kind) -> how often it was found, as above; 0 where it was not the last two times.
        latest: class -> its newest verdicts. skipped: class -> why it could not be examined.
        notes: class -> what its images could not show. unseen: classes due at the last moment for which no time was left.
        moments: how many examinations there were. asked: forward passes that they took; a gradient counts as two more.
    """

    def __init__(self, samples: Samples, alpha: float, per_class: int, seed: int, confirmations: int):
        self._samples, self._alpha, self._per_class, self._seed = samples, alpha, per_class, seed
        self._confirmations = confirmations
        self._probe: Probe | None = None
        self._marked: dict[int, tuple[str, ...]] = {}
        self._odd: dict[int, float] = {}
        self.alerts: list[Alert] = []
        self.standing: dict[tuple[int, str], int] = {}
        self._missed: set[tuple[int, str]] = set()  # of what stands, what was not found the last time
        self.latest: dict[int, list[Any]] = {}
        self.skipped: dict[int, str] = {}
        self.notes: dict[int, str] = {}
        self.unseen: list[int] = []
        self.moments = self.asked = 0
        self._num_classes = 0  # known from the first moment on
        self._last_seen: dict[int, int] = {}

    def look(
        self,
        model: Any,
        epoch: int,
        budget: Budget | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Alert]:
        """Examine the model now.

        Args:
            model: a built keras.Model. epoch: to be written on what is found.
            budget: asked before each block of classes, and told what it took; None examines all. Where not one class is
                affordable nothing is done: the moment does not count, and all classes are unseen. What was found once is
                confirmed whatever it takes.
            progress: told (classes done, classes).

        Returns:
            What is new: notices, and alerts.
        """
        budget = budget or Budget(None)
        pending = self._unconfirmed()
        if self._num_classes and not pending and not budget.affordable(1):
            self.unseen = list(range(self._num_classes))
            return []
        started = time.perf_counter()
        with backend.preserved_random_states():
            oracle = Oracle(model, self._samples)
            if self._probe is None:
                self._probe = Probe(self._samples, oracle.num_classes, self._per_class, self._seed)
                self._marked, self._odd = marked_by(self._probe), oddness(self._probe)
                self._num_classes = oracle.num_classes
            self.moments += 1
            due = self._by_suspicion(oracle.num_classes)
            predicted = np.full(len(self._samples), NOT_ASKED)
            found: list[Alert] = []
            while block := pending or due[: budget.affordable(min(BLOCK, len(due)))]:
                due, pending = [c for c in due if c not in block], []
                examination = examine(
                    oracle,
                    self._probe,
                    predicted,
                    block,
                    self.moments,
                    self._alpha,
                    self._seed,
                    self._marked,
                    self.latest,
                )
                self._last_seen |= dict.fromkeys(block, self.moments)
                found += self._noted(block, examination, epoch)
                self._probe.forget()
                ended = time.perf_counter()
                if examination.verdicts:
                    budget.pay(len(examination.verdicts), ended - started)
                else:
                    budget.charge(ended - started)
                started = ended
                if progress is not None:
                    progress(oracle.num_classes - len(due), oracle.num_classes)
            self.unseen = sorted(due)
            self.asked += oracle.num_asked
        self.alerts += found
        return found

    def largest_effect(self) -> float:
        """The largest of the newest effects of all classes; NaN before the first."""
        effects = [verdict.size for verdicts in self.latest.values() for verdict in verdicts]
        return max(effects, default=float("nan"))

    def num_alerts(self) -> int:
        """How many alerts stand now."""
        return sum(count >= self._confirmations and one not in self._missed for one, count in self.standing.items())

    def _unconfirmed(self) -> list[int]:
        """Classes of which something was found that is no alert yet."""
        return sorted({c for (c, _), count in self.standing.items() if 0 < count < self._confirmations})

    def _by_suspicion(self, num_classes: int) -> list[int]:
        """Classes in the order of need: hits to confirm, then suspects and those not seen for long in turns.

        Of classes that wait alike the ones whose images are odd come first.
        """

        def excess(c):
            return max((verdict.lower - verdict.delta for verdict in self.latest.get(c, [])), default=-np.inf)

        hit = [
            c for c in range(num_classes) if any(label == c and count for (label, _), count in self.standing.items())
        ]
        rest = [c for c in range(num_classes) if c not in hit]
        waiting = sorted(rest, key=lambda c: (self._last_seen.get(c, 0), -self._odd.get(c, 0.0)))
        suspects = sorted((c for c in rest if c in self.latest), key=lambda c: -excess(c))
        turns = [c for pair in zip(waiting, [*suspects, *waiting], strict=False) for c in pair]
        return list(dict.fromkeys([*hit, *turns, *waiting]))

    def _counted(self, one: tuple[int, str], found: bool) -> int:
        """How often something was found, this time included; a single miss is forgiven, since training is restless."""
        count = self.standing.get(one, 0)
        if found:
            self._missed.discard(one)
            count += 1
        elif count and one not in self._missed:
            self._missed.add(one)
        else:
            self._missed.discard(one)
            count = 0
        self.standing[one] = count
        return count

    def _noted(self, block: Sequence[int], examination: Examination, epoch: int) -> list[Alert]:
        found = []
        for c in block:
            self.skipped.pop(c, None)
            self.notes.pop(c, None)
            self.latest.pop(c, None)
            verdicts = examination.verdicts.get(c, [])
            if verdicts:
                self.latest[c] = verdicts
            for kind in ("local", "global"):
                mine = [
                    one for one in verdicts if (one.effect.kind in ("necessity", "sufficiency")) == (kind == "local")
                ]
                best = strongest([one for one in mine if one.hit])
                count = self._counted((c, kind), best is not None)
                if best and count <= self._confirmations:
                    severity = "alert" if count == self._confirmations else "notice"
                    assert self._probe is not None
                    found.append(make_alert(best, verdicts, c, severity, epoch, self._probe))
        self.skipped |= examination.skipped
        self.notes |= examination.notes
        return found
