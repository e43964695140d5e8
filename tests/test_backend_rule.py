"""One folder of the package knows a framework."""

import ast
import pathlib
import subprocess
import sys

import pytest

from tests.requirements import require_module

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_xai"
FRAMEWORKS = {"tensorflow", "jax", "jaxlib", "torch", "tf_keras"}


def imported(source: str) -> set[str]:
    """Top-level names of all modules that a source imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "import_module":
            found |= {argument.value.split(".")[0] for argument in node.args if isinstance(argument, ast.Constant)}
    return found


def test_imports_are_found_wherever_they_are():
    source = "import os.path\ndef f():\n    from torch.nn import Module\n    importlib.import_module('jax.numpy')"
    assert imported(source) == {"os", "torch", "jax"}


def test_only_the_backend_imports_a_framework():
    users = {
        path.relative_to(ROOT).as_posix(): imported(path.read_text()) & FRAMEWORKS for path in PACKAGE.rglob("*.py")
    }
    assert len(users) > 40
    assert {path for path, names in users.items() if names and not path.startswith("keras_xai/backend/")} == set()
    assert set().union(*users.values()) == {"tensorflow", "jax", "torch"}


def ruff(source: str, path: str) -> str:
    """What the project's rules say about a source, as if it stood at `path`."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--output-format=concise",
        "--stdin-filename",
        path,
        "-",
    ]
    return subprocess.run(command, input=source, cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("framework", ["tensorflow", "jax", "torch"])
@pytest.mark.parametrize("statement", ["import {}\n\n{}.f()\n", "from {}.nn import f\n\nf()\n"])
def test_ruff_refuses_a_framework_elsewhere(framework, statement):
    require_module("ruff")
    source = statement.replace("{}", framework)
    assert "TID251" in ruff(source, "keras_xai/explainers/new_method.py")
    assert "TID251" not in ruff(source, "keras_xai/backend/compiling.py")


@pytest.mark.parametrize("module", ["keras", "tensorboard", "skimage"])
def test_ruff_refuses_slow_imports_at_the_top(module):
    require_module("ruff")
    assert "TID253" in ruff(f"import {module}\n\n{module}.f()\n", "keras_xai/samples.py")
