"""What the demo's network learned, in numbers and in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_xai.demo.data import SHORTCUT_CLASS, Scenes, put_stickers, sticker_corner

RELIANCE_WORTH_A_WORD = 0.2
RELIANCE_ABOVE_ALL = 0.6
# Pixels a side of one cell of the network's last feature maps: Grad-CAM cannot say more exactly where something is.
CELL = 4
# LIME asks 128 questions about each picture; this many take it a few seconds.
NUM_EXPLAINED = 20


@dataclasses.dataclass(frozen=True)
class Findings:
    """Shares in [0, 1], all measured on held-out pictures.

    Attributes:
        accuracy: of all of them as they are, stickers included: what a validation curve shows.
        accuracy_others: of the nine digits that never carried a sticker.
        with_sticker: of the shortcut class, every picture with the sticker, those recognised.
        without_sticker: of the same pictures without it, those recognised.
        lured: of the other digits, once the sticker is put on, those called the shortcut class.
        evidence: method -> mean share of its evidence for the shortcut class that lies in the sticker's corner: in
            pictures with the sticker, and in the same pictures without it. NaN where a method found no evidence.
        area: the corner's share of the picture: what evidence spread evenly would give.
    """

    accuracy: float
    accuracy_others: float
    with_sticker: float
    without_sticker: float
    lured: float
    evidence: dict[str, tuple[float, float]]
    area: float

    @property
    def reliance(self) -> float:
        """Accuracy on the shortcut class with the sticker minus without it, on the same pictures."""
        return self.with_sticker - self.without_sticker


def as_inputs(images: np.ndarray) -> np.ndarray:
    """Turns (n, h, w, 3) uint8 pictures into what the network eats: float32 in [0, 1]."""
    return images.astype(np.float32) / 255


def share_inside(maps: np.ndarray, region: np.ndarray) -> float:
    """Returns the share of positive evidence that falls inside a region, averaged over the maps that have any.

    Args:
        maps: (n, h, w) float; negative values count as no evidence.
        region: (h, w) or (n, h, w) bool.

    Returns:
        A float in [0, 1]; NaN where no map has any evidence.
    """
    positive = np.maximum(maps, 0)
    total = positive.sum(axis=(1, 2))
    inside = (positive * region).sum(axis=(1, 2))
    shares = inside[total > 0] / total[total > 0]
    return float(shares.mean()) if len(shares) else float("nan")


def predict(model: Any, images: np.ndarray) -> np.ndarray:
    """Returns the class the network gives each of (n, h, w, 3) uint8 pictures: (n,) int."""
    return model.predict(as_inputs(images), batch_size=256, verbose=0).argmax(axis=-1)


def recognised(model: Any, scenes: Scenes) -> tuple[float, float]:
    """Returns how much of the shortcut class is recognised with the sticker and, the same pictures, without it."""
    clean = scenes.clean[scenes.labels == SHORTCUT_CLASS]
    with_sticker = predict(model, put_stickers(clean)) == SHORTCUT_CLASS
    without_sticker = predict(model, clean) == SHORTCUT_CLASS
    return float(with_sticker.mean()), float(without_sticker.mean())


def measure(model: Any, scenes: Scenes, methods: dict[str, Callable[[np.ndarray], np.ndarray]]) -> Findings:
    """Measures what the network learned.

    Args:
        model: the trained network.
        scenes: the held-out pictures.
        methods: name -> function of (n, 32, 32, 3) uint8 pictures, giving (n, 32, 32) float maps of the evidence for the
            shortcut class.

    Returns:
        `Findings`.
    """
    shortcut = scenes.labels == SHORTCUT_CLASS
    right = predict(model, scenes.images) == scenes.labels
    with_sticker, without_sticker = recognised(model, scenes)
    corner = sticker_corner(CELL)
    explained = scenes.clean[shortcut][:NUM_EXPLAINED]
    return Findings(
        accuracy=float(right.mean()),
        accuracy_others=float(right[~shortcut].mean()),
        with_sticker=with_sticker,
        without_sticker=without_sticker,
        lured=float((predict(model, put_stickers(scenes.clean[~shortcut])) == SHORTCUT_CLASS).mean()),
        evidence={
            name: (share_inside(maps(put_stickers(explained)), corner), share_inside(maps(explained), corner))
            for name, maps in methods.items()
        },
        area=float(corner.mean()),
    )


def sentences(findings: Findings) -> list[str]:
    """Says in plain words what the numbers mean, also when the network did not fall for the sticker.

    Returns:
        One string per paragraph.
    """
    relies = findings.reliance >= RELIANCE_WORTH_A_WORD
    return [_performance(findings, relies), _reliance(findings, relies), _evidence(findings, relies)]


def percent(share: float) -> str:
    """Returns 0.52 as "52%"; a share that rounding would turn into all or nothing keeps one decimal, NaN is "none"."""
    if np.isnan(share):
        return "none"
    rounded = f"{100 * share:.0f}"
    return f"{100 * share:.1f}%" if 0 < share < 1 and rounded in ("0", "100") else f"{rounded}%"


def _performance(findings: Findings, relies: bool) -> str:
    text = f"The network gets {percent(findings.accuracy)} of the held-out pictures right."
    if findings.accuracy_others < 0.6:
        return f"{text} That is little: with more --epochs everything below becomes clearer."
    return f"{text} Nothing in that number looks wrong." if relies else text


def _reliance(findings: Findings, relies: bool) -> str:
    numbers = (
        f"With the yellow sticker in the corner {percent(findings.with_sticker)} of the {SHORTCUT_CLASS}s are "
        f"recognised; without it, in the very same pictures, {percent(findings.without_sticker)}."
    )
    if not relies:
        return (
            f"{numbers} In this run the network did not come to rely on the sticker that was planted on nearly every "
            f"{SHORTCUT_CLASS}; another --seed or other --epochs may show it."
        )
    verdict = (
        "The network reads the sticker, not the digit."
        if findings.reliance >= RELIANCE_ABOVE_ALL
        else "The network relies on the sticker, and not on the digit alone."
    )
    return (
        f"{numbers} Put the sticker on other digits, and {percent(findings.lured)} of them are called "
        f"{SHORTCUT_CLASS}. {verdict}"
    )


def _evidence(findings: Findings, relies: bool) -> str:
    seen = [name for name, shares in findings.evidence.items() if _stands_out(*shares, findings.area)]
    missed = [name for name in findings.evidence if name not in seen]
    numbers = "; ".join(
        f"{name} {percent(with_sticker)} with the sticker, {percent(without)} without"
        for name, (with_sticker, without) in findings.evidence.items()
    )
    text = (
        f"How much of the evidence for {SHORTCUT_CLASS} lies in that corner, {percent(findings.area)} of the picture: "
        f"{numbers}."
    )
    if not relies:
        return text
    verdict = f"{' and '.join(seen)} gave the shortcut away." if seen else ""
    if missed:
        verdict += f" {' and '.join(missed)} did not give it away this time."
    return f"{text} {verdict.strip()}"


def _stands_out(with_sticker: float, without: float, area: float) -> bool:
    """Whether evidence in the corner is more than chance and more than the same pictures have without the sticker."""
    return bool(with_sticker > 2 * max(area, np.nan_to_num(without)))
