"""Other things to explain than one class of many: the same explainers, the right score."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai.explainers.explainer import explain
from tests import numpy_layers as slow
from tests.analytic.networks import close
from tests.models import COUNT, KINDS, filled, weights


def three(score):
    """One explainer of each family: at a layer, at the input, and of scores alone."""
    return [kx.GradCAM(score=score), kx.GradientInput(score=score), kx.Occlusion(patch=4, fill=0.0, score=score)]


def check(model, samples, features, after, score):
    """Compare all three with the model written in NumPy.

    Args:
        features: image (m, …) -> what the automatic layer puts out. after: (that, index of the sample) -> (m,) scores.
    """
    grad_cam, gradient_input, occlusion = explain(model, three(score), samples, [None] * 3)
    for i, image in enumerate(samples.image.astype(np.float64)):
        activations = features(image[None])
        np.testing.assert_allclose(grad_cam.scores[i], after(activations, i)[0], rtol=1e-4, atol=1e-6)
        gradient = slow.gradient(lambda a: after(a, i), activations[0])  # noqa: B023
        expected = np.maximum((activations[0] * gradient.mean(axis=(0, 1))).sum(axis=-1), 0)
        np.testing.assert_allclose(grad_cam.raw[i], expected, atol=1e-4 * np.abs(activations * gradient).max() * 4)
        gradient = slow.gradient(lambda images: after(features(images), i), image)  # noqa: B023
        close(gradient_input.raw[i], (image * gradient).sum(axis=-1))
        hidden = image.copy()
        hidden[:4, :4] = 0
        fall = after(activations, i) - after(features(hidden[None]), i)
        np.testing.assert_allclose(occlusion.details["falls"][i, 0, 0], fall[0], rtol=1e-3, atol=1e-5)
    return grad_cam


def tower(inputs):
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="early")(inputs)
    return layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="last")(x)


def slow_tower(w):
    return lambda image: slow.relu(slow.conv(slow.relu(slow.conv(image, **w["early"])), **w["last"], strides=2))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((COUNT, 8, 8, 3), np.float32)


def test_several_labels_at_once(x):
    """Independent sigmoids: of the labels of a sample the one the model finds most probable is explained, as its logit."""
    inputs = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(tower(inputs))
    model = filled(keras.Model(inputs, layers.Dense(4, activation="sigmoid", name="out")(pooled)))
    labels = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1]])
    w = weights(model)
    logits = slow.dense(slow.pool(slow_tower(w)(x.astype(float))), **w["out"])
    targets = np.where(labels, logits, -np.inf).argmax(axis=1)

    def after(activations, i):
        return slow.dense(slow.pool(activations), **w["out"])[:, targets[i]]

    found = check(model, kx.Samples(x, labels=labels), slow_tower(w), after, None)
    np.testing.assert_array_equal(found.targets, targets)
    assert found.details["score"] == "logit"


def test_regression_of_one_of_two_values(x):
    inputs = keras.Input((8, 8, 3))
    model = filled(keras.Model(inputs, layers.Dense(2, name="out")(layers.Flatten()(tower(inputs)))))
    w = weights(model)

    def after(activations, i):
        return slow.dense(activations.reshape(len(activations), -1), **w["out"])[:, 1]

    check(model, kx.Samples(x), slow_tower(w), after, kx.scores.Regression(index=1))


@pytest.mark.parametrize(("activation", "score"), [(None, kx.scores.Logit()), ("sigmoid", kx.scores.Probability())])
def test_one_number_per_sample_without_an_axis_of_classes(x, activation, score):
    """Outputs (n,) are outputs (n, 1) whose last axis was squeezed away."""
    inputs = keras.Input((8, 8, 3))
    outputs = layers.Dense(1, activation=activation)(layers.GlobalAveragePooling2D()(tower(inputs)))
    column = filled(keras.Model(inputs, outputs))
    squeezed = keras.Model(inputs, ops.squeeze(outputs, -1))
    asked = [kx.Saliency(score=score), kx.GradCAM(score=score), kx.GradCAM(score=kx.scores.Regression())]
    for one, two in zip(
        *(explain(model, asked, kx.Samples(x), [None] * 3) for model in (squeezed, column)), strict=True
    ):
        np.testing.assert_allclose(one.raw, two.raw, rtol=0, atol=1e-4 * max(two.raw.max(), 1e-3))
        np.testing.assert_allclose(one.scores, two.scores, rtol=1e-5)
        assert one.predictions.shape == (COUNT, 1)
    assert one.raw.max() > 0


def test_segmentation_over_a_mask(x):
    """Why is this region called class 2? The mean logit over it."""
    inputs = keras.Input((8, 8, 3))
    model = filled(keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax", name="out")(tower(inputs))))
    w = weights(model)
    mask = np.zeros((4, 4), bool)
    mask[1:3, :2] = True

    def after(activations, i):
        return slow.conv(activations, **w["out"])[:, mask][..., 2].mean(axis=1)

    check(model, kx.Samples(x, targets=[2] * COUNT), slow_tower(w), after, kx.scores.Mean(mask))
    # Only what the mask can see has a gradient: 3×3 twice, at stride 2.
    far = np.abs(kx.Saliency(score=kx.scores.Mean(mask))(model, x, targets=[2] * COUNT).raw)
    assert far[:, :, 6:].max() == 0
    assert far[:, 2:6, :4].min() > 0


def detector():
    """Boxes (n, 16, 4) and class scores (n, 16, 3), one anchor per cell."""
    inputs = keras.Input((8, 8, 3))
    features = tower(inputs)
    boxes = layers.Reshape((16, 4), name="boxes")(layers.Conv2D(4, 1, name="boxes_conv")(features))
    classes = layers.Reshape((16, 3), name="classes")(layers.Conv2D(3, 1, name="classes_conv")(features))
    return filled(keras.Model(inputs, {"boxes": boxes, "classes": classes}))


def test_one_detection_through_a_callable(x):
    """The score of class 1 in the box at anchor 6, and how wide that box is."""
    model = detector()
    w = weights(model)

    def class_of_the_box(outputs, targets):
        return outputs["classes"][:, 6, 1]

    def width_of_the_box(outputs, targets):
        return outputs["boxes"][:, 6, 2] - outputs["boxes"][:, 6, 0]

    def classes(activations, i):
        return slow.conv(activations, **w["classes_conv"]).reshape(-1, 16, 3)[:, 6, 1]

    def width(activations, i):
        boxes = slow.conv(activations, **w["boxes_conv"]).reshape(-1, 16, 4)[:, 6]
        return boxes[:, 2] - boxes[:, 0]

    found = [kx.HiResCAM(layer="last", score=score)(model, x) for score in (class_of_the_box, width_of_the_box)]
    for one, after in zip(found, (classes, width), strict=True):
        activations = slow_tower(w)(x.astype(float))
        np.testing.assert_allclose(one.scores, after(activations, 0), rtol=1e-4, atol=1e-5)
        # Only the cell of the anchor matters, with what its kernel gives it, less the bias.
        bias = after(0 * activations, 0)
        np.testing.assert_allclose(one.raw[:, 1, 2], np.maximum(one.scores - bias, 0), rtol=1e-3, atol=1e-5)
        assert not np.delete(one.raw.reshape(COUNT, 16), 6, axis=1).any()


def test_similarity_to_a_reference_embedding(x):
    inputs = keras.Input((8, 8, 3))
    model = filled(keras.Model(inputs, layers.Dense(5, name="out")(layers.GlobalAveragePooling2D()(tower(inputs)))))
    w = weights(model)
    reference = model.predict_on_batch(x[:1])[0]

    def after(activations, i):
        embedding = slow.dense(slow.pool(activations), **w["out"])
        return embedding @ reference / np.linalg.norm(embedding, axis=1) / np.linalg.norm(reference)

    score = kx.scores.Similarity(reference)
    found = check(model, kx.Samples(x[1:]), slow_tower(w), after, score)
    assert found.details["score"] == "similarity"
    itself = kx.Saliency(score=score)(model, x)
    np.testing.assert_allclose(itself.scores[0], 1, rtol=1e-5)
    assert np.abs(itself.raw[0]).max() < 1e-3 * np.abs(itself.raw[1:]).max()  # nothing is more similar than the same


@pytest.mark.parametrize("reference", [None, np.zeros(3), np.ones((2, 3)), [1.0, np.nan]])
def test_what_is_no_embedding_is_refused(reference):
    with pytest.raises(
        ValueError, match=r"Similarity\(reference=...\) takes one embedding, a finite \(values,\) array"
    ):
        kx.scores.Similarity(reference)


def test_an_embedding_of_another_length_is_refused(x):
    with pytest.raises(ValueError, match=r"Similarity\(reference of 4 values\): the embedding has 3"):
        kx.Saliency(score=kx.scores.Similarity(np.ones(4)))(KINDS["logits"].model(), x)


def test_similarity_of_an_embedding_of_zeros_is_zero():
    score = kx.scores.Similarity(np.array([3.0, 4.0]))
    found = ops.convert_to_numpy(score(ops.convert_to_tensor([[0.0, 0.0], [6.0, 8.0], [4.0, -3.0]]), None))
    np.testing.assert_allclose(found, [0, 1, 0], atol=1e-6)
