"""One browser for all pages, and the log of real fits that the pages of the Explanations tab show."""

import json
import urllib.request

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback
from keras_xai.log import ExplanationLog, read_log
from keras_xai.spurious.alert import Alert
from tests.browser.tensorboard_process import tensorboard
from tests.requirements import require_backend, require_module, require_program
from tests.training.networks import compiled, data, small
from tests.training.running import fit
from tests.waiting import wait_until

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
PATIENCE = 60_000  # milliseconds; only a page that is broken takes that long
CLASSES = ["left", "middle", "right"]


@pytest.fixture(scope="session")
def browser():
    require_backend("tensorflow", reason="pages are the same on every backend")
    require_module("playwright")
    chromium = require_program("chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """An empty page on which whatever the browser complains of fails the test."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE)
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("response", lambda response: failures.append(response.url) if response.status >= 500 else None)
    yield page
    page.close()
    assert failures == []


def explained():
    """Six held-out samples with names and classes."""
    images, labels = data(6, seed=2)
    return kx.Samples(images, labels=labels, names=[f"picture {number}" for number in range(6)], class_names=CLASSES)


def train(log_dir, epochs, explainers, rate=0.05):
    """A real fit. The rate is so high that predictions change from epoch to epoch. Returns the model."""
    model = compiled(small(), optimizer=keras.optimizers.Adam(rate))
    callback = ExplanationCallback(explained(), explainers, log_dir=log_dir, on_error="raise")
    fit(model, [callback], epochs=epochs, validation_data=data(8, seed=1))
    return model


def alert(epoch, severity, **about):
    """An alert as the monitor writes it, with two interventions and one donor crop."""
    pictures = np.arange(5 * 12 * 12 * 3).reshape(5, 12, 12, 3).astype(np.uint8)
    fields = {
        "class_index": 1,
        "class_name": "middle",
        "kind": "local",
        "effect": 0.75,
        "lower_bound": 0.5,
        "region": (2, 3, 4, 5),
        "property": None,
        "sentence": f"At epoch {epoch} the corner decides.",
        "effects": {"necessity": {"effect": 0.75, "lower": 0.5, "flips": 0.8, "control": 0.05, "images": 20}},
        "affected": ("s01", "s04"),
        "pairs": (
            {"host": "s00", "donor": "s01", "from": 2, "to": 1},
            {"host": "s02", "donor": "s01", "from": 0, "to": 0},
        ),
        "before": pictures[:2],
        "after": pictures[2:4],
        "donors": (pictures[4, :4, :6],),
    }
    return Alert(epoch=epoch, severity=severity, **{**fields, **about})


@pytest.fixture(scope="session")
def tab_log(tmp_path_factory):
    """Three directories: `first` with all there is and alerts, `second` with other weights, `again` with two fits."""
    keras.utils.set_random_seed(3)
    directory = tmp_path_factory.mktemp("tab")
    train(directory / "again", 3, [kx.GradCAM()])
    train(directory / "again", 2, [kx.GradCAM()])
    train(directory / "second", 3, [kx.GradCAM()])
    train(directory / "first", 5, [kx.GradCAM(), kx.LIME(num_samples=24, segments="grid"), kx.Activations()])
    monitor = ExplanationLog(directory / "first", "monitor", explained())
    brightness = {"brightness": {"effect": 0.3, "lower": 0.1}}
    found = [
        alert(1, "notice"),
        alert(3, "alert"),
        alert(2, "notice", kind="global", class_index=0, class_name="left", region=None, property="brightness",
              sentence="Brightness decides.", effects=brightness, pairs=(), donors=(), affected=()),
    ]  # fmt: skip
    for one in found:
        monitor.alert(one.record(), one.pictures())
        monitor.scalar("xai/spurious/max_effect", one.epoch, one.effect)
        monitor.scalar("xai/spurious/necessity/middle", one.epoch, 0.1 * one.epoch)
    monitor.finish()
    return directory


@pytest.fixture(scope="session")
def tab_address(browser, tab_log):
    with tensorboard(tab_log, "true") as address:
        wait_until_read(
            address, {f"{run}/explanations": read_log(tab_log / run)[-1] for run in ("first", "second", "again")}
        )
        yield address


def wait_until_read(address, last):
    """Waits until TensorBoard has read the last record of each run."""

    def read():
        runs = read_index(address)["runs"]
        newest = {entry["run"]: max(record["wall_time"] for record in entry["records"]) for entry in runs}
        return all(newest.get(run) == record["wall_time"] for run, record in last.items())

    wait_until(read)


def read_index(address):
    with urllib.request.urlopen(f"{address}data/plugin/keras_xai/index", timeout=60) as answer:
        return json.load(answer)
