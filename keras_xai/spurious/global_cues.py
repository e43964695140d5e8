"""Properties of whole images: which one a class may be recognised by, and whether it is.

Three claims are tested of the one property that is most suspicious. *It is enough*: images of other classes are taken for
the class when they get it. *It is used together with the object*: they have the class as their first choice, or as the
second after their own, when they get it, and the class's own images are lost without it. (With two classes the second choice
says nothing. Of an edit that nothing undoes, images that it hardly changes stand for those that are lost. What is usual in a
class changes none of its own images, so that the control of that half is empty.) *No other class needs it as much*: the
class's own images are lost without it, more of them by δ than of any other class without that property of its own. It is
asked of what objects hardly have, where there are at least four classes to compare with.

Either half of the second claim is common in models without a shortcut (of clean Fashion-MNIST classes, one in ten loses a
quarter to three quarters of its images with the brightness, contrast or detail of others), both together are not: in 24
clean networks, and in the other classes of 42 with a cue, the smaller of both was at most 0.27, and for spectrum and detail,
which carry outlines, 0.41. The slow waves of a class's mean image, tried as its shading, show its silhouette: 0.75 in clean
Fashion-MNIST. So do bands, tried as what opposite edges have in common: the legs of trousers, 0.44.

The third claim finds what is used together with an object that nothing else comes near to. In clean networks, after any
epoch, a class lost at most 0.27 more than the others where none of them lost more than 0.2; of properties that tell how much
there is of an object it was 0.3 to 0.9 (digits that are thin), so that those are not asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from functools import partial

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.decision import ELSEWHERE, threshold
from keras_xai.spurious.effects import Effect, Trials, balanced, effect_of, leaves_class, paired
from keras_xai.spurious.fixed_edits import FIXED_EDITS
from keras_xai.spurious.interventions import (
    BACKGROUND,
    COLOUR_EDITS,
    CORNER_DETAIL,
    CORNER_LIGHT,
    EDITS,
    FINE_TEXTURE,
    IN_PART,
    OVERALL_DETAIL,
    REMOVAL,
    TEXTURE,
    TONE,
    VIGNETTE,
    GlobalEdit,
)
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.silhouettes import know_backgrounds
from keras_xai.spurious.usual_looks import USUAL, USUAL_IN_PART

# Images that screen all edits for a class, and so many that go on; images that choose between those.
_SCREENING, _SCREENED, _CHOOSING = 12, 4, 32
# Images that test the edit, each with so many donors: of the class, and of all others, which are many; few of both where
# they show that it is far from enough.
_TESTED, _TESTED_OTHERS, _FEW, _DONORS = 128, 384, 48, 2
_FAR = 0.12
# Properties that objects hardly have, or all of them alike: a class that needs such a one, unlike others, needs more than
# its object. It is compared with so many other classes at least, and where few are examined together with so many if
# there are, of which so many images are recognised.
_HARDLY_OBJECTS = (
    *COLOUR_EDITS,
    "sharpness",
    "grain",
    "specks",
    CORNER_LIGHT,
    VIGNETTE,
    CORNER_DETAIL,
    OVERALL_DETAIL,
    FINE_TEXTURE,
)
_COMPARED, _FEWEST_COMPARED = (4, 10), 8
# How much of an image is bright, and how much of it edges. A network that has hardly begun says one class of whatever has as
# much ink as that class, or as little, for an epoch or two.
_INK = ("brightness", "contrast", "histogram", "spectrum", "detail", TONE, TONE + IN_PART)


class GlobalCues:
    """The global branch at one moment.

    Args:
        oracle, probe, predicted, classes, seed: as for `LocalCues`.
        marked: class -> edits of `FIXED_EDITS` to try, from `marked_by`.
        sure: classes of which the model is right more often than not when it says them; others are not asked of `_INK`.
    """

    def __init__(
        self,
        oracle: Oracle,
        probe: Probe,
        predicted: np.ndarray,
        classes: list[int],
        seed: int,
        marked: dict[int, tuple[str, ...]],
        sure: Collection[int],
    ):
        self._oracle, self._probe, self._classes, self._marked, self._sure = oracle, probe, classes, marked, sure
        self._generator = np.random.default_rng([seed, 2])
        self._needed: dict[str, dict[int, float]] = {}
        self._divided: dict[tuple[str, bool], tuple[dict[int, np.ndarray], dict[int, np.ndarray]]] = {}
        right = predicted == probe.labels
        self._proposing = {c: p[right[p]] for c, p in probe.proposing.items()}
        self._testing = {c: p[right[p]] for c, p in probe.testing.items()}
        self._compared_to = self._known_classes()
        samples = probe.samples
        channels = samples.image.shape[1 if samples.channels_first else -1]
        self._kinds = [
            kind
            for kind in (*EDITS, TEXTURE, FINE_TEXTURE, BACKGROUND, *USUAL, *USUAL_IN_PART)
            if (channels > 1 or kind not in COLOUR_EDITS)
            and (kind != FINE_TEXTURE or probe.patchwork.fits)
            and (kind != BACKGROUND or know_backgrounds(samples))
        ]

    def effects(self) -> dict[int, list[Effect]]:
        """Class -> what the edit chosen for it did to the test images; with masks, its background alone too."""
        chosen = self._choose()
        tested: dict[int, list[Effect]] = {}
        for kind in self._kinds:
            pairs = self._paired(kind, [c for c in self._classes if chosen[c] == kind], _TESTED, _DONORS, testing=True)
            # The bound holds whenever one stops to ask.
            few = self._asked(kind, {c: {name: rows[:_FEW] for name, rows in one.items()} for c, one in pairs.items()})
            near = [c for c, effects in few.items() if self._beyond(effects) > -_FAR]
            tested |= few | self._asked(kind, {c: pairs[c] for c in near})
        removed = self._removal() if BACKGROUND in self._kinds else {}
        return {c: [*tested.get(c, []), *([removed[c]] if c in removed else [])] for c in self._classes}

    def _removal(self) -> dict[int, Effect]:
        """Class -> how many of its test images stay in it without their object, beyond images of other classes."""
        trials, asked = Trials.empty(), {}
        for c in self._classes:
            own = self._testing[c][:_TESTED]
            others = np.resize(self._others(c, self._testing), len(own))
            asked[c] = [[trials.add(index, index) for index in some] for some in (own, others)]
        outcomes, labels = trials.without_objects(self._oracle, self._probe)[:, 0], self._probe.labels
        positions = {c: [np.array(some)[:, None] for some in pair] for c, pair in asked.items()}
        return {
            c: effect_of(REMOVAL, (own, [others]), trials, outcomes, labels, lambda to, c=c: to == c)
            for c, (own, others) in positions.items()
        }

    def _known_classes(self) -> list[int]:
        """Classes to compare with: those that are examined and more, of which enough images are recognised."""
        others = [int(c) for c in self._generator.permutation(self._probe.large_enough) if c not in self._classes]
        known = [c for c in (*self._classes, *others) if len(self._proposing[c]) >= _FEWEST_COMPARED]
        return known[: max(len(self._classes), _COMPARED[1])]

    def _others(self, label: int, pool: dict[int, np.ndarray]) -> np.ndarray:
        # A class of one image has no half that proposes, and nothing that is usual in it.
        indices = np.concatenate(
            [members for other, members in pool.items() if other != label and len(self._probe.proposing[other])]
        )
        return balanced(self._generator.permutation(indices), self._probe.labels, len(indices))

    def _choices(self, trials: Trials, kind: str) -> np.ndarray:
        if kind in (*USUAL, *USUAL_IN_PART):
            return trials.readjusted(self._oracle, self._probe, kind)
        if kind == TEXTURE:
            return trials.textured(self._oracle, self._probe)
        if kind == FINE_TEXTURE:
            return trials.remade(self._oracle, self._probe)
        if kind == BACKGROUND:
            return trials.before_backgrounds(self._oracle, self._probe)
        probe = self._probe
        return trials.edited(self._oracle, probe, GlobalEdit(kind, probe.low, probe.high, probe.samples.channels_first))

    def _choose(self) -> dict[int, str]:
        """Class -> the edit for which one of both claims exceeds its δ by most, of the best few on fewer images."""
        asked = {kind: [c for c in self._classes if self._may_ask(kind, c)] for kind in self._kinds}
        screened = self._compared(asked, _SCREENING)
        left = {c: sorted(found, key=lambda kind: -found[kind])[:_SCREENED] for c, found in screened.items()}
        asked = {kind: [c for c in self._classes if kind in left[c]] for kind in self._kinds}
        # Of equals the plainest, which comes first.
        return {
            c: max(found, key=lambda kind: found[kind], default="")
            for c, found in self._compared(asked, _CHOOSING).items()
        }

    def _may_ask(self, kind: str, label: int) -> bool:
        if kind in FIXED_EDITS:
            return kind in self._marked[label]
        return kind not in _INK or label in self._sure

    def _compared(self, asked: dict[str, list[int]], count: int) -> dict[int, dict[str, float]]:
        """Class -> edit -> by how much it exceeds its δ on so many images that propose.

        Args:
            asked: edit -> classes.
        """
        found: dict[int, dict[str, float]] = {c: {} for c in self._classes}
        for kind, classes in asked.items():
            for c, effects in self._asked(kind, self._paired(kind, classes, count, 1)).items():
                found[c][kind] = self._beyond(effects)
        return found

    def _beyond(self, effects: list[Effect]) -> float:
        """By how much the better claim exceeds its δ, on average."""
        return max(
            min(one.mean, one.mean if one.given is None else one.given.mean)
            - threshold(
                one.kind,
                self._oracle.num_classes,
                together=one.taken or one.choices is not None,
                elsewhere=one.elsewhere,
            )
            for one in effects
        )

    def _apart(self, trials: Trials, choices: np.ndarray) -> np.ndarray:
        """(q,) the first choice that is not the image's own class."""
        own = self._probe.labels[np.array(trials.hosts, int)]
        return np.where(choices[:, 0] == own, choices[:, 1], choices[:, 0])

    def _paired(
        self, kind: str, classes: list[int], count: int, donors: int, testing: bool = False
    ) -> dict[int, dict[str, np.ndarray]]:
        """Class -> images of other classes and of the class, each with donors of the class and of others.

        All images are donors, whatever the model takes them for: those that it recognises may be a selection, by the very
        property and though no class has more of it than others. Of a property in part of a class, the images are those of
        the odd part, as are donors and strangers, who are odd in their own class; a class without parts is left out.
        """
        recognised = self._testing if testing else self._proposing
        members = others = self._probe.testing if testing else self._probe.proposing
        if kind in USUAL_IN_PART:
            members, others = self._parts(kind, testing)
        # What a class lends as a whole is the same whoever stands for it.
        mates = 1 if kind in (FINE_TEXTURE, *USUAL, *USUAL_IN_PART) else donors
        found = {}
        for c in classes:
            hosts = self._others(c, recognised)[: _TESTED_OTHERS if testing else count]
            own = recognised[c][np.isin(recognised[c], members[c])][:count]
            strangers, outside = self._others(c, members), self._others(c, others)
            if kind in USUAL_IN_PART and not (len(own) and len(strangers) and len(outside)):
                continue
            found[c] = {
                "hosts": hosts,
                "givers": np.resize(members[c], (len(hosts), mates)),
                "strangers": np.resize(strangers, (len(hosts), donors)),
                "own": own,
                "alike": self._mates(own, members[c], mates),
                "others": np.resize(outside, (len(own), donors)),
            }
        return found

    def _parts(self, kind: str, testing: bool) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        """Class -> its images in its odd part, and those outside; of classes that only serve others, those of the pool."""
        if (kind, testing) not in self._divided:
            members = self._probe.testing if testing else self._probe.proposing
            asked = {c: m if c in self._classes else m[np.isin(m, self._probe.pool)] for c, m in members.items()}
            odd = {c: self._probe.looks.in_part(kind, m) for c, m in asked.items()}
            self._divided[kind, testing] = (
                {c: m[odd[c]] for c, m in asked.items()},
                {c: m[~odd[c]] for c, m in asked.items()},
            )
        return self._divided[kind, testing]

    @staticmethod
    def _mates(own: np.ndarray, members: np.ndarray, donors: int) -> np.ndarray:
        """(n, donors) images of the same class, never the image itself where there is another."""
        places = np.array([int(np.flatnonzero(members == index)[0]) for index in own], int)
        return members[(places[:, None] + 1 + np.arange(donors)) % len(members)]

    def _asked(self, kind: str, pairs: dict[int, dict[str, np.ndarray]]) -> dict[int, list[Effect]]:
        """Class -> the effect of the first claim, and of the second."""
        if kind in FIXED_EDITS:
            return self._fixed(kind, pairs)
        trials, given, taken = Trials.empty(), {}, {}
        for c, one in pairs.items():
            given[c] = paired(trials, one["hosts"], one["givers"], None, [(one["strangers"], None)])
            taken[c] = paired(trials, one["own"], one["others"], None, [(one["alike"], None)])
        choices, labels = self._choices(trials, kind), self._probe.labels
        first, apart = choices[:, 0], self._apart(trials, choices)
        found = {}
        for c in pairs:
            enough = effect_of(kind, given[c], trials, first, labels, lambda to, c=c: to == c)
            second = effect_of(kind, given[c], trials, apart, labels, lambda to, c=c: to == c)
            second.choices = choices[given[c][0]]
            lost = effect_of(kind, taken[c], trials, first, labels, partial(leaves_class, label=c))
            lost.taken, lost.given = True, second
            found[c] = [enough, lost]
            if (
                kind in _HARDLY_OBJECTS
                and lost.mean > ELSEWHERE
                and (elsewhere := self._elsewhere(kind, c)) is not None
            ):
                found[c].append(dataclasses.replace(lost, given=None, elsewhere=elsewhere))
        return found

    def _elsewhere(self, kind: str, label: int) -> float | None:
        """The largest share of images that another class loses without this property of its own.

        None where classes are few, or one of them needs it too: then it is a trait of their objects.
        """
        if kind not in self._needed:
            trials = Trials.empty()
            asked = {
                c: paired(trials, one["own"], one["others"], None, [(one["alike"], None)])
                for c, one in self._paired(kind, self._compared_to, _CHOOSING, 1).items()
            }
            first, labels = self._choices(trials, kind)[:, 0], self._probe.labels
            self._needed[kind] = {
                c: effect_of(kind, positions, trials, first, labels, partial(leaves_class, label=c)).mean
                for c, positions in asked.items()
            }
        others = [needed for c, needed in self._needed[kind].items() if c != label]
        return max(others) if len(others) >= _COMPARED[0] and max(others) <= ELSEWHERE else None

    def _fixed(self, kind: str, pairs: dict[int, dict[str, np.ndarray]]) -> dict[int, list[Effect]]:
        """The same of an edit that no image lends and nothing undoes: the second claim is half of it, the marks the rest.

        The control is what the model says of the images as they are.
        """
        trials = Trials.empty()
        asked = {c: paired(trials, one["hosts"], one["givers"][:, :1], None, []) for c, one in pairs.items()}
        choices, plain = self._choices(trials, kind), trials.plain(self._oracle)
        found = {}
        for c, (positions, _) in asked.items():
            effects = []
            for outcomes, before in (
                (choices[:, 0], plain[:, 0]),
                (self._apart(trials, choices), self._apart(trials, plain)),
            ):
                one = effect_of(kind, (positions, []), trials, outcomes, self._probe.labels, lambda to, c=c: to == c)
                one.effects = one.flips - (before[positions[:, 0]] == c)
                effects.append(one)
            effects[1].choices = choices[positions]
            found[c] = effects
        return found
