"""What looking costs, in one run on this machine: `python -m tests.benchmarks`.

Every figure is a ratio against a floor that is measured beside it, in turns. KERAS_BACKEND chooses the backend.
"""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_xai as kx
from keras_xai.engine import batch_size, engine_for
from keras_xai.explainers.explainer import explain
from tests.benchmarks.floors import compiled_forward, interleaved, small_cnn
from tests.benchmarks.rows import row


def images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, size, size, 3), dtype=np.float32)


def peak_memory() -> float:
    """Megabytes this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_memory() -> float:
    """Megabytes this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def grad_cam(name: str, model: keras.Model, x: np.ndarray, goal: str, repeats: int) -> None:
    forward, samples, explainer = compiled_forward(model), kx.Samples(x), kx.GradCAM()
    base, ours = interleaved([lambda: forward(x), lambda: explain(model, [explainer], samples, [None])], repeats)
    row(f"Grad-CAM, {name} ÷ one forward pass ({base * 1e3:.0f} ms)", f"{ours / base:.2f} ×", goal)


def grad_cam_memory() -> None:
    model, x = keras.applications.MobileNetV2(weights=None), images(16, 224)
    forward, samples = compiled_forward(model), kx.Samples(x)
    for _ in range(3):
        forward(x)
    before = peak_memory()
    for _ in range(3):
        kx.GradCAM()(model, samples)
    row("Grad-CAM, MobileNetV2 224 px × 16, added peak memory", f"{peak_memory() - before:.0f} MB", "≤ 40 MB")


def lime(count: int, queries: int) -> None:
    model, x = small_cnn(), images(count, 32)
    forward, samples, explainer = compiled_forward(model), kx.Samples(x), kx.LIME(num_samples=queries)
    plan = explainer.prepare(samples)
    batch = images(batch_size(x.shape[1:]), 32)

    def floor() -> None:
        for _ in range(count * queries // len(batch)):
            forward(batch)

    base, ours = interleaved([floor, lambda: explain(model, [explainer], samples, [plan])], 5)
    row(f"LIME, {count} samples × {queries} queries, 32 px ÷ as many forwards", f"{ours / base:.2f} ×", "≤ 1.05 ×")


def epoch() -> None:
    """The share of an epoch that the callbacks take, and whether anything is traced after the first one."""
    model = small_cnn()
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = images(10_000, 32), np.random.default_rng(1).integers(0, 10, 10_000)
    samples = kx.Samples(x[:16], labels=y[:16])

    class Clock(keras.callbacks.Callback):
        """Listed before and after ours, measures what lies between."""

        def __init__(self) -> None:
            super().__init__()
            self.times: list[float] = []

        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            self.times.append(time.perf_counter())

    for name, callback in (
        ("Grad-CAM", kx.callbacks.GradCAMCallback),
        ("default (Grad-CAM, LIME, activations)", kx.callbacks.ExplanationCallback),
    ):
        before, after = Clock(), Clock()
        with tempfile.TemporaryDirectory() as log_dir:
            ours = callback(samples, log_dir=log_dir, on_error="raise", verbose=0)
            model.fit(x, y, epochs=2, batch_size=64, verbose=0, callbacks=[before, ours, after])
        spent, whole = after.times[1] - before.times[1], after.times[1] - after.times[0]
        row(f"{name} callback, 16 samples, share of an epoch", f"{spent / whole:.2%}", "")


def epochs_later(count: int = 300) -> None:
    """What a long run adds after its first explained epoch: nothing, it is hoped."""
    model, samples = small_cnn(), kx.Samples(images(4, 32))
    explainers = [kx.GradCAM(), kx.LIME(num_samples=32), kx.Activations()]
    plans = [explainer.prepare(samples) for explainer in explainers]
    for _ in range(20):
        explain(model, explainers, samples, plans)
    traces, memory = engine_for(model).num_traces, resident_memory()
    for _ in range(count):
        explain(model, explainers, samples, plans)
    row(f"functions traced in {count} later epochs", str(engine_for(model).num_traces - traces), "0")
    row(f"memory gained in {count} later epochs", f"{resident_memory() - memory:.1f} MB", "flat")


def imports() -> None:
    def seconds(statement: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        return time.perf_counter() - start

    bare, ours = np.median([(seconds("pass"), seconds("import keras_xai")) for _ in range(9)], axis=0)
    row("import keras_xai, beyond starting Python", f"{(ours - bare) * 1e3:.0f} ms", "≤ 50 ms")


def main() -> None:
    keras.utils.set_random_seed(0)
    packages = ", ".join(f"{name} {version(name)}" for name in ("keras", keras.config.backend(), "numpy"))
    print(f"{packages}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    row("", "measured", "goal")
    grad_cam_memory()
    grad_cam("small CNN 32 px × 64", small_cnn(), images(64, 32), "≤ 1.3 ×", 15)
    grad_cam("MobileNetV2 224 px × 16", keras.applications.MobileNetV2(weights=None), images(16, 224), "≤ 1.2 ×", 9)
    lime(16, 256)
    epoch()
    epochs_later()
    imports()


if __name__ == "__main__":
    main()
