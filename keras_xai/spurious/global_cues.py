"""Properties of whole images: which one a class may be recognised by, and whether it is.

They are asked for sufficiency only. Necessity was tried: a class's own images with the brightness, contrast or sharpness
of other classes lose their class in up to 62 % of cases, beyond those that get it from their own class, on clean
Fashion-MNIST and MNIST, and in 20 to 52 % where the property was planted.
"""

from __future__ import annotations

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.decision import threshold
from keras_xai.spurious.effects import Effect, Trials, balanced, effect_of, paired
from keras_xai.spurious.interventions import BACKGROUND, COLOUR_EDITS, EDITS, FIXED_EDITS, REMOVAL, TEXTURE, GlobalEdit
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.silhouettes import know_backgrounds

# Images that choose the edit of a class, and images that test it, each with a donor of its own.
_CHOOSING, _TESTED = 24, 128


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

    def effects(self) -> dict[int, list[Effect]]:
        """Class -> what the edit chosen for it did to the test images of other classes; with masks, its background alone."""
        chosen = self._choose()
        tested: dict[int, Effect] = {}
        for kind, edit in self._edits.items():
            tested |= self._test(edit, [c for c in self._classes if chosen[c] == kind])
        removed = self._removal() if BACKGROUND in self._edits else {}
        return {c: [one[c] for one in (tested, removed) if c in one] for c in self._classes}

    def _removal(self) -> dict[int, Effect]:
        """Class -> how many of its test images stay in it without their object, beyond images of other classes."""
        trials, asked = Trials.empty(), {}
        for c in self._classes:
            own = self._testing[c][:_TESTED]
            others = np.resize(self._others(c, self._testing), len(own))
            asked[c] = [[trials.add(index, index) for index in some] for some in (own, others)]
        outcomes, labels = trials.without_objects(self._oracle, self._probe), self._probe.labels
        positions = {c: [np.array(some)[:, None] for some in pair] for c, pair in asked.items()}
        return {
            c: effect_of(REMOVAL, (own, [others]), trials, outcomes, labels, lambda to, c=c: to == c)
            for c, (own, others) in positions.items()
        }

    def _others(self, label: int, pool: dict[int, np.ndarray]) -> np.ndarray:
        indices = np.concatenate([members for other, members in pool.items() if other != label])
        return balanced(self._generator.permutation(indices), self._probe.labels, len(indices))

    def _outcomes(self, trials: Trials, edit: GlobalEdit) -> np.ndarray:
        if edit.kind == TEXTURE:
            return trials.textured(self._oracle, self._probe)
        if edit.kind == BACKGROUND:
            return trials.before_backgrounds(self._oracle, self._probe)
        return trials.edited(self._oracle, edit)

    def _choose(self) -> dict[int, str]:
        """Class -> the edit that takes most images along beyond its δ."""
        pairs = {}
        for c in self._classes:
            hosts = self._others(c, self._proposing)[:_CHOOSING]
            pairs[c] = hosts, np.resize(self._probe.proposing[c], len(hosts))
        best: dict[int, tuple[float, str]] = dict.fromkeys(self._classes, (-np.inf, ""))
        for kind, edit in self._edits.items():
            trials, asked = Trials.empty(), {}
            for c in self._classes:
                if kind not in FIXED_EDITS or kind in self._marked[c]:
                    asked[c] = [trials.add(host, donor) for host, donor in zip(*pairs[c], strict=True)]
            outcomes = self._outcomes(trials, edit)
            for c, positions in asked.items():
                beyond = float((outcomes[positions] == c).mean()) - threshold(kind, self._oracle.num_classes)
                best[c] = max(best[c], (beyond, kind))
        return {c: kind for c, (_, kind) in best.items()}

    def _test(self, edit: GlobalEdit, classes: list[int]) -> dict[int, Effect]:
        """Class -> what its images' property does, beyond that of other images.

        All images are donors, whatever the model takes them for: those that it recognises may be a selection, by the very
        property and though no class has more of it than others.
        """
        trials, asked = Trials.empty(), {}
        for c in classes:
            hosts = self._others(c, self._testing)[:_TESTED]
            givers = np.resize(self._probe.testing[c], (len(hosts), 1))
            strangers = np.resize(self._others(c, self._probe.testing), (len(hosts), 1))
            # There is no such edit to the look of another class: nothing else does it.
            asked[c] = paired(trials, hosts, givers, None, [] if edit.kind in FIXED_EDITS else [(strangers, None)])
        outcomes = self._outcomes(trials, edit)
        labels = self._probe.labels
        return {c: effect_of(edit.kind, asked[c], trials, outcomes, labels, lambda to, c=c: to == c) for c in classes}
