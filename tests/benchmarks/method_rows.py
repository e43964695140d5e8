"""What methods cost, in times of the passes that they cannot do without."""

import resource
from functools import partial

import numpy as np

import keras_xai as kx
from keras_xai.engine import batch_size, engine_for
from keras_xai.explainers.explainer import Explainer, explain
from tests.benchmarks.floors import compiled_forward, compiled_gradient, interleaved, small_cnn
from tests.benchmarks.networks import CASES, images, last_map, mobile_net
from tests.benchmarks.rows import ratio, row

FAMILY = (kx.GradCAM, kx.HiResCAM, kx.GradCAMPlusPlus, kx.LayerCAM, kx.XGradCAM, kx.Activations)


def grad_cam() -> None:
    """Grad-CAM alone, and its family with activations, against one forward pass and one gradient."""
    family = [method() for method in FAMILY]
    for name, (build, size, count, repeats) in CASES.items():
        model, x = build(), images(count, size)
        samples = kx.Samples(x)
        measured = [
            partial(compiled_forward(model), x),
            partial(compiled_gradient(model, last_map(model)), x),
            partial(explain, model, family[:1], samples, [None]),
            partial(explain, model, family, samples, [None] * len(family)),
            partial(explain, model, [kx.EigenCAM()], samples, [None]),
        ]
        forward, base, one, all_, eigen = interleaved(measured, repeats)
        row(f"one forward pass + gradient at the last map, {name}", f"{base * 1e3:.0f} ms", "")
        row(f"  of it the forward pass, {name}", f"{forward * 1e3:.0f} ms", "")
        ratio(f"Grad-CAM ÷ forward + gradient, {name}", "keras_xai", one, base, "≤ 1.05 ×")
        together = f"{len(FAMILY) - 1} CAMs and activations together"
        ratio(f"{together} ÷ forward + gradient, {name}", "keras_xai", all_, base, "≤ 1.2 ×")
        ratio(f"EigenCAM, an eigenvector of each map ÷ forward + gradient, {name}", "keras_xai", eigen, base)


def perturbation() -> None:
    """Occlusion, RISE and LIME against as many compiled forward passes, in batches as large as theirs."""
    cases = (
        ("small CNN 32 px × 16", small_cnn(), images(16, 32), 7),
        ("MobileNetV2 224 px × 1", mobile_net(), images(1, 224), 3),
    )
    for name, model, x, repeats in cases:
        samples, forward = kx.Samples(x), compiled_forward(model)
        for explainer in (kx.Occlusion(), kx.RISE(num_samples=256), kx.LIME(num_samples=256)):
            plan = explainer.prepare(samples)
            passes = count_passes(model, explainer, samples, plan)
            floor = partial(in_batches, forward, x, passes)
            base, ours = interleaved([floor, partial(explain, model, [explainer], samples, [plan])], repeats)
            method = type(explainer).__name__
            ratio(f"{method} ÷ its {passes} forward passes, {name}", "keras_xai", ours, base, "≤ 1.02 ×")


def count_passes(model, explainer: Explainer, samples: kx.Samples, plan) -> int:
    """How many images an explainer runs through the model."""
    totals: list[int] = []
    with engine_for(model).reporting(lambda done, total: totals.append(total if done == total else 0)):
        explain(model, [explainer], samples, [plan])
    return sum(totals)


def in_batches(forward, x: np.ndarray, passes: int) -> None:
    """As many images through the model, in batches of the engine's size."""
    size = min(batch_size(x.shape[1:]), passes)
    batch = np.resize(x, (size, *x.shape[1:]))
    for start in range(0, passes, size):
        forward(batch[: min(size, passes - start)])


def peak_memory() -> float:
    """Megabytes this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def grad_cam_memory() -> None:
    """To be measured before anything else was held."""
    model, x = mobile_net(), images(16, 224)
    forward, samples = compiled_forward(model), kx.Samples(x)
    for _ in range(3):
        forward(x)
    before = peak_memory()
    for _ in range(3):
        kx.GradCAM()(model, samples)
    row("Grad-CAM, MobileNetV2 224 px × 16, added peak memory", f"{peak_memory() - before:.0f} MB", "≤ 40 MB")


ROWS = (grad_cam_memory, grad_cam, perturbation)
