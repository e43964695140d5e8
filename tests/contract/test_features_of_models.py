"""Optimised images and most activating samples on every backend: tests/test_features.py has the right answers."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_xai as kx
from keras_xai import backend
from keras_xai.features.canvas import moved
from keras_xai.fingerprint import difference, fingerprint
from tests.models import KINDS
from tests.requirements import require_backend


def test_images_are_moved_by_whole_pixels():
    images = np.random.default_rng(0).random((2, 6, 5, 3)).astype(np.float32)
    found = moved(ops.convert_to_tensor(images), ops.convert_to_tensor(np.array([0, 1, 2, -1], np.float32)))
    np.testing.assert_allclose(ops.convert_to_numpy(found)[:, 2:, :-1], images[:, :-2, 1:], atol=1e-5)


@pytest.mark.parametrize("name", ["functional", "channels_first"])
def test_channels_are_driven_and_nothing_else_happens(name):
    kind = KINDS[name]
    require_backend(*kind.backends, reason="TensorFlow has no channels_first convolution on CPUs")
    model, samples = kind.model(), kx.Samples(kind.inputs())
    before, states = fingerprint(model), backend.random_states()
    found = kx.activation_maximization(model, "conv2", [1, 4], samples=samples, steps=30, seed=2)
    assert difference(before, fingerprint(model)) is None
    assert backend.random_states() == states
    eaten = np.moveaxis(found.images, -1, 1) if kind.channels_first else found.images
    maps = keras.Model(model.input, model.get_layer("conv2").output)(eaten)
    means = ops.convert_to_numpy(maps).mean(axis=(2, 3) if kind.channels_first else (1, 2))
    np.testing.assert_allclose(found.values, [means[0, 1], means[1, 4]], rtol=1e-3)
    assert means[0, 1] > 2 * means[1, 1]
    assert means[1, 4] > 2 * means[0, 4]


def test_the_samples_that_drive_a_channel_most():
    model, x = KINDS["functional"].model(), np.random.default_rng(0).random((11, 8, 8, 3), np.float32)
    maps = keras.Model(model.input, model.get_layer("conv2").output)(x)
    peaks = ops.convert_to_numpy(maps).max(axis=(1, 2))[:, 3]
    batches = [(x[:6], np.zeros(6)), (x[6:], np.zeros(5))]
    (found,) = kx.most_activating_samples(model, batches, "conv2", count=3, channels=[3]).values()
    assert [one.sample for one in found] == np.argsort(-peaks)[:3].tolist()
