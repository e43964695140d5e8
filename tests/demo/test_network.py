"""The demo's network starts the same way for the same seed, wherever Keras's own seed stands."""

import keras
import numpy as np

from keras_xai.demo.network import build_model


def weights(model):
    return np.concatenate([array.ravel() for array in model.get_weights()])


def test_weights_depend_on_the_seed_alone():
    first = weights(build_model(seed=1))
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(weights(build_model(seed=1)), first)
    assert (weights(build_model(seed=2)) != first).any()


def test_the_network_reads_pictures_and_gives_probabilities():
    model = build_model()
    assert model.input_shape == (None, 32, 32, 3)
    probabilities = model.predict(np.random.default_rng(0).random((5, 32, 32, 3), np.float32), verbose=0)
    assert probabilities.shape == (5, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_the_last_maps_are_fine_enough_to_tell_the_corner():
    """`CELL` says how many pixels a side one of their cells has."""
    from keras_xai.demo.findings import CELL

    assert build_model().get_layer("shapes_relu").output.shape[1:3] == (32 // CELL, 32 // CELL)
