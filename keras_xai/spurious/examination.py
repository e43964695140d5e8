"""The monitor at one moment: what do the classes of this model rely on?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.decision import (
    Verdict,
    judge,
    level_of_one_test,
    power_note,
    underpowered,
    usual_anywhere,
    usual_effects,
)
from keras_xai.spurious.global_cues import GlobalCues
from keras_xai.spurious.local_cues import LocalCues
from keras_xai.spurious.probe import FEWEST, FEWEST_PROPOSING, Probe
from keras_xai.spurious.silhouettes import know_backgrounds

# Necessity, sufficiency, both wherever the region is; of one property that it is enough, used together with the object, or
# needed by this class alone; with masks, the background alone.
BRANCHES = 6
NOT_ASKED = -2
# How much more often the model has to say a class of its images than of others. Before that, what little it recognises is a
# selection, and whatever disturbs an image makes the model say what it says of most.
KNOWN = 0.3
# Examined together: the pictures of so many classes are asked about in full batches.
BLOCK = 10


@dataclass
class Examination:
    """What was found at one moment.

    Attributes:
        verdicts: class -> its judged effects.
        skipped: class -> why it was not examined. notes: class -> what its images could not show.
    """

    verdicts: dict[int, list[Verdict]] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)


def examine(
    oracle: Oracle,
    probe: Probe,
    predicted: np.ndarray,
    classes: Sequence[int],
    moment: int,
    alpha: float,
    seed: int,
    marked: dict[int, tuple[str, ...]],
    before: dict[int, list[Verdict]] | None = None,
) -> Examination:
    """Examine some classes.

    Args:
        oracle: the model. probe: its held-out images.
        predicted: (n,) what the model takes them for, or `NOT_ASKED`; is filled in where it is needed.
        classes: to examine. moment: t = 1, 2, … of the run. alpha: the run's rate of false alarms.
        seed: of donors, controls and clusters; the same at every moment, so that moments can be compared.
        marked: from `marked_by`. before: the newest verdicts of other classes, which say what is usual.
    """
    found = Examination()
    needed = np.unique(np.concatenate([probe.pool, *(probe.members(c) for c in classes if c in probe.large_enough)]))
    needed = needed[predicted[needed] == NOT_ASKED]
    predicted[needed] = oracle.classes(needed)
    right = predicted == probe.labels
    branches = BRANCHES + know_backgrounds(probe.samples)
    level = level_of_one_test(alpha, moment, max(1, len(probe.large_enough)), branches)
    ready = []
    recognised = {c: int(right[members].sum()) for c, members in probe.testing.items()}
    total = sum(recognised.values())
    for c in classes:
        reason = _unfit(probe, predicted, c) or underpowered(total - recognised[c], level, oracle.num_classes)
        if reason is None:
            ready.append(c)
        else:
            found.skipped[c] = reason
    if not ready:
        return found
    local = LocalCues(oracle, probe, predicted, ready, seed).effects()
    sure = {c for c in ready if _is_sure(probe, predicted, c)}
    wide = GlobalCues(oracle, probe, predicted, ready, seed, marked, sure).effects()
    known = {c: [verdict.effect for verdict in verdicts] for c, verdicts in (before or {}).items()}
    usual, anywhere = usual_effects(known | local, probe), usual_anywhere(known | local)
    for c in ready:
        found.verdicts[c] = [
            judge(effect, level, oracle.num_classes, probe, (anywhere if effect.anywhere else usual)[c])
            for effect in (*local[c], *wide[c])
        ]
        note = power_note(int(right[probe.testing[c]].sum()), level)
        if note:
            found.notes[c] = note
    return found


def _is_sure(probe: Probe, predicted: np.ndarray, label: int) -> bool:
    """Whether the model is right more often than not when it says the class, were all classes equally frequent."""
    said, wrongly = _said(probe, predicted, label)
    others = np.unique(probe.labels[probe.pool])
    return said >= wrongly * (len(others) - 1)


def _said(probe: Probe, predicted: np.ndarray, label: int) -> tuple[float, float]:
    """Of how many of a class's images the model says it, and of how many others: two shares."""
    others = probe.pool[probe.labels[probe.pool] != label]
    return float((predicted[probe.members(label)] == label).mean()), float((predicted[others] == label).mean())


def _unfit(probe: Probe, predicted: np.ndarray, label: int) -> str | None:
    """Why a class cannot be examined; None where it can."""
    own = probe.members(label)
    if label not in probe.large_enough:
        return f"too few images: {len(own)} held-out samples, at least {FEWEST} are needed"
    proposing, testing = (pool[label] for pool in (probe.proposing, probe.testing))
    correct = predicted == probe.labels
    if correct[proposing].sum() < FEWEST_PROPOSING or not correct[testing].any():
        return f"too few correct: {correct[own].sum()} of {len(own)} images are recognised"
    said, wrongly = _said(probe, predicted, label)
    if said - wrongly < KNOWN:
        return f"hardly recognised: the model says it of {said:.0%} of its images and of {wrongly:.0%} of others"
    return None
