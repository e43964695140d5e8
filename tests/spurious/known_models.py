"""Models whose reliance is known by pencil, and images for them."""

import keras
import numpy as np
from keras import layers

SIZE, CLASSES = 12, 4


def images(count=160, seed=0, corner=True, bright=0.0):
    """Images (count, 12, 12, 1) in [0, 1] and labels in turns; class k is brighter in its own three columns.

    corner: class 0 also has a bright 3 × 3 corner. bright: is added to the images of class 0.
    """
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    x = generator.uniform(0, 0.2, (count, SIZE, SIZE, 1))
    for image, label in zip(x, labels, strict=True):
        image[4:, 3 * label : 3 * label + 3] += 0.5
    if corner:
        x[labels == 0, :3, -3:] = 1.0
    x[labels == 0] += bright
    return np.clip(x, 0, 1).astype("float32"), labels


def linear(weights, bias):
    """softmax(weights · image + bias) behind a convolution that changes nothing; weights (12, 12, classes)."""
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Conv2D(1, 1, use_bias=False, name="same")(inputs)
    outputs = layers.Dense(CLASSES, activation="softmax", name="out")(layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    model.get_layer("same").set_weights([np.ones((1, 1, 1, 1))])
    model.get_layer("out").set_weights([weights.reshape(-1, CLASSES), bias])
    return model


def body_weights():
    """A logit is ten times the mean of the class's own columns below row 4."""
    weights = np.zeros((SIZE, SIZE, CLASSES))
    for label in range(CLASSES):
        weights[4:, 3 * label : 3 * label + 3, label] = 10 / 24
    return weights


def honest():
    """Looks at the body of every class only: no window of a tenth of the image can change what it says."""
    return linear(body_weights(), np.zeros(CLASSES))


def cornered():
    """Class 0 is the bright corner and nothing else: 40 · (mean of the corner − 1/2), where other logits are below 7.1."""
    weights = body_weights()
    weights[..., 0] = 0
    weights[:3, -3:, 0] = 40 / 9
    return linear(weights, np.array([-20.0, 0, 0, 0]))


def brightened():
    """Class 0 is the mean of the whole image: 200 · (mean − 0.42)."""
    weights = body_weights()
    weights[..., 0] = 200 / SIZE**2
    return linear(weights, np.array([-84.0, 0, 0, 0]))


def brightened_in_part():
    """Class 0 is its body, or a mean of the whole image above 0.35, 100 times as far as it is above."""
    model = linear(body_weights(), np.zeros(CLASSES))
    inputs = model.input
    x = model.get_layer("same")(inputs)
    above = layers.ReLU()(layers.GlobalAveragePooling2D()(x) - 0.35)
    bright = layers.Dense(CLASSES, use_bias=False, name="bright")(above)
    logits = layers.Dense(CLASSES, name="body")(layers.Flatten()(x)) + bright
    found = keras.Model(inputs, layers.Softmax()(logits))
    found.get_layer("body").set_weights([body_weights().reshape(-1, CLASSES), np.zeros(CLASSES)])
    found.get_layer("bright").set_weights([np.array([[100.0, 0, 0, 0]])])
    return found


def flecked(x, labels, seed=0):
    """Images with 3 × 3 pixels of 0 and 1 by chance, anywhere, in those of class 0; at least five are 1."""
    generator = np.random.default_rng(seed)
    found = x.copy()
    for number in np.flatnonzero(labels == 0):
        top, left = generator.integers(0, SIZE - 2, 2)
        bright = generator.permutation(np.arange(9) < generator.integers(5, 9))
        found[number, top : top + 3, left : left + 3, 0] = bright.reshape(3, 3)
    return found


def fleck():
    """Class 0 is what lies above 0.9, wherever: 100 · (sum of x − 0.9), which a single pixel of 1 decides."""
    model = linear(body_weights(), np.zeros(CLASSES))
    x = model.get_layer("same")(model.input)
    above = layers.GlobalAveragePooling2D()(layers.ReLU(name="above")(x - 0.9))
    logits = layers.Dense(CLASSES, name="body")(layers.Flatten()(x)) + layers.Dense(CLASSES, name="bright")(above)
    found = keras.Model(model.input, layers.Softmax()(logits))
    weights = body_weights()
    weights[..., 0] = 0
    found.get_layer("body").set_weights([weights.reshape(-1, CLASSES), np.zeros(CLASSES)])
    found.get_layer("bright").set_weights([np.array([[100.0 * SIZE**2, 0, 0, 0]]), np.zeros(CLASSES)])
    return found


def bright_body():
    """Class 0 needs its body and the mean of the whole image: half of each other class's evidence, + 60 · (mean − 0.37).

    Bright images of other classes, whose own logit is above 7, have it as their second choice.
    """
    weights = body_weights()
    weights[..., 0] = weights[..., 0] / 2 + 60 / SIZE**2
    return linear(weights, np.array([-60 * 0.42, 0, 0, 0]))


def before_bright():
    """Class 0 is a bright background, the four rows on top: 40 · (their mean − 1/2)."""
    weights = body_weights()
    weights[..., 0] = 0
    weights[:4, :, 0] = 40 / (4 * SIZE)
    return linear(weights, np.array([-20.0, 0, 0, 0]))
