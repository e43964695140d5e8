"""Properties of whole images: which one a class may be recognised by, and whether it is."""

from __future__ import annotations

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.effects import Effect, Trials, balanced, effect_of, paired
from keras_xai.spurious.interventions import COLOUR_EDITS, EDITS, GlobalEdit
from keras_xai.spurious.probe import Probe

_CHOOSING_HOSTS = 12


class GlobalCues:
    """The global branch at one moment. Arguments as for `LocalCues`."""

    def __init__(self, oracle: Oracle, probe: Probe, predicted: np.ndarray, classes: list[int], seed: int):
        self._oracle, self._probe, self._classes = oracle, probe, classes
        self._generator = np.random.default_rng([seed, 2])
        right = predicted == probe.labels
        self._proposing = {c: p[right[p]] for c, p in probe.proposing.items()}
        self._testing = {c: p[right[p]] for c, p in probe.testing.items()}
        samples = probe.samples
        channels = samples.image.shape[1 if samples.channels_first else -1]
        kinds = [kind for kind in EDITS if channels > 1 or kind not in COLOUR_EDITS]
        self._edits = [GlobalEdit(kind, probe.low, probe.high, samples.channels_first) for kind in kinds]

    def effects(self) -> dict[int, Effect]:
        """Class -> what the edit chosen for it did to the test images of other classes."""
        chosen = self._choose()
        found: dict[int, Effect] = {}
        for edit in self._edits:
            classes = [c for c in self._classes if chosen[c] == edit]
            found |= self._test(edit, classes)
        return found

    def _others(self, label: int, pool: dict[int, np.ndarray]) -> np.ndarray:
        indices = np.concatenate([members for other, members in pool.items() if other != label])
        return balanced(self._generator.permutation(indices), self._probe.labels, len(indices))

    def _choose(self) -> dict[int, GlobalEdit]:
        trials, asked = Trials.empty(), {}
        for c in self._classes:
            hosts = self._others(c, self._proposing)[:_CHOOSING_HOSTS]
            donors = np.resize(self._generator.permutation(self._proposing[c]), len(hosts))
            asked[c] = [trials.add(host, donor) for host, donor in zip(hosts, donors, strict=True)]
        flips = []
        for edit in self._edits:
            outcomes = trials.edited(self._oracle, edit)
            flips.append([np.mean(outcomes[asked[c]] == c) for c in self._classes])
        best = np.argmax(flips, axis=0)
        return {c: self._edits[number] for c, number in zip(self._classes, best, strict=True)}

    def _test(self, edit: GlobalEdit, classes: list[int], donors: int = 2, limit: int = 128) -> dict[int, Effect]:
        trials, asked = Trials.empty(), {}
        for c in classes:
            hosts = self._others(c, self._testing)[:limit]
            givers = np.resize(self._generator.permutation(self._proposing[c]), (donors, len(hosts))).T
            strangers = np.resize(self._others(c, self._proposing), (donors, len(hosts))).T
            asked[c] = paired(trials, hosts, givers, strangers)
        outcomes = trials.edited(self._oracle, edit)
        return {
            c: effect_of(edit.kind, asked[c], trials, outcomes, self._probe.labels, lambda to, c=c: to == c)
            for c in classes
        }
