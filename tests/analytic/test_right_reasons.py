"""The penalty on wrong reasons: its value, its gradient, what it leaves alone, and what it achieves."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_xai.backend import to_numpy
from keras_xai.spurious.right_reasons import RightReasons, log_probability

REGION = (1, 0, 2, 3)
CLASSES = 3


def images(count=8, size=4, channels=2):
    return np.random.default_rng(0).random((count, size, size, channels), dtype=np.float32)


def linear(activation="softmax"):
    model = keras.Sequential([keras.Input((4, 4, 2)), layers.Flatten(), layers.Dense(CLASSES, activation=activation)])
    model.set_weights([np.random.default_rng(1).normal(size=(32, CLASSES)), np.zeros(CLASSES)])
    return model


def by_hand(x, kernel):
    """Σ over the region of (d Σ_k log p_k / d x)², which for a linear softmax is (Σ_k w_k − K Σ_k p_k w_k)²."""
    logits = x.reshape(len(x), -1) @ kernel
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    gradients = (kernel.sum(axis=1) - CLASSES * p @ kernel.T).reshape(x.shape)
    return (gradients[:, 1:3, 0:3] ** 2).sum(axis=(1, 2, 3))


def mask_of_region():
    mask = np.zeros((4, 4), bool)
    mask[1:3, 0:3] = True
    return mask


@pytest.mark.parametrize(
    "ignore", [REGION, mask_of_region(), lambda x: ops.tile(mask_of_region()[None], (len(x), 1, 1))]
)
@pytest.mark.parametrize("activation", ["softmax", None])
def test_the_penalty_of_a_linear_model(ignore, activation):
    model, x = linear(activation), images()
    careful = RightReasons(model, ignore, from_logits=activation is None)
    expected = by_hand(x.astype(np.float64), model.get_weights()[0].astype(np.float64))
    np.testing.assert_allclose(to_numpy(careful.wrong_reasons(ops.convert_to_tensor(x))), expected, rtol=1e-4)


def test_a_step_goes_down_the_slope_of_the_penalty():
    model, x = linear(), images()
    kernel = model.get_weights()[0].astype(np.float64)
    rate, strength, small = 0.01, 0.5, 1e-5
    slope = np.zeros_like(kernel)
    for place in np.ndindex(*kernel.shape):
        nudge = np.zeros_like(kernel)
        nudge[place] = small
        slope[place] = (by_hand(x, kernel + nudge) - by_hand(x, kernel - nudge)).mean() / (2 * small)
    careful = RightReasons(model, REGION, strength)
    careful.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    # Weights of zero leave nothing of the loss but the penalty.
    loss = careful.train_on_batch(x, np.zeros(len(x)), sample_weight=np.zeros(len(x)), return_dict=True)["loss"]
    np.testing.assert_allclose(loss, strength * by_hand(x, kernel).mean(), rtol=1e-4)
    np.testing.assert_allclose(model.get_weights()[0], kernel - rate * strength * slope, atol=1e-4)


def test_one_unit_is_two_classes():
    p = np.array([[0.2], [0.9]], np.float32)
    logits = np.log(p / (1 - p))
    expected = np.log(np.concatenate([1 - p, p], axis=1))
    np.testing.assert_allclose(to_numpy(log_probability(ops.convert_to_tensor(p), False)), expected, atol=1e-5)
    np.testing.assert_allclose(to_numpy(log_probability(ops.convert_to_tensor(logits), True)), expected, atol=1e-5)


def with_state():
    return keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.Conv2D(4, 3, activation="relu", padding="same"),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=3),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )


def test_the_second_pass_leaves_statistics_and_seeds_alone():
    model = with_state()
    before = [np.array(to_numpy(variable.value)) for variable in model.variables]
    RightReasons(model, REGION).wrong_reasons(ops.convert_to_tensor(images()), training=True)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(to_numpy(variable.value), value)


def test_a_network_stops_reading_the_corner():
    """A pixel names the label; so, less clearly, does the lower half, which is read once the pixel is punished."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 256)
    x = random.random((256, 4, 4, 2), dtype=np.float32)
    x[:, 2:] += 0.3 * y[:, None, None, None]
    without = x.copy()
    x[:, 0, 0] = 2 * y[:, None]
    gains = []
    for seed in range(3):
        scores = {}
        for strength in (0.0, 3.0):
            keras.utils.set_random_seed(seed)
            hidden = layers.Dense(8, activation="tanh")
            model = keras.Sequential(
                [keras.Input((4, 4, 2)), layers.Flatten(), hidden, layers.Dense(2, activation="softmax")]
            )
            careful = RightReasons(model, (0, 0, 1, 1), strength)
            careful.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = careful.fit(x, y, epochs=6, batch_size=32, verbose=0, validation_data=(x, y)).history
            scores[strength] = (model.predict(without, verbose=0).argmax(axis=-1) == y).mean()
            assert history["val_wrong_reasons"][-1] > 0
        assert scores[0.0] < 0.7
        gains.append(scores[3.0] - scores[0.0])
    assert np.mean(gains) > 0.15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ignore": (0, 0, 2)}, r"must be a region \(top, left, height, width\)"),
        ({"ignore": (0, 0, 0, 2)}, r"must be a region \(top, left, height, width\)"),
        ({"ignore": REGION, "strength": -1}, "strength must be ≥ 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RightReasons(linear(), **arguments)


def test_only_models_are_wrapped():
    with pytest.raises(TypeError, match=r"model must be a keras.Model; it is list"):
        RightReasons([], REGION)


@pytest.mark.parametrize("ignore", [(9, 9, 1, 1), np.ones((3, 3), bool)])
def test_a_part_outside_the_images_is_refused(ignore):
    with pytest.raises(ValueError, match=r"ignore must mark a part of images of \(4, 4\) pixels"):
        RightReasons(linear(), ignore).wrong_reasons(ops.convert_to_tensor(images()))
