"""When an effect is large enough, broad enough and certain enough to be said aloud.

*What is controlled.* Every hypothesis is "this class's effect is at most δ". It is refuted at level
α · 6/(π²t²) / (classes · branches) at the t-th examination of a run: a union bound over classes, branches and any number of
epochs, so that with a chance of at most α any effect of the run is said to exceed its δ that does not. A branch tests one
candidate, which other images chose; the bound (see `bounds.lower_bound`) holds at any sample size and for effects of any
distribution, as long as images are drawn independently (given the images that lend what is usual in a class, or pieces:
they are the same at every examination, and propose too). An alert needs two such refutations within three examinations,
which makes it rarer still.

*What is not.* That a model without a shortcut stays below δ in the first place is a judgement, and the numbers below are it.
They are few, each says why, and `tests/benchmarks/shortcuts` measures how often they are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.spurious.bounds import images_needed, level_at, lower_bound
from keras_xai.spurious.effects import Effect, own_window
from keras_xai.spurious.interventions import CORNER_DETAIL, FINE_TEXTURE, IN_PART, OVERALL_DETAIL, REMOVAL
from keras_xai.spurious.probe import Probe

LOCAL = ("necessity", "sufficiency")
# A small region is at most a sixteenth of the image: in both directions a quarter. In a larger one there is room for a
# whole object, of which every model has need and which takes every image along. Of a larger cue a part is enough.
SMALL = 1 / 16
# From here on a region's pixels tell the class as what was put there does, and as hardly a part of an object: a collar, a
# sole or the side of a bag differs from image to image.
TELLING = 0.97
# δ, the effects that are nothing to speak of, since in clean models too there are some.
# Little should be taken along by a region that was put there, by the look of the whole image, or by a background.
ELSEWHERE = 0.2
# A part of its object, or what it is made of, or the slow waves of its outline, may be most of what a class is known by.
# What takes so many along, whatever they show, is more than that. Parts that are as alike in all images as what is put
# there (a digit's stroke, the gap in trousers) are needed, but take hardly any image along.
PART, TRAIT = 0.6, 0.7
# With a trait of the object, too, the class is more often a second choice and lost without it: in 0.45 of images at most.
TRAIT_TOGETHER = 0.4
_TRAITS = ("texture", "spectrum", "detail")
# Fine detail is no outline, but what the object is made of.
_FINE_TRAITS = (CORNER_DETAIL, OVERALL_DETAIL, FINE_TEXTURE)
# A part of a class was chosen for being odd: in clean models one loses, or takes along, 0.39 at most.
ODD_PART = 0.3
# Of a region its share in objects from which on it is judged as one on objects.
_ON_OBJECT = 0.35
# What one class is known by takes so much more along than the same does in any other class. Where objects are small,
# the windows of all classes hold them.
_UNUSUAL = 0.25
# A small window at a place of its own in every image, which is needed and takes others along: in 14 clean networks and the
# other classes of six with a cue the smaller of both was at most 0.38, where another class of the same network had 0.28.
ANYWHERE, _MORE_THAN_OTHERS = 0.3, 0.1
# At least this share of the other classes must be taken along: what looks alike is taken along by a core part too.
BREADTH = 0.45
# What a class's images must be able to show.
PLAIN_EFFECT, LARGE_EFFECT = 0.6, 0.95


@dataclass(frozen=True)
class Verdict:
    """One effect, judged.

    Attributes:
        effect: what was measured. lowers: lower bounds of it and, where the claim has two halves, of the other one.
        delta: what they had to exceed.
        hit: whether it did, and was broad enough.
    """

    effect: Effect
    lowers: tuple[float, ...]
    delta: float
    hit: bool

    @property
    def lower(self) -> float:
        """What the whole claim is above."""
        return min(self.lowers)

    @property
    def size(self) -> float:
        """The mean effect; of a claim with two halves, the smaller."""
        return min(one.mean for one in self._halves)

    @property
    def breadth(self) -> float:
        """The share of other classes that are taken along."""
        return self._halves[-1].breadth

    @property
    def _halves(self) -> list[Effect]:
        return [self.effect] if self.effect.given is None else [self.effect, self.effect.given]

    def records(self) -> dict[str, dict[str, Any]]:
        """What an alert says of it: the name of an effect -> its numbers."""
        return {
            (f"{one.kind}, anywhere" if self.effect.anywhere else one.name): {
                "effect": one.mean,
                "lower": lower,
                "threshold": self.delta,
                "flips": float(one.flips.mean()),
                "control": float((one.flips - one.effects).mean()),
                "breadth": one.breadth,
                "images": len(one.effects),
            }
            for one, lower in zip(self._halves, self.lowers, strict=True)
        }


def threshold(
    kind: str, num_classes: int, told: bool = False, together: bool = False, elsewhere: float | None = None
) -> float:
    """δ: the effect that a model without a shortcut may have.

    Args:
        kind: "necessity", "sufficiency", or a property.
        num_classes: of the model. With few of them breadth says little, since one look-alike may be all there is.
        told: whether the region's pixels alone tell the class.
        together: whether the property may be used together with the object: see `GlobalCues`.
        elsewhere: of a property that no other class needs as much, the most that one does.
    """
    if elsewhere is not None:
        return max(elsewhere, 0.0) + ELSEWHERE
    base, least = kind.removesuffix(IN_PART), ODD_PART if kind.endswith(IN_PART) else ELSEWHERE
    if together:
        return TRAIT_TOGETHER if kind in _TRAITS else least
    alike = min(0.5, 1 / max(num_classes - 1, 1))
    if kind in ("necessity", REMOVAL):
        return ELSEWHERE
    if kind == "sufficiency" and not told:
        return PART
    return TRAIT if base in (*_TRAITS, *_FINE_TRAITS) else max(least, alike)


def judge(effect: Effect, level: float, num_classes: int, probe: Probe, usual: float = 0.0) -> Verdict:
    """Compare an effect with what is still nothing to speak of.

    Args:
        effect: on test images. level: α of this one test. num_classes: of the model. probe: the images.
        usual: from `usual_effects`, or `usual_anywhere`.
    """
    told = effect.kind in LOCAL and effect.telling >= TELLING
    on_objects = effect.kind in LOCAL and lies_on_objects(effect, probe)
    together = effect.taken or effect.choices is not None
    delta = threshold(effect.kind, num_classes, told, together, effect.elsewhere)
    if effect.anywhere:
        # Of few classes one may be a look-alike, as it may for what pixels tell.
        delta = max(ANYWHERE, threshold("sufficiency", num_classes, told=True), usual + _MORE_THAN_OTHERS)
    elif on_objects and not told:
        delta = max(delta, usual + _UNUSUAL)
    # Of a claim with two halves both have to be shown: that needs no smaller level.
    halves = [effect] if effect.given is None else [effect, effect.given]
    lowers = tuple(lower_bound(half.effects, level) for half in halves)
    if effect.given is not None and effect.anywhere:
        allowed = effect.given.breadth >= BREADTH
    elif effect.kind == "necessity":
        # Every class has need of its object.
        allowed = told and is_small(effect.rule, probe.samples.size) and not on_objects
    else:
        allowed = together or effect.kind == REMOVAL or effect.breadth >= BREADTH
    return Verdict(effect, lowers, delta, bool(min(lowers) > delta and allowed))


def is_small(rule: Any, size: tuple[int, int]) -> bool:
    """Whether the windows of a rule have no room for a whole object."""
    return bool(rule.area <= SMALL * size[0] * size[1])


def lies_on_objects(effect: Effect, probe: Probe) -> bool:
    """Whether regions lie where objects are, in masks or else in the middle of the picture."""
    return probe.on_objects(own_places(effect))[0] > _ON_OBJECT


def own_places(effect: Effect) -> dict[int, Any]:
    """Image -> the window that the class in question has in it."""
    carriers = effect.hosts if effect.kind == "necessity" else effect.donors
    windows = [own_window(one) for row in effect.regions for one in row]
    return dict(zip(carriers.ravel().tolist(), windows, strict=True))


def usual_effects(effects: dict[int, list[Effect]], probe: Probe) -> dict[int, float]:
    """Class -> the largest sufficiency that another class has in a region on objects; 0 where none has."""
    return _largest_of_others(
        {
            c: [one.mean for one in mine if one.kind == "sufficiency" and lies_on_objects(one, probe)]
            for c, mine in effects.items()
        }
    )


def usual_anywhere(effects: dict[int, list[Effect]]) -> dict[int, float]:
    """Class -> of how many images another class needs a window of their own that also is enough; 0 where none does."""
    return _largest_of_others(
        {
            c: [min(one.mean, one.given.mean) for one in mine if one.anywhere and one.given is not None]
            for c, mine in effects.items()
        }
    )


def _largest_of_others(found: dict[int, list[float]]) -> dict[int, float]:
    largest = {c: max(values, default=0.0) for c, values in found.items()}
    return {c: max((value for other, value in largest.items() if other != c), default=0.0) for c in largest}


def level_of_one_test(alpha: float, moment: int, num_classes: int, num_branches: int) -> float:
    """The share of the run's α that one of the classes with enough images may spend, and branch, at the t-th examination."""
    return level_at(alpha, moment) / (num_classes * num_branches)


def power_note(images: int, level: float) -> str | None:
    """What so few test images of a class cannot show; None where they can.

    Args:
        images: correctly classified test images of one class. level: α of one test.
    """
    needed = images_needed(PLAIN_EFFECT, ELSEWHERE, level)
    if images >= needed:
        return None
    return (
        f"underpowered: {images} test images may miss that a region is necessary for {PLAIN_EFFECT:.0%} of them; {needed} "
        "would show it"
    )


def underpowered(others: int, level: float, num_classes: int) -> str | None:
    """Why nothing can be said about a class with so few images of other classes; None where something can.

    Args:
        others: correctly classified test images of other classes. level: α of one test.
    """
    needed = images_needed(LARGE_EFFECT, threshold("sufficiency", num_classes, told=True), level)
    if others >= needed:
        return None
    return (
        f"underpowered: {others} test images of other classes cannot show even an effect of {LARGE_EFFECT:.0%}; {needed} "
        "could"
    )


def strongest(verdicts: list[Verdict]) -> Verdict | None:
    """The hit that is furthest above its threshold, or else the effect that is; None of none."""
    return max(verdicts, key=lambda one: (one.hit, one.lower - one.delta)) if verdicts else None


def records(verdicts: list[Verdict]) -> dict[str, dict[str, Any]]:
    """The name of an effect -> its numbers, of all verdicts on a class."""
    return {name: one for verdict in verdicts for name, one in verdict.records().items()}


def medoid(regions: list[Any]) -> tuple[int, int, int, int]:
    """The window that is nearest to all others, as (top, left, height, width)."""
    places = np.array([tuple(region)[:4] for region in regions])
    distances = np.abs(places[:, None] - places[None]).sum(axis=(1, 2))
    return tuple(int(value) for value in places[distances.argmin()])  # type: ignore[return-value]
