"""A property that one class cannot do without, unlike any other: by pencil, on models that say so."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from keras_xai.samples import Samples
from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.global_cues import GlobalCues
from keras_xai.spurious.probe import Probe

SIZE = 12
NAME = "without its corner light, unlike any other class"


def body(classes):
    """(12, 12) int: the class that a pixel below row 4 belongs to, here and there, as many to each; −1 above."""
    owners = np.full((SIZE, SIZE), -1)
    owners[4:] = (np.random.default_rng(1).permutation(8 * SIZE) % classes).reshape(8, SIZE)
    return owners


def images(classes, lit, count=60):
    """Images (n, 12, 12, 1): every class is brighter by 1/2 in pixels of its own, and some by 0.3 everywhere."""
    labels = np.arange(classes * count) % classes
    x = np.random.default_rng(0).uniform(0, 0.2, (len(labels), SIZE, SIZE, 1))
    for image, label in zip(x, labels, strict=True):
        image[body(classes) == label] += 0.5
        image += 0.3 * (label in lit)
    return np.clip(x, 0, 1).astype("float32"), labels


def needs_light(classes, lit):
    """A logit is ten times the mean of the class's own pixels, of some less 2 + 30 · (0.4 − light of the top rows).

    A lit image of such a class has 9 − 2 = 7, where others have 4, and without its light 6 − 11, where they have 1. A lit
    image of another class has 9 of its own and 4 − 2 of these, less than the 4 of all others: it is never their second.
    """
    weights, bias = np.zeros((SIZE, SIZE, classes)), np.zeros(classes)
    for label in range(classes):
        weights[body(classes) == label, label] = 10 * classes / (8 * SIZE)
        if label in lit:
            weights[:4, :, label] += 30 / 48
            bias[label] = -14
    inputs = keras.Input((SIZE, SIZE, 1))
    outputs = layers.Dense(classes, activation="softmax", name="out")(layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.get_layer("out").set_weights([weights.reshape(-1, classes), bias])
    return model


@pytest.fixture(scope="module")
def findings():
    x, y = images(6, {0})
    return kx.audit(needs_light(6, {0}), (x, y))


def test_what_no_other_class_needs_is_found(findings):
    (alert,) = findings
    assert (alert.class_index, alert.kind, alert.property) == (0, "global", "corner light")
    effects = alert.effects[NAME]
    assert (effects["flips"], effects["control"], effects["effect"]) == (1, 0, 1)
    assert effects["threshold"] == 0.2  # no other class loses an image
    assert alert.effects["without its corner light"]["flips"] == 1
    # It takes nothing along: neither of the other claims holds.
    assert alert.effects["corner light"]["flips"] == 0
    assert alert.effects["corner light, at least second choice"]["flips"] == 0


def test_a_person_can_read_it(findings):
    (alert,) = findings
    assert alert.sentence == (
        "The model recognises '0' by light and colour of the corners: with the light and colour of the corners of other "
        "classes the model gives up '0' for 100% of its images (0% with that of its own), and other classes for 0% of "
        "theirs at most."
    )
    for pair in alert.pairs:
        assert pair["from"] == 0 != pair["to"]
    assert (alert.after.mean(axis=(1, 2, 3)) < alert.before.mean(axis=(1, 2, 3)) - 50).all()


@pytest.mark.parametrize(
    ("classes", "lit", "needing"),
    [(6, {0}, set()), (6, {0, 1}, {0, 1}), (4, {0}, {0})],
    ids=["nobody needs it", "two need it", "too few to compare with"],
)
def test_otherwise_it_is_not(classes, lit, needing):
    x, y = images(classes, lit)
    assert kx.audit(needs_light(classes, needing), (x, y)) == []


def test_a_class_is_compared_with_classes_that_are_not_examined():
    x, y = images(6, {0})
    samples, model = Samples(x, labels=y), needs_light(6, {0})
    oracle, probe = Oracle(model, samples), Probe(samples, 6, 60, 0)
    cues = GlobalCues(oracle, probe, oracle.classes(np.arange(len(x))), [0], 0, {0: ()}, {0})
    assert cues.effects()[0][-1].elsewhere == 0
