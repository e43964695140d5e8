"""Ten thousand manifests that lie: an answer that any browser can read, or a sentence."""

import copy
import json
import random

import numpy as np
import pytest
from tensorboard import errors

from keras_xai.dashboard import source as source_module
from keras_xai.dashboard.event_files import EventFiles
from keras_xai.dashboard.facts import compact, facts
from keras_xai.dashboard.index import Index
from keras_xai.dashboard.refusal import Refusal
from keras_xai.dashboard.series import SeriesReader
from keras_xai.dashboard.source import Source, read_manifest
from tests.dashboard.hostile import RUN, epoch_manifest, epoch_record, write_records

STRANGE = [
    *(None, True, False, 0, -1, 1.5, -0.0, 1e308, 10**400, 2**63, float("nan"), float("inf"), -float("inf")),
    *(
        "",
        "s00",
        "grad_cam",
        "\x00",
        "\ud800",
        "<script>alert(1)</script>",
        "__proto__",
        "../../etc/passwd",
        "é" * 1000,
    ),
    *([], {}, [[]], [None], {"": {}}, [0] * 300, {str(n): n for n in range(300)}),
]


def places(value, path=()):
    """All places in nested lists and objects."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def change(manifest, chance):
    """Puts something strange somewhere, takes something away, or doubles it."""
    *parents, last = chance.choice(list(places(manifest)))
    owner = manifest
    for key in parents:
        owner = owner[key]
    action = chance.random()
    if action < 0.7:
        owner[last] = copy.deepcopy(chance.choice(STRANGE))
    elif action < 0.85:
        del owner[last]
    elif isinstance(owner, list):
        owner.append(copy.deepcopy(owner[last]))
    else:
        owner[f"{last}2"] = owner.pop(last)


def fuzzed(number):
    """The bytes of a manifest, changed in one to four places; each tenth is damaged as text too."""
    chance = random.Random(number)
    manifest = epoch_manifest(number % 7)
    for _ in range(chance.randint(1, 4)):
        if manifest:
            change(manifest, chance)
    text = json.dumps(manifest).encode()
    if number % 10 == 0:
        place = chance.randrange(len(text))
        text = text[:place] + bytes([chance.randrange(256)]) + text[place + chance.choice([0, 1, 50, len(text)]) :]
    return text


def strict(text):
    """Reads JSON as a browser does: without NaN and Infinity."""
    return json.loads(text, parse_constant=lambda token: pytest.fail(f"{token} is no JSON"))


def test_ten_thousand_lies():
    refusals, fine = [], 0
    for number in range(10_000):
        try:
            found = facts(read_manifest(fuzzed(number), "run", "tag"), ("s00", "s01"))
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
