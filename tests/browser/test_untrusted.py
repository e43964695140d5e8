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
from tests.dashboard.lies import lie
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


TILES = [{"sample": id, "channel": 3, "offset": 0, "vmin": 0.0, "vmax": 1.5} for id in ("s00", "s01")]
HONEST = {
    "readEpoch": epoch_manifest(),
    "readInputs": {
        "version": 1,
        "class_names": ["a", "b"],
        "samples": [
            {"id": id, "name": id, "label": 1, "height": 8, "width": 8, "blob": 1, "segments": 1} for id in ("s00", "s01")
        ],
        "methods": [{"name": "lime", "signed": True, "layer": "conv", "score": "logit", "config": {}}],
    },
    "readActivations": {
        "version": 1,
        "layers": [
            {"name": "conv", "height": 1, "width": 2, "channels": [3], "tiles": TILES,
             "drivers": [{"channel": 3, "samples": [{"id": "s00", "crop": [0, 0, 2, 2], "value": 1.5}]}]}
        ],
    },
    "readAlert": {
        "version": 1, "epoch": 1, "class_index": 1, "class_name": "b", "cue": "local", "severity": "alert",
        "effects": {"necessity": {"effect": 0.5, "lower": 0.25}}, "region": [0, 0, 2, 2], "property": None,
        "sentence": "It does.", "affected": ["s00"], "pairs": [{"before": 1, "after": 2, "from": 0, "to": 1}],
    },
}  # fmt: skip

# Frames each text as a record with two more blobs, and reads it. What comes must have the types that the views rely on.
READ_ALL = """async ([source, reader, texts]) => {
  const record = await import(source);
  const isText = (value) => typeof value === "string", isNumber = Number.isFinite;
  const isMap = (map) => map.coefficients ? map.coefficients.every(isNumber)
    : map.bytes.length === map.height * map.width && isNumber(map.vmin) && isNumber(map.vmax);
  const isPicture = (bytes) => bytes === null || bytes instanceof Uint8Array;
  const checks = {
    readEpoch: (value) => [...value.maps].every(([method, maps]) => isText(method) && [...maps.values()].every(isMap))
      && [...value.outcomes.values()].every(({ predicted }) => predicted === null || Number.isInteger(predicted)),
    readInputs: (value) => value.samples.every(({ id, name, key, height, width, picture }) =>
      [id, name, key].every(isText) && height >= 1 && width >= 1 && isPicture(picture))
      && value.methods.every(({ name, signed }) => isText(name) && typeof signed === "boolean"),
    readActivations: (value) => value.layers.every(({ name, channels, tiles }) => isText(name)
      && channels.every(Number.isInteger) && [...tiles.values()].every((maps) => [...maps.values()].every(isMap))),
    readAlert: (value) => ["alert", "notice"].includes(value.severity) && isText(value.sentence) && isText(value.cue)
      && value.effects.every(({ name, effect }) => isText(name) && (effect === null || isNumber(effect)))
      && value.pairs.every(({ before, after }) => isPicture(before) && isPicture(after))
      && value.affected.every(isText) && (value.region === null || value.region.every(isNumber)),
  };
  const framed = (text) => {
    const manifest = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const answer = new Uint8Array(16 + manifest.length + 8);
    new Uint32Array(answer.buffer, 0, 4).set([3, manifest.length, 4, 4]);
    answer.set(manifest, 16);
    return answer.buffer;
  };
  const broken = [];
  let refused = 0;
  for (const text of texts) {
    let read;
    try {
      read = record.unpack(framed(text));
    } catch (error) {
      refused++;
      if (!/^The (record|manifest) /.test(error.message)) broken.push([text, error.message]);
      continue;
    }
    try {
      const value = record[reader](read);
      if (!checks[reader](value) || !value.problems.every(isText)) broken.push([text, "types"]);
    } catch (error) {
      broken.push([text, String(error)]);
    }
  }
  return { refused, broken: broken.slice(0, 5) };
}"""


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
    for epoch, field in enumerate(LIES):
        manifest = epoch_manifest(epoch)
        manifest["maps"][0] |= field
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
    tab(".runs-button").click()
    nothing_ran(page)
    page.keyboard.press("Escape")
    tab(".grid-row:visible canvas").nth(1).hover()
    tab(".grid-row:visible canvas").nth(1).click()
    tab.settle()
    nothing_ran(page)
    page.keyboard.press("Escape")
    with page.expect_download():
        page.get_by_role("button", name="Save this view as PNG").click()
    nothing_ran(page)


def test_a_lying_map_leaves_the_others_on_the_screen(show, page):
    tab = show("lies")
    for epoch in range(len(LIES)):
        tab.epoch(epoch)
        assert sorted(tab.rows()) == ["honest", "liar"]
        honest = tab.map("honest").locator("canvas")
        assert tab.pixel(honest, 0.9, 0.5)[3] == 255
    nothing_ran(page)


def test_ten_thousand_lies_in_the_page(page, address):
    """Each reader of the page on manifests changed at random: values of the types that views rely on, or a sentence."""
    page.goto(f"{address}data/plugin_entry.html?name=keras_xai")
    refused = {}
    for reader, honest in HONEST.items():
        texts = [lie(honest, number).decode("latin-1") for number in range(2500)]
        answer = page.evaluate(READ_ALL, [f"{address}data/plugin/keras_xai/static/record.js", reader, texts])
        assert answer["broken"] == [], reader
        refused[reader] = answer["refused"]
    assert all(100 < count < 2000 for count in refused.values()), refused
