import json

import numpy as np
import pytest
from log_stand_ins import make_activations, make_explanation, make_lime, make_samples

from keras_xai.log import parse
from keras_xai.log.records import activations_record, alert_record, epoch_record, inputs_record


@pytest.fixture
def epoch():
    samples = make_samples(2)
    return epoch_record("abc", samples, 0, {"grad_cam": make_explanation(samples)})


def changed(blobs, change):
    manifest = json.loads(blobs[0])
    change(manifest)
    return [json.dumps(manifest).encode(), *blobs[1:]]


def test_unknown_fields_are_handed_through(epoch):
    def change(manifest):
        manifest["future"] = {"a": 1}
        manifest["maps"][0]["future"] = 7

    record = parse(changed(epoch, change))
    assert record["future"] == {"a": 1}
    assert record["maps"][0]["future"] == 7
    np.testing.assert_array_equal(record["maps"][0]["values"], parse(epoch)["maps"][0]["values"])


@pytest.mark.parametrize(("version", "said"), [(2, "2"), (17, "17"), ("1", "'1'"), (None, "None")])
def test_unknown_versions_are_refused_by_number(epoch, version, said):
    with pytest.raises(ValueError, match=f"format version {said}, but this keras_xai reads version 1"):
        parse(changed(epoch, lambda manifest: manifest.update(version=version, kind="unheard of")))


def test_unknown_kinds_are_refused(epoch):
    with pytest.raises(ValueError, match="unknown kind 'sound'; known are inputs, baseline, epoch"):
        parse(changed(epoch, lambda manifest: manifest.update(kind="sound")))


@pytest.mark.parametrize("blobs", [[], [b""], [b"\xff\xd8\xff"], [b'{"version": 1']])
def test_what_is_no_record_is_refused(blobs):
    with pytest.raises(ValueError, match="Not a keras_xai record: its first blob is no JSON manifest"):
        parse(blobs)


def test_a_manifest_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match="its manifest is a list, expected an object"):
        parse([b"[1]"])


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (
            {"offset": 60},
            r"maps\[1\] \(sample s01, method grad_cam\): a 7x7 map at offset 60 does not fit the 98 bytes",
        ),
        ({"height": 9}, r"maps\[1\] .*: a 9x7 map at offset 49 does not fit"),
        ({"offset": -1}, r"maps\[1\] .*: a 7x7 map at offset -1 does not fit"),
        ({"width": 0}, r"maps\[1\] .*: a 7x0 map"),
        ({"width": 7.0}, r"maps\[1\] .*: width must be a whole number, got 7.0"),
        ({"height": None}, r"maps\[1\] .*: height must be a whole number, got None"),
        ({"vmax": "much"}, "the epoch record has a field of the wrong type"),
    ],
)
def test_a_lying_map_is_named(epoch, lie, said):
    with pytest.raises(ValueError, match=said):
        parse(changed(epoch, lambda manifest: manifest["maps"][1].update(lie)))


def test_a_missing_field_is_named(epoch):
    with pytest.raises(ValueError, match="The manifest of the epoch record lacks the field 'offset'"):
        parse(changed(epoch, lambda manifest: manifest["maps"][1].pop("offset")))
    with pytest.raises(ValueError, match="The manifest of the epoch record lacks the field 'maps'"):
        parse(changed(epoch, lambda manifest: manifest.pop("maps")))


def test_a_missing_blob_is_named(epoch):
    with pytest.raises(ValueError, match=r"maps\[0\] .* should be blob 1, but there are 1 blobs"):
        parse(epoch[:1])


def test_lying_inputs_are_named():
    samples = make_samples(2)
    blobs = inputs_record("abc", samples, [], make_lime(samples).details["segments"])
    with pytest.raises(ValueError, match=r"the picture of samples\[1\] \(s01\) should be blob 9, but there are 5"):
        parse(changed(blobs, lambda manifest: manifest["samples"][1].update(blob=9)))
    with pytest.raises(ValueError, match=r"superpixels of samples\[0\] \(s00\): the manifest says 28x30, .* is 28x28"):
        parse(changed(blobs, lambda manifest: manifest["samples"][0].update(width=30)))
    with pytest.raises(ValueError, match=r"superpixels of samples\[0\] \(s00\): .*cannot identify image"):
        parse([*blobs[:3], b"nothing", blobs[4]])


def test_lying_tiles_and_pairs_are_named():
    samples = make_samples(2)
    tiles = activations_record("abc", samples, 0, make_activations(samples))
    with pytest.raises(ValueError, match=r"tiles\[2\] of layer conv2 \(sample s00, channel 7\): .* offset 99999"):
        parse(changed(tiles, lambda manifest: manifest["layers"][1]["tiles"][2].update(offset=99999)))
    alert = {"epoch": 0, "class_index": 1, "cue": "local", "severity": "notice", "sentence": "x"}
    alert["pairs"] = [{"before": 1, "after": 1}]
    blobs = alert_record("abc", alert, [np.zeros((4, 4), np.uint8)])
    with pytest.raises(ValueError, match=r"picture 'after' of pairs\[0\] should be blob 5, but there are 2 blobs"):
        parse(changed(blobs, lambda manifest: manifest["pairs"][0].update(after=5)))
