"""One sigmoid unit is a classifier of two classes."""

import numpy as np
import pytest

import keras_xai as kx
from keras_xai.engine import engine_for
from keras_xai.queries import Queries, gradient_at
from tests.models import COUNT, KINDS


@pytest.fixture(scope="module")
def model():
    return KINDS["sigmoid"].model()


def test_target_0_explains_the_negative_of_target_1(model):
    x = KINDS["sigmoid"].inputs()
    negative, positive = (
        engine_for(model).answer(kx.Samples(x, targets=[target] * COUNT), [Queries(gradient_at(None))])[0]
        for target in (0, 1)
    )
    np.testing.assert_array_equal(negative.scores, -positive.scores)
    np.testing.assert_array_equal(negative.gradients, -positive.gradients)
    assert np.abs(positive.gradients).max() > 0.01


def test_lime_explains_both_with_opposite_signs(model):
    x = KINDS["sigmoid"].inputs()
    explainer = kx.LIME(num_samples=40, segments="grid")
    negative, positive = (explainer(model, x, targets=[target] * COUNT).raw for target in (0, 1))
    np.testing.assert_allclose(negative, -positive, rtol=0, atol=1e-6 * np.abs(positive).max())
    assert np.abs(positive).max() > 0.001


def test_the_prediction_is_1_above_one_half(model):
    predicted = kx.GradCAM()(model, KINDS["sigmoid"].inputs())
    np.testing.assert_array_equal(predicted.targets, predicted.predictions[:, 0] > 0.5)
