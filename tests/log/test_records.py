import io
import json

import numpy as np
import pytest
from log_stand_ins import make_activations, make_explanation, make_lime, make_samples
from PIL import Image

from keras_xai.log import area_average, parse, plugin_content, tag
from keras_xai.log.records import (
    activations_record,
    alert_record,
    describe_method,
    epoch_record,
    inputs_record,
    mean_measures,
)
from keras_xai.log.strict_json import strict_json


def strictly(blob):
    """As a browser would: no NaN, no Infinity."""
    return json.loads(blob, parse_constant=lambda token: pytest.fail(f"{token} is not JSON"))


def test_tags_and_plugin_content():
    assert tag("mine", "inputs") == "keras_xai/mine/inputs"
    assert tag("mine", "baseline", -1) == "keras_xai/mine/baseline"
    assert tag("mine", "epoch", 12) == "keras_xai/mine/epoch/000012"
    assert tag("mine", "activations", 1234567) == "keras_xai/mine/activations/1234567"
    assert tag("mine", "alert", 3, 1) == "keras_xai/mine/alert/000003-1"
    assert strictly(plugin_content("epoch", "mine", "abc", 3, np.True_)) == {
        "version": 1,
        "kind": "epoch",
        "name": "mine",
        "session": "abc",
        "epoch": 3,
        "flagged": True,
    }
    assert strictly(plugin_content("alert", "mine", "abc", 3, True, "notice"))["severity"] == "notice"


def test_inputs_record():
    samples = make_samples(3, (40, 60))
    lime = make_lime(samples, segments_a_side=4)
    methods = [
        describe_method(name, one) for name, one in {"grad_cam": make_explanation(samples), "lime": lime}.items()
    ]
    blobs = inputs_record("abc", samples, methods, lime.details["segments"])
    manifest = strictly(blobs[0])
    assert {key: manifest[key] for key in ("version", "kind", "session", "class_names")} == {
        "version": 1,
        "kind": "inputs",
        "session": "abc",
        "class_names": ["cat", "dog", "owl"],
    }
    assert manifest["samples"][2] == {
        "id": "s02",
        "name": "picture 2",
        "label": 2,
        "height": 40,
        "width": 60,
        "blob": 3,
        "segments": 6,
    }
    assert manifest["methods"] == [
        {
            "name": "grad_cam",
            "signed": False,
            "layer": "conv",
            "score": "logit",
            "config": {"layer": None, "score": None},
        },
        {"name": "lime", "signed": True, "layer": None, "score": "logit", "config": {"num_samples": 200}},
    ]
    assert len(blobs) == 7
    assert Image.open(io.BytesIO(blobs[3])).size == (60, 40)
    assert Image.open(io.BytesIO(blobs[3])).format == "JPEG"
    record = parse(blobs)
    np.testing.assert_array_equal(record["samples"][1]["segmentation"], lime.details["segments"][1])
    assert record["samples"][1]["jpeg"] == blobs[2]


@pytest.mark.parametrize(("count", "mode"), [(256, "L"), (257, "I;16"), (40_000, "I;16")])
def test_label_maps_take_as_many_bits_as_they_need(count, mode):
    samples = make_samples(1, (200, 200))
    segments = np.minimum(np.arange(40_000), count - 1).reshape(1, 200, 200)
    blobs = inputs_record("abc", samples, [], segments)
    assert Image.open(io.BytesIO(blobs[2])).mode == mode
    np.testing.assert_array_equal(parse(blobs)["samples"][0]["segmentation"], segments[0])


def test_inputs_of_a_bare_set():
    """Grey pictures, no labels, no class names, no methods, names outside ASCII."""
    samples = make_samples(1, (28, 28), channels=1, class_names=None, labels=None)
    samples.names = ["Käfer 甲虫"]
    blobs = inputs_record("abc", samples, [])
    record = parse(blobs)
    assert record["class_names"] is None
    assert record["samples"][0]["label"] is None
    assert record["samples"][0]["segments"] is None
    assert record["samples"][0]["segmentation"] is None
    assert record["samples"][0]["name"] == "Käfer 甲虫"
    assert Image.open(io.BytesIO(blobs[1])).mode == "L"


def test_settings_are_told_as_far_as_json_can():
    def my_score(outputs, targets):
        return outputs

    samples = make_samples(2)
    explanation = make_explanation(samples)
    explanation.details["config"] = {
        "score": my_score,
        "segments": np.zeros((2, 28, 28), int),
        "fill": object(),
        "kernel_width": 0.25,
    }
    assert describe_method("lime", explanation)["config"] == {
        "score": "my_score",
        "segments": "array of shape (2, 28, 28)",
        "fill": "object",
        "kernel_width": 0.25,
    }


def test_epoch_record():
    samples = make_samples(2)
    samples.labels = np.array([1, 0])
    explanations = {
        "grad_cam": make_explanation(samples, size=(7, 5)),
        "saliency": make_explanation(samples, "saliency", size=(28, 28), signed=True, seed=1),
    }
    explanations["grad_cam"].predictions = np.array([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]])
    explanations["grad_cam"].targets = np.array([1, 2])
    blobs = epoch_record(
        "abc",
        samples,
        12,
        explanations,
        measures={"grad_cam": {"entropy": np.array([0.61, np.nan]), "agreement": 0.75}},
        logs={"loss": np.float32(0.4), "val_loss": float("nan"), "note": "text", "lr": np.array(0.001)},
        flagged=[False, True],
    )
    assert len(blobs) == 2
    manifest = strictly(blobs[0])
    assert manifest["logs"] == {"loss": 0.4, "val_loss": None, "lr": 0.001}
    assert manifest["epoch"] == 12
    assert manifest["kind"] == "epoch"
    assert manifest["session"] == "abc"
    assert manifest["samples"] == [
        {"id": "s00", "target": 1, "predicted": 1, "confidence": 0.5, "valid": True, "flagged": False},
        {"id": "s01", "target": 2, "predicted": 0, "confidence": 0.9, "valid": True, "flagged": True},
    ]
    assert manifest["means"] == {"grad_cam": {"entropy": 0.61, "agreement": 0.75}}
    assert [(entry["sample"], entry["method"], entry["offset"]) for entry in manifest["maps"]] == [
        ("s00", "grad_cam", 0),
        ("s01", "grad_cam", 35),
        ("s00", "saliency", 70),
        ("s01", "saliency", 70 + 196),
    ]
    assert [entry["measures"] for entry in manifest["maps"]] == [{"entropy": 0.61}, {"entropy": None}, {}, {}]
    assert {entry["r2"] for entry in manifest["maps"]} == {None}
    assert len(blobs[1]) == 2 * 35 + 2 * 196

    entries = parse(blobs)["maps"]
    expected = [*explanations["grad_cam"].raw, *area_average(explanations["saliency"].raw, 14)]
    for entry, values in zip(entries, expected, strict=True):
        assert entry["values"].shape == values.shape == (entry["height"], entry["width"])
        assert np.abs(entry["values"] - values).max() <= (entry["vmax"] - entry["vmin"]) / 510 * (1 + 1e-5)


def test_resolution_is_a_choice():
    samples = make_samples(1)
    explanation = make_explanation(samples, size=(28, 28))
    blobs = epoch_record("abc", samples, 0, {"saliency": explanation}, resolution=20)
    assert parse(blobs)["maps"][0]["values"].shape == (20, 20)


def test_superpixel_methods_store_coefficients():
    samples = make_samples(2)
    lime = make_lime(samples)
    blobs = epoch_record("abc", samples, 0, {"lime": lime}, segments=lime.details["segments"])
    manifest = strictly(blobs[0])
    assert blobs[1] == b""
    for entry, coefficients, fit in zip(manifest["maps"], lime.details["coefficients"], (0.5, 0.9), strict=True):
        assert set(entry) == {"sample", "method", "coefficients", "r2", "measures"}
        assert entry["r2"] == fit
        np.testing.assert_allclose(entry["coefficients"], coefficients, atol=np.abs(coefficients).max() / 253)
    assert parse(blobs)["maps"][0]["values"] is None


@pytest.mark.parametrize("scale", [1e-20, 0.00548, 1.0, 9.99, 4321.0])
def test_coefficients_are_as_good_as_bytes_at_any_scale(scale):
    samples = make_samples(2)
    lime = make_lime(samples)
    lime.details["coefficients"] = [row / np.abs(row).max() * scale for row in lime.details["coefficients"]]
    blobs = epoch_record("abc", samples, 0, {"lime": lime}, segments=lime.details["segments"])
    for entry, coefficients in zip(strictly(blobs[0])["maps"], lime.details["coefficients"], strict=True):
        np.testing.assert_allclose(entry["coefficients"], coefficients, atol=scale / 253)
        assert len(strict_json(entry["coefficients"])) < 16 * 9


def test_other_superpixels_than_those_of_the_inputs_are_stored_as_maps():
    samples = make_samples(2)
    blobs = epoch_record("abc", samples, 0, {"lime": make_lime(samples)}, segments=np.zeros((2, 28, 28), int))
    assert parse(blobs)["maps"][0]["values"].shape == (14, 14)


def test_invalid_samples_and_wild_values_are_stored_as_zero():
    samples = make_samples(2)
    explanation = make_explanation(samples)
    explanation.valid = np.array([False, True])
    explanation.raw[0] = np.nan
    explanation.predictions[0] = np.nan
    blobs = epoch_record("abc", samples, 0, {"grad_cam": explanation})
    record = parse(blobs)
    strictly(blobs[0])
    np.testing.assert_array_equal(record["maps"][0]["values"], 0)
    assert record["samples"][0]["valid"] is False
    assert record["samples"][0]["predicted"] is None
    assert record["samples"][0]["confidence"] is None
    assert record["samples"][1]["valid"] is True


def test_untrained_network():
    samples = make_samples(1)
    record = parse(epoch_record("abc", samples, -1, {"grad_cam": make_explanation(samples)}))
    assert (record["kind"], record["epoch"]) == ("baseline", -1)


def test_means_leave_out_invalid_samples_and_what_is_not_finite():
    samples = make_samples(4)
    explanation = make_explanation(samples)
    explanation.valid = np.array([True, True, False, True])
    measures = {"grad_cam": {"a": np.array([1.0, 2.0, 50.0, np.nan]), "b": np.full(4, np.nan), "c": 0.25, "d": np.inf}}
    assert mean_measures(measures, {"grad_cam": explanation}) == {"grad_cam": {"a": 1.5, "c": 0.25}}


def test_activations_record():
    samples = make_samples(2)
    explanation = make_activations(samples, layers=(("conv1", 20, 4), ("conv2", 7, 3)))
    blobs = activations_record("abc", samples, 5, explanation)
    manifest = strictly(blobs[0])
    assert (manifest["kind"], manifest["epoch"]) == ("activations", 5)
    first, second = manifest["layers"]
    assert {key: first[key] for key in ("name", "height", "width", "channels")} == {
        "name": "conv1",
        "height": 14,
        "width": 14,
        "channels": [1, 4, 7, 10],
    }
    assert set(first["tiles"][0]) == {"sample", "channel", "offset", "vmin", "vmax"}
    assert second["drivers"] == [{"channel": 1, "samples": [{"id": "s01", "crop": [0, 4, 8, 8], "value": 3.5}]}]
    assert second["tiles"][0]["offset"] == 8 * 196
    assert len(blobs[1]) == 8 * 196 + 6 * 49
    for layer in parse(blobs)["layers"]:
        maps = explanation.details["feature_maps"][layer["name"]]
        for tile in layer["tiles"]:
            sample, channel = samples.ids.index(tile["sample"]), layer["channels"].index(tile["channel"])
            expected = area_average(maps[sample : sample + 1, :, :, channel], 14)[0]
            np.testing.assert_allclose(tile["values"], expected, atol=(tile["vmax"] - tile["vmin"]) / 509)


def test_alert_record():
    pictures = [np.full((10, 12, 3), level, np.uint8) for level in (10, 200)]
    record = {
        "epoch": 3,
        "class_index": np.int64(6),
        "cue": "local",
        "severity": "alert",
        "effects": {"necessity": {"effect": 0.81, "lower": 0.62}},
        "region": (0, 0, 5, 5),
        "sentence": "Class 6 is read off the corner.",
        "affected": ["s03"],
        "pairs": [{"before": 1, "after": 2, "from": 2, "to": 6}],
    }
    blobs = alert_record("abc", record, pictures)
    manifest = strictly(blobs[0])
    assert manifest == {
        **record,
        "version": 1,
        "kind": "alert",
        "session": "abc",
        "property": None,
        "class_index": 6,
        "region": [0, 0, 5, 5],
    }
    assert [int(np.asarray(Image.open(io.BytesIO(blob))).mean()) for blob in blobs[1:]] == [10, 200]
    assert parse(blobs)["pictures"] == blobs[1:]


def test_alerts_that_do_not_hold_together_are_refused():
    record = {"epoch": 3, "class_index": 6, "cue": "local", "severity": "alert", "sentence": "x"}
    with pytest.raises(ValueError, match=r"needs the fields \['sentence'\]"):
        alert_record("abc", {key: record[key] for key in record if key != "sentence"}, [])
    with pytest.raises(ValueError, match=r"pairs\[0\] of the alert names the pictures 1 and 2, but there are 1"):
        alert_record("abc", {**record, "pairs": [{"before": 1, "after": 2}]}, [np.zeros((4, 4), np.uint8)])


@pytest.mark.parametrize("side", [7, 14])
def test_a_sample_costs_less_than_400_bytes(side):
    """Per sample, method and epoch, everything included but pictures; measures as the callbacks write them."""
    samples = make_samples(16, (224, 224))
    lime = make_lime(samples, segments_a_side=6)
    explanations = {
        "grad_cam": make_explanation(samples, size=(side, side)),
        "lime": lime,
        "activations": make_explanation(samples, "activations", size=(side, side)),
    }
    generator = np.random.default_rng(0)
    measures = {method: {"entropy": generator.random(16), "drift": generator.random(16)} for method in explanations}
    logs = {"loss": 0.41234567, "accuracy": 0.87654321, "val_loss": 0.51234567, "val_accuracy": 0.81234567}
    segments = lime.details["segments"]
    blobs = epoch_record("0" * 32, samples, 12, explanations, measures=measures, logs=logs, segments=segments)
    cost = sum(map(len, blobs)) / 16 / 3
    print(f"{side}x{side}: {cost:.0f} bytes per sample, method and epoch")
    assert cost < 400
