"""When an effect is large enough, broad enough and certain enough to be said aloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.samples import Samples
from keras_xai.spurious.bounds import images_needed, level_at, lower_bound
from keras_xai.spurious.effects import Effect, own_window
from keras_xai.spurious.windows import middle

# The effects that are still nothing to speak of: every class relies on something.
NECESSITY, SUFFICIENCY, GLOBAL = 0.35, 0.27, 0.20
# Classes do differ in how bright and how coloured they are and in what they are made of: a part of every model's
# decision rests on it.
TONE = 0.35
_TONES = ("brightness", "contrast", "colour", "hue", "saturation")
TEXTURE = 0.65
LOCAL = ("necessity", "sufficiency")
# A region with more of it on objects is judged by what is usual among the classes, and how much more it must be.
_ON_OBJECT, _UNUSUAL = 0.35, 0.25
# An image that loses two windows loses more of its own object.
_SWAP = 0.1
# At least this share of the other classes must be taken along: what looks alike is taken along by a core part too.
BREADTH = 0.45
# A window with much of the object in it has an effect on any model; per share of the image beyond a small
# window's.
_PER_AREA = 3.0
_SMALL = 0.05
# What a class's images must be able to show.
PLAIN_EFFECT, LARGE_EFFECT = 0.6, 0.95


@dataclass(frozen=True)
class Verdict:
    """One effect, judged.

    Attributes:
        effect: what was measured. lower: its lower bound. delta: what that had to exceed.
        hit: whether it did, and was broad enough.
    """

    effect: Effect
    lower: float
    delta: float
    hit: bool

    def record(self) -> dict[str, Any]:
        """What an alert says of it."""
        effect = self.effect
        return {
            "effect": effect.mean,
            "lower": self.lower,
            "threshold": self.delta,
            "flips": float(effect.flips.mean()),
            "control": float((effect.flips - effect.effects).mean()),
            "breadth": effect.breadth,
            "images": len(effect.effects),
        }


def threshold(kind: str, share: float, num_classes: int, swap: bool = False) -> float:
    """δ: the effect that a model without a shortcut may have.

    Args:
        kind: "necessity", "sufficiency", or a property. share: of the image that was taken from objects.
        num_classes: of the model. With few of them breadth says little, since one look-alike may be all there is.
        swap: whether the image lost a window of its own too.
    """
    alike = 1 / max(num_classes - 1, 1)
    if kind == "necessity":
        return min(0.9, NECESSITY + _PER_AREA * max(0.0, share - _SMALL))
    if kind == "sufficiency":
        least = max(SUFFICIENCY, min(0.5, alike)) + _SWAP * swap
        return min(0.9, least + _PER_AREA * max(0.0, share - _SMALL))
    if kind == "texture":
        return TEXTURE
    return max(TONE if kind in _TONES else GLOBAL, min(0.5, alike))


def judge(effect: Effect, level: float, num_classes: int, samples: Samples, usual: float = 0.0) -> Verdict:
    """Compare an effect with what is still nothing to speak of.

    Args:
        effect: on test images. level: α of this one test. num_classes: of the model. samples: the images.
        usual: the same effect in other classes. Where objects are small, the window of every class holds the object.
    """
    local, swap = effect.kind in LOCAL, bool(effect.rule and effect.rule.swap)
    inside, taken = on_objects(effect, samples) if local else (0.0, 0.0)
    delta = threshold(effect.kind, taken * (1 + swap), num_classes, swap)
    lower = lower_bound(effect.effects, level)
    allowed = effect.kind == "necessity" or effect.breadth >= BREADTH
    if local and inside > _ON_OBJECT:
        # Every class has need of its object; only what turns any image into the class is more than that.
        allowed = allowed and effect.kind == "sufficiency"
        delta = max(delta, usual + _UNUSUAL)
    return Verdict(effect, lower, delta, bool(lower > delta and allowed))


def on_objects(effect: Effect, samples: Samples) -> tuple[float, float]:
    """How much of the regions lies on objects, and how much of the image that is.

    Objects are where the masks say, or else in the middle of the picture.

    Args:
        effect: with regions. samples: the images.
    """
    carriers = effect.hosts if effect.kind == "necessity" else effect.donors
    windows = [own_window(one) for row in effect.regions for one in row]
    places = sorted(set(zip(carriers.ravel().tolist(), windows, strict=True)))
    typical = middle(samples.size)
    shares = []
    for index, window in places:
        mask = window.mask(samples.size)
        taken = mask & (typical if samples.masks is None else samples.masks[index])
        shares.append((taken.sum() / mask.sum(), taken.mean()))
    inside, share = np.mean(shares, axis=0)
    return float(inside), float(share)


def usual_effects(effects: dict[int, list[Effect]]) -> dict[int, dict[str, float]]:
    """Class -> kind -> the median of that effect over the other classes; 0 with less than three of them."""
    found: dict[int, dict[str, float]] = {}
    for c in effects:
        others = [one for other, mine in effects.items() if other != c for one in mine]
        means = {kind: [one.mean for one in others if one.kind == kind] for kind in LOCAL}
        found[c] = {kind: float(np.median(values)) if len(values) >= 3 else 0.0 for kind, values in means.items()}
    return found


def level_of_one_test(alpha: float, moment: int, num_classes: int, num_branches: int) -> float:
    """The share of the run's α that one class and branch may spend at the t-th examination."""
    return level_at(alpha, moment) / (num_classes * num_branches)


def power_note(images: int, level: float) -> str | None:
    """What so few test images of a class cannot show; None where they can.

    Args:
        images: correctly classified test images of one class. level: α of one test.
    """
    needed = images_needed(PLAIN_EFFECT, NECESSITY, level)
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
    needed = images_needed(LARGE_EFFECT, threshold("sufficiency", 0, num_classes), level)
    if others >= needed:
        return None
    return (
        f"underpowered: {others} test images of other classes cannot show even an effect of {LARGE_EFFECT:.0%}; {needed} "
        "could"
    )


def strongest(verdicts: list[Verdict]) -> Verdict | None:
    """The hit that is furthest above its threshold, or else the effect that is; None of none."""
    return max(verdicts, key=lambda one: (one.hit, one.lower - one.delta)) if verdicts else None


def medoid(regions: list[Any]) -> tuple[int, int, int, int]:
    """The window that is nearest to all others, as (top, left, height, width)."""
    places = np.array([tuple(region)[:4] for region in regions])
    distances = np.abs(places[:, None] - places[None]).sum(axis=(1, 2))
    return tuple(int(value) for value in places[distances.argmin()])  # type: ignore[return-value]
