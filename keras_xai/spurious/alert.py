"""What the monitor says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_xai.spurious.augmentation import Augmentation


@dataclass(frozen=True, eq=False)
class Alert:
    """Verified reliance of one class on a small region or on a property of the whole image.

    It says what the model uses, not that it should not: look at the pictures. Only where the region violates a mask or an
    ignore-region that was given is the reliance called spurious.

    Attributes:
        class_index: the class. class_name: as people call it.
        kind: "local" or "global".
        severity: "notice" when it was found once, "alert" when it was found twice within three examinations (in an
            audit: once).
        epoch: Keras's 0-based epoch; 0 in an audit.
        effect: share of images whose prediction flips, less the same for controls, in [−1, 1]; where a property is used
            together with the object, the smaller of "without its …" and "…, at least second choice"; of a region that
            is elsewhere in every image, of "necessity, anywhere" and "sufficiency, anywhere".
        lower_bound: what that share is at least, at the level of the run.
        region: (top, left, height, width) in pixels, where the class's images have it; None for a global cue.
        property: "brightness", "corner light", …; None for a local cue.
        sentence: the finding for everybody.
        effects: {"necessity", "sufficiency", the same with ", anywhere", a property, "without its …", "…, at least second
            choice" or "without its …, unlike any other class": {"effect", "lower", "threshold", "flips", "control",
            "breadth", "images"}}; a property "in part of the class" was asked of the images of the class that are least
            like others in it.
        breadth: share of the other classes with at least half of their images flipped, or brought to that choice.
        spurious: True where it relies on what a mask or an ignore-region says cannot matter.
        affected: ids of the samples that carry it, or are lost without it.
        places: {id: (top, left, height, width)} of the region in them.
        pairs: [{"host", "donor", "from", "to"}], ids and classes, one for each picture in `before` and `after`.
        before, after: (k, height, width, 1|3) uint8. donors: list of (height, width, 1|3) uint8 crops.
        remedy: what `augmentation` needs: the intervention, and images that carry the cue and that do not.

    Example:
        >>> for alert in monitor.alerts:
        ...     print(alert.severity, alert.sentence)
    """

    class_index: int
    kind: str
    severity: str
    epoch: int
    effect: float
    lower_bound: float
    region: tuple[int, int, int, int] | None
    property: str | None
    sentence: str
    class_name: str = ""
    effects: dict[str, dict[str, float]] = field(default_factory=dict)
    breadth: float = 0.0
    spurious: bool = False
    affected: tuple[str, ...] = ()
    places: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    pairs: tuple[dict[str, Any], ...] = ()
    before: Any = None
    after: Any = None
    donors: tuple[np.ndarray, ...] = ()
    remedy: dict[str, Any] = field(default_factory=dict)

    def augmentation(self, share: float = 1.0, seed: int = 0) -> Augmentation:
        """A cure in the data: gives training images of all classes the cue, or takes it away, by chance.

        Train on with it, or anew, and the cue tells nothing about the class any more. A cue that floats cannot be taken
        away, since its place is known in the held-out images only: there it is handed to other classes alone.

        Args:
            share: in (0, 1], of the images that are changed. seed: see `Augmentation`.

        Returns:
            A function of (images, labels), batches or single ones, for `tf.data.Dataset.map` and `keras.utils.PyDataset`.

        Raises:
            ValueError: the alert is about a texture, or was not made by a monitor or an audit; or share is out of range.

        Example:
            >>> model.fit(dataset.map(monitor.alerts[-1].augmentation()))
        """
        if not self.remedy:
            raise ValueError(
                "This alert holds nothing to hand to other classes: only alerts of a monitor or an audit do, and among them "
                "not those about a texture or fine texture, which would need to know where the objects of training images "
                "are, or many images of every class."
            )
        return Augmentation(**self.remedy, share=share, seed=seed)

    def record(self) -> dict[str, Any]:
        """What is logged: see `keras_xai.log.records.alert_record`; pictures are numbered donors, before, after."""
        first = len(self.donors) + 1
        count = len(self.pairs)
        numbers = [{"before": first + k, "after": first + count + k} for k in range(count)]
        return {
            "epoch": self.epoch,
            "class_index": self.class_index,
            "class_name": self.class_name,
            "cue": self.kind,
            "severity": self.severity,
            "sentence": self.sentence,
            "effects": self.effects,
            "effect": self.effect,
            "lower_bound": self.lower_bound,
            "breadth": self.breadth,
            "spurious": self.spurious,
            "region": None if self.region is None else list(self.region),
            "property": self.property,
            "affected": list(self.affected),
            "pairs": [number | pair for number, pair in zip(numbers, self.pairs, strict=True)],
        }

    def pictures(self) -> list[np.ndarray]:
        """In the order of `record`: donor crops, then all images before, then all after."""
        if not self.pairs:
            return list(self.donors)
        return [*self.donors, *self.before, *self.after]

    def __repr__(self) -> str:
        return f"Alert({self.severity}, epoch {self.epoch}: {self.sentence})"
