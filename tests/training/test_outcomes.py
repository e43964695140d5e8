"""What the log says the model said: classes and confidences are never guessed from logits."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from keras_xai.log import read_log

IMAGES = np.random.default_rng(0).random((4, 12, 12, 3), dtype=np.float32)


def logged_samples(model, loss, y, tmp_path, **options):
    model.compile(keras.optimizers.SGD(0.0), loss)
    callback = kx.callbacks.GradCAMCallback(IMAGES, log_dir=tmp_path, on_error="raise", verbose=0, **options)
    model.fit(IMAGES, y, epochs=1, verbose=0, callbacks=[callback])
    (record,) = [record for record in read_log(tmp_path) if record["kind"] == "epoch"]
    return record["samples"]


def pooled(*head):
    return keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), *head])


@pytest.mark.parametrize(("bias", "predicted"), [(0.3, 1), (-0.3, 0)])
def test_a_small_logit_of_one_unit_is_no_probability(bias, predicted, tmp_path):
    unit = layers.Dense(1, kernel_initializer=keras.initializers.Constant(1e-3))
    model = pooled(unit)
    unit.bias.assign([bias])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    for sample in logged_samples(model, loss, np.zeros(4), tmp_path):
        assert (sample["predicted"], sample["target"], sample["confidence"]) == (predicted, predicted, None)


def test_small_logits_of_several_units_are_no_probabilities(tmp_path):
    units = layers.Dense(3, kernel_initializer="zeros")
    model = pooled(units)
    units.kernel.assign(np.full((4, 3), 1e-3))
    units.bias.assign([0.2, 0.5, 0.1])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for sample in logged_samples(model, loss, np.zeros(4), tmp_path):
        assert (sample["predicted"], sample["confidence"]) == (1, None)


def test_a_regression_has_no_class(tmp_path):
    score = kx.scores.Regression()
    for sample in logged_samples(pooled(layers.Dense(2)), "mse", np.zeros((4, 2)), tmp_path, score=score):
        assert (sample["predicted"], sample["confidence"]) == (None, None)


class SigmoidByOperations(keras.Model):
    def __init__(self):
        super().__init__()
        self.convolution = layers.Conv2D(4, 3)
        self.unit = layers.Dense(1, bias_initializer=keras.initializers.Constant(-3.0))

    def call(self, x):
        return keras.ops.sigmoid(self.unit(keras.ops.mean(self.convolution(x), axis=(1, 2))))


def test_one_sigmoid_unit_by_operations_predicts_what_it_says():
    model = SigmoidByOperations()
    model(IMAGES)
    with pytest.warns(UserWarning, match="log-probability is explained"):
        explanation = kx.GradCAM()(model, IMAGES)
    assert (explanation.predictions < 0.5).all()
    assert explanation.targets.tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(explanation.scores, np.log(1 - explanation.predictions[:, 0]), rtol=1e-4)


def test_logits_have_no_probability_to_explain():
    model = pooled(layers.Dense(3))
    for score in (kx.scores.Probability(), kx.scores.LogProbability()):
        with pytest.raises(ValueError, match="needs probabilities, but the output .* holds none"):
            kx.GradCAM(score=score)(model, IMAGES)


def test_a_score_of_ones_own_names_its_output():
    inputs = keras.Input((12, 12, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, {"u": layers.Dense(2, "softmax")(x), "v": layers.Dense(4, "softmax")(x)})

    def of_v(outputs, targets):
        return keras.ops.take_along_axis(outputs["v"], targets[:, None], axis=1)[:, 0]

    of_v.output = "v"
    explanation = kx.GradCAM(score=of_v)(model, kx.Samples(IMAGES, labels=[3, 2, 1, 0]))
    assert explanation.predictions.shape == (4, 4)
    np.testing.assert_allclose(explanation.scores, explanation.predictions[np.arange(4), [3, 2, 1, 0]], rtol=1e-5)


def test_a_remote_directory_is_refused():
    with pytest.raises(ValueError, match="log_dir must be a local directory"):
        kx.callbacks.GradCAMCallback(IMAGES, log_dir="gs://bucket/logs")


def test_too_rare_to_happen_is_said(tmp_path):
    model = pooled(layers.Dense(3, "softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    callback = kx.callbacks.GradCAMCallback(IMAGES, log_dir=tmp_path, every=3, verbose=0)
    with pytest.warns(UserWarning, match="every=3 is more than the 2 epochs"):
        model.fit(IMAGES, np.zeros(4), epochs=2, verbose=0, callbacks=[callback])


def test_the_first_drift_is_from_the_untrained_network(tmp_path):
    model = pooled(layers.Dense(3, "softmax"))
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    key = "xai/drift/grad_cam"
    callback = kx.callbacks.GradCAMCallback(IMAGES, log_dir=tmp_path, log_keys=[key], verbose=0)
    history = model.fit(IMAGES, np.zeros(4), epochs=2, verbose=0, callbacks=[callback]).history
    np.testing.assert_allclose(history[key], 0, atol=1e-6)
