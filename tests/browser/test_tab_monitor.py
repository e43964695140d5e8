"""Alerts of a real fit: a network learns a planted shortcut, the monitor verifies it, and the tab shows what it wrote."""

import re

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback, SpuriousFeatureMonitor
from keras_xai.log import read_log
from tests.browser.conftest import wait_until_read
from tests.browser.explanations_tab import Tab
from tests.browser.tensorboard_process import tensorboard
from tests.requirements import require_backend, require_module
from tests.spurious.known_models import SIZE, images

require_backend("tensorflow", reason="pages are the same on every backend")
require_module("playwright")
from playwright.sync_api import expect  # noqa: E402

CLASSES = ["marked", "second", "third", "fourth"]


def shortcut(count, seed):
    """Of class 0 nothing is left but a bright 3 × 3 corner."""
    x, y = images(count, seed=seed)
    x[y == 0, 4:] = np.random.default_rng(seed).uniform(0, 0.2, x[y == 0, 4:].shape)
    return x, y


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The directory of a fit of four epochs, and the monitor."""
    directory = tmp_path_factory.mktemp("monitored")
    keras.utils.set_random_seed(0)
    body = [layers.Conv2D(4, 3, padding="same", activation="relu"), layers.Flatten()]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 1)), *body, layers.Dense(len(CLASSES), activation="softmax")])
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = shortcut(400, seed=1)
    ignore = np.zeros((SIZE, SIZE), bool)
    ignore[:4, -4:] = True
    held_out = kx.Samples(x, labels=y, class_names=CLASSES, ignore=np.repeat(ignore[None], len(x), axis=0))
    monitor = SpuriousFeatureMonitor(
        held_out, directory, budget=None, on_error="raise", action=lambda alert: None, verbose=0
    )
    explained = kx.Samples(x[:8], labels=y[:8], class_names=CLASSES)
    explanations = ExplanationCallback(explained, [kx.GradCAM()], log_dir=directory, on_error="raise")
    model.fit(*shortcut(160, seed=0), batch_size=16, epochs=4, verbose=0, callbacks=[explanations, monitor])
    return directory, monitor


@pytest.fixture(scope="module")
def address(browser, fitted):
    directory, _ = fitted
    with tensorboard(directory, "true") as address:
        wait_until_read(address, {"explanations": max(read_log(directory), key=lambda record: record["wall_time"])})
        yield address


@pytest.fixture(scope="module")
def first_alert(fitted):
    """The first alert that is no notice, as the monitor has it."""
    _, monitor = fitted
    return next(alert for alert in monitor.alerts if alert.severity == "alert")


@pytest.fixture
def tab(page, address):
    return Tab(page, address, view="alerts")


def number(text):
    return float(text.replace("−", "-"))


def test_the_planted_shortcut_is_at_the_top_of_the_list(tab, fitted, first_alert):
    _, monitor = fitted
    assert (first_alert.class_name, first_alert.spurious) == ("marked", True)
    expect(tab(".alert-card")).to_have_count(len(monitor.alerts))
    top, left, height, width = first_alert.region
    assert top <= 1
    assert left >= SIZE - 5
    where = re.compile(
        rf"alert · local cue at row {top}, column {left} \({height}×{width}\) · epoch {first_alert.epoch}"
    )
    expect(tab(".alert-card").first.locator("strong")).to_have_text("marked")
    expect(tab(".alert-card", has_text=where)).to_have_count(1)
    expect(tab(".ticks button")).to_have_count(len(monitor.alerts))


def test_its_evidence_is_what_the_monitor_measured(tab, page, first_alert):
    page.get_by_role("button", name=f"Alert at epoch {first_alert.epoch}").first.click()
    evidence = page.get_by_role("article")
    expect(evidence.locator(".sentence")).to_have_text(first_alert.sentence)
    expect(evidence.get_by_text("nothing can matter")).to_be_visible()
    for name, measured in first_alert.effects.items():
        row = evidence.get_by_role("row", name=re.compile(f"^{name} "))
        said = {field: number(row.locator(f"td.{field}").inner_text()) for field in ("effect", "lower", "images")}
        assert said == pytest.approx({field: measured[field] for field in said}, rel=0.01, abs=1e-6)
    pairs = first_alert.record()["pairs"]
    expected = [CLASSES[pair[side]] for pair in pairs for side in ("from", "to")]
    expect(evidence.locator(".intervention figcaption strong")).to_have_text(expected)
    # Others enter the class, or its own images leave it.
    assert ["marked"] * len(pairs) in (expected[::2], expected[1::2])


def test_its_pictures_show_the_mark_come_or_go(tab, page, first_alert):
    page.get_by_role("button", name=f"Alert at epoch {first_alert.epoch}").first.click()
    tab.settle()
    row, column = 0.5 / SIZE, (SIZE - 1.5) / SIZE
    scenes, pairs = page.locator(".intervention"), first_alert.record()["pairs"]
    assert scenes.count() == len(pairs) > 0
    for index, pair in enumerate(pairs):
        sides = (scenes.nth(index).locator("canvas.scene").nth(side) for side in (0, 1))
        before, after = (tab.pixel(side, column, row)[0] for side in sides)
        marked, plain = (before, after) if pair["from"] == 0 else (after, before)
        assert marked > 200
        assert plain < 100
    donors = page.locator("canvas.crop[aria-label^=Donor]")
    assert donors.count() > 0
    assert all(tab.pixel(donor, 0.75, 0.25)[0] > 200 for donor in donors.all())


def test_its_effect_is_drawn_over_epochs(tab, page, first_alert):
    page.get_by_role("button", name=f"Alert at epoch {first_alert.epoch}").first.click()
    legend = page.get_by_role("region", name="Effect over epochs").locator(".legend li")
    necessity = legend.filter(has_text="necessity").locator("output")
    expect(necessity).to_have_text(re.compile(r"\d"))
    assert number(necessity.inner_text()) == pytest.approx(first_alert.effects["necessity"]["effect"], rel=0.01)
    tab.view("Curves")
    expect(page.get_by_role("region", name="Reliance: max effect").locator("output")).to_have_text(re.compile(r"\d"))


def test_it_leads_to_samples_of_its_class(tab, page, first_alert):
    page.get_by_role("button", name=f"Alert at epoch {first_alert.epoch}").first.click()
    page.get_by_role("button", name=re.compile("^Show .* in the grid$")).click()
    expect(tab(".epoch-name")).to_have_text(f"epoch {first_alert.epoch} of 3")
    expect(tab(".grid-row:visible .truth").first).to_have_text("true: marked")
    tab.settle()
    truths = tab(".grid-row:visible .truth").all_inner_texts()
    assert 1 <= len(truths) <= 2
    assert set(truths) == {"true: marked"}
