"""Explainers that fail, each in another place."""

import random

import keras
import numpy as np

from keras_xai.explainers.explainer import Explainer, Result
from keras_xai.queries import Queries, activations_at


class Broken(Explainer):
    """Draws from the global random states where it can, then raises.

    Args:
        where: "prepare"; "explain", before it asks; "observe", while a layer runs; "perturb", before the model runs;
            "answered", after the answers came; or "never", which gives constant maps.
    """

    name = "broken"

    def __init__(self, where="never", score=None):
        self.where = where
        self.score = score

    def prepare(self, samples):
        self._fail("prepare")
        return np.zeros((len(samples), 2, 1), "float32")

    def explain(self, samples, plan):
        self._fail("explain")
        if self.where == "perturb":
            yield Queries(perturb=_fail_to_perturb, rows=plan)
        seen = yield Queries(
            observe=activations_at("conv", reduce=_fail_to_observe if self.where == "observe" else None)
        )
        self._fail("answered")
        return Result(np.ones_like(seen.activations[..., 0]))

    def _fail(self, where):
        if self.where == where:
            draw()
            raise _failure(where)


def _fail_to_observe(activations):
    raise _failure("observe")


def _fail_to_perturb(image, row, tables):
    raise _failure("perturb")


def draw():
    """Advances every global random state that NumPy and Keras users draw from."""
    random.random()
    np.random.uniform()  # noqa: NPY002
    keras.random.uniform((2,))


def _failure(where):
    np.random.uniform()  # noqa: NPY002
    return RuntimeError(f"broken on purpose in {where}")
