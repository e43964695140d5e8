"""Environments for libraries that cannot stand beside what the tests install."""

import os
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.rows import row, take

ROOT = Path(__file__).parents[3]
# What keras_xai needs; it runs from this checkout.
COMMON = (f"keras=={version('keras')}", "numpy", "pillow", "scikit-image", "scikit-learn", "tensorboard")


class Environment(NamedTuple):
    """A module that measures peers, and what it needs.

    Attributes:
        name: also of the folder. backend: of Keras. peers: in words. packages: for pip. bare: for pip without what they
            depend on. note: why it is apart.
    """

    name: str
    backend: str
    peers: str
    packages: tuple[str, ...]
    bare: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"tests.benchmarks.peers.on_{self.name}"

    def python(self, directory: Path) -> Path:
        """The environment's interpreter; made, or completed, where it is not there."""
        folder = directory / self.name
        python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
        wanted = "\n".join([*COMMON, *self.packages, *self.bare])
        done = folder / "installed.txt"
        if not done.exists() or done.read_text() != wanted:
            print(f"Installing {self.peers} into {folder} …", flush=True)
            if not python.exists():
                venv.create(folder, with_pip=True)
            pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, *COMMON, *self.packages], check=True)
            if self.bare:
                subprocess.run([*pip, "--no-deps", *self.bare], check=True)
            done.write_text(wanted)
        return python


ENVIRONMENTS = (
    Environment(
        "tensorflow",
        "tensorflow",
        "tf-explain and tf-keras-vis",
        ("tensorflow==2.21.0", "tf-explain==0.3.1", "tf-keras-vis==0.8.7", "matplotlib", "opencv-python-headless"),
    ),
    # torchvision, which pytorch-grad-cam imports, fits one release of torch only.
    Environment(
        "torch",
        "torch",
        "captum and pytorch-grad-cam",
        ("torch==2.14.1", "torchvision==0.29.1", "captum==0.9.0", "grad-cam==1.5.7"),
    ),
    # Xplique asks for TensorFlow below 2.21 with CUDA, and for the GUI build of OpenCV: here without both.
    Environment(
        "xplique",
        "tensorflow",
        "Xplique",
        (
            "tensorflow==2.20.0",
            "tensorflow-probability[tf]==0.25.0",
            "deprecated",
            "einops",
            "matplotlib",
            "opencv-python-headless",
            "scikit-image<=0.25.2",
            "scikit-learn<=1.7.2",
            "scipy<=1.15.3",
        ),
        bare=("xplique==2.0.2",),
    ),
)


def peers(directory: Path | None) -> None:
    """Rows of all peers; of those without an environment that they are missing."""
    for environment in ENVIRONMENTS:
        if directory is None:
            row(f"beside {environment.peers}", "not installed", "--peers")
            continue
        try:
            python = environment.python(directory)
            with tempfile.TemporaryDirectory() as folder:
                rows = Path(folder, "rows.json")
                subprocess.run(
                    [python, "-m", environment.module, rows],
                    cwd=ROOT,
                    env={**os.environ, "KERAS_BACKEND": environment.backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                take(rows)
        except subprocess.CalledProcessError as error:
            reason = (error.stderr or str(error)).strip().splitlines()[-1]
            print(reason, file=sys.stderr)
            row(f"beside {environment.peers}", "failed", reason[:80])
