"""The README tells the truth: its code runs, its tables are complete."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from keras_xai.log import read_log
from tests.methods_table import in_readme, table
from tests.real_network import require_network

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(block, "README.md", "exec"), names)
    assert names["explanation"].maps.shape == (16, 8, 8)
    assert names["explanation"].overlay().dtype == np.uint8
    epochs = [record["epoch"] for record in read_log(tmp_path / "logs") if record["kind"] == "epoch"]
    assert epochs == [0, 1, 2, 3, 4]


def test_the_table_of_methods_is_current():
    start, end = in_readme(README)
    assert README[start:end] == table(), "run: python -m tests.methods_table"


def test_the_pictures_of_the_readme_exist():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert 10_000 < (ROOT / path).stat().st_size < 500_000


def test_quickstart(tmp_path):
    command = [sys.executable, ROOT / "examples" / "quickstart.py", "--epochs", "2", "--log-dir", tmp_path]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert "'grad_cam': 12 maps of 32×32" in printed
    assert "'lime': 12 maps" in printed
    assert {record["kind"] for record in read_log(tmp_path)} >= {"inputs", "epoch", "activations", "baseline"}


def test_gallery(tmp_path):
    require_network()
    command = [
        sys.executable,
        ROOT / "examples" / "gallery.py",
        "--methods",
        "grad_cam",
        "saliency",
        "--out",
        tmp_path / "a.png",
    ]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert "2 methods: " in printed
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (3 * 176 + 8, 206)
