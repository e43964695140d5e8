"""What the first call costs, what methods cost together, and how fast a whole data set is explained."""

import tempfile
import time
from functools import partial
from itertools import count

import numpy as np

import keras_xai as kx
from keras_xai.engine import batch_size
from keras_xai.explainers.explainer import explain
from tests.benchmarks.floors import compiled_gradient, interleaved
from tests.benchmarks.networks import CASES, images
from tests.benchmarks.rows import ratio, row

SMALL, MOBILE = "small CNN 32 px × 64", "MobileNetV2 224 px × 16"
TOGETHER = (kx.GradCAM, kx.HiResCAM, kx.LayerCAM, kx.Activations, kx.GradientInput)


def together() -> None:
    """Methods with a gradient at a layer and at the input, in one pass."""
    methods = [method() for method in TOGETHER]
    for name, (build, size, number, repeats) in CASES.items():
        model, x = build(), images(number, size)
        gradient = partial(compiled_gradient(model, model.layers[0].name), x)
        ours = partial(explain, model, methods, kx.Samples(x), [None] * len(methods))
        base, all_ = interleaved([gradient, ours], repeats)
        what = "three CAMs, activations and gradient × input together ÷ forward + gradient at the input"
        ratio(f"{what}, {name}", "keras_xai", all_, base, "≤ 1.2 ×")


def first_call(repeats: int = 3) -> None:
    """Tracing and compiling Grad-CAM, against the first `model.predict` of another network of the same kind."""
    for name in (SMALL, MOBILE):
        build, size, number, _ = CASES[name]
        x = images(number, size)
        taken = []
        for _ in range(repeats + 1):  # the first is TensorFlow's own beginning
            one, other = build(), build()
            start = time.perf_counter()
            one.predict(x, verbose=0)
            middle = time.perf_counter()
            kx.GradCAM()(other, x)
            taken.append((middle - start, time.perf_counter() - middle))
        base, ours = np.median(taken[1:], axis=0)
        row(f"first Grad-CAM ÷ first model.predict ({base:.1f} s), {name}", f"{ours / base:.2f} ×", "≤ 3 ×")


def whole_data_set(repeats: int = 3) -> None:
    """Grad-CAM of a data set onto disk, against predicting it in batches of the same size."""
    for name, total in ((SMALL, 4096), (MOBILE, 128)):
        build, size, *_ = CASES[name]
        model, x = build(), images(total, size)
        with tempfile.TemporaryDirectory() as folder:
            number = count()

            def ours(model=model, x=x, folder=folder, number=number) -> None:
                kx.explain_dataset(model, x, "grad_cam", f"{folder}/{next(number)}", verbose=0)

            predict = partial(model.predict, x, batch_size=batch_size(x.shape[1:]), verbose=0)
            base, seconds = interleaved([predict, ours], repeats)
        what = f"explain_dataset, Grad-CAM: images per second ÷ those of model.predict ({total / base:.0f})"
        row(f"{what}, {name.split(' × ')[0]}", f"{base / seconds:.2f} ×", "≥ 0.85 ×")


ROWS = (together, first_call, whole_data_set)
