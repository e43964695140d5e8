"""The machine fails: killed processes, full and read-only disks, clocks that jump, two processes in one directory."""

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback, GradCAMCallback
from keras_xai.log import latest_fit, read_log
from keras_xai.log.reader import _records
from tests.requirements import require_backend, require_program
from tests.training.networks import CLASSES, SIZE, compiled, small
from tests.training.running import fit, samples, stock, told

ROOT = Path(__file__).parents[2]

# Fits for many epochs, or until killed, and says which epoch has ended, after our callback.
FIT = """
    import sys
    import warnings
    import keras
    import keras_xai as kx
    from keras_xai.callbacks import ExplanationCallback
    from tests.training.networks import compiled, small
    from tests.training.running import fit, samples

    def say(text):
        print(text, flush=True)

    def ended(epoch, logs):
        say(f"epoch {epoch}")
        if epoch + 1 in waits:
            sys.stdin.readline()

    log_dir, epochs, waits = sys.argv[1], int(sys.argv[2]), {int(number) for number in sys.argv[3:]}
    warnings.showwarning = lambda message, category, *where: say(f"{category.__name__}: {message}")
    explainers = [kx.GradCAM(), kx.LIME(num_samples=12, segments="grid"), kx.Activations()]
    callback = ExplanationCallback(samples(), explainers, log_dir=log_dir)
    fit(compiled(small()), [callback, keras.callbacks.LambdaCallback(on_epoch_end=ended)], epochs=epochs)
    say("done")
    """


def started(*arguments):
    """A process that fits, its output to be read line by line."""
    command = [sys.executable, "-c", textwrap.dedent(FIT), *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return subprocess.Popen(command, cwd=ROOT, **pipes)


def read_until(process, line):
    """What the process says, up to this line."""
    said = []
    while not said or said[-1] != line:
        said.append(process.stdout.readline().strip())
        assert process.poll() is None or said[-1], said
    return said


def go_on(process, line):
    """What the process says until this line, once it need not wait any more."""
    process.stdin.write("go on\n")
    process.stdin.flush()
    return read_until(process, line)


def epochs_of(log_dir, process=""):
    """The epochs that were explained, in the order of the log; only those of the files with `process` in their names."""
    files = [file for file in (log_dir / "explanations").iterdir() if process in file.name]
    found = [record for file in files for record in _records(file) if record["kind"] == "epoch"]
    return [record["epoch"] for record in found]


def test_two_processes_in_one_directory_and_one_is_killed(tmp_path):
    """Both say once that they are not alone. The one that is killed, while it trains, explains or writes, loses one epoch
    at most; the other trains to its end, and nothing of either is lost."""
    require_backend("tensorflow", reason="the log is the same everywhere, and processes take long to start")
    killed_after = int(np.random.default_rng().integers(6, 30))
    with started(tmp_path, 10_000, 2) as one:
        read_until(one, "epoch 1")
        with started(tmp_path, 4, 2) as two:
            read_until(two, "epoch 1")
            said = [go_on(one, f"epoch {killed_after}"), go_on(two, "done")]
            one.kill()
    assert two.returncode == 0
    for lines, other in zip(said, (two, one), strict=True):
        (message,) = [line for line in lines if line.startswith("RuntimeWarning")]
        assert re.search(rf"Another process writes explanations to .* to the file events\S+\.{other.pid}\.", message)
        assert "Nothing is lost, read_log reads both" in message
        assert message.endswith("Give each process a log_dir of its own.")
    first, second = (epochs_of(tmp_path, f".{process.pid}.") for process in (one, two))
    assert first == list(range(len(first)))
    assert len(first) >= killed_after
    assert second == [0, 1, 2, 3]


def test_wherever_the_last_write_was_cut(tmp_path):
    fit(compiled(small()), [ExplanationCallback(samples(), ["grad_cam", "activations"], log_dir=tmp_path)], epochs=4)
    (file,) = (tmp_path / "explanations").iterdir()
    whole, found = file.read_bytes(), []
    for end in np.linspace(len(whole), 0.2 * len(whole), 40).astype(int):
        file.write_bytes(whole[:end])
        found.append(epochs_of(tmp_path))
    assert found[0] == [0, 1, 2, 3]
    for longer, shorter in itertools.pairwise(found):
        assert shorter in (longer, longer[:-1])
    assert len(found[-1]) < 4


@contextlib.contextmanager
def mounted(path, options):
    """A small disk of its own at `path`; only the superuser may make one."""
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True)
    if not done or done.returncode:
        pytest.skip("making a small disk takes the right to mount, which the superuser has outside of containers")
    try:
        yield
    finally:
        subprocess.run([require_program("umount"), "--lazy", path], check=True)


def test_a_disk_that_fills_up_and_is_cleared(tmp_path):
    class Clear(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 5:
                ballast.unlink()

    callback = ExplanationCallback(samples(), ["grad_cam", "activations"], log_dir=tmp_path / "logs")
    model, history = compiled(small()), []
    with mounted(tmp_path, "size=2m"):
        ballast = tmp_path / "ballast"
        ballast.write_bytes(bytes(2036 * 1024))
        (message,) = told(lambda: history.append(fit(model, [Clear(), callback], epochs=9)))
        records = read_log(tmp_path / "logs")
    assert "Explanations could not be written to" in message
    assert "No space left on device. Training goes on. Free some space, or choose another log_dir." in message
    assert history[0].epoch == list(range(9))
    assert records[0]["kind"] == "inputs"
    found = [record["epoch"] for record in records if record["kind"] == "epoch"]
    assert found[-3:] == [6, 7, 8]
    assert len(found) < 9


@contextlib.contextmanager
def without_rights():
    """The superuser may write anywhere; as nobody even he may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_log_directory_that_is_read_only():
    require_program("chmod")  # permissions as Unix knows them
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o555)
        callback = ExplanationCallback(samples(), ["grad_cam"], log_dir=folder)
        with without_rights():
            (message,) = told(lambda: fit(compiled(small()), [callback], epochs=3))
        assert not any(folder.iterdir())
    finally:
        shutil.rmtree(folder)
    assert (
        f"Explanations could not be written to {folder}/explanations: Permission denied. Training goes on." in message
    )
    assert "Make it a writable directory, or choose another log_dir." in message
    assert list(callback.explanations) == ["grad_cam"]


def test_a_clock_that_is_set_back(tmp_path, monkeypatch):
    """By a day after the second epoch, and forward by two after the third: the log keeps the order of the epochs."""
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])

    class Jump(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            ahead[0] += {1: -86_400.0, 2: 2 * 86_400.0}.get(epoch, 0.0)

    fit(compiled(small()), [Jump(), GradCAMCallback(samples(), log_dir=tmp_path)], epochs=4)
    for records in (read_log(tmp_path), latest_fit(read_log(tmp_path))):
        assert [record["epoch"] for record in records if record["kind"] != "inputs"] == [-1, 0, 1, 2, 3]
    ahead[0] = -86_400.0
    fit(compiled(small()), [GradCAMCallback(samples(), log_dir=tmp_path)], epochs=1)  # a fit of its own
    assert [record["epoch"] for record in latest_fit(read_log(tmp_path)) if record["kind"] != "inputs"] == [-1, 0]


class AFewAtATime(layers.Layer):
    """Takes eight images at most."""

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)

    def call(self, x):
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            with tf.control_dependencies([tf.debugging.assert_less(tf.shape(x)[0], 9, "more than eight images")]):
                return tf.identity(x)
        if x.shape[0] is not None and x.shape[0] > 8:
            raise ValueError("more than eight images")
        return x


def test_a_model_that_fails_under_one_explainer_only(tmp_path):
    """Grad-CAM asks about four images at a time, LIME about forty-eight."""
    head = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation="softmax")]
    first = [keras.Input((SIZE, SIZE, 3)), AFewAtATime(), layers.Conv2D(2, 3, activation="relu")]
    callback = ExplanationCallback(
        samples(), [kx.LIME(num_samples=12, segments="grid"), kx.GradCAM()], log_dir=tmp_path
    )
    history = []
    (message,) = told(lambda: history.append(fit(compiled(keras.Sequential([*first, *head])), [callback], epochs=3)))
    assert message.startswith("keras_xai: lime failed at epoch 0. Switched off for the rest of this run")
    assert "more than eight images" in message
    assert "more than eight images" in stock(tmp_path, "text")["xai/errors"][0]
    assert history[0].epoch == [0, 1, 2]
    assert list(callback.explanations) == ["grad_cam"]
    assert callback.explanations["grad_cam"].valid.all()
