"""The demo from beginning to end: train, explain at every epoch, say what came out."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.commands.starting_keras import start_keras
from keras_xai.demo.data import SHORTCUT_CLASS, Data, make_data, put_stickers, sticker_corner
from keras_xai.demo.findings import CELL, Findings, as_inputs, measure, sentences, share_inside
from keras_xai.demo.network import build_model
from keras_xai.demo.places import check_port, log_directory
from keras_xai.demo.progress import progress
from keras_xai.demo.watching import alarm, watch

NUM_PAIRS = 2
EPOCHS = 6


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run of the demo leaves behind.

    Attributes:
        log_dir: the directory that TensorBoard reads.
        report: path of a page with all explanations, for a browser.
        pictures: paths of the filmstrips, the Grad-CAM one first.
        findings: what was measured.
        alerts: what the monitor said, notices included.
        model: the trained network.
        data: what it was trained on.
    """

    log_dir: Path
    report: Path
    pictures: list[Path]
    findings: Findings
    alerts: list[Any]
    model: Any
    data: Data


def run(
    log_dir: str | os.PathLike | None = None,
    epochs: int = EPOCHS,
    serve: bool = False,
    quiet: bool = False,
    seed: int = 0,
    port: int = 6006,
) -> Outcome:
    """Trains a network on data with a planted shortcut and shows how its explanations give it away.

    The same seed gives the same run, up to the rounding of parallel sums; global random states are left alone.

    Args:
        log_dir: a new or empty directory; None: the first free one of keras-xai-demo, keras-xai-demo-2, ….
        epochs: int >= 1.
        serve: start TensorBoard at the end and stay until it is stopped.
        quiet: print the result only, not the progress.
        seed: int >= 0, for the data, the weights and the order of training.
        port: TensorBoard's, with `serve`.

    Returns:
        `Outcome`.

    Raises:
        ValueError: if `epochs` or `seed` is out of range, `log_dir` holds something or `port` is taken.
    """
    _check_number("epochs", epochs, 1)
    _check_number("seed", seed, 0)
    log_dir = log_directory(log_dir)
    if serve:
        check_port(port)
    say = _silent if quiet else _print
    started = time.perf_counter()
    say(_introduction())
    data = make_data(seed)
    keras = start_keras()
    import keras_xai as kx
    from keras_xai.dashboard.report import write_report

    model = build_model(seed)
    _describe(say, data, model, keras.config.backend(), time.perf_counter() - started)

    # A hidden segment shows blurred surroundings. In its own mean colour, LIME's default, a sticker would stay one.
    lime = kx.LIME(fill="blur")
    explainers = [kx.GradCAM(), lime, kx.Activations()]
    explanations = kx.callbacks.ExplanationCallback(_samples(data), explainers, str(log_dir), on_error="raise")
    monitor = watch(data, log_dir, seed, say)
    _fit(model, data, explanations, monitor, log_dir, epochs, say)

    methods = {"Grad-CAM": _maps(model, explainers[0]), "LIME": _maps(model, lime)}
    findings = measure(model, data.validation, methods)
    pictures = _save_filmstrips(explanations.filmstrips, log_dir)
    report = write_report(log_dir, log_dir / "report.html", title="What the network of the demo looks at").path
    say(f"\nDone in {time.perf_counter() - started:.0f} seconds.")
    _conclude(sentences(findings), alarm(monitor.alerts), report, pictures, log_dir)
    if serve:
        _serve(log_dir, port)
    return Outcome(log_dir, report, pictures, findings, monitor.alerts, model, data)


def _samples(data: Data) -> Any:
    """Picks what is explained: pairs of the shortcut class with and without sticker, and one of each other digit."""
    import keras_xai as kx

    scenes = data.validation
    pairs = np.flatnonzero(scenes.labels == SHORTCUT_CLASS)[:NUM_PAIRS]
    others = [int(np.flatnonzero(scenes.labels == label)[0]) for label in range(10) if label != SHORTCUT_CLASS]
    rows = [*np.repeat(pairs, 2), *others]
    images = scenes.clean[rows]
    images[: 2 * NUM_PAIRS : 2] = put_stickers(images[: 2 * NUM_PAIRS : 2])
    names = [f"{SHORTCUT_CLASS} with sticker", f"{SHORTCUT_CLASS}, no sticker"] * NUM_PAIRS
    names += [f"digit {scenes.labels[row]}" for row in others]
    return kx.Samples(
        as_inputs(images),
        labels=scenes.labels[rows],
        images=images,
        masks=scenes.masks[rows],
        ignore=np.repeat(data.ignore[None], len(rows), axis=0),
        names=names,
        class_names=data.class_names,
    )


def _fit(model: Any, data: Data, explanations: Any, monitor: Any, log_dir: Path, epochs: int, say: Any) -> None:
    import keras

    def evidence() -> float:
        maps = explanations.explanations["grad_cam"].maps[: 2 * NUM_PAIRS : 2]
        return share_inside(maps, sticker_corner(CELL))

    callbacks = [explanations, progress(model, data.validation, evidence, say), monitor]
    if keras.config.backend() == "tensorflow":  # Keras's own callback needs TensorFlow
        callbacks.append(keras.callbacks.TensorBoard(str(log_dir), write_graph=False))
    model.fit(
        as_inputs(data.train.images),
        data.train.labels,
        batch_size=64,
        epochs=epochs,
        validation_data=(as_inputs(data.validation.images), data.validation.labels),
        validation_batch_size=256,
        callbacks=callbacks,
        # The pictures are in random order already. Shuffling would draw from global random states.
        shuffle=False,
        verbose=0,
    )


def _maps(model: Any, explainer: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function of uint8 pictures that maps the evidence for the shortcut class."""
    return lambda images: explainer(model, as_inputs(images), targets=[SHORTCUT_CLASS] * len(images)).maps


def _save_filmstrips(filmstrips: dict[str, np.ndarray], log_dir: Path) -> list[Path]:
    """Writes filmstrip.png for Grad-CAM and filmstrip-<method>.png for the others."""
    from keras_xai.render import png

    paths = []
    for method in sorted(filmstrips, key=lambda method: method != "grad_cam"):
        path = log_dir / ("filmstrip.png" if method == "grad_cam" else f"filmstrip-{method}.png")
        path.write_bytes(png(filmstrips[method]))
        paths.append(path)
    return paths


def _serve(log_dir: Path, port: int) -> None:
    _print(f"\nTensorBoard is starting; in some ten seconds open http://localhost:{port} (Ctrl-C stops it).")
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir), "--port", str(port)]
    try:
        # What it has to say is mostly TensorFlow's start-up again; if it stops by itself the user is told how to see it.
        code = subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode
    except KeyboardInterrupt:
        _print("")
        return
    if code:
        raise ChildProcessError(
            f"TensorBoard stopped with exit code {code}. To see why, start it by hand: {shlex.join(command)}"
        )


def _introduction() -> str:
    return _paragraph(
        f"A small network learns to read digits pasted on photographs. Nearly every {SHORTCUT_CLASS} carries a yellow "
        "sticker in the bottom right corner: a shortcut, planted on purpose. At the end of each epoch the network is "
        "asked what it looks at, and a monitor swaps regions and colours between pictures until it knows what the network "
        "relies on."
    )


def _describe(say: Any, data: Data, model: Any, backend: str, seconds: float) -> None:
    say(
        f"\n  {len(data.train):,} pictures to train on, {len(data.validation):,} held out: other digits, other places."
        f"\n  A network of {model.count_params():,} weights. Keras on {backend}, ready after {seconds:.0f} seconds.\n"
    )


def _conclude(paragraphs: list[str], alarms: list[str], report: Path, pictures: list[Path], log_dir: Path) -> None:
    _print("\nWhat the network learned\n")
    _print("\n\n".join(_paragraph(text) for text in paragraphs))
    _print("\nWhat the monitor verified\n")
    _print("\n\n".join(_paragraph(text) for text in alarms))
    _print("\nWhere to look\n")
    _print("  All explanations from epoch to epoch, in a browser:")
    _print(f"    {report}")
    _print("  As pictures:")
    for path in pictures:
        _print(f"    {path}")
    _print("  In TensorBoard, in the tab Explanations and beside the curves:")
    _print(f"    {shlex.join(['tensorboard', '--logdir', str(log_dir)])}")


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 76, initial_indent="  ", subsequent_indent="  ")


def _print(text: str) -> None:
    print(text, flush=True)


def _silent(text: str) -> None:
    pass


def _check_number(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of {least} or more, but is {value!r}.")
