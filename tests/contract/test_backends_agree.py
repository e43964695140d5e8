"""The same weights give the same maps on every backend."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.contract import maps_of
from tests.requirements import require_backend, require_module

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The folder with the weights, and the maps of this process."""
    require_backend("tensorflow", reason="that run starts the others")
    folder = tmp_path_factory.mktemp("maps")
    stored = maps_of.weights()
    np.savez(folder / "weights.npz", **stored)
    return folder, maps_of.maps(stored)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_maps_agree(here, backend):
    folder, expected = here
    require_module(backend)
    command = [sys.executable, "-m", "tests.contract.maps_of", str(folder), backend]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = dict(np.load(folder / f"{backend}.npz"))
    assert found.keys() == expected.keys()
    assert len(found) == sum(len(maps_of.names(kind)) + 1 for kind in maps_of.CHOSEN)
    for name, array in expected.items():
        assert np.abs(array).max() > 0, name
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-4 * np.abs(array).max(), err_msg=name)
