"""However the model is compiled: training is not touched, and what is logged is what the model does."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback
from keras_xai.log import read_log
from tests.requirements import require_backend
from tests.training.fit_state import differences, fit_state, set_random_states
from tests.training.networks import CLASSES, SIZE, compiled, small
from tests.training.running import fit, samples, told


class TensorFlowStep(keras.Sequential):
    """A step of the user's own, in TensorFlow."""

    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


class TorchStep(keras.Sequential):
    """A step of the user's own, in torch."""

    def train_step(self, data):
        import torch

        x, y = data
        self.zero_grad()
        loss = self.compute_loss(x, y, self(x, training=True))
        loss.backward()
        with torch.no_grad():
            self.optimizer.apply([v.value.grad for v in self.trainable_weights], self.trainable_weights)
        return {"loss": loss}


class JaxStep(keras.Sequential):
    """A step of the user's own, in jax."""

    def train_step(self, state, data):
        import jax

        trainable, fixed, optimizer, metrics = state
        x, y = data

        def loss(trainable):
            outputs, updated = self.stateless_call(trainable, fixed, x, training=True)
            return self.compute_loss(x, y, outputs), updated

        (value, fixed), gradients = jax.value_and_grad(loss, has_aux=True)(trainable)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return {"loss": value}, (trainable, fixed, optimizer, metrics)


def with_own_step():
    """One convolution, batch statistics and dropout, trained by a step of the user's own."""
    step = {"tensorflow": TensorFlowStep, "torch": TorchStep, "jax": JaxStep}[keras.backend.backend()]
    return step(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


VARIANTS = {
    "XLA": (small, {"jit_compile": True}),
    "no XLA": (small, {"jit_compile": False}),
    "eager": (small, {"run_eagerly": True}),
    "several steps in one": (small, {"steps_per_execution": 4}),
    "own step": (with_own_step, {"metrics": None}),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_however_it_is_compiled(variant, tmp_path):
    if variant == "XLA":
        require_backend("tensorflow", "jax", reason="torch.compile needs a C++ compiler and a minute")
    if variant == "several steps in one":
        require_backend("tensorflow", "jax", reason="Keras offers it there")
    build, options = VARIANTS[variant]
    check(build, options, tmp_path)


def test_mixed_float16(tmp_path):
    try:
        callback = check(small, {}, tmp_path, dtype="mixed_float16")
    finally:
        keras.config.set_dtype_policy("float32")
    assert callback.model.layers[0].compute_dtype == "float16"
    assert all(explanation.maps.dtype == np.float32 for explanation in callback.explanations.values())


def check(build, options, log_dir, dtype="float32"):
    """Fit with and without; compare what is left behind, and what was logged last with the model as it is now."""
    callback = ExplanationCallback(samples(), ["grad_cam", kx.LIME(num_samples=12, segments="grid")], log_dir=log_dir)
    states = []
    for callbacks in ([], [callback]):
        set_random_states()
        keras.config.set_dtype_policy(dtype)  # forgotten with all other global state
        model = compiled(build(), **options)
        histories = []
        assert told(lambda: histories.append(fit(model, callbacks, epochs=2))) == []  # noqa: B023
        states.append(fit_state(model, histories[0]))
    assert differences(*states) == {}
    assert [r["epoch"] for r in read_log(log_dir) if r["kind"] in ("baseline", "epoch")] == [-1, 0, 1]
    now = kx.GradCAM()(model, callback.samples)
    np.testing.assert_allclose(
        callback.explanations["grad_cam"].maps, now.maps, atol=1e-3 * np.abs(now.maps).max() + 1e-9
    )
    return callback
