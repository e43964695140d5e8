"""From a verdict to an alert: the sentence and the pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.samples import Samples
from keras_xai.spurious.alert import Alert
from keras_xai.spurious.decision import Verdict, medoid, records
from keras_xai.spurious.effects import Effect, balanced, leaves_class, mask_of, own_window
from keras_xai.spurious.fixed_edits import FIXED_EDITS
from keras_xai.spurious.interventions import (
    BACKGROUND,
    CORNER_DETAIL,
    CORNER_LIGHT,
    FINE_TEXTURE,
    IN_PART,
    OVERALL_DETAIL,
    REMOVAL,
    TEXTURE,
    TONE,
    VIGNETTE,
    GlobalEdit,
    Readjust,
    paste,
)
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.silhouettes import filled_with_texture
from keras_xai.spurious.usual_looks import USUAL, USUAL_IN_PART

_PAIRS = 6
_DONORS = 4
_REMEDY = 16
# Properties whose names are not everybody's.
_IN_WORDS = {
    "histogram": "mix of brightness and colours",
    "detail": "sharpness and fine detail",
    "spectrum": "broad light and shade",
    "grain": "noise",
    "specks": "single pixels that stick out",
    "posterisation": "few levels of brightness",
    "pixelation": "coarse squares of pixels",
    "compression": "blocks of JPEG compression",
    CORNER_LIGHT: "light and colour of the corners",
    VIGNETTE: "light or shade towards the corners",
    CORNER_DETAIL: "fine detail in the corners",
    OVERALL_DETAIL: "usual sharpness and fine detail",
}
# The property of one image that comes nearest to what is usual.
_OF_ONE_IMAGE = {
    TONE: "colour",
    CORNER_LIGHT: "colour",
    VIGNETTE: "spectrum",
    CORNER_DETAIL: "detail",
    OVERALL_DETAIL: "detail",
}
# A region that has more of itself on the object than this does not miss it.
_ON_OBJECT = 0.1
_IN_IGNORED = 0.5


def make_alert(verdict: Verdict, verdicts: list[Verdict], label: int, severity: str, epoch: int, probe: Probe) -> Alert:
    """The alert that a verdict deserves.

    Args:
        verdict: the hit. verdicts: all of the class, for the numbers.
        label: the class. severity, epoch: see `Alert`. probe: the images.
    """
    samples, effect = probe.samples, verdict.effect
    local = effect.kind in ("necessity", "sufficiency")
    carriers = _carriers(effect, label)
    boxes = {index: place.box(samples.size) for index, place in carriers.items()} if local else {}
    region = medoid(list(boxes.values())) if local else None
    spurious = _is_spurious(samples, carriers) if local else effect.kind in (BACKGROUND, REMOVAL)
    before, after, pairs = _pairs(effect, label, probe)
    return Alert(
        class_index=label,
        class_name=samples.class_name(label),
        kind="local" if local else "global",
        severity=severity,
        epoch=epoch,
        effect=verdict.size,
        lower_bound=verdict.lower,
        region=region,
        property=None if local else shown_property(effect.kind),
        sentence=sentence(verdict, samples.class_name(label), region, samples.size, spurious),
        effects=records(verdicts),
        breadth=verdict.breadth,
        spurious=spurious,
        affected=tuple(samples.ids[index] for index in carriers),
        places={samples.ids[index]: box for index, box in boxes.items()},
        pairs=pairs,
        before=before,
        after=after,
        donors=tuple(_crops(samples, carriers)) if local else (),
        remedy=_remedy(effect, carriers, label, probe),
    )


def sentence(verdict: Verdict, name: str, region: Any, size: tuple[int, int], spurious: bool = False) -> str:
    """The finding in one sentence for everybody.

    Args:
        verdict: of the effect. name: of the class. region: (top, left, height, width), None for a property.
        size: (height, width) of the images. spurious: a mask or an ignore-region says that it cannot matter.
    """
    effect = verdict.effect
    flips, control = float(effect.flips.mean()), float((effect.flips - effect.effects).mean())
    shown = shown_property(effect.kind)
    look, in_part = _IN_WORDS.get(shown, shown), effect.kind.endswith(IN_PART)
    if effect.given is not None and effect.anywhere:
        given = effect.given
        finding = (
            f"each image has a {region[2]}×{region[3]} px region of its own; replacing it by the same place of other images "
            f"makes the model give up {name!r} for {flips:.0%} of its images ({control:.0%} when a random place is "
            f"replaced), and pasting it into other images makes it say {name!r} for {given.flips.mean():.0%} of them "
            f"({(given.flips - given.effects).mean():.0%} for a random place), whatever they show"
        )
    elif effect.kind == "necessity":
        finding = (
            f"replacing {_where(region, size)} by the same place of other images makes the model give up {name!r} for "
            f"{flips:.0%} of its images ({control:.0%} when a random place is replaced)"
        )
    elif effect.kind == "sufficiency":
        finding = (
            f"pasting {_where(region, size)} of {name!r} images into other images makes the model say {name!r} for "
            f"{flips:.0%} of them ({control:.0%} for a random place), whatever they show"
        )
    elif effect.kind == REMOVAL:
        finding = (
            f"without its object the model still says {name!r} for {flips:.0%} of its images ({control:.0%} for images of "
            "other classes without theirs)"
        )
    elif effect.elsewhere is not None:
        finding = (
            f"with the {look} of other classes the model gives up {name!r} for {flips:.0%} of its images ({control:.0%} "
            f"with that of its own), and other classes for {max(effect.elsewhere, 0.0):.0%} of theirs at most"
        )
    elif effect.given is not None:
        given = effect.given
        lost = "of them" if in_part else "of its images"
        finding = (
            f"with the {look} of other classes the model gives up {name!r} for {flips:.0%} {lost} "
            f"({control:.0%} with that of its own), and with the {look} of {name!r} it is the first or second "
            f"choice for {given.flips.mean():.0%} of other images ({(given.flips - given.effects).mean():.0%} with that "
            "of other classes)"
        )
    elif effect.choices is not None:
        finding = (
            f"its images have them, and with them {name!r} is the model's first or second choice for {flips:.0%} of "
            f"other images ({control:.0%} without)"
        )
    else:
        compared = "without" if effect.kind in FIXED_EDITS else "with that of other classes"
        whose = f"a part of the {name!r} images" if in_part else f"{name!r} images"
        finding = (
            f"giving other images the {look} of {whose} makes the model say {name!r} for {flips:.0%} of "
            f"them ({control:.0%} {compared}), whatever they show"
        )
    if in_part and effect.given is not None:
        finding = f"in a part of its images, {finding}"
    seen = "a small region" if region is not None else look
    what = "a spurious feature" if spurious else seen
    reason = ", a place that was marked as unable to matter" if spurious else ""
    return f"The model recognises {name!r} by {what}{reason}: {finding}."


def shown_property(kind: str) -> str:
    """The property that an effect of this kind shows reliance on."""
    return BACKGROUND if kind == REMOVAL else kind.removesuffix(IN_PART)


def _where(region: Any, size: tuple[int, int]) -> str:
    top, left, high, wide = region
    if (high, wide) == tuple(size):
        return "the frame along the edges"
    centre = (top + high / 2) / size[0], (left + wide / 2) / size[1]
    vertical = "top" if centre[0] < 1 / 3 else "bottom" if centre[0] > 2 / 3 else ""
    horizontal = "left" if centre[1] < 1 / 3 else "right" if centre[1] > 2 / 3 else ""
    place = f"{vertical} {horizontal}".strip() or "middle"
    return f"the {high}×{wide} px region at the {place}"


def _carriers(effect: Effect, label: int) -> dict[int, Any]:
    """Image -> the region that it was shown to have: donors that take other images along, or images that need it."""
    votes: dict[int, list[bool]] = {}
    regions: dict[int, Any] = {}
    carrying = effect.hosts if effect.leaves else effect.donors
    flipped = _flipped(effect, label)
    for i, k in np.ndindex(*effect.outcomes.shape):
        votes.setdefault(int(carrying[i, k]), []).append(bool(flipped[i, k]))
        regions.setdefault(int(carrying[i, k]), own_window(effect.regions[i][k]))
    share = {index: float(np.mean(found)) for index, found in votes.items()}
    chosen = [index for index in share if share[index] >= 0.5] or [max(share, key=lambda index: share[index])]
    return {index: regions[index] for index in sorted(chosen, key=lambda index: -share[index])}


def _is_spurious(samples: Samples, carriers: dict[int, Any]) -> bool:
    """Whether most of these regions lie off the object, or where nothing may matter."""
    found = []
    for index, region in carriers.items():
        inside = mask_of(region, samples.size)
        off = (
            samples.masks is not None
            and samples.masks[index].any()
            and samples.masks[index][inside].mean() <= _ON_OBJECT
        )
        ignored = samples.ignore is not None and samples.ignore[index][inside].mean() >= _IN_IGNORED
        found.append(off or ignored)
    return bool(np.mean(found) > 0.5)


def _flipped(effect: Effect, label: int) -> np.ndarray:
    """(n, k) bool: which interventions made an image leave the class, or enter it; no output that is no number."""
    return leaves_class(effect.outcomes, label) if effect.leaves else effect.outcomes == label


def _pairs(effect: Effect, label: int, probe: Probe) -> tuple[np.ndarray, np.ndarray, tuple[dict[str, Any], ...]]:
    """Pictures before and after, of as many source classes as possible."""
    samples = probe.samples
    flipped = _flipped(effect, label)
    said = effect.outcomes if effect.choices is None else effect.choices[..., 0]
    places = [(i, int(row.argmax())) for i, row in enumerate(flipped) if row.any()]
    seen: dict[int, int] = {}
    for i, _ in places:
        seen[i] = sum(1 for j, _ in places if j < i and effect.sources[j] == effect.sources[i])
    places = sorted(places, key=lambda place: seen[place[0]])[:_PAIRS]
    hosts = np.array([effect.hosts[place] for place in places], int)
    donors = np.array([effect.donors[place] for place in places], int)
    before = samples.images[hosts]
    if effect.kind == TEXTURE:
        filled = [filled_with_texture(samples.images[donor], probe.silhouettes[donor]) for donor in donors]
        after = np.where(probe.silhouettes[hosts][..., None], np.array(filled).reshape(before.shape), before)
    elif effect.kind == FINE_TEXTURE:
        remade = [probe.patchwork.remade(host, donor) for host, donor in zip(hosts, donors, strict=True)]
        after = _as_seen(samples, np.stack(remade))
    elif effect.kind == REMOVAL:
        after = _as_seen(samples, np.stack([probe.background(host) for host in hosts]))
    elif effect.kind == BACKGROUND:
        behind = _as_seen(samples, np.stack([probe.background(donor) for donor in donors]))
        after = np.where(probe.silhouettes[hosts][..., None], before, behind)
    elif effect.kind in (*USUAL, *USUAL_IN_PART):
        rows = [probe.looks.change(effect.kind, host, donor) for host, donor in zip(hosts, donors, strict=True)]
        row = {name: np.stack([one[name] for one in rows]) for name in rows[0]}
        readjust = Readjust(probe.low, probe.high, samples.channels_first)
        after = _as_seen(samples, backend.to_numpy(readjust(samples.image[hosts], row, {})))
    elif effect.regions[0][0] is None:
        edit = GlobalEdit(effect.kind, probe.low, probe.high, samples.channels_first)
        given = np.stack([probe.donor(donor, effect.kind) for donor in donors])
        after = _as_seen(samples, backend.to_numpy(edit(samples.image[hosts], {"donor": given}, {})))
    else:
        masks = [mask_of(effect.regions[i][k], samples.size) for i, k in places]
        after = np.where(np.array(masks).reshape(len(places), *samples.size, 1), samples.images[donors], before)
    pairs = tuple(
        {
            "host": samples.ids[host],
            "donor": samples.ids[donor],
            "from": label if effect.leaves else int(effect.sources[place[0]]),
            "to": int(said[place]),
        }
        for place, host, donor in zip(places, hosts, donors, strict=True)
    )
    return before, after, pairs


def _remedy(effect: Effect, carriers: dict[int, Any], label: int, probe: Probe) -> dict[str, Any]:
    """The arguments of an `Augmentation`: images that carry the cue, and as many of other classes."""
    if effect.kind in (TEXTURE, FINE_TEXTURE, BACKGROUND, REMOVAL):
        return {}  # it would need to know where the objects of training images are, or many images of every class
    samples = probe.samples
    carrying = list(carriers)[:_REMEDY]
    others = balanced(np.flatnonzero(probe.labels != label), probe.labels, len(carrying))
    remedy = {"donors": samples.image[[*carrying, *others]], "channels_first": samples.channels_first}
    if effect.regions[0][0] is None:
        kind = _OF_ONE_IMAGE.get(effect.kind.removesuffix(IN_PART), effect.kind)
        return {"intervention": GlobalEdit(kind, probe.low, probe.high, samples.channels_first), **remedy}
    masks = np.stack([mask_of(carriers[index], samples.size) for index in carrying])
    return {"intervention": paste, "masks": np.concatenate([masks, masks[: len(others)]]), **remedy}


def _as_seen(samples: Samples, values: np.ndarray) -> np.ndarray:
    """Edited images as people see them: by the straight line that leads from the model's values to the pictures."""

    def flat(image):
        last = np.moveaxis(image, 1, -1) if samples.channels_first else image
        return last[..., : samples.images.shape[-1]].astype(np.float64)

    few = slice(0, 64)
    slope, offset = np.polyfit(flat(samples.image[few]).ravel(), samples.images[few].astype(np.float64).ravel(), 1)
    return np.clip(np.round(flat(values) * slope + offset), 0, 255).astype(np.uint8)


def _crops(samples: Samples, carriers: dict[int, Any]) -> list[np.ndarray]:
    crops = []
    for index, region in list(carriers.items())[:_DONORS]:
        rows, columns = np.nonzero(mask_of(region, samples.size))
        crops.append(samples.images[index][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    return crops
