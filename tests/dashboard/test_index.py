import json

import pytest

from keras_xai.dashboard import source as source_module
from keras_xai.dashboard.event_files import EventFiles
from keras_xai.dashboard.index import Index
from keras_xai.dashboard.source import Source
from keras_xai.log import plugin_content, tags
from tests.dashboard.hostile import epoch_manifest, epoch_record, write_records


def read(log_dir):
    return Index().read(Source(EventFiles(log_dir)))


def test_names_and_version_are_those_of_the_log():
    assert (source_module.PLUGIN, source_module.VERSION) == (tags.PLUGIN, tags.VERSION)


def test_records_are_listed_by_time(tmp_path):
    alert = {"version": 1, "kind": "alert", "session": "a"}
    write_records(
        tmp_path / "b",
        epoch_record(epoch_manifest(3), epoch=3),
        ("keras_xai/log/alert/000003-0", [alert], plugin_content("alert", "log", "a", 3, flagged=True), 3),
        epoch_record(epoch_manifest(2), epoch=2),
    )
    write_records(tmp_path / "a", epoch_record(epoch_manifest(-1), epoch=-1))
    answer = read(tmp_path)
    assert (answer["version"], answer["problems"]) == (1, [])
    assert [run["run"] for run in answer["runs"]] == ["a/explanations", "b/explanations"]
    records = answer["runs"][1]["records"]
    assert [record["tag"] for record in records] == [
        "keras_xai/log/epoch/000003",
        "keras_xai/log/alert/000003-0",
        "keras_xai/log/epoch/000002",
    ]
    wall_time = records[1].pop("wall_time")
    assert records[0]["wall_time"] < wall_time < records[2]["wall_time"]
    expected = {"kind": "alert", "name": "log", "session": "a", "epoch": 3, "flagged": True}
    assert records[1] == {"tag": "keras_xai/log/alert/000003-0", **expected}


@pytest.mark.parametrize(
    ("said", "listed"), [("notice", "notice"), ("alert", "alert"), (None, None), ("x" * 50, None), (["alert"], None)]
)
def test_the_severity_of_an_alert(tmp_path, said, listed):
    content = json.loads(plugin_content("alert", "log", "a", 3, flagged=True, severity=said))
    alert = {"version": 1, "kind": "alert", "session": "a"}
    write_records(tmp_path, ("keras_xai/log/alert/000003-0", [alert], content, 3))
    answer = read(tmp_path)
    assert answer["problems"] == []
    assert answer["runs"][0]["records"][0].get("severity") == listed


def test_a_record_belongs_to_the_fit_of_its_manifest(tmp_path):
    """TensorBoard goes on telling what was said about a tag first."""
    records = [epoch_record(epoch_manifest(epoch, session="b"), epoch=epoch, session="a") for epoch in range(3)]
    write_records(tmp_path, epoch_record(epoch_manifest(9, session="a"), epoch=9, session="a"), *records)
    listed = read(tmp_path)["runs"][0]["records"]
    assert [(record["epoch"], record["session"]) for record in listed] == [(9, "a"), (0, "b"), (1, "b"), (2, "b")]


@pytest.mark.parametrize("manifest", [b"", b"{", [1], {"version": 1}, {"version": 1, "session": 5}, {"version": 7}])
def test_where_the_manifest_says_nothing_tensorboard_is_believed(tmp_path, manifest):
    write_records(tmp_path, epoch_record(manifest, session="a"))
    answer = read(tmp_path)
    assert answer["runs"][0]["records"][0]["session"] == "a"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not say what it is: its plugin_content is no JSON"),
        (b"\xff\xfe", "its plugin_content is no JSON"),
        (b"[" * 5000, "its plugin_content is no JSON"),
        (b'{"version": 1, "kind": "' + b"x" * 20_000 + b'"}', "its plugin_content is no JSON"),
        ([1], "its plugin_content is no object"),
        ({"version": 2}, "has format version 2, but this keras_xai reads version 1"),
        ({}, "has format version None"),
        ({"version": True}, "has format version True"),
        ({"version": 1}, "its kind is None"),
        ({"kind": "sound"}, "is of the unknown kind 'sound'; known: inputs, baseline, epoch, activations, alert"),
        ({"name": 5}, "its name is 5"),
        ({"session": None}, "its session is None"),
        ({"epoch": "3"}, "its epoch is '3'"),
        ({"epoch": True}, "its epoch is True"),
        ({"epoch": 10**30}, "its epoch is 1000000000000000000000000000000"),
        ({"flagged": 1}, "its flagged is 1"),
    ],
)
def test_what_does_not_say_what_it_is_is_named(tmp_path, content, said):
    if isinstance(content, dict) and content and "version" not in content:
        content = json.loads(plugin_content("epoch", "log", "a", 0)) | content
    bad = ("keras_xai/bad/epoch/000000", [epoch_manifest()], content, 0)
    write_records(tmp_path, bad, epoch_record(epoch_manifest()))
    answer = read(tmp_path)
    assert [record["name"] for record in answer["runs"][0]["records"]] == ["log"]
    (problem,) = answer["problems"]
    assert problem.lower().startswith("the record 'keras_xai/bad/epoch/000000' in run 'explanations'")
    assert said in problem
    assert len(problem) < 400


def test_problems_are_counted_not_all_told(tmp_path):
    write_records(tmp_path, *[(f"keras_xai/bad/epoch/{epoch:06d}", [b""], b"", epoch) for epoch in range(50)])
    answer = read(tmp_path)
    assert answer["runs"] == []
    assert len(answer["problems"]) == 20
    assert answer["problems"][-1] == "31 more records cannot be shown."
