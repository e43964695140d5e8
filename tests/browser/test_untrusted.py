"""A log in which every string is an attack, and one in which numbers lie: nothing runs, the rest is shown."""

import numpy as np
import pytest

from keras_xai.dashboard.report import write_report
from keras_xai.event_files import events
from keras_xai.render import jpeg
from tests.browser.conftest import read_index, wait_until_read
from tests.browser.explanations_tab import Tab
from tests.browser.tensorboard_process import tensorboard
from tests.dashboard.hostile import epoch_manifest, epoch_record, write_records
from tests.dashboard.poison import EVIL, poison
from tests.dashboard.synthetic_log import write_synthetic_log
from tests.requirements import require_backend

require_backend("tensorflow", reason="pages are the same on every backend")

POISONED = "run<img src=x onerror=window.hacked=1>"
VIEWS = ("Filmstrip", "Alerts", "Curves", "Activations", "Grid")
LIES = [
    {"offset": 10**9},
    {"height": 10**6},
    {"width": -3},
    {"height": 1e300},
    {"vmin": "<b>", "vmax": None},
    {"coefficients": [1.0] * 10_000},
    {"measures": []},
    {"method": None},
]


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory):
    """A run full of attacks, and one of maps that are not where and what they are said to be."""
    directory = tmp_path_factory.mktemp("untrusted")
    clean = write_synthetic_log(
        tmp_path_factory.mktemp("clean"), samples=3, methods=3, epochs=3, size=32, alerts=[1], pictures=False
    )
    poison(clean, directory / POISONED / "explanations")
    methods = [{"name": "grad_cam", "signed": False}]
    inputs = {"version": 1, "kind": "inputs", "session": "a", "class_names": None, "methods": methods}
    inputs["samples"] = [
        {"id": "s00", "name": "liar", "height": 10**7, "width": 9, "blob": 1},
        {"id": "s01", "name": "honest", "height": 8, "width": 8, "blob": 2},
    ]
    picture = jpeg(np.full((8, 8, 3), 90, np.uint8))
    content = {"version": 1, "kind": "inputs", "name": "log", "session": "a", "epoch": None, "flagged": False}
    records = [("keras_xai/log/inputs", [inputs, b"no picture", picture], content, 0)]
    for epoch, lie in enumerate(LIES):
        manifest = epoch_manifest(epoch)
        manifest["maps"][0] |= lie
        records.append(epoch_record(manifest, bytes(range(4)), epoch))
    write_records(directory / "lies", *records)
    return directory


@pytest.fixture(scope="module")
def address(browser, log_dir):
    with tensorboard(log_dir, "true") as address:
        wait_until_read(address, {f"{run}/explanations": last_record(log_dir / run) for run in (POISONED, "lies")})
        yield address


def last_record(run):
    return {
        "wall_time": max(
            event.wall_time
            for file in (run / "explanations").iterdir()
            for event in events(file)
            if any(value.metadata.plugin_data.plugin_name == "keras_xai" for value in event.summary.value)
        )
    }


@pytest.fixture(params=["tab", "report"])
def show(request, page, log_dir, tmp_path):
    """Shows one run, in TensorBoard or in a report of its own."""
    page.on("dialog", lambda dialog: pytest.fail(f"A dialog opened: {dialog.message}"))

    def open_run(run):
        if request.param == "tab":
            address = request.getfixturevalue("address")
            (entry,) = [entry for entry in read_index(address)["runs"] if entry["run"] == f"{run}/explanations"]
            first = entry["records"][0]
            return Tab(page, address, runs=[" · ".join([entry["run"], first["name"], first["session"]])])
        path = write_report(log_dir / run, tmp_path / "report.html", title=EVIL).path
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(("file:", "data:", "blob:")) else pytest.fail(asked.url),
        )
        page.goto(path.as_uri())
        tab = Tab.__new__(Tab)
        tab.page = page
        tab.settle()
        return tab

    return open_run


def nothing_ran(page):
    assert page.evaluate("window.hacked") is None
    for selector in ("img[src=x]", "[onerror]", "[onload]", "a[href^=javascript]"):
        assert page.locator(selector).count() == 0, selector


def test_no_string_of_a_log_is_executed(show, page):
    tab = show(POISONED)
    for view in VIEWS:
        tab.view(view)
        nothing_ran(page)
    assert EVIL in tab.rows()[0]
    tab(".grid-row:visible canvas").nth(1).hover()
    tab(".grid-row:visible canvas").nth(1).click()
    tab.settle()
    nothing_ran(page)


def test_a_lying_map_leaves_the_others_on_the_screen(show, page):
    tab = show("lies")
    for epoch in range(len(LIES)):
        tab.epoch(epoch)
        assert sorted(tab.rows()) == ["honest", "liar"]
        honest = tab.map("honest").locator("canvas")
        assert tab.pixel(honest, 0.9, 0.5)[3] == 255
    nothing_ran(page)
