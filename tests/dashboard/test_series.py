import json
import math

import numpy as np
import pytest

from keras_xai.dashboard.event_files import EventFiles
from keras_xai.dashboard.index import Index
from keras_xai.dashboard.refusal import Refusal
from keras_xai.dashboard.series import SeriesReader, coarse_to_fine
from keras_xai.dashboard.source import BATCH, Source
from keras_xai.log import EventWriter, plugin_content
from tests.dashboard.hostile import RUN, epoch_manifest, epoch_record, write_records

INPUTS = {
    "version": 1,
    "kind": "inputs",
    "session": "a",
    "samples": [{"id": "s00", "name": "cat.png", "label": 0}, {"id": "s01", "name": "dog.png", "label": [1, 2]}],
}


def inputs_record(manifest=INPUTS, session="a"):
    return "keras_xai/log/inputs", [manifest], plugin_content("inputs", "log", session), 0


def read(log_dir, session="a", run=RUN, **options):
    source = Source(EventFiles(log_dir))
    return json.loads(SeriesReader().read(source, Index().read(source), run, "log", session, **options))


def test_numbers_by_epoch(tmp_path):
    later = epoch_manifest(
        1, logs={"loss": 0.25, "val_loss": 0.5}, means={"grad_cam": {"entropy": 0.5, "drift": 0.125}}
    )
    later["maps"][0] |= {"vmin": -4.0, "measures": {"entropy": 0.75, "drift": 0.125}}
    later["samples"][1] |= {"predicted": None, "confidence": None, "valid": False}
    write_records(
        tmp_path, inputs_record(), epoch_record(later, epoch=1), epoch_record(epoch_manifest(-1, logs={}), epoch=-1)
    )
    assert read(tmp_path) == {
        "epochs": [-1, 1],
        "missing": 0,
        "logs": {"loss": [None, 0.25], "val_loss": [None, 0.5]},
        "samples": INPUTS["samples"],
        "outcomes": {
            "predicted": [[1, 1], [1, None]],
            "confidence": [[0.75, 0.5], [0.75, None]],
            "valid": [[True, True], [True, False]],
            "flagged": [[False, True], [False, True]],
        },
        "means": {"grad_cam": {"entropy": [0.25, 0.5], "drift": [None, 0.125]}},
        "measures": {"grad_cam": {"entropy": [[0.0, 0.25], [0.75, 0.25]], "drift": [[None, None], [0.125, None]]}},
        "ranges": {"grad_cam": [[-4.0, 2.0], [-2.0, 2.0]]},
        "peaks": {},
        "scalars": {},
        "problems": [],
    }


def test_numbers_of_each_sample_may_be_left_out(tmp_path):
    write_records(tmp_path, epoch_record(epoch_manifest()))
    full, light = read(tmp_path), read(tmp_path, measures=False)
    assert full.pop("measures")
    assert full.pop("outcomes")
    assert light == full


def test_coefficients_have_ranges_and_fits(tmp_path):
    maps = [{"sample": "s01", "method": "lime", "coefficients": [0.5, -2, 1.5], "r2": 0.875, "measures": {}}]
    write_records(tmp_path, epoch_record(epoch_manifest(maps=maps)))
    answer = read(tmp_path)
    assert answer["ranges"] == {"lime": [None, [-2, 1.5]]}
    assert answer["measures"] == {"lime": {"r2": [[None, 0.875]]}}


def test_feature_maps_have_peaks_over_epochs(tmp_path):
    def tiles(epoch, *rows):
        layers = [{"name": "conv", "tiles": [{"sample": id, "channel": 3, "vmax": value} for id, value in rows]}]
        manifest = {"version": 1, "kind": "activations", "session": "a", "epoch": epoch, "layers": layers}
        content = plugin_content("activations", "log", "a", epoch)
        return f"keras_xai/log/activations/{epoch:06d}", [manifest, b""], content, epoch

    write_records(
        tmp_path,
        inputs_record(),
        tiles(0, ("s00", 1.5), ("s01", None)),
        tiles(1, ("s00", 0.5), ("s07", 9.0)),
        tiles(2, ("s00", "much"), ("s00", math.inf)),
        (f"keras_xai/log/activations/{3:06d}", [{"version": 1}, b""], plugin_content("activations", "log", "a", 3), 3),
    )
    answer = read(tmp_path)
    assert answer["peaks"] == {"conv": {"3": [1.5, None]}}
    (problem,) = answer["problems"]
    assert "activations/000003' in run 'explanations' is damaged: its layers are None" in problem


def test_without_inputs_an_epoch_names_the_samples(tmp_path):
    write_records(tmp_path, epoch_record(epoch_manifest()))
    assert read(tmp_path)["samples"] == [{"id": id, "name": id, "label": None} for id in ("s00", "s01")]


def test_columns_follow_the_inputs(tmp_path):
    turned = INPUTS | {"samples": [INPUTS["samples"][1], {"id": "s07"}, INPUTS["samples"][0]]}
    write_records(tmp_path, inputs_record(turned), epoch_record(epoch_manifest()))
    answer = read(tmp_path)
    assert [sample["id"] for sample in answer["samples"]] == ["s01", "s07", "s00"]
    assert answer["measures"] == {"grad_cam": {"entropy": [[0.25, None, 0.0]]}}
    assert answer["outcomes"]["confidence"] == [[0.5, None, 0.75]]


def test_every_fit_has_its_own_numbers(tmp_path):
    old = [epoch_record(epoch_manifest(epoch), epoch=epoch) for epoch in range(4)]
    new = [epoch_record(epoch_manifest(epoch, "b", logs={"loss": 9.0}), epoch=epoch) for epoch in range(2)]
    write_records(tmp_path, *old, *new)
    assert read(tmp_path, "a")["epochs"] == [2, 3]
    assert read(tmp_path, "b")["logs"] == {"loss": [9.0, 9.0]}


def test_curves_are_those_of_the_time_of_the_fit(tmp_path):
    ours, theirs = (EventWriter.open(tmp_path / "runs" / folder) for folder in (RUN, "validation"))
    for session in ("a", "b"):
        for epoch in range(2):
            tag, blobs, content, step = epoch_record(
                epoch_manifest(epoch, session), epoch=10 * (session == "b") + epoch
            )
            ours.blobs(tag, step, [json.dumps(blobs[0]).encode(), b""], content)
            ours.scalar("xai/drift/grad_cam", epoch, 0.5 if session == "a" else math.inf)
            ours.scalar("other/curve", epoch, 1.0)
            theirs.scalar("epoch_loss", epoch, 2.0)
            theirs.scalar("batch_loss", epoch, 2.0)
    for writer in (ours, theirs):
        writer.flush()
        writer.close()
    run = f"runs/{RUN}"
    assert read(tmp_path, "a", run)["scalars"]["xai/drift/grad_cam"] == [[0, 0.5], [1, 0.5]]
    scalars = read(tmp_path, "b", run)["scalars"]
    assert scalars.keys() == {"xai/drift/grad_cam", "validation/epoch_loss"}
    assert scalars["xai/drift/grad_cam"] == [[0, None], [1, None]]
    assert scalars["validation/epoch_loss"][-2:] == [[0, 2.0], [1, 2.0]]


def test_an_epoch_is_read_once(tmp_path):
    write_records(tmp_path, inputs_record(), *[epoch_record(epoch_manifest(epoch), epoch=epoch) for epoch in range(3)])
    files, read_tags = EventFiles(tmp_path), []

    class Counting(Source):
        def manifest(self, run, tag, wall=None, writings=None):
            read_tags.append(tag)
            return super().manifest(run, tag, wall, writings)

    source, reader = Counting(files), SeriesReader()
    index = Index().read(source)
    read_tags.clear()
    first = reader.read(source, index, RUN, "log", "a")
    assert sorted(read_tags) == [
        "keras_xai/log/epoch/000000",
        "keras_xai/log/epoch/000001",
        "keras_xai/log/epoch/000002",
        "keras_xai/log/inputs",
    ]
    read_tags.clear()
    assert reader.read(source, index, RUN, "log", "a") == first
    assert read_tags == ["keras_xai/log/inputs"]


def test_the_first_part_of_an_answer_is_spread_over_the_fit():
    records = list(range(11))
    ordered = coarse_to_fine(records)
    assert sorted(ordered) == records
    assert ordered[:4] == [10, 2, 6, 8]
    for count in range(1, 12):
        gaps = np.diff([-1, *sorted(ordered[:count])])
        assert gaps.max() <= 16 / 2 ** int(np.log2(count))


def test_an_impatient_answer_is_completed_by_the_next(tmp_path):
    count = 2 * BATCH + 3
    write_records(tmp_path, *[epoch_record(epoch_manifest(epoch), epoch=epoch) for epoch in range(count)])
    source, reader = Source(EventFiles(tmp_path)), SeriesReader()
    index = Index().read(source)
    answers = [json.loads(reader.read(source, index, RUN, "log", "a", patience=0)) for _ in range(4)]
    assert [answer["missing"] for answer in answers] == [BATCH + 3, 3, 0, 0]
    assert [len(answer["epochs"]) for answer in answers] == [BATCH, 2 * BATCH, count, count]
    assert count - 1 in answers[0]["epochs"]
    assert np.diff(answers[0]["epochs"]).max() <= 4
    assert answers[2] == answers[3] == json.loads(SeriesReader().read(source, index, RUN, "log", "a"))


def test_what_is_damaged_is_named_and_the_rest_is_shown(tmp_path):
    write_records(
        tmp_path,
        inputs_record(b"{broken"),
        epoch_record(epoch_manifest(0), epoch=0),
        epoch_record({"version": 3}, epoch=1),
        epoch_record(epoch_manifest("2"), epoch=2),
        epoch_record(epoch_manifest(3, maps={}), epoch=3),
        epoch_record(epoch_manifest(4, samples=None), epoch=4),
        epoch_record(epoch_manifest(5, maps=[{}] * 200_001), epoch=5),
        epoch_record(epoch_manifest(6, maps=[{"sample": "s00", "method": str(n)} for n in range(201)]), epoch=6),
        epoch_record(epoch_manifest(7), epoch=7),
    )
    answer = read(tmp_path)
    assert answer["epochs"] == [0, 7]
    for tag, said in {
        "inputs": "is damaged: its manifest is no JSON",
        "epoch/000001": "has format version 3",
        "epoch/000002": "is damaged: its epoch is '2'",
        "epoch/000003": "is damaged: its maps are {}",
        "epoch/000004": "is damaged: its samples are None",
        "epoch/000005": "is damaged: it has 200001 maps; more than 200000 are not shown",
        "epoch/000006": "is damaged: it has more than 200 methods",
    }.items():
        (problem,) = [problem for problem in answer["problems"] if f"'keras_xai/log/{tag}'" in problem]
        assert problem.startswith("The record")
        assert said in problem
    assert len(answer["problems"]) == 7


@pytest.mark.parametrize("field", ["run", "name", "session"])
def test_an_unknown_fit_is_refused(tmp_path, field):
    write_records(tmp_path, epoch_record(epoch_manifest()))
    source = Source(EventFiles(tmp_path))
    about = {"run": RUN, "name": "log", "session": "a", field: "nowhere"}
    with pytest.raises(Refusal, match="There are no records of the fit") as refused:
        SeriesReader().read(source, Index().read(source), **about)
    assert refused.value.status == 404
