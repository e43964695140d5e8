"""Every test starts from the same random numbers, on the tensorflow backend unless KERAS_BACKEND says otherwise."""

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is first imported

import pytest


def _seed() -> None:
    if "keras" in sys.modules:  # tests of pure NumPy code need not wait for its import
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def seeded_module():
    """For fixtures that a module shares: they are made before the first test is seeded."""
    _seed()


@pytest.fixture(autouse=True)
def seeded():
    """Each test alone gives what it gives in the whole suite."""
    _seed()
