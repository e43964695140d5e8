"""What interventions change: per image, and over the classes it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.interventions import GlobalEdit, Readjust, paste, replace
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.silhouettes import surroundings
from keras_xai.spurious.windows import Region, ring


@dataclass
class Effect:
    """What one kind of intervention did to the test images of one class.

    Attributes:
        kind: "necessity", "sufficiency" or the name of a property.
        effects: (n,) share of an image's interventions that flipped it, less the same for controls.
        flips: (n,) the same without taking off the controls.
        sources: (n,) classes of the images.
        hosts, donors, outcomes: (n, k) int: the changed images, where the change came from, what the model took them for.
        regions: [n][k] what was replaced, None where the whole image was edited.
        rule: how the regions were chosen.
        telling: how well the regions' pixels alone tell the class from others: see `Probe.telling`.
        choices: (n, k, 2) int, the model's first and second choice, where `outcomes` are not the first.
        taken: of a property, whether it was taken from the class's own images: a flip is an image that leaves the class.
        given: of a property that was taken, the effect of giving it to other images: how many of them have the class as
            their first choice, or as the second after their own. Of a region that is needed wherever it is, the effect
            of pasting it.
        elsewhere: of a property that was taken, where that alone is judged, the largest such effect in another class.
    """

    kind: str
    effects: np.ndarray
    flips: np.ndarray
    sources: np.ndarray
    hosts: np.ndarray
    donors: np.ndarray
    outcomes: np.ndarray
    regions: list[list[Any]]
    rule: Any = None
    telling: float = 0.0
    choices: np.ndarray | None = None
    taken: bool = False
    given: Effect | None = None
    elsewhere: float | None = None

    @property
    def name(self) -> str:
        """Of the number in records."""
        if self.anywhere:
            return f"{self.kind}, anywhere"
        if self.taken:
            return f"without its {self.kind}" + ("" if self.elsewhere is None else ", unlike any other class")
        return self.kind if self.choices is None else f"{self.kind}, at least second choice"

    @property
    def anywhere(self) -> bool:
        """Whether it is that of a region that is needed, and enough, at a place of its own in every image."""
        return self.kind == "necessity" and self.given is not None

    @property
    def leaves(self) -> bool:
        """Whether the images are the class's own, and a flip is one that leaves it."""
        return self.taken or self.kind == "necessity"

    @property
    def mean(self) -> float:
        return float(self.effects.mean()) if len(self.effects) else 0.0

    @property
    def breadth(self) -> float:
        return breadth(self.flips, self.sources)


@dataclass
class Trials:
    """A list of interventions, to be asked about in full batches whatever class they belong to.

    Attributes:
        hosts: the images that are changed. donors: where the new pixels, or the property, come from.
        regions: what is replaced; None where the whole image is edited.
    """

    hosts: list[int]
    donors: list[int]
    regions: list[Any]

    @classmethod
    def empty(cls) -> Trials:
        return cls([], [], [])

    def add(self, host: int, donor: int, region: Any = None) -> int:
        """Adds one; returns its position."""
        self.hosts.append(int(host))
        self.donors.append(int(donor))
        self.regions.append(region)
        return len(self.hosts) - 1

    def pasted(self, oracle: Oracle) -> np.ndarray:
        """(q,) int classes after pasting the donors' pixels into the regions."""
        size, images = oracle.samples.size, oracle.samples.image
        return self._asked(
            oracle, lambda host, donor, region: {"donor": images[donor], "mask": mask_of(region, size)}, paste
        )[:, 0]

    def smoothed(self, oracle: Oracle) -> np.ndarray:
        """(q,) int classes after filling the regions with the mean colour around them."""
        samples = oracle.samples

        def row(host, donor, region):
            colour = surroundings(samples.image[host], ring(region, samples.size), samples.channels_first)
            return {"donor": colour, "mask": region.mask(samples.size)}

        return self._asked(oracle, row, paste)[:, 0]

    def plain(self, oracle: Oracle) -> np.ndarray:
        """(q, 2) int choices of the images as they are."""
        return oracle.choices_after(None, np.array(self.hosts, int))

    def edited(self, oracle: Oracle, probe: Probe, edit: GlobalEdit) -> np.ndarray:
        """(q, 2) int choices after giving the whole image the donors' property."""
        return self._asked(oracle, lambda host, donor, region: {"donor": probe.donor(donor, edit.kind)}, edit)

    def readjusted(self, oracle: Oracle, probe: Probe, kind: str) -> np.ndarray:
        """(q, 2) int choices after giving the whole image the look that is usual in the donors' classes."""
        return self._asked(
            oracle,
            lambda host, donor, region: probe.looks.change(kind, host, donor),
            Readjust(probe.low, probe.high, probe.samples.channels_first),
        )

    def textured(self, oracle: Oracle, probe: Probe) -> np.ndarray:
        """(q, 2) int choices after filling the objects with the texture of the donors' objects."""
        return self._asked(
            oracle,
            lambda host, donor, region: {"donor": probe.texture(donor), "mask": probe.silhouettes[host]},
            paste,
        )

    def remade(self, oracle: Oracle, probe: Probe) -> np.ndarray:
        """(q, 2) int choices after making the image of pieces of images of the donors' classes."""
        return self._asked(oracle, lambda host, donor, region: {"donor": probe.patchwork.remade(host, donor)}, replace)

    def before_backgrounds(self, oracle: Oracle, probe: Probe) -> np.ndarray:
        """(q, 2) int choices after putting the objects before the donors' backgrounds."""
        return self._asked(
            oracle,
            lambda host, donor, region: {"donor": probe.background(donor), "mask": ~probe.silhouettes[host]},
            paste,
        )

    def without_objects(self, oracle: Oracle, probe: Probe) -> np.ndarray:
        """(q, 2) int choices after filling the objects with the colour around them."""
        return self._asked(
            oracle,
            lambda host, donor, region: {"donor": probe.background(host), "mask": probe.silhouettes[host]},
            paste,
        )

    def _asked(self, oracle: Oracle, row: Callable, perturb: Callable) -> np.ndarray:
        channel = 1 if oracle.samples.channels_first else -1

        def rows(positions):
            found = [row(self.hosts[k], self.donors[k], self.regions[k]) for k in positions]
            stacked = {name: np.stack([one[name] for one in found]) for name in found[0]}
            if "mask" in stacked:
                stacked["mask"] = np.expand_dims(stacked["mask"], channel)
            return stacked

        return oracle.choices_after(perturb, np.array(self.hosts, int), rows)


def leaves_class(outcomes: np.ndarray, label: int) -> np.ndarray:
    """Which answers are another class than this one; an output that is no number is none."""
    return (outcomes != label) & (outcomes >= 0)


def own_window(region: Any) -> Any:
    """Of a swap the window of the class in question."""
    return region if region is None or isinstance(region, Region) else region[0]


def mask_of(region: Any, size: tuple[int, int]) -> np.ndarray:
    """(height, width) bool of a region, a bool array, or the union of a sequence of them."""
    if isinstance(region, Region):
        return region.mask(size)
    if isinstance(region, np.ndarray):
        return region
    return np.logical_or.reduce([mask_of(one, size) for one in region])


def paired(
    trials: Trials, hosts: Any, donors: Any, regions: Any, controls: Sequence[tuple[Any, Any]]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Adds every intervention and its controls.

    Args:
        trials: are added to.
        hosts: (n,). donors: (n, k) of the interventions. regions: [n][k] of them, or None.
        controls: of each kind of control the same two, donors and regions.

    Returns:
        The positions of the interventions, (n, k), and of each kind of control.
    """
    found = []
    for chosen, places in [(donors, regions), *controls]:
        givers = np.asarray(chosen, int)
        positions = np.zeros(givers.shape, int)
        for i, k in np.ndindex(*givers.shape):
            positions[i, k] = trials.add(hosts[i], int(givers[i, k]), None if places is None else places[i][k])
        found.append(positions)
    return found[0], found[1:]


def effect_of(
    kind: str, positions: Any, trials: Trials, outcomes: Any, labels: Any, flipped: Callable, rule: Any = None
) -> Effect:
    """The answers to one class's interventions, image by image.

    What an intervention does is counted as far as none of its controls does it too.

    Args:
        positions: from `paired`. outcomes: (q,) answers to all trials. labels: of all samples.
        flipped: from classes to bool: which answers are a flip.
    """
    tested, controls = positions
    flips = flipped(outcomes[tested]).mean(axis=1)
    anyway = [flipped(outcomes[control]).mean(axis=1) for control in controls]
    hosts, donors = np.array(trials.hosts, int)[tested], np.array(trials.donors, int)[tested]
    return Effect(
        kind=kind,
        effects=flips - np.max([np.zeros(len(flips)), *anyway], axis=0),
        flips=flips,
        sources=labels[hosts[:, 0]],
        hosts=hosts,
        donors=donors,
        outcomes=outcomes[tested],
        regions=[[trials.regions[position] for position in row] for row in tested],
        rule=rule,
    )


def averaged(effect: Effect, removed: np.ndarray) -> Effect:
    """An effect and that of another intervention on the same images, each counting half.

    Args:
        effect: of one class. removed: (n,) bool, the other intervention's flips.
    """
    control = effect.flips - effect.effects
    effect.flips = (effect.flips + removed) / 2
    effect.effects = effect.flips - control
    return effect


def breadth(flips: Any, sources: Any) -> float:
    """The share of source classes with at least half of their images flipped.

    A shortcut flips everything, a core part of an object only what looks alike.

    Args:
        flips: (n,) share of an image's interventions that flipped it. sources: (n,) the images' classes.
    """
    flips, sources = np.asarray(flips, float), np.asarray(sources)
    classes = np.unique(sources)
    return float(np.mean([flips[sources == one].mean() >= 0.5 for one in classes])) if len(classes) else 0.0


def balanced(indices: Any, labels: np.ndarray, count: int) -> np.ndarray:
    """The first `count` indices when the classes take turns: every class counts alike.

    Args:
        indices: into labels, in the order of preference within a class.
    """
    indices = np.asarray(indices, int)
    owners = labels[indices]
    by_class = np.argsort(owners, kind="stable")
    turn = np.zeros(len(indices), int)
    turn[by_class] = np.arange(len(indices)) - np.searchsorted(owners[by_class], owners[by_class])
    return indices[np.argsort(turn, kind="stable")][:count]
