"""Gradients that float16 cannot hold."""

import keras
import numpy as np
import pytest

import keras_xai as kx
from tests.models import KINDS

SMALLEST = 2.0**-24  # above 0 in float16


def with_head(kind, scale):
    """Last weights that are small multiples of `scale`, which float16 holds exactly."""
    model = KINDS[kind].model()
    kernel, bias = model.get_layer("out").get_weights()
    model.get_layer("out").set_weights([np.round(kernel * 4) * scale, bias * 0])
    return model


@pytest.fixture(scope="module")
def samples():
    return kx.Samples(KINDS["functional"].inputs(), targets=[0, 1, 2])


# The gradient at a cell of the layer is a sixteenth of such a weight times one of the hidden layer's.
@pytest.mark.parametrize("scale", [256 * SMALLEST, SMALLEST])
@pytest.mark.parametrize("explainer", [kx.GradCAM(), kx.HiResCAM()], ids=["grad_cam", "hires_cam"])
def test_tiny_gradients_do_not_vanish(samples, explainer, scale):
    half = explainer(with_head("mixed_float16", scale), samples)
    single = explainer(with_head("functional", scale), samples)
    assert half.raw.max(axis=(1, 2)).min() > 0
    for found, expected in zip(half.raw, single.raw, strict=True):
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99


def test_large_gradients_do_not_overflow(samples):
    half = kx.GradCAM()(with_head("mixed_float16", 256.0), samples)
    single = kx.GradCAM()(with_head("functional", 256.0), samples)
    assert half.valid.all()
    np.testing.assert_allclose(half.raw, single.raw, rtol=0, atol=1e-2 * single.raw.max())


def test_a_score_beyond_float16_is_invalid_and_its_map_is_zero(samples):
    found = kx.GradCAM()(with_head("mixed_float16", 65536.0), samples)
    assert not np.isfinite(found.scores).any()
    assert not found.valid.any()
    assert not found.maps.any()


def test_the_model_and_not_the_score_is_in_half_precision(samples):
    explanation = kx.GradCAM()(KINDS["mixed_float16"].model(), samples)
    assert explanation.raw.dtype == explanation.scores.dtype == explanation.predictions.dtype == np.float32
    assert keras.config.dtype_policy().name == "float32"
