"""What importing and using the package loads, and what it exports."""

import inspect
import os
import pathlib
import subprocess
import sys

import pytest

import keras_xai as kx
from tests.requirements import require_backend, require_module

ROOT = pathlib.Path(__file__).parents[1]
HEAVY = {"keras", "tensorflow", "jax", "torch", "tensorboard", "skimage", "sklearn", "PIL", "numpy"}

EXPLAIN_AND_FIT = """
import sys
import keras
import numpy as np
import keras_xai as kx
from tests.models import KINDS

kind = KINDS["functional"]
model, x = kind.model(), kind.inputs()
kx.GradCAM()(model, x).overlay()
model.compile("adam", "sparse_categorical_crossentropy")
names = [name for name, explainer in kx.explainers().items() if explainer.needs != "attention scores"]
callback = kx.callbacks.ExplanationCallback(x, names, log_dir=sys.argv[1], on_error="raise")
model.fit(x, np.arange(3), epochs=2, verbose=0, callbacks=[callback])
assert list(callback.explanations) == names
"""


def loaded_after(code: str, *arguments: str, **environment: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after running `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('loaded', *sys.modules)", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    words = done.stdout.rsplit("loaded ", 1)[1].split()
    return {word for word in words if "." not in word}


def test_importing_loads_nothing_heavy():
    loaded = loaded_after("import keras_xai; dir(keras_xai); keras_xai.__version__")
    assert "keras_xai" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_explaining_a_fit_loads_no_tensorflow(backend, tmp_path):
    require_backend("tensorflow", reason="that run starts the others")
    require_module(backend)
    loaded = loaded_after(EXPLAIN_AND_FIT, str(tmp_path), KERAS_BACKEND=backend)
    assert list((tmp_path / "explanations").iterdir())
    assert {backend, "keras", "tensorboard"} <= loaded
    assert "tensorflow" not in loaded


def test_every_public_name_is_there():
    for name in kx.__all__:
        assert getattr(kx, name) is not None
    assert dir(kx) == sorted(kx.__all__)


def test_every_explainer_is_exported_and_documented():
    found = kx.explainers()
    assert {"grad_cam", "hires_cam", "lime", "activations"} <= found.keys()
    for name, cls in found.items():
        assert getattr(kx, cls.__name__) is cls
        assert cls.name == name
        assert "Args:" in inspect.getdoc(cls)
        assert cls.needs
        assert cls.passes
        assert cls.paper is None or cls.paper.url.startswith("https://")


def test_explainers_can_be_called_after_its_package_is_imported():
    from keras_xai.explainers import lime

    assert kx.explainers()["lime"] is lime.LIME is kx.LIME
