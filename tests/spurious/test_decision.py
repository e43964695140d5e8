"""What is said aloud and what is not, on effects made by hand."""

import numpy as np
import pytest

from keras_xai.samples import Samples
from keras_xai.spurious.decision import judge, usual_anywhere, usual_effects
from keras_xai.spurious.effects import Effect
from keras_xai.spurious.interventions import REMOVAL
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.proposals import Candidate
from keras_xai.spurious.rules import Rule
from keras_xai.spurious.windows import Region, Shape

CORNER, MIDDLE, LARGE_CORNER = Region(0, 0, 4, 4), Region(8, 8, 4, 4), Region(0, 0, 8, 8)


@pytest.fixture(scope="module")
def probe():
    labels = np.arange(200) % 10
    return Probe(Samples(np.random.default_rng(0).random((200, 20, 20, 1), np.float32), labels=labels), 10, 20, 0)


def effect(kind, share, region=CORNER, breadth=1.0, telling=0.5):
    """Of 100 images of nine classes `share` flip, no control does; broad over this share of the classes."""
    sources = np.arange(100) % 9 + 1
    flips = (np.random.default_rng(0).permutation(100) < 100 * share).astype(float)
    if breadth < 1:
        flips = ((sources <= 9 * breadth) & (np.arange(100) < 500 * share)).astype(float)
    hosts = np.arange(100)[:, None]
    local = kind in ("necessity", "sufficiency")
    rule = Rule(Candidate(0, Shape(region.height, region.width), region)) if local else None
    regions = [[region if local else None]] * 100
    return Effect(kind, flips, flips, sources, hosts, hosts, hosts * 0, regions, rule, telling)


def hit(probe, *what, usual=0.0, **options):
    return judge(effect(*what, **options), 0.001, 10, probe, usual).hit


def test_what_takes_every_class_along_is_a_hit(probe):
    assert hit(probe, "sufficiency", 0.95)
    assert not hit(probe, "sufficiency", 0.6)
    assert not hit(probe, "sufficiency", 0.95, breadth=0.3)


def test_where_objects_are_it_takes_more_than_in_any_other_class(probe):
    assert hit(probe, "sufficiency", 0.95, region=MIDDLE)
    assert not hit(probe, "sufficiency", 0.95, region=MIDDLE, usual=0.7)
    assert hit(probe, "sufficiency", 0.95, region=CORNER, usual=0.7)


def test_of_pixels_that_tell_the_class_less_is_enough(probe):
    assert hit(probe, "sufficiency", 0.6, telling=0.99)
    assert hit(probe, "sufficiency", 0.6, region=MIDDLE, telling=0.99, usual=0.7)
    assert not hit(probe, "sufficiency", 0.1, telling=0.99)
    assert not hit(probe, "sufficiency", 0.6, telling=0.99, breadth=0.3)


def test_need_counts_of_small_regions_off_objects_that_tell_the_class(probe):
    assert hit(probe, "necessity", 0.6, telling=0.99)
    assert not hit(probe, "necessity", 0.6, telling=0.9)
    assert not hit(probe, "necessity", 0.9, region=MIDDLE, telling=0.99)
    assert not hit(probe, "necessity", 0.9, region=LARGE_CORNER, telling=0.99)


def test_a_texture_takes_more_than_brightness_does(probe):
    assert hit(probe, "brightness", 0.6)
    assert not hit(probe, "texture", 0.6)
    assert hit(probe, "texture", 1.0)
    assert not hit(probe, "brightness", 0.6, breadth=0.3)


@pytest.mark.parametrize(
    ("kind", "share", "given", "hit"),
    [
        ("brightness", 0.6, 0.5, True),
        ("brightness", 0.9, 0.1, False),
        ("brightness", 0.1, 0.9, False),
        ("detail", 0.6, 0.5, False),
        ("detail", 0.9, 0.9, True),
    ],
)
def test_what_is_used_together_with_the_object_has_to_be_lost_and_lent(probe, kind, share, given, hit):
    found = effect(kind, share)
    found.taken, found.given = True, effect(kind, given)
    verdict = judge(found, 0.001, 10, probe)
    assert verdict.hit is hit
    assert verdict.size == pytest.approx(min(share, given))
    assert list(verdict.records()) == [f"without its {kind}", kind]


@pytest.mark.parametrize(
    ("share", "elsewhere", "hit"), [(0.9, 0.3, True), (0.9, 0.6, False), (0.5, -0.2, True), (0.3, 0.0, False)]
)
def test_what_no_other_class_needs_as_much_has_to_be_lost_only(probe, share, elsewhere, hit):
    found = effect("corner light", share)
    found.taken, found.elsewhere = True, elsewhere
    verdict = judge(found, 0.001, 10, probe)
    assert verdict.hit is hit
    assert verdict.delta == max(elsewhere, 0) + 0.2
    assert list(verdict.records()) == ["without its corner light, unlike any other class"]


@pytest.mark.parametrize(
    ("share", "given", "usual", "hit"),
    [(0.7, 0.7, 0.0, True), (0.7, 0.3, 0.0, False), (0.3, 0.7, 0.0, False), (0.7, 0.7, 0.5, False)],
)
def test_a_small_region_of_its_own_has_to_be_needed_and_enough_and_more_so_than_in_other_classes(
    probe, share, given, usual, hit
):
    found = effect("necessity", share, region=MIDDLE)
    found.given = effect("sufficiency", given, region=MIDDLE)
    verdict = judge(found, 0.001, 10, probe, usual)
    assert verdict.hit is hit
    assert verdict.delta == pytest.approx(max(0.3, usual + 0.1))
    assert verdict.size == pytest.approx(min(share, given))
    assert list(verdict.records()) == ["necessity, anywhere", "sufficiency, anywhere"]


def test_a_region_of_its_own_that_takes_along_what_looks_alike_is_a_part_of_it(probe):
    found = effect("necessity", 0.9, region=MIDDLE)
    found.given = effect("sufficiency", 0.9, region=MIDDLE)
    assert judge(found, 0.001, 10, probe).hit
    found.given.sources = np.where(found.given.flips > 0, 1, np.arange(100) % 8 + 2)
    assert not judge(found, 0.001, 10, probe).hit


def test_of_two_classes_a_region_of_its_own_has_to_do_more(probe):
    found = effect("necessity", 0.6, region=MIDDLE)
    found.given = effect("sufficiency", 0.6, region=MIDDLE)
    assert judge(found, 0.001, 10, probe).hit
    assert not judge(found, 0.001, 2, probe).hit


def test_what_is_usual_anywhere_is_the_most_of_any_other_class():
    effects = {c: [effect("necessity", share), effect("sufficiency", 1.0)] for c, share in ((0, 0.2), (1, 0.5))}
    effects[0][0].given, effects[1][0].given = effect("sufficiency", 0.4), effect("sufficiency", 0.3)
    assert usual_anywhere(effects) == {0: pytest.approx(0.3), 1: pytest.approx(0.2)}


def test_a_background_alone_need_not_be_broad(probe):
    found = effect(REMOVAL, 0.6)
    found.sources = np.zeros(100, int)
    assert judge(found, 0.001, 10, probe).hit


def test_two_classes_cannot_tell_a_look_alike(probe):
    assert judge(effect("brightness", 0.6), 0.001, 10, probe).delta == 0.2
    assert judge(effect("brightness", 0.6), 0.001, 2, probe).delta == 0.5


def test_what_is_usual_is_the_most_of_any_other_class_on_objects(probe):
    effects = {
        0: [effect("necessity", 0.9), effect("sufficiency", 0.8, region=MIDDLE)],
        1: [effect("sufficiency", 0.4, region=MIDDLE)],
        2: [effect("sufficiency", 1.0, region=CORNER)],
    }
    assert usual_effects(effects, probe) == {0: pytest.approx(0.4), 1: pytest.approx(0.8), 2: pytest.approx(0.8)}


def test_pixels_tell_a_class_by_what_is_alike_in_them():
    generator = np.random.default_rng(1)
    x = generator.random((80, 12, 12, 1)).astype("float32")
    labels = np.arange(80) % 2
    x[labels == 0, 1:3, 1:3] = 0.6
    probe = Probe(Samples(x, labels=labels), 2, 40, 0)
    own, others = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    for window, least, most in ((Region(0, 0, 4, 4), 1.0, 1.0), (Region(6, 6, 4, 4), 0.2, 0.8)):
        known, places = dict.fromkeys(own[:20].tolist(), window), dict.fromkeys(own[20:].tolist(), window)
        assert least <= probe.telling(known, places, others[:20]) <= most


def test_objects_are_in_the_masks_or_else_in_the_middle():
    x, labels = np.zeros((20, 10, 10, 1), "float32"), np.arange(20) % 2
    masks = np.zeros((20, 10, 10), bool)
    masks[:, :2, :2] = True
    corner = dict.fromkeys(range(20), Region(0, 0, 4, 4))
    # The middle begins at 1.5, rounded to 2: as many pixels of the window as the mask has.
    for known in ({"masks": masks}, {}):
        probe = Probe(Samples(x, labels=labels, **known), 2, 10, 0)
        assert probe.on_objects(corner) == (pytest.approx(0.25), pytest.approx(0.04))
