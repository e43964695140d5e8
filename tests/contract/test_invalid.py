"""A model whose numbers broke down."""

import numpy as np
import pytest

from tests.contract.cheap import OF_ANY_NETWORK, WAYS_TO_ASK, cheap, on_tensorflow
from tests.models import COUNT, KINDS


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", on_tensorflow(OF_ANY_NETWORK, WAYS_TO_ASK))
def test_broken_last_weights_make_every_sample_invalid(name, value):
    model = KINDS["functional"].model()
    kernel, bias = model.get_layer("out").get_weights()
    model.get_layer("out").set_weights([kernel, bias * value])
    found = cheap(name)(model, KINDS["functional"].inputs())
    assert not found.valid.any()
    assert not found.maps.any()
    assert found.maps.shape == (COUNT, 8, 8)
    assert not np.isfinite(found.scores).any()
    assert found.overlay().dtype == np.uint8


@pytest.mark.parametrize("name", on_tensorflow(OF_ANY_NETWORK, WAYS_TO_ASK))
def test_a_constant_model_is_valid_and_says_nothing(name):
    model = KINDS["functional"].model()
    for layer in ("conv2", "hidden"):
        model.get_layer(layer).set_weights([0 * array for array in model.get_layer(layer).get_weights()])
    found = cheap(name)(model, KINDS["functional"].inputs())
    assert found.valid.all()
    np.testing.assert_allclose(found.maps, 0, atol=1e-6)
