"""The routes of the plugin in a real `tensorboard`, in both loader modes, on the log of real fits."""

import json
from importlib import metadata

import pytest

import keras_xai as kx
from keras_xai import log
from keras_xai.callbacks import ExplanationCallback
from tests.browser.tensorboard_process import tensorboard
from tests.dashboard.answers import get, unframe
from tests.requirements import require, require_backend
from tests.training.networks import compiled, data, small
from tests.training.running import fit, samples
from tests.waiting import wait_until

require_backend("tensorflow", reason="routes are the same on every backend")
installed = metadata.entry_points().select(group="tensorboard_plugins", name="keras_xai")
require(len(installed) == 1, "needs keras_xai installed as it is now: pip install -e .")


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory):
    """A fit of four epochs, and one of two that was started again in the same place."""
    directory = tmp_path_factory.mktemp("logs")
    for epochs in (4, 2):
        explainers = [kx.GradCAM(), kx.LIME(num_samples=12, segments="grid"), kx.Activations()]
        callback = ExplanationCallback(samples(), explainers, log_dir=directory / "first", on_error="raise")
        fit(compiled(small()), [callback], epochs=epochs, validation_data=data(8, seed=1))
    return directory


@pytest.fixture(scope="module")
def written(log_dir):
    """Of each record what was written last."""
    return {record["tag"]: record for record in log.read_log(log_dir / "first")}


@pytest.fixture(scope="module", params=["true", "false"], ids=["rust loader", "python loader"])
def routes(request, log_dir, written):
    with tensorboard(log_dir, request.param) as address:
        base = f"{address}data/plugin/keras_xai/"
        newest = max(record["wall_time"] for record in written.values())
        wait_until(lambda: any(record["wall_time"] == newest for record in records_of(base)))
        yield base


def records_of(base):
    runs = json.loads(get(f"{base}index")[2])["runs"]
    return runs[0]["records"] if runs else []


def test_the_tab_is_active(routes):
    listing = json.loads(get(routes.replace("plugin/keras_xai/", "plugins_listing"))[2])
    about = listing["keras_xai"]
    assert (about["enabled"], about["tab_name"]) == (True, "Explanations")
    status, headers, body = get(routes + "static/index.js")
    assert status == 200
    assert b"export function render" in body or b"export async function render" in body
    assert headers["Content-Type"].startswith("text/javascript")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Encoding"] == "gzip"


def test_the_index_lists_what_was_written_last(routes, written):
    status, _, body = get(routes + "index")
    answer = json.loads(body)
    assert (status, answer["version"], answer["problems"]) == (200, 1, [])
    assert [run["run"] for run in answer["runs"]] == ["first/explanations"]
    listed = answer["runs"][0]["records"]
    assert {record["tag"] for record in listed} == set(written)
    for record in listed:
        truth = written[record["tag"]]
        for field in ("kind", "name", "session", "wall_time"):
            assert record[field] == truth[field]
        assert record["epoch"] == truth.get("epoch")
    assert len({record["session"] for record in listed}) == 2


def test_records_come_as_they_were_written(routes, written):
    for tag, truth in written.items():
        arguments = {"run": "first/explanations", "tag": tag, "wall": json.dumps(truth["wall_time"])}
        status, headers, body = get(routes + "record", **arguments)
        assert status == 200
        assert headers["Content-Type"] == "application/octet-stream"
        assert "max-age=31536000" in headers["Cache-Control"]
        record = log.parse(unframe(body))
        assert (record["session"], record["kind"]) == (truth["session"], truth["kind"])
        for ours, theirs in zip(record.get("maps", []), truth.get("maps", []), strict=True):
            if ours["values"] is not None:
                assert (ours["values"] == theirs["values"]).all()


def test_series_are_the_numbers_that_were_written(routes, written):
    listed = records_of(routes)
    sessions = list(dict.fromkeys(record["session"] for record in listed))
    assert len(sessions) == 2
    for session in sessions:
        arguments = {"run": "first/explanations", "name": "explanations", "session": session}
        status, headers, body = get(routes + "series", **arguments)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        series = json.loads(body)
        assert series["problems"] == []
        kinds = ("epoch", "baseline")
        of_fit = [record for record in written.values() if record["session"] == session and record["kind"] in kinds]
        assert series["epochs"] == sorted(record["epoch"] for record in of_fit)
        identifiers = [sample["id"] for sample in series["samples"]]
        for record in of_fit:
            place = series["epochs"].index(record["epoch"])
            assert {key: row[place] for key, row in series["logs"].items() if row[place] is not None} == record["logs"]
            for sample in record["samples"]:
                column = identifiers.index(sample["id"])
                for name, rows in series["outcomes"].items():
                    assert rows[place][column] == sample[name]
            for entry in record["maps"]:
                column = identifiers.index(entry["sample"])
                for measure, value in entry["measures"].items():
                    assert series["measures"][entry["method"]][measure][place][column] == value
        light = json.loads(get(routes + "series", measures="0", **arguments)[2])
        assert light == {name: value for name, value in series.items() if name not in ("measures", "outcomes")}


@pytest.mark.parametrize(
    ("path", "arguments", "status", "said"),
    [
        ("record", {}, 400, "lacks the argument 'run'"),
        ("record", {"run": "first/explanations", "tag": "x"}, 404, "no record 'x' in run 'first/explanations'"),
        ("record", {"run": "../../etc", "tag": "/etc/passwd"}, 404, "no record '/etc/passwd'"),
        (
            "record",
            {"run": "first/explanations", "tag": "keras_xai/explanations/inputs", "wall": "17.5"},
            404,
            "written again since",
        ),
        (
            "record",
            {"run": "first/explanations", "tag": "keras_xai/explanations/inputs", "wall": "nan"},
            400,
            "must be a time",
        ),
        ("series", {"run": "../..", "name": "/", "session": ".."}, 404, "no records of the fit '..'"),
        ("static/../plugin.py", {}, 404, "no file '../plugin.py'"),
        ("static/%2e%2e/plugin.py", {}, 404, "no file '../plugin.py'"),
        ("static/..%2fplugin.py", {}, 404, "no file '../plugin.py'"),
        ("static//etc/passwd", {}, 404, "no file '/etc/passwd'"),
        ("static/", {}, 404, None),
    ],
)
def test_refusals(routes, path, arguments, status, said):
    came, headers, body = get(routes + path, **arguments)
    assert came == status
    if said:
        assert said in json.loads(body)["error"]
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["index", "record", "series", "static/index.js"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_is_answered(routes, path, method):
    status, headers, body = get(routes + path, method)
    assert (status, headers["Allow"]) == (405, "GET")
    assert json.loads(body)["error"] == f"Only GET is answered here, not {method}."
