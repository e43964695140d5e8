"""Maps against captum, on the very same model objects: channels_first Keras models on torch."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from tests.requirements import require_backend, require_module

require_backend("torch", reason="captum explains torch modules")
require_module("captum")

TARGETS = [0, 1, 2, 3, 1, 0]


def convolutional():
    """Plain convolutions under a dense head, where Grad-CAM and HiResCAM differ."""
    return keras.Sequential(
        [
            keras.Input((3, 12, 10)),
            layers.Conv2D(6, 3, activation="relu", data_format="channels_first", name="first"),
            layers.MaxPooling2D(data_format="channels_first"),
            layers.Conv2D(8, 3, activation="relu", data_format="channels_first", name="last"),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(4),
        ]
    )


def residual():
    """A skip connection round two normalised convolutions."""
    inputs = keras.Input((3, 12, 10))
    x = start = layers.Conv2D(6, 3, padding="same", data_format="channels_first", name="first")(inputs)
    for _ in range(2):
        x = layers.BatchNormalization(axis=1)(layers.Activation("relu")(x))
        x = layers.Conv2D(6, 3, padding="same", data_format="channels_first")(x)
    x = layers.Activation("relu", name="last")(layers.Add()([start, x]))
    x = layers.GlobalAveragePooling2D(data_format="channels_first")(x)
    return keras.Model(inputs, layers.Dense(4)(x))


def nested():
    inputs = keras.Input((3, 12, 10))
    backbone = keras.Sequential(convolutional().layers[:3], name="backbone")
    x = layers.GlobalMaxPooling2D(data_format="channels_first")(backbone(inputs))
    return keras.Model(inputs, layers.Dense(4)(x))


@pytest.fixture(scope="module", params=[convolutional, residual, nested])
def model(request):
    model = request.param()
    rng = np.random.default_rng(0)
    for variable in model.variables:
        noise = rng.normal(size=variable.shape, scale=0.1)
        variable.assign(variable + (abs(noise) if "variance" in variable.path else noise))
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(6, 3, 12, 10)).astype(np.float32)


def layer_called(model, name):
    inner = [layer for outer in model.layers for layer in getattr(outer, "layers", [outer])]
    return next(layer for layer in inner if layer.name == name)


def by_captum(method, model, name, images):
    """Summed over channels, ReLU afterwards: (n, h, w) float32."""
    import torch
    from captum import attr

    attribution = getattr(attr, method)(lambda x: model(x, training=False), layer_called(model, name))
    found = attribution.attribute(torch.from_numpy(images), target=torch.tensor(TARGETS))
    return torch.relu(found.sum(dim=1)).detach().numpy()


@pytest.mark.parametrize("name", ["first", "last"])
@pytest.mark.parametrize(
    ("explainer", "method"), [(kx.GradCAM, "LayerGradCam"), (kx.HiResCAM, "LayerGradientXActivation")]
)
def test_maps_are_those_of_captum(model, images, explainer, method, name):
    expected = by_captum(method, model, name, images)
    found = explainer(layer=name)(model, images, targets=TARGETS)
    assert expected.shape[1] > expected.shape[2] > 1
    assert expected.max() > 0
    assert found.maps.shape == (6, 12, 10)
    np.testing.assert_allclose(found.raw, expected, rtol=0, atol=1e-4 * expected.max())


def test_automatic_layer_is_last(model, images):
    expected = by_captum("LayerGradCam", model, "last", images)
    np.testing.assert_allclose(
        kx.GradCAM()(model, images, targets=TARGETS).raw, expected, rtol=0, atol=1e-4 * expected.max()
    )


def at_the_input(name, model, images, **arguments):
    """captum's attribution at the image, (n, channels, h, w)."""
    import torch
    from captum import attr

    known = {
        key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in arguments.items()
    }
    attribution = getattr(attr, name)(lambda x: model(x, training=False))
    inputs = torch.from_numpy(images.astype(np.float32)).requires_grad_()  # else captum warns
    return attribution.attribute(inputs, target=torch.tensor(TARGETS), **known).detach().numpy()


def agree(found, expected):
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found.raw, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_saliency_and_gradient_input_are_those_of_captum(model, images):
    expected = at_the_input("Saliency", model, images, abs=True)
    agree(kx.Saliency()(model, images, targets=TARGETS), expected.max(axis=1))
    agree(kx.Saliency(channels="sum")(model, images, targets=TARGETS), expected.sum(axis=1))
    expected = at_the_input("InputXGradient", model, images)
    agree(kx.GradientInput()(model, images, targets=TARGETS), expected.sum(axis=1))


def test_integrated_gradients_are_those_of_captum(model, images):
    for rule, method in (("gauss", "gausslegendre"), ("trapezoid", "riemann_trapezoid")):
        # For n points on the line captum's trapezoid has n intervals' worth of weights less one, which sum to 1 − 1/n.
        points, factor = (16, 1) if rule == "gauss" else (17, 17 / 16)
        expected = at_the_input("IntegratedGradients", model, images, baselines=0.3, n_steps=points, method=method)
        found = kx.IntegratedGradients(steps=16, baseline=0.3, rule=rule)(model, images, targets=TARGETS)
        agree(found, factor * expected.sum(axis=1))


def test_smooth_grad_and_var_grad_are_captum_s_saliency_of_the_same_noise(model, images):
    from keras_xai.explainers.smooth_grad import Noise

    noise = Noise.of(images, 6, seed=0)
    size = 0.15 * np.ptp(images, axis=(1, 2, 3), keepdims=True)
    everyone = np.arange(6)
    gradients = np.stack(
        [
            at_the_input("Saliency", model, images + size * noise[everyone, np.full(6, row)], abs=False)
            for row in range(6)
        ]
    )
    agree(kx.SmoothGrad(num_samples=6)(model, images, targets=TARGETS), np.abs(gradients.mean(axis=0)).max(axis=1))
    agree(kx.VarGrad(num_samples=6)(model, images, targets=TARGETS), gradients.var(axis=0).max(axis=1))


def test_expected_gradients_approach_gradient_shap_of_captum(model, images):
    import torch

    background = np.random.default_rng(2).normal(size=(4, 3, 12, 10)).astype(np.float32)
    torch.manual_seed(0)
    expected = at_the_input("GradientShap", model, images, baselines=background, n_samples=400, stdevs=0.0)
    found = kx.ExpectedGradients(background, num_samples=200)(model, images, targets=TARGETS)
    for one, other in zip(found.raw, expected.sum(axis=1), strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.97  # both are random
        assert np.linalg.norm(one - other) < 0.25 * np.linalg.norm(other)


def test_occlusion_is_that_of_captum(model, images):
    expected = at_the_input(
        "Occlusion", model, images, sliding_window_shapes=(3, 4, 4), strides=(3, 2, 3), baselines=0.2
    )
    found = kx.Occlusion(patch=4, stride=(2, 3), fill=0.2)(model, images, targets=TARGETS)
    agree(found, expected.mean(axis=1))  # the same in every channel


def test_kernel_shap_gives_captum_s_exact_shapley_values(model, images):
    labels = np.arange(12)[:, None] * 2 // 12 * 2 + np.arange(10)[None] * 2 // 10
    found = kx.KernelSHAP(num_samples=16, segments=np.stack([labels] * 6), fill=0.0)(model, images, targets=TARGETS)
    assert found.details["exact"].all()
    exact = at_the_input("ShapleyValues", model, images, feature_mask=labels[None, None].repeat(3, axis=1))
    agree(found, exact[:, 0])  # the same in every channel
