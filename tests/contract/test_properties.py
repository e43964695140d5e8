"""Drawn at random: kind of model × shape of the image × precision × explainer × batch size. The promises hold for all."""

from unittest import mock

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers

import keras_xai as kx
from keras_xai import fitting_batch
from keras_xai.fingerprint import difference, fingerprint
from tests.contract.cheap import OF_ANY_NETWORK, cheap
from tests.models import filled, head, last_conv, stem

COUNT = 4
# A network takes a second to build and compile, and longer on jax.
EXAMPLES = {"tensorflow": 24, "jax": 5, "torch": 8}[keras.config.backend()]
# How far the sum over a batch may depend on its size, relative to the largest value.
ROUNDING = {"float32": 1e-4, "mixed_float16": 0.1, "mixed_bfloat16": 0.3}


def functional(shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, head(last_conv(stem(inputs))))


def sequential(shape):
    return keras.Sequential([keras.Input(shape), *functional(shape).layers[1:]])


def nested(shape):
    image, inputs = keras.Input(shape), keras.Input(shape)
    return keras.Model(inputs, head(keras.Model(image, last_conv(stem(image)))(inputs)))


def one_unit(shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, head(last_conv(stem(inputs)), units=1, activation="sigmoid"))


def flattened(shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layers.Dense(3, name="out")(layers.Flatten()(last_conv(stem(inputs)))))


class Subclassed(keras.Model):
    def __init__(self, shape):
        super().__init__()
        self.inner = functional(shape)
        self.out = layers.Dense(3, activation="softmax", name="out")

    def call(self, x):
        return self.out(self.inner(x) * 3.0)


def subclassed(shape):
    model = Subclassed(shape)
    model(np.zeros((1, *shape), np.float32))
    return model


def with_place(shape):
    """Two inputs: the image, and two numbers that know nothing of places."""
    image, place = keras.Input(shape, name="image"), keras.Input((2,), name="place")
    pooled = layers.GlobalAveragePooling2D()(last_conv(stem(image)))
    outputs = layers.Dense(3, activation="softmax", name="out")(layers.Concatenate()([pooled, place]))
    return keras.Model({"image": image, "place": place}, outputs)


KINDS = {one.__name__: one for one in (functional, sequential, nested, one_unit, flattened, subclassed, with_place)}


def built(kind, shape, precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        return filled(KINDS[kind](shape))
    finally:
        keras.config.set_dtype_policy(before)


def inputs(kind, shape, seed):
    generator = np.random.default_rng(seed)
    image = generator.random((COUNT, *shape), np.float32)
    return {"image": image, "place": generator.random((COUNT, 2), np.float32)} if kind == "with_place" else image


def close(found, expected, precision):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= ROUNDING[precision] * np.abs(expected).max() + 1e-12


@pytest.mark.filterwarnings("ignore:.*overflow:RuntimeWarning")
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    shape=st.tuples(st.integers(6, 11), st.integers(6, 11), st.sampled_from([1, 3, 4])),
    precision=st.sampled_from(sorted(ROUNDING)),
    name=st.sampled_from(sorted(OF_ANY_NETWORK)),
    batch=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_promises(kind, shape, precision, name, batch, seed):
    model, explainer = built(kind, shape, precision), cheap(name)
    x, targets = inputs(kind, shape, seed), np.random.default_rng(seed).integers(0, 2, COUNT)
    before = fingerprint(model)
    found = explainer(model, kx.Samples(x, targets=targets))
    assert difference(before, fingerprint(model)) is None

    assert found.maps.shape == (COUNT, *shape[:2])
    assert found.maps.dtype == found.raw.dtype == np.float32
    assert np.isfinite(found.maps).all()
    assert explainer.signed or found.raw.min() >= 0
    peaks = np.abs(found.raw).max(axis=(1, 2))
    assert not np.isin(peaks[peaks > 0], 1.0).any()  # what was stretched to [0, 1] would reach 1
    assert found.valid.all()
    assert np.isfinite(found.scores).all()

    order = np.random.default_rng(seed).permutation(COUNT)
    moved = keras.tree.map_structure(lambda array: array[order], x)
    close(explainer(model, kx.Samples(moved, targets=targets[order])).raw, found.raw[order], precision)

    with mock.patch.object(fitting_batch, "_MAX_BATCH", batch):
        close(explainer(model, kx.Samples(x, targets=targets)).raw, found.raw, precision)

    last = model.out if kind == "subclassed" else model.get_layer("out")
    last.set_weights([np.full_like(weight, np.nan) for weight in last.get_weights()])
    broken = explainer(model, kx.Samples(x, targets=targets))
    assert not broken.valid.any()
    assert not broken.maps.any()
