"""A small slice of the benchmark on real pictures, and its arithmetic by hand."""

import numpy as np
import pytest

import keras_xai as kx
from tests.benchmarks.shortcuts import score
from tests.benchmarks.shortcuts.cues import CUES
from tests.benchmarks.shortcuts.data import FASHION, Pictures, pool
from tests.benchmarks.shortcuts.runs import Run, execute, numbered
from tests.requirements import require

CHECKER = Run(0, "local", "fashion", "plain flat", "checker 4", 1.0, label=6)


def executed(run, epochs):
    require(FASHION.is_dir(), f"needs Fashion-MNIST in {FASHION}: apt-get install dataset-fashion-mnist")

    def monitor(samples, log_dir, seed):
        options = {"budget": None, "per_class": 96, "action": lambda alert: None, "on_error": "raise", "verbose": 0}
        return kx.callbacks.SpuriousFeatureMonitor(samples, log_dir=log_dir, seed=seed, **options)

    return execute(run, monitor, epochs)


def alerted(record):
    return [one for one in record["alerts"] if one["severity"] == "alert"]


def test_a_planted_checker_is_found_where_it_is_and_nothing_else():
    found = executed(CHECKER, epochs=3)
    assert score.appears(found) == 0
    assert score.in_time(found)
    assert score.false_classes(found) == []
    assert score.first_window(found)["overlap"] >= score.HIT


def test_clean_pictures_raise_no_alert():
    found = executed(Run(2, "clean", "fashion", "plain flat", None, 0.0, label=0), epochs=2)
    assert found["accuracy"][-1] > 0.7
    assert alerted(found) == []


def test_a_cue_that_is_planted_but_not_used_raises_no_alert():
    found = executed(Run(4, "local", "fashion", "plain flat", "patch 3", 0.05, label=3), epochs=2)
    assert score.unused(found)
    assert alerted(found) == []


def record(reliance, alerts=(), kind="local", cue="patch 3", on_class=None):
    """A record as the benchmark writes them; class 4 carries the cue. Alerts are (epoch, class, severity)."""
    return {
        "run": {"kind": kind, "cue": cue, "label": 4},
        "reliance": reliance,
        "class_reliance": on_class or [0.0] * len(reliance),
        "alerts": [{"epoch": epoch, "class": label, "severity": severity} for epoch, label, severity in alerts],
    }


def test_the_exact_interval():
    # Of 60 clean runs none with an alarm: the rate is below 1 − 0.025^(1/60).
    assert score.clopper_pearson(0, 60) == (0.0, pytest.approx(1 - 0.025 ** (1 / 60)))
    assert score.clopper_pearson(5, 10) == (pytest.approx(0.1871, abs=1e-4), pytest.approx(0.8129, abs=1e-4))


def test_delay_counts_from_the_epoch_in_which_reliance_appears():
    found = record([0.0, 0.04, 0.05, 0.05], [(1, 4, "notice"), (2, 4, "alert"), (3, 4, "alert")])
    assert score.appears(found) == 1
    assert score.delay(found) == 1
    assert score.in_time(found)
    assert score.observed(found)
    assert score.appears(record([0.0, 0.01], on_class=[0.0, 0.2])) == 1


def test_what_comes_too_late_is_a_miss_and_what_cannot_be_known_is_left_out():
    assert not score.in_time(record([0.1] * 5, [(3, 4, "alert")]))
    assert not score.in_time(record([0.1] * 5, [(0, 4, "notice")]))
    assert not score.observed(record([0.0, 0.0, 0.1, 0.1]))
    assert score.unused(record([0.005, 0.009]))
    assert not score.unused(record([0.005, 0.02]))


def test_alerts_on_classes_without_a_cue_are_false():
    alerts = [(1, 4, "alert"), (1, 7, "alert"), (2, 7, "alert"), (2, 8, "notice")]
    assert score.false_classes(record([0.1] * 3, alerts)) == [7]
    assert score.false_classes(record([0.1] * 3, alerts, kind="decoy", cue="decoy 4")) == []
    assert score.false_classes(record([0.0] * 3, alerts, kind="clean", cue=None)) == [4, 7]


def test_runs_are_numbered_for_good_and_the_validation_part_has_cues_of_its_own():
    runs = [numbered(number) for number in range(200)]
    assert runs == [numbered(number) for number in range(200)]
    tuning, validation = ([run for run in runs if run.validation == part] for part in (False, True))
    assert not {run.cue for run in tuning if run.cue} & {run.cue for run in validation}
    assert sum(run.cue is None for run in runs) >= 100
    seen = {"plain flat", "plain gap", "residual flat", "residual gap"}
    assert {run.network for run in tuning} == seen
    assert {run.network for run in validation} == seen | {"separable flat", "separable gap"}
    assert {run.data for run in validation} - {run.data for run in tuning} == {"shapes"}


def test_every_cue_changes_the_pictures_it_is_put_on_where_it_says():
    random = np.random.default_rng(0)
    for channels in (1, 3):
        images = random.integers(40, 200, (10, 28, 28, channels)).astype(np.uint8)
        pictures = Pictures(images, np.arange(10), np.ones((10, 28, 28), bool))
        for cue in CUES.values():
            if channels == 3 or not cue.colour:
                changed, where = cue.put(pictures, random)
                assert changed.dtype == np.uint8
                assert (changed != images).any(axis=(1, 2, 3)).all()
                if where is not None:
                    assert (changed == images)[~where].all()
                    assert 0 < where.mean() < 0.35


def test_shapes_have_exact_masks_and_ten_classes():
    train, held_out = pool("shapes")
    for pictures in (train, held_out):
        assert (np.bincount(pictures.labels) == 400).all()
        share = pictures.masks.mean(axis=(1, 2))
        assert share.min() > 0.02
        assert share.max() < 0.35
