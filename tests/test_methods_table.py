"""What the classes say of themselves is what is measured: whether a map depends on what the network has learned."""

import numpy as np
import pytest

import keras_xai as kx
from tests.contract.cheap import OF_ANY_NETWORK, OF_TRANSFORMERS, cheap
from tests.fixed_maps import FixedMaps
from tests.methods_table import LIMIT, left_without_weights, pictures, trained_network, trained_transformer


@pytest.fixture(scope="module")
def network():
    return trained_network()


@pytest.fixture(scope="module")
def samples():
    x, labels = pictures(6, seed=1)
    return kx.Samples(x, labels=labels)


def test_the_network_has_learned_something(network):
    _, accuracy = network.evaluate(*pictures(300, seed=2), verbose=0)
    assert accuracy > 0.9


def test_a_map_of_the_edges_fails(network, samples):
    edges = FixedMaps(np.hypot(*np.gradient(samples.x.mean(axis=-1), axis=(1, 2))))
    assert left_without_weights(edges, network, samples, shufflings=1) == pytest.approx(1)


@pytest.mark.parametrize("name", OF_ANY_NETWORK)
def test_classes_say_what_is_measured(network, samples, name):
    left = left_without_weights(cheap(name), network, samples, shufflings=2)
    assert kx.explainers()[name].sensitive == (left < LIMIT)


def test_attention_says_what_is_measured(samples):
    model = trained_transformer()
    assert model.evaluate(*pictures(300, seed=2), verbose=0)[1] > 0.5
    for name in OF_TRANSFORMERS:
        left = left_without_weights(cheap(name), model, samples, shufflings=2)
        assert kx.explainers()[name].sensitive == (left < LIMIT)
