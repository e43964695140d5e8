"""Ours and peers on the same network and images, in turns, in one process."""

import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import keras_xai as kx
from keras_xai.explainers.explainer import Explainer, explain
from tests.benchmarks import rows
from tests.benchmarks.floors import compiled_forward, compiled_gradient, interleaved, small_cnn
from tests.benchmarks.method_rows import count_passes, in_batches
from tests.benchmarks.networks import CASES, images, last_map

STEPS, NOISY, PATCH, MASKS = 50, 20, 4, 256
# Where it was measured: the environments hold different ones.
HERE = f"{keras.config.backend()} {version(keras.config.backend())}"


class Task(NamedTuple):
    """What all do.

    Attributes:
        name: with the floor, in words. model, x: the network and its images. floor: at least so much has to be done.
        ours: how this library does it.
    """

    name: str
    model: keras.Model
    x: np.ndarray
    floor: Callable[[], object]
    ours: Callable[[], object]


def grad_cam(case: str) -> Task:
    """Class 0 at the last map."""
    build, size, count, _ = CASES[case]
    model, x = build(), images(count, size)
    floor = partial(compiled_gradient(model, last_map(model)), x)
    return Task(f"Grad-CAM ÷ forward + gradient, {case}, {HERE}", model, x, floor, ours(kx.GradCAM(), model, x))


def of_passes(explainer: Explainer, words: str) -> Task:
    """On the small network; the floor is as many compiled forward passes, gradients or not."""
    model, x = small_cnn(), images(8, 32)
    samples = kx.Samples(x, targets=[0] * len(x))
    passes = count_passes(model, explainer, samples, explainer.prepare(samples))
    name = f"{words} ÷ {passes} forward passes, small CNN 32 px × {len(x)}, {HERE}"
    return Task(name, model, x, partial(in_batches, compiled_forward(model), x, passes), ours(explainer, model, x))


def integrated_gradients() -> Task:
    return of_passes(kx.IntegratedGradients(steps=STEPS), f"integrated gradients, {STEPS} steps")


def smooth_grad() -> Task:
    return of_passes(kx.SmoothGrad(num_samples=NOISY), f"SmoothGrad, {NOISY} noisy images")


def occlusion() -> Task:
    return of_passes(kx.Occlusion(patch=PATCH, stride=PATCH, fill=0.0), f"occlusion, patches of {PATCH} px")


def rise() -> Task:
    return of_passes(kx.RISE(num_samples=MASKS), f"RISE, {MASKS} masks")


def ours(explainer: Explainer, model: keras.Model, x: np.ndarray) -> Callable[[], object]:
    samples = kx.Samples(x, targets=[0] * len(x))
    return lambda: explain(model, [explainer], samples, [explainer.prepare(samples)])


def compare(task: Task, peers: dict[str, Callable[[], object]], repeats: int = 5) -> None:
    """A row for each library: what it takes, in times of the floor; or why it does not run."""
    running, failed = {"keras_xai": task.ours}, {}
    for library, function in peers.items():
        try:
            function()
            running[library] = function
        except Exception as error:
            reason = str(error).strip().splitlines() or [""]
            failed[library] = f"fails ({type(error).__name__}: {reason[0][:60]})"
    base, *times = interleaved([task.floor, *running.values()], repeats)
    for library, seconds in zip(running, times, strict=True):
        rows.ratio(task.name, library, seconds, base)
    for library, why in failed.items():
        rows.row(f"{task.name}: {library}", why, library=library, task=task.name)


def finish() -> None:
    """Save the rows where the process that started this one wants them."""
    if len(sys.argv) > 1:
        rows.save(Path(sys.argv[1]))
