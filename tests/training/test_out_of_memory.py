"""Batches that memory does not hold: halved, remembered, said once, with the same result. The failures are real ones."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai import backend
from keras_xai.callbacks import ExplanationCallback
from keras_xai.explainers.explainer import explain
from tests.requirements import require_backend
from tests.test_engine import Counting
from tests.training.networks import CLASSES, SIZE, compiled
from tests.training.running import fit, samples, told

TOO_MUCH = 2**42  # floats: 16 TiB


class Hungry(layers.Layer):
    """Passes its input on; for more than `most` images it asks for more memory than there is, except in training."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def call(self, x, training=False):
        return x if training else x + 0 * ops.cast(self.waste(x), x.dtype)

    def waste(self, x):
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            count = tf.where(tf.shape(x)[0] > self.most, tf.constant(TOO_MUCH, tf.int64), tf.constant(1, tf.int64))
            # Not what a compiler can know in advance, or it would fold it away.
            return tf.minimum(tf.abs(tf.reduce_max(tf.cumsum(tf.fill([count], x[0, 0, 0, 0])))), 0.0)
        if len(x) <= self.most:
            return ops.zeros(())
        return ops.max(ops.sin(ops.cumsum(ops.broadcast_to(ops.ravel(x)[:1], (TOO_MUCH // 64,)))))

    def compute_output_spec(self, x, training=False):
        return keras.KerasTensor(x.shape, x.dtype)


def network(most):
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            Counting(),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
            Hungry(most),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def explainers():
    return [kx.GradCAM(), kx.LIME(num_samples=12, segments="grid")]


def test_smaller_batches_give_the_same_maps(tmp_path):
    given, sizes = samples(5), []

    class Sizes(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            sizes.append([size for size in self.model.layers[0].seen() if size != 8])  # 8 is the batch of training

    model, history = compiled(network(30)), []
    callback = ExplanationCallback(given, explainers(), log_dir=tmp_path)
    (message,) = told(lambda: history.append(fit(model, [callback, Sizes()], epochs=2)))
    assert "60 images at once were too many for the memory that is left" in message
    assert "explained in batches of at most 30 from now on: the same result, more slowly" in message
    assert history[0].epoch == [0, 1]
    assert max(sizes[1]) == 30

    roomy = network(10**6)
    roomy.set_weights(model.get_weights())
    methods = explainers()
    for expected in explain(roomy, methods, given, [method.prepare(given) for method in methods]):
        found = callback.explanations[expected.method]
        np.testing.assert_allclose(found.raw, expected.raw, rtol=0, atol=1e-5 * np.abs(expected.raw).max())


def test_one_image_that_does_not_fit_is_an_error():
    require_backend(
        "jax", "torch", reason="TensorFlow waits ten seconds for memory each time, and the logic is the same"
    )
    model, given = network(0), samples(2)
    (outcome,) = explain(model, [kx.GradCAM()], given, [None])
    assert backend.is_out_of_memory(outcome)


@pytest.mark.parametrize("error", [ValueError("out of memory"), RuntimeError("shapes do not match"), KeyError("x")])
def test_other_errors_are_not_taken_for_it(error):
    assert not backend.is_out_of_memory(error)


def test_what_python_and_torch_raise():
    assert backend.is_out_of_memory(MemoryError())
    if keras.backend.backend() == "torch":
        import torch

        assert backend.is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"))
