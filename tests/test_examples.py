"""Every example runs, on small settings, as a user runs it, and ends with what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keras_xai.log import read_log
from tests.real_network import require_network
from tests.requirements import require_backend, require_module

EXAMPLES = Path(__file__).parents[1] / "examples"
RUNS = {
    "transfer_learning": ["--count", "32", "--epochs", "1"],
    "tf_data_mixed_precision": ["--count", "64", "--epochs", "2"],
    "custom_loop": ["--epochs", "2"],
    "jax_backend": ["--epochs", "1"],
    "torch_data_loader": ["--epochs", "1"],
    "mirrored_strategy": ["--epochs", "1"],
    "data_parallel_jax": ["--epochs", "1"],
}


def run(name, folder, *options):
    """What the example printed."""
    require_backend("tensorflow", reason="the examples choose their own")
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    command = [sys.executable, EXAMPLES / f"{name}.py", *options]
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def explained_epochs(folder):
    return [record["epoch"] for record in read_log(folder) if record["kind"] == "epoch"]


def start(name, tmp_path):
    printed = run(name, tmp_path, *RUNS[name], "--log-dir", "here")
    return printed, explained_epochs(tmp_path / "here")


def test_every_example_is_in_the_list_and_tested():
    scripts = {path.stem for path in EXAMPLES.glob("*.py")} - {"efficientnet_lite0"}
    listed = re.findall(r"^\| \[(\w+)\.py\]", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(listed) == scripts
    tests = " ".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name in scripts if f'"{name}' not in tests and f"import {name}" not in tests] == []


def test_transfer_learning_is_one_series(tmp_path):
    printed, epochs = start("transfer_learning", tmp_path)
    assert "Layer: vgg16/block4_conv3" in printed
    assert epochs == [0, 1]  # one of each fit


def test_tf_data_with_mixed_precision(tmp_path):
    printed, epochs = start("tf_data_mixed_precision", tmp_path)
    assert float(re.search(r"Maps: float32, finite: True, largest value (\S+)", printed)[1]) > 0
    assert epochs == [0, 1]


def test_custom_loop(tmp_path):
    printed, epochs = start("custom_loop", tmp_path)
    first, second = (float(loss) for loss in re.findall(r"loss ([\d.]+)", printed))
    assert second < first
    assert epochs == [0, 1]


@pytest.mark.parametrize(("name", "backend"), [("jax_backend", "jax"), ("torch_data_loader", "torch")])
def test_other_backends_import_no_tensorflow(name, backend, tmp_path):
    require_module(backend)
    printed, epochs = start(name, tmp_path)
    assert f"backend {backend}, TensorFlow imported: False" in printed
    assert epochs == [0]


@pytest.mark.parametrize(("name", "devices"), [("mirrored_strategy", 2), ("data_parallel_jax", 4)])
def test_several_devices(name, devices, tmp_path):
    require_module("jax" if name == "data_parallel_jax" else "tensorflow")
    printed, epochs = start(name, tmp_path)
    assert f"{devices} devices, 16 samples" in printed
    assert epochs == [0]


def test_real_network(tmp_path):
    require_network()
    printed = run("real_network", tmp_path, "--methods", "hires_cam", "--out", "here")
    for name, label in (("chelsea", 285), ("coffee", 967)):
        probability = re.search(rf"{name}: class {label}, probability of class {label}: ([\d.]+)", printed)
        assert float(probability[1]) > 0.7
        assert (tmp_path / "here" / f"{name}-hires_cam.png").stat().st_size > 10_000
    assert "score 'contrast'" in printed


def test_from_tf_explain(tmp_path):
    run("from_tf_explain", tmp_path, "--epochs", "1", "--log-dir", "here")
    (epoch,) = [record for record in read_log(tmp_path / "here") if record["kind"] == "epoch"]
    assert {entry["method"] for entry in epoch["maps"]} == {"grad_cam", "occlusion"}
