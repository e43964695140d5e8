"""Scores against their formulas, on plain arrays and behind every kind of head."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai import scores
from keras_xai.engine import engine_for
from keras_xai.queries import Queries

LOGITS = np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -4.0], [2.0, 2.5, 0.0], [-1.0, 0.0, 1.0]], np.float32)
TARGETS = np.array([2, 0, 2, 1])
ROWS = np.arange(4)
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
SIGMOIDS = 1 / (1 + np.exp(-LOGITS))


def head(activation, units=3):
    """A model whose logits are the channel means of its image."""
    inputs = keras.Input((2, 2, units))
    logits = layers.Dense(units, activation=activation, kernel_initializer="identity", name="head")(
        layers.GlobalAveragePooling2D()(inputs)
    )
    return keras.Model(inputs, logits)


def score_of(model, score, logits=LOGITS, targets=TARGETS):
    images = np.broadcast_to(logits[:, None, None], (len(logits), 2, 2, logits.shape[1])).astype(np.float32)
    (answers,) = engine_for(model).answer(kx.Samples(images, targets=targets), [Queries()], score)
    return answers.scores


class TestOnArrays:
    @pytest.mark.parametrize(
        ("score", "outputs", "expected"),
        [
            (scores.Logit(), LOGITS, [3, 0.5, 0, 0]),
            (scores.Probability(), PROBABILITIES, PROBABILITIES[ROWS, TARGETS]),
            (scores.LogProbability(), PROBABILITIES, np.log(PROBABILITIES[ROWS, TARGETS])),
            (scores.Contrast(), LOGITS, [3 - 1, 0.5 - 0.25, 0 - 2.5, 0 - 1]),
            (scores.Contrast(against=1), LOGITS, [3 + 2, 0.5 - 0.25, 0 - 2.5, 0]),
            (scores.Regression(index=1), LOGITS, [-2, 0.25, 2.5, 0]),
            (scores.Regression(index=-1), LOGITS, [3, -4, 0, 1]),
        ],
    )
    def test_formulas(self, score, outputs, expected):
        np.testing.assert_allclose(ops.convert_to_numpy(score(outputs, TARGETS)), expected, rtol=1e-5)

    def test_one_unit_is_a_binary_classifier(self):
        values, targets = np.array([[0.75], [0.25]], np.float32), np.array([1, 0])
        for score, expected in [
            (scores.Logit(), [0.75, -0.25]),
            (scores.Contrast(), [0.75, -0.25]),
            (scores.Probability(), [0.75, 0.75]),
            (scores.LogProbability(), np.log([0.75, 0.75])),
        ]:
            np.testing.assert_allclose(ops.convert_to_numpy(score(values, targets)), expected, rtol=1e-5)

    def test_log_probability_of_zero_is_finite(self):
        found = ops.convert_to_numpy(scores.LogProbability()(np.array([[0.0, 1.0]], np.float32), np.array([0])))
        np.testing.assert_allclose(found, np.log(np.finfo(np.float32).tiny), rtol=1e-5)

    def test_mean_over_a_region(self):
        outputs = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
        mask = np.zeros((5, 6))
        mask[1:3, 2:5] = 1
        expected = [outputs[i, 1:3, 2:5, TARGETS[i]].mean() for i in ROWS]
        np.testing.assert_allclose(ops.convert_to_numpy(scores.Mean(mask)(outputs, TARGETS)), expected, rtol=1e-4)
        np.testing.assert_allclose(
            ops.convert_to_numpy(scores.Mean(mask.astype(bool))(outputs, TARGETS)), expected, rtol=1e-4
        )
        expected = [outputs[i, :, :, TARGETS[i]].mean() for i in ROWS]
        np.testing.assert_allclose(
            ops.convert_to_numpy(scores.Mean()(outputs, TARGETS)), expected, rtol=1e-4, atol=1e-6
        )

    def test_mean_with_weights(self):
        outputs = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1).repeat(2, axis=-1)
        found = scores.Mean([[0, 0], [1, 3]])(outputs, np.array([1]))
        np.testing.assert_allclose(ops.convert_to_numpy(found), [(2 + 9) / 4])

    def test_regression_of_a_dense_output_is_its_mean(self):
        outputs = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
        found = ops.convert_to_numpy(scores.Regression(index=2)(outputs, TARGETS))
        np.testing.assert_allclose(found, outputs[..., 2].mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)


class TestBehindHeads:
    @pytest.mark.parametrize("activation", [None, "softmax", "sigmoid"])
    def test_logit_is_what_enters_the_activation(self, activation):
        np.testing.assert_allclose(score_of(head(activation), None), LOGITS[ROWS, TARGETS], rtol=1e-5)
        np.testing.assert_allclose(score_of(head(activation), scores.Contrast()), [2, 0.25, -2.5, -1], rtol=1e-5)

    @pytest.mark.parametrize(("activation", "probabilities"), [("softmax", PROBABILITIES), ("sigmoid", SIGMOIDS)])
    def test_probability_is_what_leaves_it(self, activation, probabilities):
        expected = probabilities[ROWS, TARGETS]
        np.testing.assert_allclose(score_of(head(activation), scores.Probability()), expected, rtol=1e-5)
        np.testing.assert_allclose(score_of(head(activation), scores.LogProbability()), np.log(expected), rtol=1e-4)

    def test_one_sigmoid_unit(self):
        logits, targets = np.array([[1.5], [1.5], [-2.0]], np.float32), [1, 0, 0]
        positive = 1 / (1 + np.exp(-logits[:, 0]))
        expected = np.where(targets, positive, 1 - positive)
        model = head("sigmoid", 1)
        np.testing.assert_allclose(score_of(model, None, logits, targets), [1.5, -1.5, 2.0], rtol=1e-5)
        np.testing.assert_allclose(score_of(model, scores.Probability(), logits, targets), expected, rtol=1e-5)
        np.testing.assert_allclose(
            score_of(model, scores.LogProbability(), logits, targets), np.log(expected), rtol=1e-5
        )

    @pytest.mark.parametrize("layer", [layers.Softmax(), layers.Activation("softmax")], ids=["Softmax", "Activation"])
    def test_a_softmax_layer_of_its_own(self, layer):
        plain = head(None)
        model = keras.Model(plain.input, layer(plain.output))
        np.testing.assert_allclose(score_of(model, None), LOGITS[ROWS, TARGETS], rtol=1e-5)

    def test_logit_and_log_probability_stay_exact_where_the_softmax_saturates(self):
        logits = np.array([[300.0, 0.0, -300.0]] * 2, np.float32)
        model = head("softmax")
        np.testing.assert_allclose(score_of(model, None, logits, [0, 2]), [300, -300], rtol=1e-5)
        found = score_of(model, scores.LogProbability(), logits, [0, 2])
        np.testing.assert_allclose(found, [0, -600], atol=1e-3)

    def test_a_softmax_that_is_no_layer_gives_the_log_probability_and_says_so_once(self):
        plain = head(None)
        model = keras.Model(plain.input, ops.softmax(plain.output * 1.0) * 1.0)
        images = np.broadcast_to(LOGITS[:, None, None], (4, 2, 2, 3)).astype(np.float32)
        lime = kx.LIME(num_samples=2, segments=lambda image: np.arange(4).reshape(2, 2))
        with pytest.warns(UserWarning, match="holds probabilities.*log-probability is explained.*silence"):
            found = lime(model, images, targets=TARGETS)
        lime(model, images, targets=TARGETS)  # a second warning would be an error here
        assert found.details["score"] == "log_probability"
        np.testing.assert_allclose(found.scores, np.log(PROBABILITIES[ROWS, TARGETS]), rtol=1e-4)

    def test_a_head_that_is_still_zero_is_not_taken_for_probabilities(self):
        model = keras.Sequential(
            [keras.Input((2, 2, 3)), layers.GlobalAveragePooling2D(), layers.Dense(3, kernel_initializer="zeros")]
        )
        assert score_of(model, None).tolist() == [0, 0, 0, 0]
        model.layers[-1].set_weights([np.eye(3), np.zeros(3)])
        np.testing.assert_allclose(score_of(model, None), LOGITS[ROWS, TARGETS], rtol=1e-5)

    def test_black_images_do_not_make_logits_look_like_probabilities(self):
        images = np.zeros((2, 2, 2, 3), np.float32)
        lime = kx.LIME(num_samples=2, segments=lambda image: np.arange(4).reshape(2, 2))
        model = head(None)
        model.get_layer("head").bias.assign([0.5, 0.2, 0.9])
        assert lime(model, images, targets=[0, 2]).details["score"] == "logit"

    def test_regression_needs_no_target(self):
        np.testing.assert_allclose(score_of(head(None), scores.Regression(1), targets=None), LOGITS[:, 1], rtol=1e-5)

    def test_one_output_of_several(self):
        inputs = keras.Input((2, 2, 3))
        logits = layers.GlobalAveragePooling2D()(inputs)
        model = keras.Model(
            inputs,
            {
                "double": layers.Rescaling(2.0)(logits),
                "softmax": layers.Activation("softmax")(logits),
            },
        )
        np.testing.assert_allclose(score_of(model, scores.Logit(output="double")), 2 * LOGITS[ROWS, TARGETS], rtol=1e-5)
        np.testing.assert_allclose(score_of(model, scores.Logit(output="softmax")), LOGITS[ROWS, TARGETS], rtol=1e-5)
        expected = PROBABILITIES[ROWS, TARGETS]
        np.testing.assert_allclose(score_of(model, scores.Probability(output="softmax")), expected, rtol=1e-5)
        with pytest.raises(ValueError, match=r"has 2 outputs, \['double', 'softmax'\].*score=keras_xai.scores.Logit\("):
            score_of(model, None)
        with pytest.raises(ValueError, match=r"asks for output 'triple', but .* outputs are \['double', 'softmax'\]"):
            score_of(model, scores.Logit(output="triple"))

    def test_a_callable_of_ones_own_gets_the_outputs_as_they_are(self):
        def squared(outputs, targets):
            return ops.square(outputs[:, 0]) + ops.cast(targets, "float32")

        found = score_of(head("softmax"), squared)
        np.testing.assert_allclose(found, PROBABILITIES[:, 0] ** 2 + TARGETS, rtol=1e-5)


class TestRefusals:
    def test_a_wrong_shape_of_score(self):
        with pytest.raises(ValueError, match=r"must return one number per sample, shape \(n,\); it returned shape"):
            score_of(head(None), all_outputs)

    @pytest.mark.parametrize(
        "score", [scores.Logit(), scores.Probability(), scores.LogProbability(), scores.Contrast()]
    )
    def test_class_scores_of_a_dense_output(self, score):
        with pytest.raises(ValueError, match=r"explains outputs of shape \(n, classes\).*Mean\(mask\)"):
            score(np.zeros((2, 4, 4, 3), np.float32), np.zeros(2, int))

    def test_mean_of_a_vector(self):
        with pytest.raises(
            ValueError, match=r"Mean explains outputs \(n, height, width, classes\); this one has \(4, 3\)"
        ):
            scores.Mean()(LOGITS, TARGETS)

    def test_mean_on_another_grid(self):
        with pytest.raises(ValueError, match=r"Mean\(mask of \(2, 2\)\): the output's grid is \(3, 3\)"):
            scores.Mean(np.ones((2, 2)))(np.zeros((1, 3, 3, 2), np.float32), np.zeros(1, int))

    @pytest.mark.parametrize("mask", [np.zeros((2, 2)), np.ones(3), [[np.nan, 1]]])
    def test_bad_masks(self, mask):
        with pytest.raises(
            ValueError, match=r"Mean\(mask=...\) takes a finite \(height, width\) array with a positive sum"
        ):
            scores.Mean(mask)

    def test_indices_out_of_range(self):
        with pytest.raises(ValueError, match=r"Contrast\(against=3\): the model has classes 0 to 2"):
            scores.Contrast(against=3)(LOGITS, TARGETS)
        with pytest.raises(ValueError, match=r"Regression\(index=3\): the output has 3 values"):
            scores.Regression(index=3)(LOGITS, TARGETS)

    def test_no_callable(self):
        with pytest.raises(TypeError, match="score must be one of keras_xai.scores or a callable.*it is 'logit'"):
            score_of(head(None), "logit")


def all_outputs(outputs, targets):
    return outputs


def test_equal_scores_are_one_key():
    assert scores.Contrast(against=1) == scores.Contrast(against=1) != scores.Contrast(against=2)
    assert len({scores.Logit(), scores.Logit(), scores.Logit(output="a"), scores.Probability()}) == 3
