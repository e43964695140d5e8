"""One training with or without a planted cue, watched by a monitor: from a number to a record."""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tests.benchmarks.shortcuts.cues import CUES
from tests.benchmarks.shortcuts.data import Pictures, pool
from tests.benchmarks.shortcuts.networks import NETWORKS, UNSEEN, fresh

KINDS = ("clean", "local", "clean", "global", "clean", "clean", "decoy", "clean", "local", "clean", "global", "clean")
STRENGTHS = (1.0, 0.9, 0.5, 0.2, 0.05)
TRAINING = {"fashion": (2500, 4), "digits": (2500, 4), "scenes": (3500, 4), "shapes": (3000, 4)}  # pictures, epochs
SEEN = {"fashion": 0.45, "digits": 0.25, "scenes": 0.3}  # data sets of the tuning part
HELD_OUT = 2000
DRAW = 10  # another number draws other runs


@dataclasses.dataclass(frozen=True)
class Run:
    """What makes one training; equal runs give equal records.

    Attributes:
        number: of the run; even ones belong to the part that may be tuned on, odd ones to the validation part.
        kind: "clean", "local", "global" or "decoy". data, network: names. cue: key of `CUES`; None for a clean run.
        strength: share of the class's pictures that carry the cue, in training and held out alike.
        label: the class that carries it.
    """

    number: int
    kind: str
    data: str
    network: str
    cue: str | None
    strength: float
    label: int

    @property
    def validation(self) -> bool:
        return self.number % 2 == 1


def numbered(number: int) -> Run:
    """The run of a number: a fixed draw, so that the first n runs are a fair sample of all."""
    validation = number % 2 == 1
    random = np.random.default_rng((DRAW, number))
    kind = KINDS[number // 2 % len(KINDS)]
    cues = [name for name, cue in CUES.items() if cue.kind == kind and cue.validation == validation]
    cue = str(random.choice(cues)) if cues else None
    shares = {"fashion": 0.3, "digits": 0.2, "scenes": 0.2, "shapes": 0.3} if validation else SEEN
    if cue and CUES[cue].colour:
        shares = {name: share for name, share in shares.items() if name in ("scenes", "shapes")}
    total = sum(shares.values())
    data = str(random.choice(list(shares), p=[share / total for share in shares.values()]))
    networks = [*NETWORKS, *UNSEEN, *UNSEEN] if validation else NETWORKS
    # Without normalisation, average pooling takes too many epochs to learn objects on photographs.
    colourful = data in ("scenes", "shapes")
    network = str(random.choice([name for name in networks if not (colourful and name == "plain gap")]))
    strength = 1.0 if kind == "decoy" else float(random.choice(STRENGTHS, p=[0.4, 0.2, 0.2, 0.1, 0.1]))
    return Run(number, kind, data, network, cue, strength if cue else 0.0, int(random.integers(10)))


@dataclasses.dataclass(frozen=True)
class Planted:
    """A draw of pictures as the cue leaves them: images (n, h, w, c) uint8, where (n, h, w) bool, carriers (n,) bool."""

    clean: Pictures
    images: np.ndarray
    where: np.ndarray
    carriers: np.ndarray


def plant(pictures: Pictures, run: Run, random: np.random.Generator) -> Planted:
    """Puts the run's cue on its share of the class (on all pictures, for a decoy)."""
    carriers = np.zeros(len(pictures), bool)
    images, where = pictures.images.copy(), np.zeros(pictures.masks.shape, bool)
    if run.cue:
        of_class = (pictures.labels == run.label) | (run.kind == "decoy")
        carriers = of_class & (random.random(len(pictures)) < run.strength)
        some = Pictures(pictures.images[carriers], pictures.labels[carriers], pictures.masks[carriers])
        images[carriers], places = CUES[run.cue].put(some, random)
        if places is not None:
            where[carriers] = places
    return Planted(pictures, images, where, carriers)


def execute(run: Run, make_monitor: Callable[..., Any] | None, epochs: int | None = None) -> dict[str, Any]:
    """Trains, watches and measures.

    Args:
        run: what to train.
        make_monitor: `(samples, log_dir, seed) -> callback` with `.alerts`; None watches nothing.
        epochs: None for what the data set needs.

    Returns:
        A record for JSON: the run, and per epoch accuracy, reliance, seconds and alerts.
    """
    random = np.random.default_rng((run.number, 1))
    count, usual = TRAINING[run.data]
    train, held_out = (plant(one.take(size, random), run, random) for one, size in _sized(run.data, count))
    model = fresh(run.network, train.images.shape[1:], run.number)
    reliance = Reliance(held_out, run)
    clocks = Clock(), Clock()
    with tempfile.TemporaryDirectory() as log_dir:
        watching = [] if make_monitor is None else [make_monitor(_samples(held_out), log_dir, run.number)]
        model.fit(
            as_inputs(train.images),
            train.clean.labels,
            batch_size=64,
            epochs=epochs or usual,
            verbose=0,
            callbacks=[clocks[0], *watching, clocks[1], reliance],
        )
    alerts = [_plain(alert, held_out, run) for monitor in watching for alert in monitor.alerts]
    seconds = np.subtract(clocks[1].ends, clocks[0].ends)
    training = np.subtract(clocks[0].ends, clocks[0].starts)
    return {
        "run": dataclasses.asdict(run),
        "validation": run.validation,
        "moves": bool(run.cue and CUES[run.cue].moves),
        **reliance.measured,
        "alerts": alerts,
        "monitor_seconds": seconds.round(3).tolist(),
        "training_seconds": training.round(3).tolist(),
    }


class Reliance(keras.callbacks.Callback):
    """Accuracy with the cue minus accuracy with it removed, on the same held-out pictures, after every epoch.

    Attributes:
        measured: lists over epochs. "accuracy": of the pictures as they come; "reliance": overall; "class_reliance": on
            the class's pictures, as they come; "carrier_reliance": on those that carry the cue.
    """

    def __init__(self, held_out: Planted, run: Run):
        super().__init__()
        self._held_out = held_out
        self._of_class = (held_out.clean.labels == run.label) & (run.kind in ("local", "global"))
        self.measured: dict[str, list[float]] = {
            key: [] for key in ("accuracy", "reliance", "class_reliance", "carrier_reliance")
        }

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        right = self._right(self._held_out.images)
        lost = (
            right - self._right(self._held_out.clean.images) if self._held_out.carriers.any() else np.zeros(len(right))
        )
        for key, value in (
            ("accuracy", right.mean()),
            ("reliance", lost.mean()),
            ("class_reliance", lost[self._of_class].mean() if self._of_class.any() else 0.0),
            ("carrier_reliance", lost[self._held_out.carriers].mean() if self._held_out.carriers.any() else 0.0),
        ):
            self.measured[key].append(round(float(value), 4))

    def _right(self, images: np.ndarray) -> np.ndarray:
        answers = self.model.predict(as_inputs(images), batch_size=512, verbose=0)
        return (answers.argmax(axis=-1) == self._held_out.clean.labels).astype(float)


class Clock(keras.callbacks.Callback):
    """When every epoch began and ended, at this place among the callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[float] = []
        self.ends: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.starts.append(time.perf_counter())

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.ends.append(time.perf_counter())


def as_inputs(images: np.ndarray) -> np.ndarray:
    """uint8 pictures as the networks eat them: float32 in [0, 1]."""
    return images.astype(np.float32) / 255


def _sized(data: str, count: int) -> list[tuple[Pictures, int]]:
    return list(zip(pool(data), (count, HELD_OUT), strict=True))


def _samples(held_out: Planted) -> Any:
    import keras_xai as kx

    return kx.Samples(as_inputs(held_out.images), labels=held_out.clean.labels)


def _plain(alert: Any, held_out: Planted, run: Run) -> dict[str, Any]:
    """An alert for JSON, with how much of its windows lies on the cues of the pictures that it names."""
    found = {
        "epoch": int(alert.epoch),
        "class": int(alert.class_index),
        "kind": alert.kind,
        "severity": alert.severity,
        "effect": round(float(alert.effect), 4),
        "lower_bound": round(float(alert.lower_bound), 4),
        "region": None if alert.region is None else [int(edge) for edge in alert.region],
        "property": alert.property,
    }
    numbers = {name: number for number, name in enumerate(_samples(held_out).ids)}
    places = {numbers[name]: place for name, place in alert.places.items()}
    shared = [
        _shared(held_out.where[number], place) for number, place in places.items() if held_out.where[number].any()
    ]
    if shared and len(shared) >= len(places) / 2:
        found["iou"], found["overlap"] = (round(float(value), 4) for value in np.mean(shared, axis=0))
    return found


def _shared(cue: np.ndarray, place: tuple[int, int, int, int]) -> tuple[float, float]:
    """Of a cue and a window: intersection over union, and over the smaller of them."""
    top, left, height, width = place
    window = np.zeros(cue.shape, bool)
    window[top : top + height, left : left + width] = True
    both = (cue & window).sum()
    return both / (cue | window).sum(), both / min(cue.sum(), window.sum())
