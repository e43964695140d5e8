"""What LIME costs in memory, and beside the `lime` package: rows of `python -m tests.benchmarks`.

Run by itself it prints the megabytes that explaining 64 images of 224 px with 1,000 queries each adds to the peak of a fresh
process.
"""

import functools
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_xai as kx
from keras_xai.explainers.explainer import explain
from tests.benchmarks.floors import compiled_forward, interleaved, small_cnn
from tests.benchmarks.rows import row

PACKAGE_MASKS = 1000  # what the package draws if it is not told otherwise


def lime_memory() -> None:
    """In a process of its own: a peak does not go down again."""
    ran = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, check=True)
    added = float(ran.stdout.split()[-1])
    row("LIME 224 px × 1,000 queries × 64, added peak memory", f"{added:,.0f} MB", "≤ 1,024 MB")


def added_memory() -> float:
    """Of a network that takes no time, with as many classes as ImageNet has; its own forward pass does not count."""
    layers = keras.layers
    inputs = keras.Input((224, 224, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 8, 8, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(1000, activation="softmax")(pooled))
    samples = kx.Samples(_images(64, 224))
    forward = compiled_forward(model)
    for _ in range(3):
        forward(samples.image[:16])
    before = _peak()
    kx.LIME(num_samples=1000)(model, samples)
    return _peak() - before


def lime_beside_the_package() -> None:
    """At equal agreement with the many-sample solution, by `tests.benchmarks.lime_designs`."""
    lime_against_package("small CNN 32 px × 4", small_cnn(), _images(4, 32), 128)
    lime_against_package(
        "MobileNetV2 224 px × 1", keras.applications.MobileNetV2(weights=None), _images(1, 224), 500, 1
    )


def lime_against_package(name: str, model: keras.Model, x: np.ndarray, passes: int, repeats: int = 2) -> None:
    """Two rows: the time of the `lime` package with its 1,000 masks ÷ ours with `passes`.

    Both get the same segments and explain the probability of the same class. The package calls what it is given with 10
    images at a time: `model.predict`, as its tutorials do, or a compiled forward pass, which is the least that it can cost.

    Args:
        x: (n, height, width, 3) float32. passes: of ours, that agree with the many-sample solution as its 1,000 do.
    """
    what = f"LIME, {name}: lime package, {PACKAGE_MASKS:,} masks ÷ ours, {passes}"
    if importlib.util.find_spec("lime") is None:
        row(what, "not installed", "≥ 10 ×")
        return
    explainer = kx.LIME(num_samples=passes, score=kx.scores.Probability())
    samples = kx.Samples(x, targets=np.zeros(len(x), np.int64))
    plan = explainer.prepare(samples)
    predict = functools.partial(model.predict, verbose=0)
    theirs = [_package(forward, x, plan.segments) for forward in (predict, compiled_forward(model))]
    *slow, fast = interleaved([*theirs, lambda: explain(model, [explainer], samples, [plan])], repeats)
    for how, seconds in zip(("model.predict", "compiled forward"), slow, strict=True):
        row(f"{what} ({how})", f"{seconds / fast:.1f} ×", "≥ 10 ×")


def _package(forward: Callable[[np.ndarray], np.ndarray], x: np.ndarray, segments: np.ndarray) -> Callable[[], None]:
    from lime.lime_image import LimeImageExplainer

    def run() -> None:
        for image, labels in zip(x, segments, strict=True):
            LimeImageExplainer(feature_selection="none", random_state=0).explain_instance(
                image,
                forward,
                labels=(0,),
                top_labels=None,
                num_samples=PACKAGE_MASKS,
                segmentation_fn=lambda _, labels=labels: labels,
            )

    return run


def _images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, size, size, 3), dtype=np.float32)


def _peak() -> float:
    """Megabytes this process ever held (Linux). What `getrusage` says is that of the process that started it, if larger."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


ROWS = (lime_beside_the_package, lime_memory)

if __name__ == "__main__":
    print(added_memory())
