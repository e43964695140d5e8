"""Where the pixels of an intervention are replaced, and which of several such rules is the better one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_xai.spurious.proposals import Candidate
from keras_xai.spurious.windows import Shape, cut_down

# What flips so much less is as good if it is smaller.
_NEAR = 0.1
# Of a window that is cut down no more than this share of the flips may be lost: one of 36 images.
LOST = 0.03


@dataclass(frozen=True)
class Rule:
    """Where the pixels of one intervention are replaced.

    Attributes:
        candidate: says where the class in question has its window.
        swap: whether the other image loses a window of its own too: "necessary" to its class, or "alike", chosen in it as
            the candidate chooses. Where every class has a swatch of its own, an image would otherwise keep the one that
            speaks for its own class.
    """

    candidate: Candidate
    swap: str | None = None

    @property
    def moves(self) -> bool:
        return self.candidate.moves

    @property
    def area(self) -> int:
        """In pixels."""
        return self.candidate.shape.height * self.candidate.shape.width * (2 if self.swap else 1)


def screening(options: list[Candidate]) -> list[Candidate]:
    """Those that screen: each image's own square windows but the smallest."""
    own = [one for one in options if one.region is None and one.shape.height == one.shape.width]
    return [one for one in own if one.shape > min(other.shape for other in own)]


def cut(rule: Rule, share: float, size: tuple[int, int]) -> list[Rule]:
    """The rule with its window less a share of it at one side; none where each image has a window of its own."""
    candidate = rule.candidate
    places = [] if candidate.region is None else cut_down(candidate.region, share, size)
    return [
        replace(rule, candidate=replace(candidate, shape=Shape(one.height, one.width), region=one)) for one in places
    ]


def smallest(chain: list[Rule], flips: list[np.ndarray]) -> Rule:
    """The last of ever smaller rules that loses hardly any flips of the first; the first where nothing was tried."""
    kept = [rule for rule, own in zip(chain, flips, strict=True) if own.sum() >= flips[0].sum() - LOST * len(own)]
    return kept[-1] if len(flips[0]) else chain[0]


def ranked(options: list[Any], flips: list[np.ndarray]) -> list[Any]:
    """Those that flip most first. Of those that come near to the most the simplest leads: one place, and small."""
    means = np.array([one.mean() for one in flips])
    near = means >= means.max() - _NEAR

    def rank(k):
        return (False, options[k].moves, options[k].area, -means[k]) if near[k] else (True, -means[k])

    return [options[k] for k in sorted(range(len(options)), key=rank)]
