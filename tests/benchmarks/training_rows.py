"""What the callbacks take of a training run, what they write, and whether anything grows."""

import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np

import keras_xai as kx
from keras_xai.engine import engine_for
from keras_xai.explainers.explainer import explain
from tests.benchmarks.floors import compiled_forward, compiled_gradient, small_cnn
from tests.benchmarks.method_rows import count_passes, in_batches
from tests.benchmarks.networks import images, last_map
from tests.benchmarks.record_sizes import record_sizes
from tests.benchmarks.rows import row

SAMPLES, EPOCHS = 16, 4


class Clock(keras.callbacks.Callback):
    """Listed between others, says when each epoch's end came by."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.times.append(time.perf_counter())


def compiled_cnn() -> keras.Model:
    model = small_cnn()
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def shares(
    callbacks: dict[str, keras.callbacks.Callback], epochs: int = EPOCHS, count: int = 10_000
) -> dict[str, float]:
    """What each takes of an epoch of so many 32-px images, the first epoch aside, which compiles."""
    x, y = images(count, 32), np.random.default_rng(1).integers(0, 10, count)
    clocks = [Clock() for _ in range(len(callbacks) + 1)]
    listed = [clocks[0]]
    for callback, clock in zip(callbacks.values(), clocks[1:], strict=True):
        listed += [callback, clock]
    compiled_cnn().fit(x, y, epochs=epochs, batch_size=64, verbose=0, callbacks=listed)
    times = np.array([clock.times for clock in clocks])  # (clocks, epochs)
    spent = np.diff(times, axis=0)[:, 1:].sum(axis=1)
    whole = times[0, -1] - times[0, 0] - spent.sum()
    return dict(zip(callbacks, spent / whole, strict=True))


def epoch() -> None:
    samples = kx.Samples(images(SAMPLES, 32), labels=np.arange(SAMPLES) % 10)
    with tempfile.TemporaryDirectory() as folder:
        settings = {"log_dir": folder, "on_error": "raise", "verbose": 0}
        callbacks: dict[str, keras.callbacks.Callback] = {
            "Grad-CAM": kx.callbacks.GradCAMCallback(samples, **settings),
            "default": kx.callbacks.ExplanationCallback(samples, budget=0.03, **settings),
        }
        found = shares(callbacks)
    what = f"{SAMPLES} samples, share of an epoch of 10,000 32-px images"
    row(f"Grad-CAM callback, {what}", f"{found['Grad-CAM']:.2%}", "≤ 0.2 %")
    row(f"default callback with budget=0.03, {what}", f"{found['default']:.2%}", "≤ 3 %")


def callback_and_log(repeats: int = 5) -> None:
    """The default callback without a budget against the passes it cannot do without, and the bytes it writes."""
    model, x = compiled_cnn(), images(SAMPLES, 32)
    samples = kx.Samples(x, labels=np.arange(SAMPLES) % 10)
    # Numbers of an ordinary size: those of an untrained network are tiny, and longer in JSON.
    model.fit(x, samples.labels, batch_size=4, epochs=60, verbose=0)
    forward, gradient = compiled_forward(model), compiled_gradient(model, last_map(model))
    with tempfile.TemporaryDirectory() as folder:
        callback = kx.callbacks.ExplanationCallback(samples, log_dir=folder, on_error="raise", verbose=0)
        (lime,) = (one for one in callback.explainers.values() if isinstance(one, kx.LIME))
        passes = (
            count_passes(model, lime, samples, lime.prepare(samples)) - SAMPLES
        )  # the plain ones go with Grad-CAM's
        callback.set_model(model)
        callback.set_params({"epochs": repeats + 1, "verbose": 0})
        callback.on_train_begin()
        times = []
        for number in range(repeats + 1):
            callback.on_epoch_begin(number)
            start = time.perf_counter()
            in_batches(forward, x, passes)
            gradient(x)
            middle = time.perf_counter()
            callback.on_epoch_end(number, {"loss": 1.0})
            times.append((middle - start, time.perf_counter() - middle))
        callback.on_train_end()
        sizes = record_sizes(Path(folder, "explanations"))
    base, ours = np.median(times[1:], axis=0)
    row(
        f"default callback, {SAMPLES} samples ÷ its {passes + SAMPLES} forward passes and a gradient",
        f"{ours / base:.2f} ×",
        "≤ 1.05 ×",
    )
    maps = SAMPLES * len(callback.explainers) * (repeats + 1)
    row(
        "log per sample, method and epoch, pictures aside, of a trained network",
        f"{sizes['epoch'] / maps:.0f} bytes",
        "≤ 400 bytes",
    )


def epochs_later(stretches: int = 9, count: int = 100) -> None:
    """What a long run adds after its first explained epoch: nothing, it is hoped.

    What leaks grows in every stretch of epochs; what the allocator keeps in reserve grows in the first ones only.
    """
    model, samples = small_cnn(), kx.Samples(images(4, 32))
    explainers = [kx.GradCAM(), kx.LIME(num_samples=32), kx.Activations()]
    plans = [explainer.prepare(samples) for explainer in explainers]
    look = partial(explain, model, explainers, samples, plans)
    for _ in range(20):
        look()
    traces, memory = engine_for(model).num_traces, [resident_memory()]
    for _ in range(stretches):
        for _ in range(count):
            look()
        memory.append(resident_memory())
    traced, gained = engine_for(model).num_traces - traces, float(np.median(np.diff(memory)))
    row(f"functions traced in {stretches * count} later epochs", str(traced), "0")
    row(f"memory gained in {count} later epochs, median of {stretches} times", f"{gained:.1f} MB", "flat")


def resident_memory() -> float:
    """Megabytes this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def imports() -> None:
    def seconds(statement: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        return time.perf_counter() - start

    bare, ours = np.median([(seconds("pass"), seconds("import keras_xai")) for _ in range(9)], axis=0)
    row("import keras_xai, beyond starting Python", f"{(ours - bare) * 1e3:.0f} ms", "≤ 50 ms")


ROWS = (epoch, callback_and_log, epochs_later, imports)
