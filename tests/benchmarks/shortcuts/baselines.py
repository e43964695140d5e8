"""What other ways to propose windows would have found: the same interventions and the same decision, other candidates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import keras
import numpy as np

import keras_xai as kx
from keras_xai.spurious import local_cues
from keras_xai.spurious.asking import Oracle, subset
from keras_xai.spurious.proposals import Candidate
from keras_xai.spurious.watch import Watch
from keras_xai.spurious.windows import Region, Shape, shapes

NUM_RANDOM = 40


class Comparison(keras.callbacks.Callback):
    """In the place of a monitor: examines the trained model once with every proposer.

    Attributes:
        alerts: none, as a run's record has it.
        found: proposer -> classes with a local finding.
    """

    def __init__(self, samples: kx.Samples, seed: int):
        super().__init__()
        self.alerts: list = []
        self.found: dict[str, list[int]] = {}
        self._samples, self._seed = samples, seed

    def on_train_end(self, logs: dict | None = None) -> None:
        for name, proposer in PROPOSERS.items():
            with proposer(self.model):
                watch = Watch(self._samples, 0.05, 192, self._seed, confirmations=1)
                alerts = watch.look(self.model, 0)
            self.found[name] = sorted({one.class_index for one in alerts if one.kind == "local"})


@contextlib.contextmanager
def _monitor(model: Any) -> Iterator[None]:
    yield


@contextlib.contextmanager
def _grad_cam(model: Any) -> Iterator[None]:
    """Grad-CAM in the place of both maps, and no window but those that it proposes."""

    def maps(oracle: Oracle, indices: np.ndarray, targets: np.ndarray) -> np.ndarray:
        found = kx.GradCAM()(model, subset(oracle.samples, np.asarray(indices), targets)).maps + 1e-9
        return np.stack([found / found.sum(axis=(1, 2), keepdims=True)] * 2).astype(np.float32)

    def proposed(maps: np.ndarray, seed: int = 0) -> list[Candidate]:
        return [one for one in usual(maps[:1].repeat(2, axis=0), seed) if one.source == 0]

    usual = local_cues.candidates
    with patch.object(Oracle, "maps", maps), patch.object(local_cues, "candidates", proposed):
        yield


def _windows(chosen: Callable[[tuple[int, int], int], list[Region]]) -> Callable:
    """Windows that no map proposed; where each image has its own, noise says where."""

    @contextlib.contextmanager
    def proposer(model: Any) -> Iterator[None]:
        def maps(oracle: Oracle, indices: np.ndarray, targets: np.ndarray) -> np.ndarray:
            noise = np.random.default_rng(0).random((2, len(indices), *oracle.samples.size), np.float32)
            return noise / noise.sum(axis=(2, 3), keepdims=True)

        def proposed(maps: np.ndarray, seed: int = 0) -> list[Candidate]:
            size = maps.shape[2:]
            own = [Candidate(0, shape) for shape in shapes(size)]
            return own + [Candidate(0, Shape(one.height, one.width), one) for one in chosen(size, seed)]

        with patch.object(Oracle, "maps", maps), patch.object(local_cues, "candidates", proposed):
            yield

    return proposer


def _random(size: tuple[int, int], seed: int) -> list[Region]:
    generator, all_windows = np.random.default_rng(seed), _exhaustive(size, seed)
    return [all_windows[place] for place in generator.choice(len(all_windows), NUM_RANDOM, replace=False)]


def _exhaustive(size: tuple[int, int], seed: int) -> list[Region]:
    """All windows of the monitor's square shapes, half a side apart."""
    return [
        Region(top, left, *shape)
        for shape in shapes(size)
        if shape.height == shape.width
        for top in range(0, size[0] - shape.height + 1, max(1, shape.height // 2))
        for left in range(0, size[1] - shape.width + 1, max(1, shape.width // 2))
    ]


PROPOSERS: dict[str, Callable] = {
    "monitor": _monitor,
    "Grad-CAM only": _grad_cam,
    "random windows": _windows(_random),
    "exhaustive scan": _windows(_exhaustive),
}
