"""What stands in a report. What a browser makes of it is tested in tests/browser."""

import base64
import gzip
import hashlib
import html
import html.parser
import json
import re

import numpy as np
import pytest

from keras_xai.cli import main
from keras_xai.dashboard.report import write_report
from keras_xai.dashboard.static_files import static_files
from keras_xai.log import parse, read_log
from tests.dashboard.answers import unframe
from tests.dashboard.hostile import epoch_manifest, epoch_record, write_records
from tests.dashboard.synthetic_log import write_synthetic_log


class Page(html.parser.HTMLParser):
    """The elements of a page: tag, attributes, text."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.inside = [], False
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), ""))
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, text):
        if self.inside:
            tag, attributes, before = self.elements[-1]
            self.elements[-1] = (tag, attributes, before + text)

    def find(self, tag, **attributes):
        return [
            (about, text) for name, about, text in self.elements if name == tag and attributes.items() <= about.items()
        ]

    def report(self):
        ((_, text),) = self.find("script", id="keras-xai-report")
        return json.loads(text)

    def record(self, identifier):
        ((about, text),) = self.find("script", id=identifier)
        assert about["type"] == "application/gzip;base64"
        return unframe(gzip.decompress(base64.b64decode(text, validate=True)))


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("logs")
    write_synthetic_log(directory, samples=3, methods=3, epochs=9, size=32, alerts=[4], pictures=False)
    return directory


def test_everything_of_the_log_is_in_it(log_dir, tmp_path):
    written = write_report(log_dir, tmp_path / "report.html", title="a <b>title</b>")
    page = Page(written.path)
    report = page.report()
    assert (written.runs, written.epochs, written.of, written.every, written.problems) == (1, 9, 9, 1, [])
    assert written.size == written.path.stat().st_size
    assert report["title"] == "a <b>title</b>"
    assert page.find("title")[0][1] == "a <b>title</b>"
    assert page.find("b") == []
    (run,) = report["index"]["runs"]
    truth = {record["tag"]: record for record in read_log(log_dir)}
    assert {record["tag"] for record in run["records"]} == truth.keys()
    for listed in run["records"]:
        key = "\n".join([run["run"], listed["tag"], json.dumps(listed["wall_time"])])
        record = parse(page.record(report["records"][key]))
        assert record["kind"] == listed["kind"]
        for ours, theirs in zip(record.get("maps", []), truth[listed["tag"]].get("maps", []), strict=True):
            if "coefficients" not in ours:
                np.testing.assert_array_equal(ours["values"], theirs["values"])
    (series,) = report["series"].values()
    assert series["epochs"] == list(range(-1, 9))
    assert series["measures"].keys() == {"grad_cam", "lime", "activations"}


def test_epochs_may_be_left_out(log_dir, tmp_path):
    written = write_report(log_dir, tmp_path / "report.html", every=3)
    report = Page(written.path).report()
    records = report["index"]["runs"][0]["records"]
    for kind in ("epoch", "activations"):  # the fourth has an alert, the eighth is the last
        assert [record["epoch"] for record in records if record["kind"] == kind] == [0, 3, 4, 6, 8]
    assert {record["kind"] for record in records} == {"inputs", "baseline", "epoch", "activations", "alert"}
    assert next(iter(report["series"].values()))["epochs"] == [-1, 0, 3, 4, 6, 8]
    assert len(report["records"]) == len(records)
    assert (written.epochs, written.of, written.every) == (5, 9, 3)


def test_a_largest_size_is_kept(log_dir, tmp_path):
    whole = write_report(log_dir, tmp_path / "whole.html")
    limit = whole.size / 1e6 - 0.001
    smaller = write_report(log_dir, tmp_path / "smaller.html", max_size=limit)
    assert smaller.path.stat().st_size <= limit * 1e6
    assert smaller.every in (2, 4)
    with pytest.raises(ValueError, match=r"takes 0\.\d MB even with the last epoch alone, more than the 0\.01 MB"):
        write_report(log_dir, tmp_path / "never.html", max_size=0.01)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["smaller.html", "whole.html"]


def test_bad_requests_are_refused(log_dir, tmp_path):
    with pytest.raises(ValueError, match="every=n keeps each nth epoch: it must be 1 or more, got 0"):
        write_report(log_dir, tmp_path / "report.html", every=0)
    with pytest.raises(
        FileNotFoundError, match="There are no explanations in .*: expected event files that a callback"
    ):
        write_report(tmp_path, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_what_is_damaged_is_left_out_and_told(tmp_path):
    write_records(tmp_path, epoch_record(epoch_manifest(0), epoch=0), epoch_record(b"{", epoch=1))
    written = write_report(tmp_path, tmp_path / "report.html")
    index = Page(written.path).report()["index"]
    assert [record["epoch"] for record in index["runs"][0]["records"]] == [0]
    assert index["problems"] == written.problems
    assert "'keras_xai/log/epoch/000001' in run 'explanations' is damaged" in written.problems[0]


def test_the_front_end_is_in_it_and_nothing_else_may_run(log_dir, tmp_path):
    page = Page(write_report(log_dir, tmp_path / "report.html").path)
    ((_, modules),) = page.find("script", type="importmap")
    imports = json.loads(modules)["imports"]
    assert imports.keys() == {f"keras-xai/{name}" for name in static_files() if name.endswith(".js")}
    for url in imports.values():
        source = base64.b64decode(url.removeprefix("data:text/javascript;charset=utf-8;base64,")).decode()
        names = re.findall(r"""^(?:import|export)\b[^;"']*\bfrom ["']([^"']+)["']""", source, re.MULTILINE)
        assert set(names) <= imports.keys()
        assert len(names) == len(re.findall(r"^import\b", source, re.MULTILINE))
        assert not re.search(r"""\bimport\s*\(|new Worker\(""", source)
    ((_, start),) = page.find("script", type="module")
    assert "keras-xai/index.js" in start
    ((policy, _),) = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'; ")
    for script in (modules, start):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy["content"]
    ((_, style),) = page.find("style", id="keras-xai-style")
    assert "@import" not in style
    assert "url(" not in style.replace("url(data:", "").replace('url("data:', "")


def test_nothing_from_the_log_leaves_its_place(tmp_path):
    evil = "</script><script>alert(1)</script><!--"
    manifest = epoch_manifest(logs={evil: 1.0}, means={evil: {evil: 1.0}}, session=evil)
    manifest["samples"][0]["id"] = evil
    write_records(tmp_path / evil.replace("/", "|"), epoch_record(manifest, name=evil.replace("/", "|"), session=evil))
    page = Page(write_report(tmp_path, tmp_path / "report.html", title=evil).path)
    kinds = [about.get("type") for about, _ in page.find("script")]
    assert kinds == ["importmap", "application/json", "application/gzip;base64", "module"]
    (series,) = page.report()["series"].values()
    assert series["logs"] == {evil: [1.0]}
    assert series["samples"][0]["name"] == evil


def test_the_command(log_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(log_dir), "--every", "4"]) == 0
    size = (tmp_path / "report.html").stat().st_size / 1e6
    assert capsys.readouterr().out == f"report.html: {size:.1f} MB, 3 of 9 epochs of 1 run. Open it in a browser.\n"
    assert main(["report", str(log_dir), "-o", "all.html"]) == 0
    assert "all 9 epochs of 1 run" in capsys.readouterr().out
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "keras-xai report: There are no explanations in" in capsys.readouterr().err
