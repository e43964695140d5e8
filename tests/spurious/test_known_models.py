"""On models whose reliance is known, effects are what a pencil says."""

import functools
import warnings

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.spurious.watch import Watch
from tests.spurious import known_models
from tests.spurious.known_models import (
    before_bright,
    body_weights,
    bright_body,
    brightened,
    brightened_in_part,
    fleck,
    flecked,
    images,
)

# One of each for all tests: an audit leaves a model as it is, and to trace it for TensorFlow takes longer than to audit it.
cornered, honest = functools.cache(known_models.cornered), functools.cache(known_models.honest)


@pytest.fixture(scope="module")
def corner_findings():
    x, y = images()
    return kx.audit(cornered(), kx.Samples(x, labels=y, class_names=["corner", "b", "c", "d"]))


def test_the_corner_is_found_and_nothing_else(corner_findings):
    assert [(one.class_index, one.kind, one.severity) for one in corner_findings] == [(0, "local", "alert")]


def test_every_image_flips_and_no_control_does(corner_findings):
    (alert,) = corner_findings
    for kind in ("necessity", "sufficiency"):
        assert alert.effects[kind]["flips"] == 1
        assert alert.effects[kind]["control"] == 0
        assert alert.effects[kind]["breadth"] == 1
    assert alert.effect == 1
    assert alert.effects["necessity"]["threshold"] < alert.lower_bound < 1 or 0.5 < alert.lower_bound < 1


def test_the_region_is_in_the_corner(corner_findings):
    (alert,) = corner_findings
    top, left, height, width = alert.region
    corner = (min(top + height, 3) - top) * (min(left + width, 12) - max(left, 9))
    assert corner >= 6  # of its 9 pixels
    assert height * width <= 12
    assert set(alert.places) == set(alert.affected)


def test_the_pictures_show_the_intervention(corner_findings):
    (alert,) = corner_findings
    assert len(alert.before) == len(alert.after) == len(alert.pairs)
    assert (alert.before != alert.after).any(axis=(1, 2, 3)).all()
    for pair in alert.pairs:
        assert pair["from"] != pair["to"]
        assert 0 in (pair["from"], pair["to"])


def test_a_mark_that_is_elsewhere_and_other_in_every_image_is_found_by_need_and_paste():
    x, y = images(count=320, corner=False)
    (alert,) = [one for one in kx.audit(fleck(), (flecked(x, y), y)) if one.kind == "local"]
    assert alert.class_index == 0
    for name in ("necessity, anywhere", "sufficiency, anywhere"):
        assert alert.effects[name]["flips"] > 0.9
        assert alert.effects[name]["control"] < 0.2  # random windows, some of which meet the mark
        assert alert.effects[name]["threshold"] == pytest.approx(1 / 3)  # of four classes
        assert alert.effects[name]["lower"] > 1 / 3
    assert "px region of its own" in alert.sentence
    assert len(set(alert.places.values())) > 10


def test_a_person_can_read_it(corner_findings):
    (alert,) = corner_findings
    assert "'corner'" in alert.sentence
    assert "at the top right" in alert.sentence
    assert "100%" in alert.sentence
    assert "spurious" not in alert.sentence
    assert alert.sentence in corner_findings.report()


def test_a_model_that_looks_at_objects_gets_no_alert_though_the_corner_is_there():
    x, y = images()
    findings = kx.audit(honest(), (x, y))
    assert findings == []
    assert set(findings.effects) == {0, 1, 2, 3}
    assert "No alert" in findings.report()


def test_brightness_is_found():
    x, y = images(corner=False, bright=0.3)
    findings = kx.audit(brightened(), (x, y))
    (alert,) = [one for one in findings if one.kind == "global"]
    assert alert.class_index == 0
    assert alert.property in ("brightness", "contrast", "histogram", "overall tone")
    assert alert.region is None
    assert alert.effect > 0.9
    assert (alert.after.mean(axis=(1, 2, 3)) > alert.before.mean(axis=(1, 2, 3)) + 20).all()


def test_brightness_that_is_used_together_with_the_object_is_found():
    x, y = images(count=480, corner=False, bright=0.3)
    findings = kx.audit(bright_body(), (x, y), per_class=120)
    (alert,) = [one for one in findings if one.kind == "global"]
    assert alert.class_index == 0
    lost, lent = (
        alert.effects[f"without its {alert.property}"],
        alert.effects[f"{alert.property}, at least second choice"],
    )
    assert lost["flips"] > 0.9
    assert lost["control"] < 0.1
    assert lent["flips"] > 0.9
    assert alert.effects[alert.property]["flips"] < 0.1  # alone it takes nothing along
    assert alert.effect == min(lost["effect"], lent["effect"])
    assert "gives up" in alert.sentence
    assert "first or second choice" in alert.sentence
    for pair in alert.pairs:  # pictures of its own images that are lost
        assert pair["from"] == 0 != pair["to"]
    assert (alert.after.mean(axis=(1, 2, 3)) < alert.before.mean(axis=(1, 2, 3)) - 20).all()


def test_brightness_of_a_third_of_a_class_is_found_in_that_third():
    x, y = images(count=400, corner=False)
    third = (y == 0) & (np.arange(len(y)) % 12 == 0)
    x[third] = np.clip(x[third] + 0.3, 0, 1)
    (alert,) = kx.audit(brightened_in_part(), (x, y))
    assert (alert.class_index, alert.kind) == (0, "global")
    assert alert.property in ("overall tone", "corner light")
    (name,) = [name for name, one in alert.effects.items() if one["effect"] == alert.effect]
    assert name == f"{alert.property} in part of the class"
    assert alert.effects[name]["flips"] == 1
    assert alert.effects[name]["control"] == 0
    assert "of a part of the '0' images" in alert.sentence
    ids = kx.Samples(x, labels=y).ids
    assert set(alert.affected) <= {ids[number] for number in np.flatnonzero(third)}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("cc", ["notice", "alert"]),
        ("chc", ["notice", None, "alert"]),
        ("chhc", ["notice", None, None, "notice"]),
        ("chchc", ["notice", None, "alert", None, None]),
    ],
)
def test_a_single_miss_between_two_finds_is_forgiven(models, said):
    x, y = images()
    watch = Watch(kx.Samples(x, labels=y), 0.05, 200, 0, confirmations=2)
    built = {"c": cornered(), "h": honest()}
    found = [watch.look(built[one], epoch) for epoch, one in enumerate(models)]
    assert [one[0].severity if one else None for one in found] == (said + [None] * len(models))[: len(models)]
    assert watch.num_alerts() == (models[-1] == "c" and "alert" in said)


@pytest.mark.parametrize("classes", [2, 4])
def test_few_levels_that_a_model_does_not_use_are_no_finding(classes):
    x, y = images(count=160 * classes, corner=False)
    kept = y < classes
    x, y = x[kept], y[kept]
    x[y == 0] = np.round(x[y == 0] * 3) / 3
    weights = body_weights()[..., :classes]
    inputs = keras.Input(x.shape[1:])
    outputs = keras.layers.Dense(classes, activation="softmax", name="out")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.get_layer("out").set_weights([weights.reshape(-1, classes), np.zeros(classes)])
    findings = kx.audit(model, (x, y))
    assert [one for one in findings if one.kind == "global"] == []
    tried = findings.effects[0]
    if "posterisation, at least second choice" in tried:
        assert tried["posterisation, at least second choice"]["effect"] < 0.1


def test_a_class_with_a_single_image_lends_nothing():
    x, y = images(count=160)
    few = np.concatenate([np.flatnonzero(y != 3), np.flatnonzero(y == 3)[:1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        findings = kx.audit(honest(), (x[few], y[few]))
    assert findings == []
    assert "too few" in findings.skipped[3]


@pytest.mark.parametrize("given", ["masks", "ignore"])
def test_only_a_mask_or_an_ignored_region_makes_it_spurious(given):
    x, y = images()
    known = np.zeros(x.shape[:3], bool)
    if given == "masks":
        known[:, 4:] = True
    else:
        known[:, :4, 8:] = True
    alert, *others = kx.audit(cornered(), kx.Samples(x, labels=y, **{given: known}))
    assert alert.kind == "local"
    assert alert.spurious
    assert "spurious" in alert.sentence
    # The corner is background, which only masks can tell; a background swap carries it along.
    assert [(one.class_index, one.property) for one in others] == ([(0, "background")] if given == "masks" else [])


def test_a_mask_that_holds_the_region_does_not_make_it_spurious():
    x, y = images()
    (alert,) = kx.audit(cornered(), kx.Samples(x, labels=y, masks=np.ones(x.shape[:3], bool)))
    assert not alert.spurious


def test_the_same_seed_finds_the_same():
    x, y = images()
    model = cornered()
    once, again = (kx.audit(model, (x, y), seed=3) for _ in range(2))
    assert once.effects == again.effects
    assert once[0].record() == again[0].record()


def test_images_in_bytes_and_other_ranges_give_the_same_flips():
    import keras

    x, y = images()
    inputs = keras.Input((12, 12, 1))
    model = keras.Model(inputs, cornered()(keras.layers.Rescaling(1 / 255)(inputs)))
    (alert,) = kx.audit(model, (np.round(x * 255).astype("uint8"), y))
    assert alert.effects["sufficiency"]["flips"] == 1


def test_classes_with_too_few_images_are_said_to_be_skipped():
    x, y = images()
    keep = (y != 2) | (np.arange(len(y)) < 20)
    findings = kx.audit(cornered(), (x[keep], y[keep]))
    assert findings.skipped == {2: "too few images: 5 held-out samples, at least 16 are needed"}
    assert "- 2: not evaluated, too few images: 5 held-out" in findings.report()


def test_a_class_that_is_never_recognised_is_said_to_be_skipped():
    x, y = images()
    findings = kx.audit(cornered(), (x, np.where(y == 1, 2, np.where(y == 2, 1, y))))
    assert findings.skipped[1].startswith("too few correct: 0 of 40")


def test_too_few_images_of_other_classes_are_underpowered():
    x, y = images(64)
    findings = kx.audit(cornered(), (x, y), alpha=1e-6)
    assert all("underpowered" in reason for reason in findings.skipped.values())
    assert len(findings.skipped) == 4


def test_a_background_is_found_and_called_spurious_where_masks_say_what_is_background():
    x, y = images(corner=False)
    masks = np.zeros(x.shape[:3], bool)
    masks[:, 4:] = True
    x[y == 0, :4] = 0.9
    findings = kx.audit(before_bright(), kx.Samples(x, labels=y, masks=masks))
    (alert,) = [one for one in findings if one.property == "background"]
    assert alert.class_index == 0
    assert alert.spurious
    assert alert.effect == 1
    # Without its object the class is still named, and no other image gets its name.
    assert alert.effects["object removal"]["flips"] == 1
    assert alert.effects["object removal"]["control"] == 0
    assert (alert.after[:, 4:] == alert.before[:, 4:]).all()
    assert (alert.after[:, :4] > 200).all()
