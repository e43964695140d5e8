import warnings

import numpy as np
import pytest
from log_stand_ins import make_explanation, make_lime, make_samples

from keras_xai.log import EventWriter, ExplanationLog, latest_fit, plugin_content, read_log
from keras_xai.log.strict_json import strict_json


def fit(log_dir, session, epochs, baseline=False, methods=("grad_cam",)):
    samples = make_samples(1)
    log = ExplanationLog(log_dir, "explanations", samples, session=session)
    explanations = {method: make_lime(samples) if method == "lime" else make_explanation(samples) for method in methods}
    if baseline:
        log.baseline(explanations)
    for epoch in epochs:
        log.epoch(epoch, explanations)
    log.finish()


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="There are no explanations in .*: expected event files in"):
        read_log(tmp_path / "nowhere")
    (tmp_path / "explanations").mkdir()
    with pytest.raises(FileNotFoundError, match="There are no explanations"):
        read_log(tmp_path)


def test_a_cut_off_end_is_passed_over(tmp_path):
    fit(tmp_path, "abc", range(2))
    (file,) = (tmp_path / "explanations").iterdir()
    whole = file.read_bytes()
    complete = [record["tag"] for record in read_log(tmp_path)]
    assert complete[-1].endswith("epoch/000001")
    seen = set()
    for end in range(100, len(whole), 997):
        file.write_bytes(whole[:end])
        tags = [record["tag"] for record in read_log(tmp_path)]
        assert tags == complete[: len(tags)]
        seen.add(len(tags))
    assert seen == {0, 1, 2, 3}


def test_damage_in_the_middle_is_told(tmp_path):
    fit(tmp_path, "abc", range(3))
    (file,) = (tmp_path / "explanations").iterdir()
    whole = bytearray(file.read_bytes())
    place = whole.index(b"keras_xai/explanations/epoch/000001")
    whole[place + 200] ^= 0xFF
    file.write_bytes(whole)
    with pytest.warns(RuntimeWarning, match="is damaged, what follows in it is not read"):
        records = read_log(tmp_path)
    assert [record["tag"].rpartition("explanations/")[2] for record in records] == ["inputs", "epoch/000000"]


def test_an_unknown_version_is_refused(tmp_path):
    writer = EventWriter.open(tmp_path / "explanations")
    content = plugin_content("epoch", "future", "abc", 0)
    writer.blobs("keras_xai/future/epoch/000000", 0, [strict_json({"version": 2, "kind": "epoch"})], content)
    writer.close()
    with pytest.raises(ValueError, match="format version 2"):
        read_log(tmp_path)


def test_superpixel_maps_are_spread_out(tmp_path):
    samples = make_samples(2)
    lime = make_lime(samples)
    log = ExplanationLog(tmp_path, "explanations", samples)
    log.epoch(0, {"lime": lime})
    log.finish()
    record = read_log(tmp_path)[-1]
    for entry, raw in zip(record["maps"], lime.raw, strict=True):
        np.testing.assert_allclose(entry["values"], raw, atol=np.abs(raw).max() / 253)


def test_without_their_inputs_coefficients_still_stand(tmp_path):
    fit(tmp_path, "abc", range(1), methods=("lime",))
    (file,) = (tmp_path / "explanations").iterdir()
    file.write_bytes(file.read_bytes().replace(b"keras_xai/explanations/inputs", b"other_xai/explanations/inputs"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checksum does not fit any more
        assert read_log(tmp_path) == []
    writer = EventWriter.open(tmp_path / "explanations")
    manifest = {"version": 1, "kind": "epoch", "session": "x", "epoch": 0, "maps": []}
    manifest["maps"] = [{"sample": "s00", "method": "lime", "coefficients": [1.0, 2.0]}]
    writer.blobs("keras_xai/alone/epoch/000000", 0, [strict_json(manifest), b""], plugin_content("epoch", "alone", "x"))
    writer.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (record,) = read_log(tmp_path, "alone")
    assert record["maps"][0]["values"] is None
    assert record["maps"][0]["coefficients"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("fits", "expected"),
    [
        ([("a", range(3), True)], ["a-inputs", "a-baseline", "a0", "a1", "a2"]),
        ([("a", range(4), True), ("b", range(2), False)], ["b-inputs", "b0", "b1"]),
        ([("a", range(3), True), ("b", range(2, 4), False)], ["a-baseline", "a0", "a1", "b-inputs", "b2", "b3"]),
        (
            [("a", range(3), False), ("b", range(3, 5), False), ("c", range(4, 6), False)],
            ["a0", "a1", "a2", "b3", "c-inputs", "c4", "c5"],
        ),
        ([("a", range(3), False), ("b", range(3), False), ("c", range(1, 2), False)], ["b0", "c-inputs", "c1"]),
    ],
)
def test_latest_fit(tmp_path, fits, expected):
    for session, epochs, baseline in fits:
        fit(tmp_path, session, epochs, baseline)
    records = latest_fit(read_log(tmp_path))
    names = [
        record["session"] + (str(record["epoch"]) if record["kind"] == "epoch" else f"-{record['kind']}")
        for record in records
    ]
    assert names == expected
