"""Who lends what to whom where a property marks part of a class."""

import keras
import numpy as np
import pytest

from keras_xai.samples import Samples
from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.global_cues import GlobalCues
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.usual_looks import USUAL_IN_PART


@pytest.mark.parametrize("seed", [0, 4, 17, 23, 58])
def test_nobody_lends_to_its_own_class_or_from_the_other_half(seed):
    generator = np.random.default_rng(seed)
    y = np.arange(60) % 2
    x = generator.uniform(0.3, 0.6, (60, 12, 12, 1)).astype("float32")
    x[(y == 1) & (generator.random(60) < 0.85)] += 0.25  # in some halves of some seeds all images of a class are odd
    samples = Samples(x, labels=y)
    model = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    probe = Probe(samples, 2, 192, seed)
    cues = GlobalCues(Oracle(model, samples), probe, y, [0, 1], seed, {}, {0, 1})
    for testing in (False, True):
        half = np.concatenate([*(probe.testing if testing else probe.proposing).values()])
        for kind in USUAL_IN_PART:
            for c, pairs in cues._paired(kind, [0, 1], 128, 2, testing).items():
                assert all(len(some) for some in pairs.values())
                assert np.isin(np.concatenate([some.ravel() for some in pairs.values()]), half).all()
                assert (y[pairs["givers"]] == c).all()
                assert (y[pairs["own"]] == c).all()
                assert (y[pairs["alike"]] == c).all()
                assert (y[pairs["strangers"]] != c).all()
                assert (y[pairs["others"]] != c).all()
                assert probe.looks.in_part(kind, np.concatenate([pairs["own"], pairs["givers"].ravel()])).all()
                assert probe.looks.in_part(kind, pairs["strangers"].ravel()).all()
                assert not probe.looks.in_part(kind, pairs["others"].ravel()).any()
