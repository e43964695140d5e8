"""Grad-CAM and HiResCAM against a pencil, CAM, the completeness of linear heads and what the chain rule promises."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai.engine import engine_for
from keras_xai.explainers.grad_cam import grad_cam
from keras_xai.explainers.hires_cam import hires_cam
from keras_xai.explanation import resize
from keras_xai.queries import Queries, gradient_at, gradient_at_input

CLASSES = 4


def trunk():
    return [
        layers.Conv2D(5, 3, padding="same", activation="relu", name="early"),
        layers.MaxPooling2D(name="pool"),
        layers.Conv2D(6, 3, padding="same", activation="relu", name="late"),
    ]


def network(head, activation=None):
    """8×8 RGB -> two convolutions (the last map is 4×4×6) -> `head` -> 4 classes."""
    return keras.Sequential(
        [keras.Input((8, 8, 3)), *trunk(), *head, layers.Dense(CLASSES, activation=activation, name="classes")]
    )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def pooled():
    return network([layers.GlobalAveragePooling2D()])


@pytest.fixture(scope="module")
def flattened():
    model = network([layers.Flatten()])
    model.get_layer("classes").bias.assign([0.3, -0.2, 0.1, 0.4])
    return model


def convolve(images, layer):
    """What a 3×3 "same" convolution with ReLU puts out, from its weights, in float64."""
    kernel, bias = (np.asarray(weight, np.float64) for weight in layer.get_weights())
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.maximum(np.einsum("nhwcij,ijck->nhwk", windows, kernel) + bias, 0)


def last_map(images, model):
    early = convolve(images, model.get_layer("early"))
    pooled = early.reshape(len(images), 4, 2, 4, 2, -1).max(axis=(2, 4))
    return convolve(pooled, model.get_layer("late"))


def signed_hires_cam(model, images, targets):
    """HiResCAM before its ReLU: the evidence for the score, less the evidence for its negative."""

    def against(outputs, targets):
        return -ops.take_along_axis(outputs, targets[:, None], axis=1)[:, 0]

    samples = kx.Samples(images, targets=targets)
    return kx.HiResCAM()(model, samples).raw - kx.HiResCAM(score=against)(model, samples).raw


def test_pencil():
    # Channel 0 has gradients of mean 1, channel 1 of mean −½.
    activations = np.array([[[[1, 2], [0, 4]], [[3, 0], [2, 8]]]], np.float32)
    gradients = np.array([[[[4, -1], [0, -1]], [[0, 0], [0, 0]]]], np.float32)
    np.testing.assert_array_equal(ops.convert_to_numpy(grad_cam(activations, gradients)), [[[0, 0], [3, 0]]])
    np.testing.assert_array_equal(ops.convert_to_numpy(hires_cam(activations, gradients)), [[[2, 0], [0, 0]]])


def test_gap_and_dense_give_cam(pooled, images):
    targets = np.array([0, 1, 2, 3, 1])
    weights = pooled.get_layer("classes").get_weights()[0]
    cam = np.maximum(np.einsum("nhwk,kn->nhw", last_map(images, pooled), weights[:, targets]), 0) / 16
    explanation = kx.GradCAM()(pooled, images, targets=targets)
    assert explanation.details["layer"] == "late"
    assert (cam.max(axis=(1, 2)) > 0).any()
    np.testing.assert_allclose(explanation.raw, cam, atol=1e-5 * cam.max())


def test_gap_and_dense_give_hires_cam_equal_to_grad_cam(pooled, images):
    samples = kx.Samples(images)
    np.testing.assert_allclose(
        kx.HiResCAM()(pooled, samples).raw, kx.GradCAM()(pooled, samples).raw, rtol=1e-4, atol=1e-6
    )


def test_score_is_the_logit_before_the_softmax(pooled, images):
    softmax = network([layers.GlobalAveragePooling2D()], "softmax")
    softmax.set_weights(pooled.get_weights())
    of_logits, of_softmax = (kx.GradCAM()(model, images, targets=[0, 1, 2, 3, 0]) for model in (pooled, softmax))
    np.testing.assert_allclose(of_softmax.scores, of_logits.scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(of_softmax.raw, of_logits.raw, rtol=1e-5, atol=1e-6)


def test_hires_cam_of_a_flat_head_sums_to_the_logit_less_its_bias(flattened, images):
    targets = np.array([0, 1, 2, 3, 0])
    logits = flattened.predict_on_batch(images)[np.arange(5), targets]
    bias = flattened.get_layer("classes").get_weights()[1][targets]
    evidence = signed_hires_cam(flattened, images, targets)
    np.testing.assert_allclose(evidence.sum(axis=(1, 2)), logits - bias, rtol=1e-4, atol=1e-5)


def test_hires_cam_cells_are_activations_times_their_own_weights(flattened, images):
    weights = flattened.get_layer("classes").get_weights()[0][:, 2].reshape(4, 4, 6)
    expected = np.sum(last_map(images, flattened) * weights, axis=-1)
    np.testing.assert_allclose(signed_hires_cam(flattened, images, [2] * 5), expected, atol=1e-5)


def test_grad_cam_of_a_flat_head_averages_its_weights_over_space(flattened, images):
    weights = flattened.get_layer("classes").get_weights()[0][:, 2].reshape(4, 4, 6).mean(axis=(0, 1))
    expected = np.maximum(last_map(images, flattened) @ weights, 0)
    np.testing.assert_allclose(kx.GradCAM()(flattened, images, targets=[2] * 5).raw, expected, atol=1e-5)


def test_doubling_the_head_doubles_the_map(pooled, images):
    doubled = network([layers.GlobalAveragePooling2D()])
    doubled.set_weights([*pooled.get_weights()[:-2], *(2 * weight for weight in pooled.get_weights()[-2:])])
    for explainer in (kx.GradCAM(), kx.HiResCAM()):
        once, twice = (explainer(model, images, targets=[1] * 5) for model in (pooled, doubled))
        assert once.raw.max() > 0
        np.testing.assert_allclose(twice.raw, 2 * once.raw, rtol=1e-6)


def test_doubling_the_activations_doubles_the_map():
    rng = np.random.default_rng(1)
    activations, gradients = rng.normal(size=(2, 3, 4, 4, 6)).astype(np.float32)
    for method in (grad_cam, hires_cam):
        once, twice = (ops.convert_to_numpy(method(factor * activations, gradients)) for factor in (1, 2))
        np.testing.assert_array_equal(twice, 2 * once)


def test_every_way_to_name_a_layer_gives_its_map(pooled, images):
    samples = kx.Samples(images)
    expected = kx.GradCAM(layer="early")(pooled, samples)
    assert expected.raw.shape == (5, 8, 8)
    for layer in (0, -5, pooled.get_layer("early"), ["early"], ("early",), [pooled.layers[0]]):
        found = kx.GradCAM(layer=layer)(pooled, samples)
        assert found.details["layer"] == "early"
        np.testing.assert_array_equal(found.raw, expected.raw)


def test_several_layers_are_averaged_at_the_finest_resolution(pooled, images):
    samples = kx.Samples(images)
    early, late = (kx.GradCAM(layer=name)(pooled, samples).raw for name in ("early", "late"))
    both = kx.GradCAM(layer=["early", "late"])(pooled, samples)
    assert both.details["layer"] == ["early", "late"]
    np.testing.assert_allclose(both.raw, (early + resize(late, (8, 8))) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(both.details["maps"]["late"], late, rtol=1e-5, atol=1e-6)


def test_a_nested_backbone_gives_the_maps_of_the_flat_model(pooled, images):
    nested = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.Sequential(trunk(), name="backbone"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES),
        ]
    )
    nested.set_weights(pooled.get_weights())
    samples = kx.Samples(images)
    expected = kx.GradCAM()(pooled, samples).raw
    for layer in (None, "backbone/late", "late"):
        found = kx.GradCAM(layer=layer)(nested, samples)
        assert found.details["layer"] == "backbone/late"
        np.testing.assert_allclose(found.raw, expected, rtol=1e-5, atol=1e-6)


def test_channels_first_gives_the_maps_of_channels_last(images):
    def network(data_format):
        shape = (8, 8, 3) if data_format == "channels_last" else (3, 8, 8)
        return keras.Sequential(
            [
                keras.Input(shape),
                layers.Conv2D(6, 3, activation="relu", data_format=data_format, name="features"),
                layers.GlobalAveragePooling2D(data_format=data_format),
                layers.Dense(CLASSES),
            ]
        )

    last, first = network("channels_last"), network("channels_first")
    first.set_weights(last.get_weights())
    for explainer in (kx.GradCAM(), kx.HiResCAM(layer="features")):
        expected = explainer(last, images, targets=[0, 1, 2, 3, 0])
        found = explainer(first, np.moveaxis(images, -1, 1), targets=[0, 1, 2, 3, 0])
        assert expected.raw.max() > 0
        np.testing.assert_allclose(found.maps, expected.maps, rtol=1e-4, atol=1e-6)


def test_a_frozen_backbone_gives_the_same_maps(pooled, images):
    frozen = network([layers.GlobalAveragePooling2D()])
    frozen.set_weights(pooled.get_weights())
    frozen.trainable = False
    for layer in (None, "early"):
        maps = [kx.GradCAM(layer=layer)(model, images).raw for model in (pooled, frozen)]
        np.testing.assert_allclose(maps[1], maps[0], rtol=1e-5, atol=1e-6)


def test_a_skip_connection_adds_its_gradient(images):
    # score = mean over cells of w · (a + 2a) with a = features, so the gradient is 3 w / 64.
    inputs = keras.Input((8, 8, 3))
    features = layers.Conv2D(6, 3, padding="same", activation="relu", name="features")(inputs)
    total = layers.Add()([features, layers.Rescaling(2.0)(features)])
    model = keras.Model(inputs, layers.Dense(CLASSES, name="classes")(layers.GlobalAveragePooling2D()(total)))
    weights = model.get_layer("classes").get_weights()[0][:, 1]
    expected = np.maximum(convolve(images, model.get_layer("features")) @ weights, 0) * 3 / 64
    found = kx.GradCAM(layer="features")(model, images, targets=[1] * 5)
    np.testing.assert_allclose(found.raw, expected, atol=1e-6)


def test_nothing_is_differentiated_below_the_layer(pooled, images):
    backward_passes = []

    @ops.custom_gradient
    def watched(x):
        def gradient(*args, upstream=None):
            backward_passes.append(1)
            return args[-1] if upstream is None else upstream

        return ops.multiply(x, 1.0), gradient

    class Watched(layers.Layer):
        def call(self, x):
            return watched(x)

        def compute_output_shape(self, shape):
            return shape

    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *trunk()[:2],
            Watched(),
            *trunk()[2:],
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES),
        ]
    )
    model.set_weights(pooled.get_weights())
    samples = kx.Samples(images)
    found = kx.GradCAM(layer="late")(model, samples)
    np.testing.assert_allclose(found.raw, kx.GradCAM(layer="late")(pooled, samples).raw, rtol=1e-5, atol=1e-6)
    assert not backward_passes
    for observation in (gradient_at("early"), gradient_at_input()):
        backward_passes.clear()
        engine_for(model).answer(samples, [Queries(observation)])
        assert backward_passes


def test_a_layer_that_the_score_does_not_depend_on_is_refused(images):
    inputs = keras.Input((8, 8, 3))
    features = layers.Conv2D(6, 3, activation="relu", name="features")(inputs)
    unused = layers.Conv2D(6, 3, name="unused")(features)
    outputs = layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(features))
    model = keras.Model(inputs, [outputs, unused])
    explainer = kx.GradCAM(layer="unused", score=kx.scores.Logit(output=0))
    with pytest.raises(ValueError, match="does not depend on 'unused'.*has no gradient there.*LIME"):
        explainer(model, images)
