"""Images made of pieces of images, piece by piece with a pencil, and a model that knows a class by its grain."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from keras_xai.samples import Samples
from keras_xai.spurious.patchwork import Patchwork

SIDE = 8


def patchwork(images, labels, channels_first=False):
    shown = np.moveaxis(images, -1, 1) if channels_first else images
    samples = Samples(shown, labels=labels, data_format="channels_first" if channels_first else None)
    lenders = {label: np.flatnonzero(labels == label) for label in np.unique(labels).tolist()}
    return Patchwork(samples, labels, lenders)


def by_hand(images, host, lenders):
    """The same with loops: for every piece of the host the lenders' piece with the nearest means of 2 × 2."""
    height, width, channels = images.shape[1:]
    padded = np.pad(images, ((0, 0), (0, -height % SIDE), (0, -width % SIDE), (0, 0)), mode="symmetric")
    found = np.zeros(padded.shape[1:], images.dtype)
    places = [(i, j) for i in range(0, padded.shape[1], SIDE) for j in range(0, padded.shape[2], SIDE)]

    def piece(index, place):
        return padded[index, place[0] : place[0] + SIDE, place[1] : place[1] + SIDE].astype(np.float64)

    def means(one):
        return np.array([one[a : a + 2, b : b + 2].mean(axis=(0, 1)) for a in range(0, 8, 2) for b in range(0, 8, 2)])

    for place in places:
        wanted = means(piece(host, place))
        lent = [piece(index, other) for index in lenders if index != host for other in places]
        nearest = min(lent, key=lambda one: np.square(means(one) - wanted).sum())
        found[place[0] : place[0] + SIDE, place[1] : place[1] + SIDE] = nearest
    return found[:height, :width]


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize(("dtype", "least", "most"), [("uint8", 0, 255), ("float32", 0, 1), ("float32", 1000, 1001)])
def test_every_piece_is_the_lenders_that_looks_most_like_it(dtype, least, most, channels_first):
    random = np.random.default_rng(0)
    images = random.uniform(least, most, (6, 27, 30, 3)).astype(dtype)
    labels = np.array([0, 1, 1, 0, 1, 0])
    made = patchwork(images, labels, channels_first)
    for host, donor in ((0, 1), (0, 3), (4, 2)):
        found = made.remade(host, donor)
        assert found.dtype == images.dtype
        found = np.moveaxis(found, 0, -1) if channels_first else found
        np.testing.assert_array_equal(found, by_hand(images, host, np.flatnonzero(labels == labels[donor])))


def test_pieces_bring_their_grain_and_leave_what_is_seen():
    random = np.random.default_rng(1)
    down, right = np.indices((32, 32)) // 4
    plain = np.repeat(((down + 2 * right) % 7 / 10 + 0.1)[None, ..., None], 24, axis=0) + random.normal(
        0, 0.02, (24, 1, 1, 1)
    )
    labels = np.arange(24) % 2
    screen = 0.08 * (-1.0) ** np.indices((32, 32)).sum(axis=0)[..., None]
    images = (plain + labels[:, None, None, None] * screen).astype("float32")
    made = patchwork(images, labels)
    given, taken, kept = (made.remade(*pair) for pair in ((0, 1), (1, 0), (1, 3)))
    for image, expected in ((given, 0.08), (taken, 0.0), (kept, 0.08)):
        np.testing.assert_allclose(np.abs((image * np.sign(screen)).mean()), expected, atol=0.01)
    for image, host in ((given, 0), (taken, 1), (kept, 1)):
        coarse = [one.reshape(8, 4, 8, 4).mean(axis=(1, 3)) for one in (image[..., 0], images[host, ..., 0])]
        np.testing.assert_allclose(coarse[0], coarse[1], atol=0.08)


def test_a_single_lender_that_is_the_host_lends_itself():
    images = np.random.default_rng(2).random((2, 24, 24, 1)).astype("float32")
    made = patchwork(images, np.array([0, 1]))
    np.testing.assert_array_equal(made.remade(0, 0), images[0])


def test_many_images_lend_however_many_pieces_one_has():
    images = np.random.default_rng(3).random((20, 24, 8000, 1)).astype("float32")
    made = patchwork(images, np.zeros(20, int)).remade(0, 1)
    whole = {tuple(piece) for piece in images[1:16].reshape(15, 3, 8, 1000, 8).swapaxes(2, 3).reshape(-1, 64).tolist()}
    pieces = made.reshape(3, 8, 1000, 8).swapaxes(1, 2).reshape(-1, 64).tolist()
    assert {tuple(piece) for piece in pieces} <= whole


@pytest.mark.parametrize(("size", "fits"), [((24, 24), True), ((23, 40), False), ((224, 224), True)])
def test_pieces_are_small_or_left_out(size, fits):
    assert patchwork(np.zeros((2, *size, 1), "float32"), np.array([0, 1])).fits == fits


# As bright on the left as dark on the right: upside down it has the same values and the same strength at every frequency.
STEP = np.array([[1, -1], [1, -1]])


def stepped(count=480, seed=0):
    """Images (count, 32, 32, 1) of steps in half of the squares of 2 × 2, turned round in class 0, and labels in turns.

    Class k is brighter in its own eight columns.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    x = random.normal(0.5, 0.02, (count, 32, 32, 1))
    for image, label in zip(x, labels, strict=True):
        image[4:28, 8 * label : 8 * label + 8] += 0.15
        image[..., 0] += 0.1 * np.kron(random.random((16, 16)) < 0.5, STEP if label == 0 else -STEP)
    return np.clip(x, 0, 1).astype("float32"), labels


def knows(weights, bias):
    """softmax(weights · (mean(relu(step − 0.2)), brightness of each eight columns) + bias), weights (5, 4)."""
    inputs = keras.Input((32, 32, 1))
    steps = layers.GlobalAveragePooling2D()(layers.Conv2D(1, 2, 2, activation="relu", name="steps")(inputs))
    columns = layers.Flatten()(layers.AveragePooling2D((32, 8))(inputs))
    outputs = layers.Dense(4, activation="softmax", name="out")(layers.Concatenate()([steps, columns]))
    model = keras.Model(inputs, outputs)
    model.get_layer("steps").set_weights([STEP[..., None, None], np.array([-0.2])])
    model.get_layer("out").set_weights([weights, bias])
    return model


def test_a_texture_that_differs_in_nothing_but_its_arrangement_is_found():
    x, labels = stepped()
    weights = np.diag([500.0, 0, 40, 40, 40])[:, [0, 2, 3, 4]]
    # Of class 0 about 0.1 · 500 − 20 = 30, of others −20; of their columns at most 26.
    (alert,) = kx.audit(knows(weights, np.array([-20.0, 0, 0, 0])), kx.Samples(x, labels=labels))
    assert (alert.class_index, alert.property, alert.region) == (0, "fine texture", None)
    for name in ("without its fine texture", "fine texture, at least second choice"):
        assert alert.effects[name]["effect"] > 0.95
        assert alert.effects[name]["control"] < 0.05
    assert "by fine texture" in alert.sentence
    assert len(alert.after) == len(alert.before) == len(alert.pairs) > 0
    with pytest.raises(ValueError, match="not those about a texture or fine texture"):
        alert.augmentation()


def test_a_texture_that_is_there_but_not_used_is_not():
    x, labels = stepped()
    weights = np.vstack([np.zeros(4), 40 * np.eye(4)])
    assert not kx.audit(knows(weights, np.zeros(4)), kx.Samples(x, labels=labels))
