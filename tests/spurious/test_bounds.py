"""The statistics of the monitor, by pencil and by simulation."""

import math

import numpy as np
import pytest

from keras_xai.spurious.bounds import evidence, images_needed, level_at, lower_bound


def test_evidence_is_the_mixture_of_bets_worked_out_by_hand():
    bets = np.array([0.03, 0.06, 0.12, 0.25, 0.5, 0.75, 0.95]) / 1.2  # delta − low = 0.2 + 1
    by_hand = np.mean([(1 + bet * (1 - 0.2)) ** 2 * (1 + bet * (0 - 0.2)) for bet in bets])
    assert evidence([1, 0, 1], 0.2) == pytest.approx(math.log(by_hand), rel=1e-12)


def test_no_effects_are_no_evidence():
    assert evidence([], 0.2) == pytest.approx(0)
    assert lower_bound([], 0.05) == -1


def test_the_lower_bound_is_where_the_evidence_reaches_the_level():
    effects = np.repeat([1.0, 0.5, 0.0], [40, 10, 5])
    bound = lower_bound(effects, 0.001)
    assert bound < effects.mean()
    assert evidence(effects, bound) == pytest.approx(math.log(1000), abs=1e-6)


def test_a_smaller_level_asks_for_more():
    effects = np.repeat([1.0, 0.0], [30, 10])
    bounds = [lower_bound(effects, level) for level in (0.05, 0.01, 0.0001)]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == 3


@pytest.mark.parametrize("mean", [0.35, 0.2, 0.0])
def test_a_true_mean_is_refuted_no_more_often_than_the_level(mean):
    generator = np.random.default_rng(0)
    level, runs = 0.05, 2000
    values = np.array([-1 / 3, 0, 1 / 3, 2 / 3, 1])
    spread = np.exp(-3 * np.abs(values - mean))
    spread /= spread.sum()
    shifted = values + (mean - spread @ values)  # exactly this mean
    shifted = np.clip(shifted, -1, None)
    draws = generator.choice(shifted, p=spread, size=(runs, 60))
    false = np.mean([evidence(draw, mean) >= math.log(1 / level) for draw in draws])
    assert shifted @ spread == pytest.approx(mean)
    assert false <= level + 3 * math.sqrt(level / runs)


@pytest.mark.parametrize(("images", "least", "most"), [(32, 0.0, 0.1), (64, 0.2, 0.75), (128, 0.85, 1.0)])
def test_power_for_an_effect_of_six_tenths(images, least, most):
    """At the level of one test among 10 classes and 3 branches in the first epoch."""
    level = level_at(0.05, 1) / 30
    generator = np.random.default_rng(1)
    hits = [evidence((generator.random(images) < 0.6).astype(float), 0.35) >= math.log(1 / level) for _ in range(400)]
    assert least <= np.mean(hits) <= most


def test_the_levels_of_all_epochs_sum_to_the_level_of_the_run():
    total = sum(level_at(0.05, moment) for moment in range(1, 200_000))
    assert total == pytest.approx(0.05, rel=1e-4)
    assert level_at(0.05, 1) == pytest.approx(0.05 * 6 / math.pi**2)


def test_so_many_images_as_are_needed_show_the_effect():
    level = 0.001
    needed = images_needed(0.6, 0.35, level)
    successes = round(0.6 * needed)
    effects = np.repeat([1.0, 0.0], [successes, needed - successes])
    assert evidence(effects, 0.35) >= math.log(1 / level) - 0.5
    assert images_needed(0.95, 0.35, level) < needed < images_needed(0.6, 0.35, level / 100)
