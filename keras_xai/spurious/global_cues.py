"""Properties of whole images: which one a class may be recognised by, and whether it is."""

from __future__ import annotations

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.effects import Effect, Trials, balanced, effect_of, paired
from keras_xai.spurious.interventions import BACKGROUND, COLOUR_EDITS, EDITS, FIXED_EDITS, TEXTURE, GlobalEdit
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.silhouettes import know_backgrounds

# Images that choose the edit of a class, each with a donor of its own; images that test it, and donors for each.
_CHOOSING, _TESTED, _DONORS = 24, 128, 1


class GlobalCues:
    """The global branch at one moment.

    Args:
        oracle, probe, predicted, classes, seed: as for `LocalCues`.
        marked: class -> edits of `FIXED_EDITS` to try, from `marked_by`.
    """

    def __init__(
        self,
        oracle: Oracle,
        probe: Probe,
        predicted: np.ndarray,
        classes: list[int],
        seed: int,
        marked: dict[int, tuple[str, ...]],
    ):
        self._oracle, self._probe, self._classes, self._marked = oracle, probe, classes, marked
        self._generator = np.random.default_rng([seed, 2])
        right = predicted == probe.labels
        self._proposing = {c: p[right[p]] for c, p in probe.proposing.items()}
        self._testing = {c: p[right[p]] for c, p in probe.testing.items()}
        samples = probe.samples
        channels = samples.image.shape[1 if samples.channels_first else -1]
        self._edits = {
            kind: GlobalEdit(kind, probe.low, probe.high, samples.channels_first)
            for kind in (*EDITS, TEXTURE, BACKGROUND)
            if (channels > 1 or kind not in COLOUR_EDITS) and (kind != BACKGROUND or know_backgrounds(samples))
        }

    def effects(self) -> dict[int, Effect]:
        """Class -> what the edit chosen for it did to the test images of other classes."""
        chosen, carriers = self._choose()
        found: dict[int, Effect] = {}
        for kind, edit in self._edits.items():
            found |= self._test(edit, [c for c in self._classes if chosen[c] == kind], carriers)
        return found

    def _others(self, label: int, pool: dict[int, np.ndarray]) -> np.ndarray:
        indices = np.concatenate([members for other, members in pool.items() if other != label])
        return balanced(self._generator.permutation(indices), self._probe.labels, len(indices))

    def _outcomes(self, trials: Trials, edit: GlobalEdit) -> np.ndarray:
        if edit.kind == TEXTURE:
            return trials.textured(self._oracle, self._probe)
        if edit.kind == BACKGROUND:
            return trials.before_backgrounds(self._oracle, self._probe)
        return trials.edited(self._oracle, edit)

    def _choose(self) -> tuple[dict[int, str], dict[int, np.ndarray]]:
        """Class -> the edit that takes most images along, and the donors with which it does."""
        pairs = {}
        for c in self._classes:
            hosts = self._others(c, self._proposing)[:_CHOOSING]
            pairs[c] = hosts, np.resize(self._generator.permutation(self._proposing[c]), len(hosts))
        best: dict[int, tuple[float, str]] = dict.fromkeys(self._classes, (-1.0, ""))
        carriers = {}
        for kind, edit in self._edits.items():
            trials, asked = Trials.empty(), {}
            for c in self._classes:
                if kind not in FIXED_EDITS or kind in self._marked[c]:
                    asked[c] = [trials.add(host, donor) for host, donor in zip(*pairs[c], strict=True)]
            outcomes = self._outcomes(trials, edit)
            for c, positions in asked.items():
                flipped = outcomes[positions] == c
                if flipped.mean() > best[c][0]:
                    best[c] = float(flipped.mean()), kind
                    taking = np.unique(pairs[c][1][flipped])
                    carriers[c] = taking if len(taking) > 1 else self._proposing[c]
        return {c: kind for c, (_, kind) in best.items()}, carriers

    def _test(self, edit: GlobalEdit, classes: list[int], carriers: dict[int, np.ndarray]) -> dict[int, Effect]:
        trials, asked = Trials.empty(), {}
        for c in classes:
            hosts = self._others(c, self._testing)[:_TESTED]
            givers = np.resize(self._generator.permutation(carriers[c]), (_DONORS, len(hosts))).T
            strangers = np.resize(self._others(c, self._proposing), (_DONORS, len(hosts))).T
            asked[c] = paired(trials, hosts, givers, strangers)
        outcomes = self._outcomes(trials, edit)
        labels = self._probe.labels
        found = {c: effect_of(edit.kind, asked[c], trials, outcomes, labels, lambda to, c=c: to == c) for c in classes}
        if edit.kind in FIXED_EDITS:
            # There is no such edit to the look of another class: the control is the image as it is.
            for effect in found.values():
                effect.effects = effect.flips
        return found
