"""Which properties are asked about, of how many images, and what is kept in between."""

import numpy as np
import pytest

import keras_xai as kx
from keras_xai.samples import Samples
from keras_xai.spurious import kept
from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.global_cues import GlobalCues
from keras_xai.spurious.kept import Kept
from keras_xai.spurious.probe import Probe
from tests.spurious.known_models import brightened, honest, images


@pytest.mark.parametrize(("share", "found"), [(0.2, True), (0.5, False)])
def test_a_model_that_says_a_class_of_whatever_is_bright_has_not_learned_it_yet(share, found):
    """Class 0 is what is bright, and so is a share of the three others: 3 · share times as many as of class 0 itself."""
    x, y = images(count=320, corner=False)
    bright = (y == 0) | (np.random.default_rng(0).random(len(y)) < share)
    middle = np.ones((12, 12, 1))
    for rows in (np.s_[:2], np.s_[-2:]):  # without the corners, which would tell of the light
        for columns in (np.s_[:2], np.s_[-2:]):
            middle[rows, columns] = 0
    x[bright] = np.clip(x[bright] + 0.33 * middle, 0, 1)
    alerts = kx.audit(brightened(), (x, y))
    assert [one.class_index for one in alerts if one.kind == "global"] == [0] * found


def test_a_property_is_screened_by_how_far_it_exceeds_its_threshold_beyond_the_controls():
    x, y = images(count=320, corner=False, bright=0.3)
    samples, model = Samples(x, labels=y), brightened()
    probe = Probe(samples, 4, 80, 0)
    cues = GlobalCues(Oracle(model, samples), probe, y, [0, 1], 0, {0: (), 1: ()}, {0, 1})
    compared = cues._compared({"brightness": [0, 1], "sharpness": [0]}, 12)
    # All images of others flip and all of its own are lost, no control is, against 0.2; sharpness does nothing.
    assert compared[0] == {"brightness": pytest.approx(0.8), "sharpness": pytest.approx(-0.2)}
    assert compared[1]["brightness"] <= 0
    assert cues._choose()[0] in ("brightness", "contrast", "histogram", "overall tone")


def test_what_is_near_is_asked_of_many_images_and_what_is_far_of_few():
    x, y = images(count=800, corner=False, bright=0.3)
    findings = kx.audit(brightened(), (x, y))
    (alert,) = [one for one in findings if one.kind == "global"]
    assert alert.effects[alert.property]["images"] == 384
    found = kx.audit(honest(), (x, y)).effects[0]
    assert [one["images"] for name, one in found.items() if name.endswith("at least second choice")] == [48]


@pytest.mark.parametrize(
    ("kind", "givers"), [("brightness", 2), ("corner light", 1), ("corner light in part of the class", 1)]
)
def test_what_a_class_lends_as_a_whole_is_asked_once(kind, givers):
    x, y = images(count=320, corner=False, bright=0.3)
    samples, model = Samples(x, labels=y), brightened()
    cues = GlobalCues(Oracle(model, samples), Probe(samples, 4, 80, 0), y, [0], 0, {0: ()}, {0})
    found = cues._paired(kind, [0], 16, 2, testing=True)[0]
    assert {name: rows.shape[1:] for name, rows in found.items()} == {
        "hosts": (),
        "givers": (givers,),
        "strangers": (2,),
        "own": (),
        "alike": (givers,),
        "others": (2,),
    }


def test_the_oldest_is_let_go_of(monkeypatch):
    monkeypatch.setattr(kept, "_MEMORY", 250)
    made = []

    def make(key):
        made.append(key)
        return {"array": np.zeros(100, np.uint8)}

    store = Kept()
    for key in "abbcabc":
        store.get(key, lambda key=key: make(key))
    # Two fit: c takes the place of a, a that of b, b that of c, and so on.
    assert made == ["a", "b", "c", "a", "b", "c"]
