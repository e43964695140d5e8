"""Grad-CAM and HiResCAM against captum, on the very same model objects: channels_first Keras models on torch."""

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
