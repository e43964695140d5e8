"""Ten thousand manifests that lie: an answer that any browser can read, or a sentence."""

import json

import numpy as np
import pytest
from tensorboard import errors

from keras_xai.dashboard import source as source_module
from keras_xai.dashboard.event_files import EventFiles
from keras_xai.dashboard.facts import compact, facts
from keras_xai.dashboard.index import Index
from keras_xai.dashboard.merging import largest
from keras_xai.dashboard.peaks import peaks
from keras_xai.dashboard.refusal import Refusal
from keras_xai.dashboard.series import SeriesReader
from keras_xai.dashboard.source import Source, read_manifest
from tests.dashboard.hostile import RUN, epoch_manifest, epoch_record, write_records
from tests.dashboard.lies import STRANGE, lie

IDS = ("s00", "s01")


def strict(text):
    """Reads JSON as a browser does: without NaN and Infinity."""
    return json.loads(text, parse_constant=lambda token: pytest.fail(f"{token} is no JSON"))


def test_ten_thousand_lies():
    refusals, fine = [], 0
    for number in range(10_000):
        try:
            found = facts(read_manifest(lie(epoch_manifest(number % 7), number), "run", "tag"), ("s00", "s01"))
        except Refusal as refusal:
            refusals.append(refusal)
            continue
        fine += 1
        columns = [column for measures in found.measures.values() for column in measures.values()]
        assert all(column.shape == (2,) for column in columns)
        assert all(ranges.shape == (2, 2) for ranges in found.ranges.values())
        assert not any(np.isinf(array).any() for array in [*columns, *found.ranges.values()])
        assert all(len(column) == 2 for column in found.outcomes.values())
        strict(compact([found.epoch, found.logs, found.means, found.outcomes]))
    assert {refusal.status for refusal in refusals} == {422}
    assert all(0 < len(str(refusal)) < 500 for refusal in refusals)
    assert min(len(refusals), fine) > 1000


def test_lies_about_feature_maps():
    tiles = [
        {"sample": id, "channel": channel, "offset": 0, "vmin": 0.0, "vmax": 1.5} for id in IDS for channel in (3, 5)
    ]
    manifest = {"version": 1, "kind": "activations", "layers": [{"name": "conv", "tiles": tiles}]}
    refusals, fine = [], 0
    for number in range(3000):
        try:
            found = peaks(read_manifest(lie(manifest, number), "run", "tag"), IDS)
        except Refusal as refusal:
            refusals.append(refusal)
            continue
        fine += 1
        strict(compact(largest([found.layers, found.layers])))
        assert all(values.shape == (2,) for channels in found.layers.values() for values in channels.values())
    assert {refusal.status for refusal in refusals} == {422}
    assert min(len(refusals), fine) > 300


def test_truth_among_lies():
    """What is not touched is read as it stands."""
    for strange in STRANGE:
        manifest = epoch_manifest()
        manifest["maps"][0] = strange
        manifest["samples"][0] = strange
        found = facts(manifest, ("s00", "s01"))
        np.testing.assert_equal(found.measures, {"grad_cam": {"entropy": np.array([np.nan, 0.25])}})
        np.testing.assert_equal(found.ranges, {"grad_cam": np.array([[np.nan, np.nan], [-2.0, 2.0]])})
        assert found.outcomes["confidence"] == [None, 0.5]


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (b"", "its manifest is no JSON"),
        (b"\xff\xd8\xff", "its manifest is no JSON"),
        (b"[" * 100_000, "its manifest is no JSON"),
        (b"1" * 10_000, "its manifest is no JSON"),
        (b"[1]", "its manifest is a list, no object"),
        (b'{"version": "1"}', "has format version '1', but this keras_xai reads version 1"),
        (b'{"version": ' + b"9" * 1000 + b"}", "has format version 99999999999999999..."),
    ],
)
def test_what_is_no_manifest_is_refused(blob, said):
    with pytest.raises(Refusal) as refused:
        read_manifest(blob, "a run", "a tag")
    assert refused.value.status == 422
    assert str(refused.value).startswith("The record 'a tag' in run 'a run' ")
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300


def test_too_much_is_refused(tmp_path, monkeypatch):
    write_records(tmp_path, epoch_record(epoch_manifest(), b"x" * 5000))
    source, tag = Source(EventFiles(tmp_path)), "keras_xai/log/epoch/000000"
    assert source.blobs(RUN, tag)[1] == b"x" * 5000
    monkeypatch.setattr(source_module, "MAX_BYTES", 5000)
    with pytest.raises(Refusal, match="is larger than the 0 MB that are shown") as refused:
        source.blobs(RUN, tag)
    assert refused.value.status == 413
    monkeypatch.setattr(source_module, "MAX_BLOBS", 1)
    with pytest.raises(Refusal, match="has 2 blobs; more than 1 are not shown") as refused:
        source.blobs(RUN, tag)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (errors.NotFoundError("gone"), 404, "TensorBoard does not have the record 'keras_xai/log/epoch/000000' in run"),
        (errors.InvalidArgumentError("bad key"), 422, "cannot read the record .*--load_fast=false may help. .*bad key"),
    ],
)
def test_what_tensorboard_cannot_read_costs_one_record(tmp_path, error, status, said):
    """Its fast loader finds no record whose tag has a quotation mark in it."""
    write_records(tmp_path, *[epoch_record(epoch_manifest(epoch), epoch=epoch) for epoch in range(3)])

    class Stumbling(EventFiles):
        def read_blob(self, ctx=None, *, blob_key):
            if blob_key[1].endswith("000000"):
                raise error
            return super().read_blob(ctx, blob_key=blob_key)

    source, tag = Source(Stumbling(tmp_path)), "keras_xai/log/epoch/000000"
    with pytest.raises(Refusal, match=said) as refused:
        source.blobs(RUN, tag)
    assert refused.value.status == status
    index = Index().read(source)
    assert [record["epoch"] for record in index["runs"][0]["records"]] == [0, 1, 2]
    series = json.loads(SeriesReader().read(source, index, RUN, "log", "a"))
    assert series["epochs"] == [1, 2]
    assert len(series["problems"]) >= 1
