"""What a test may need beyond this package: without it the test skips, or fails under CI=true, where all is there."""

import importlib.util
import os
import shutil

import pytest


def require(condition: bool, reason: str) -> None:
    """Skip the test, or the module that calls this on import, unless `condition` holds; with CI=true fail it.

    Args:
        condition: whether what the test needs is there.
        reason: what is missing, and how to get it.
    """
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"Missing in continuous integration: {reason}", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def require_module(name: str) -> None:
    """The module can be imported; it is not imported here."""
    require(importlib.util.find_spec(name) is not None, f"needs the module {name!r}: install it with pip")


def require_program(name: str) -> str:
    """The program is on the PATH. Returns where."""
    path = shutil.which(name)
    require(path is not None, f"needs the program {name!r} on the PATH")
    return str(path)


def require_backend(*names: str, reason: str = "it is about that backend") -> None:
    """This process runs on one of these Keras backends. Elsewhere the test skips, also under CI, which runs each of them.

    For a second backend in a process of its own use `require_module`.
    """
    import keras

    backend = keras.config.backend()
    if backend not in names:
        pytest.skip(f"runs on {' and '.join(names)}, not on {backend}: {reason}", allow_module_level=True)
