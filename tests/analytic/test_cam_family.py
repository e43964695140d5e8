"""The class activation maps beside Grad-CAM, each against the formula of its paper written down a second time.

pytorch-grad-cam cannot stand beside the torch of these tests. Where its definitions differ from the papers', these tests
follow the papers, except where the docstring of a method says otherwise.
"""

import keras
import numpy as np
import pytest
from keras import ops

import keras_xai as kx
from keras_xai.engine import engine_for
from keras_xai.explainers.eigen_cam import eigen_cam
from keras_xai.explainers.explainer import explain
from keras_xai.explainers.grad_cam_plus_plus import grad_cam_plus_plus
from keras_xai.explainers.layer_cam import layer_cam
from keras_xai.explainers.x_grad_cam import x_grad_cam
from keras_xai.explanation import resize
from keras_xai.queries import Queries, gradient_at
from tests import numpy_layers as slow
from tests.analytic.networks import Network, close
from tests.contract.cheap import on_tensorflow
from tests.models import COUNT, KINDS
from tests.requirements import require_backend


@pytest.fixture(scope="module", params=[False, True], ids=["after_relu", "of_any_sign"])
def evidence(request):
    """Activations and gradients (2, 3, 5, 4) float64."""
    activations, gradients = np.random.default_rng(0).normal(size=(2, 2, 3, 5, 4))
    return (activations if request.param else np.maximum(activations, 0)), gradients


def on_device(function, *arrays):
    return ops.convert_to_numpy(function(*(ops.convert_to_tensor(array.astype(np.float32)) for array in arrays)))


# The closed forms.


def slow_plus_plus(activations, gradients, score):
    """Equations 10 and 19 of the paper, for Y = exp(score), in float64, cell by cell; over exp(score)."""
    maps = np.zeros(activations.shape[:3])
    factor = np.exp(score)
    first, second, third = (factor * gradients**power for power in (1, 2, 3))
    for i, k in np.ndindex(len(activations), activations.shape[-1]):
        weight = 0
        for row, column in np.ndindex(activations.shape[1:3]):
            place = i, row, column, k
            total = activations[i, :, :, k].sum() * third[place]
            weight += second[place] / (2 * second[place] + total) * max(first[place], 0)
        maps[i] += weight / factor * activations[i, :, :, k]
    return np.maximum(maps, 0)


def test_grad_cam_plus_plus_is_the_closed_form_of_the_paper():
    activations, gradients = np.random.default_rng(0).normal(size=(2, 2, 3, 5, 4))
    activations = np.maximum(activations, 0)
    close(on_device(grad_cam_plus_plus, activations, gradients), slow_plus_plus(activations, gradients, score=3.0))


def test_grad_cam_plus_plus_bears_gradients_that_underflow_when_cubed_and_large_ones():
    activations, gradients = np.random.default_rng(0).normal(size=(2, 2, 3, 5, 4))
    activations = np.maximum(activations, 0)
    for size in (1e-20, 1e15):
        expected = slow_plus_plus(activations, gradients * size, score=0.0)
        close(on_device(grad_cam_plus_plus, activations, gradients * size), expected)


def test_grad_cam_plus_plus_is_bounded_where_a_channel_sums_to_minus_two_over_the_gradient():
    # The denominator 2 g² + g³ Σ A of the paper is 0 here.
    activations, gradients = np.full((1, 2, 2, 1), -0.5), np.ones((1, 2, 2, 1))
    np.testing.assert_allclose(on_device(grad_cam_plus_plus, -activations, -gradients), 0)
    np.testing.assert_allclose(on_device(grad_cam_plus_plus, activations, gradients), 0)
    both = np.concatenate([activations, -activations], axis=-1), np.ones((1, 2, 2, 2))
    # Weights 4 · ½ and 4 · ¼: −½ · 2 + ½ · 1 = −½ in every cell, so nothing is left.
    np.testing.assert_allclose(on_device(grad_cam_plus_plus, *both), 0)


def test_a_score_beyond_exp_has_a_grad_cam_plus_plus_map():
    model = KINDS["logits"].model()
    kernel, bias = model.get_layer("out").get_weights()
    model.get_layer("out").set_weights([kernel, bias + 1000])
    found = kx.GradCAMPlusPlus()(model, KINDS["logits"].inputs())
    assert found.scores.min() > 900
    assert found.valid.all()
    close(found.raw, kx.GradCAMPlusPlus()(KINDS["logits"].model(), KINDS["logits"].inputs(), found.targets).raw)


def test_layer_cam(evidence):
    activations, gradients = evidence
    expected = np.zeros(activations.shape[:3])
    for place in np.ndindex(expected.shape):
        expected[place] = max(sum(a * max(g, 0) for a, g in zip(activations[place], gradients[place], strict=True)), 0)
    close(on_device(layer_cam, activations, gradients), expected)


def test_x_grad_cam(evidence):
    activations, gradients = evidence
    expected = np.zeros(activations.shape[:3])
    for i, k in np.ndindex(len(activations), activations.shape[-1]):
        share = activations[i, :, :, k] / activations[i, :, :, k].sum()
        expected[i] += (share * gradients[i, :, :, k]).sum() * activations[i, :, :, k]
    close(on_device(x_grad_cam, activations, gradients), np.maximum(expected, 0))


def test_x_grad_cam_conserves_activation_times_gradient():
    activations, gradients = np.abs(np.random.default_rng(0).normal(size=(2, 2, 3, 5, 4)))
    found = on_device(x_grad_cam, activations, gradients)  # all positive: the ReLU takes nothing
    np.testing.assert_allclose(found.sum(axis=(1, 2)), (activations * gradients).sum(axis=(1, 2, 3)), rtol=1e-5)


def test_x_grad_cam_leaves_out_dead_channels_and_those_that_sum_to_zero():
    activations = np.zeros((1, 1, 2, 3))
    activations[0, 0, :, 1] = [1, 3]
    activations[0, 0, :, 2] = [5, -5]
    # The second channel's weight is ¼ · 2 + ¾ · 4.
    gradients = np.array([[[[9, 2, 9], [9, 4, 9]]]])
    np.testing.assert_allclose(on_device(x_grad_cam, activations, gradients), [[[3.5, 10.5]]])


@pytest.mark.parametrize("shape", [(2, 3, 5, 40), (2, 6, 7, 4)], ids=["few_cells", "few_channels"])
def test_eigen_cam_is_the_first_singular_vector(shape):
    activations = np.maximum(np.random.default_rng(1).normal(size=shape), 0)
    expected = np.zeros(shape[:3])
    for i in range(2):
        cells = activations[i].reshape(-1, shape[-1])
        direction = np.linalg.svd(cells)[2][0]
        expected[i] = np.abs(cells @ direction).reshape(shape[1:3])  # of one sign, since no entry is negative
    close(on_device(eigen_cam, activations), expected)


def test_eigen_cam_does_not_flip_when_the_activations_move_a_little():
    rng = np.random.default_rng(2)
    signed = rng.normal(size=(1, 4, 4, 6))
    signed[0, 1:3, 1:3] += 3 * rng.normal(size=6)  # an object on a background of noise
    steps = signed + np.cumsum(rng.normal(size=(30, 4, 4, 6)) * 0.03, axis=0)
    # A layer normalisation, after which the sum over channels is 0 everywhere.
    steps = (steps - steps.mean(axis=-1, keepdims=True)) / steps.std(axis=-1, keepdims=True)
    for moving in (steps, 1e-20 * steps, 1e15 * steps):
        maps = on_device(eigen_cam, moving).reshape(30, -1)
        correlation = np.corrcoef(maps / maps.max())
        assert np.diag(correlation, 1).min() > 0.9
        inside = maps.reshape(30, 4, 4)[:, 1:3, 1:3].mean(axis=(1, 2))
        assert np.all(inside > 2 * maps.mean(axis=1))


def test_eigen_cam_of_broken_activations_is_finite():
    assert np.isfinite(on_device(eigen_cam, np.full((1, 2, 2, 3), np.nan))).all()


# Maps from whole networks, written down in NumPy.


def activations_of(network):
    return network.kind.features(network.w, network.image)


@pytest.fixture(scope="module", params=on_tensorflow(["sigmoid", "non_square", "vision_transformer"], ["non_square"]))
def network(request):
    return Network(request.param)


def slow_score_cam(network, chosen):
    """(COUNT, channels) weights: the softmax of the scores of what is seen through each channel."""
    weights = np.zeros((COUNT, activations_of(network).shape[-1]))
    for i, activations in enumerate(activations_of(network)):
        scores = []
        for k in chosen[i]:
            mask = resize(activations[None, ..., k], network.samples.size)[0].astype(np.float64)
            mask = (mask - mask.min()) / max(np.ptp(mask), 1e-300)
            seen = network.image[i] * mask[..., None]
            scores.append(network.score(seen[None], i)[0])
        weights[i, chosen[i]] = slow.softmax(np.array(scores))
    return weights


def slow_ablation_cam(network, chosen):
    """(COUNT, channels) weights: the fall of the score without each channel."""
    weights = np.zeros((COUNT, activations_of(network).shape[-1]))
    for i, activations in enumerate(activations_of(network)):
        for k in chosen[i]:
            without = activations.copy()
            without[..., k] = 0
            weights[i, k] = (network.score_of(activations[None], i) - network.score_of(without[None], i))[0]
    return weights


SLOW = {kx.ScoreCAM: slow_score_cam, kx.AblationCAM: slow_ablation_cam}


@pytest.mark.parametrize("method", SLOW)
def test_channels_are_weighted_by_their_scores(network, method):
    found = method()(network.model, network.samples)
    assert found.details["layer"] == network.kind.layer
    weights = SLOW[method](network, [range(activations_of(network).shape[-1])] * COUNT)
    close(found.details["weights"][network.kind.layer], weights)
    expected = np.maximum(np.einsum("nhwk,nk->nhw", activations_of(network), weights), 0)
    np.testing.assert_allclose(found.raw, expected, rtol=0, atol=1e-4 * max(expected.max(), 0.01))


@pytest.mark.parametrize("method", SLOW)
def test_a_budget_takes_the_channels_that_vary_most(method):
    network = Network("functional")
    chosen = np.argsort(-activations_of(network).std(axis=(1, 2)), axis=1)[:, :2]
    found = method(channels=2)(network.model, network.samples)
    close(found.details["weights"]["conv2"], SLOW[method](network, chosen))


def test_quantised_layers_have_maps_without_gradients():
    network = Network("int8")
    for method, slowly in SLOW.items():
        weights = slowly(network, [range(6)] * COUNT)
        right = np.maximum(np.einsum("nhwk,nk->nhw", activations_of(network), weights), 0)
        found = method()(network.model, network.samples).raw
        assert np.linalg.norm(found - right) < 0.02 * np.linalg.norm(right)  # a value on the edge may round either way


def test_channels_first_masks_the_right_axes():
    def network(data_format, shape):
        layers = [
            keras.layers.Conv2D(6, 3, activation="relu", data_format=data_format, name="features"),
            keras.layers.GlobalAveragePooling2D(data_format=data_format),
            keras.layers.Dense(3),
        ]
        return keras.Sequential([keras.Input(shape), *layers])

    require_backend("jax", "torch", reason="TensorFlow has no channels_first convolution on CPUs")
    images = np.random.default_rng(0).random((3, 6, 9, 3), np.float32)
    last, first = network("channels_last", (6, 9, 3)), network("channels_first", (3, 6, 9))
    first.set_weights(last.get_weights())
    for explainer in (kx.ScoreCAM(), kx.AblationCAM()):
        expected = explainer(last, images, targets=[0, 1, 2])
        close(explainer(first, np.moveaxis(images, -1, 1), targets=[0, 1, 2]).raw, expected.raw)


# What they share.


FAMILY = [
    kx.GradCAM,
    kx.HiResCAM,
    kx.GradCAMPlusPlus,
    kx.LayerCAM,
    kx.XGradCAM,
    kx.EigenCAM,
    kx.ScoreCAM,
    kx.AblationCAM,
]


def explained(network, explainers):
    return explain(network.model, explainers, network.samples, [None] * len(explainers))


def test_several_layers_are_averaged_and_kept():
    network = Network("functional")
    fused = explained(network, [method(layer=["conv1", "conv2"]) for method in FAMILY])
    alone = [explained(network, [method(layer=name) for method in FAMILY]) for name in ("conv1", "conv2")]
    for both, one, other in zip(fused, *alone, strict=True):
        assert both.details["layer"] == ["conv1", "conv2"]
        close(both.raw, (one.raw + resize(other.raw, (8, 8))) / 2)
        close(both.details["maps"]["conv1"], one.raw)
        close(both.details["maps"]["conv2"], other.raw)


def test_asking_several_costs_one_forward_and_one_gradient():
    network = Network("functional")
    outcomes = explained(network, [method() for method in FAMILY[:5]])
    assert len(engine_for(network.model)._forwards) == 1
    assert engine_for(network.model).num_traces == (keras.config.backend() != "torch")  # torch runs eagerly
    for method, outcome in zip(FAMILY, outcomes, strict=False):
        close(outcome.raw, method()(network.model, network.samples).raw)


def test_a_contrast_explains_the_difference_of_two_logits():
    # Grad-CAM's weights are linear in the score: those of a contrast are the difference of the two classes'.
    network = Network("functional")
    model, targets = network.model, np.array([0, 1, 2])
    against = kx.Samples(network.samples.x, targets=(targets + 1) % 3)
    means = [
        engine_for(model).answer(samples, [Queries(gradient_at(None))])[0].gradients.mean(axis=(1, 2), keepdims=True)
        for samples in (network.samples, against)
    ]
    expected = np.maximum(((means[0] - means[1]) * activations_of(network)).sum(axis=-1), 0)
    for i in range(COUNT):
        one = kx.Samples(network.samples.x[[i]], targets=targets[[i]])
        found = kx.GradCAM(score=kx.scores.Contrast(against=int((targets[i] + 1) % 3)))(model, one)
        np.testing.assert_allclose(found.raw[0], expected[i], atol=1e-4 * expected.max())


def test_a_misclassified_sample_is_explained_as_true_against_predicted():
    network = Network("functional")
    predicted = kx.GradCAM()(network.model, network.samples.x).predictions.argmax(axis=1)
    true = (predicted + 1) % 3
    samples = kx.Samples(network.samples.x, labels=true)
    found = kx.GradCAM(score=kx.scores.Contrast())(network.model, samples)
    logits = network.kind.logits(network.w, activations_of(network))
    np.testing.assert_array_equal(found.targets, true)
    rows = np.arange(COUNT)
    np.testing.assert_allclose(found.scores, logits[rows, true] - logits[rows, predicted], rtol=1e-4)
    assert (found.scores < 0).all()
    for i in range(COUNT):
        one = kx.Samples(network.samples.x[[i]], labels=true[[i]])
        named = kx.GradCAM(score=kx.scores.Contrast(against=int(predicted[i])))(network.model, one)
        np.testing.assert_allclose(found.raw[i], named.raw[0], rtol=1e-4, atol=1e-6)
