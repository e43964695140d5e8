import gc
import io
import threading
import warnings
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from log_stand_ins import make_activations, make_explanation, make_lime, make_samples
from PIL import Image

from keras_xai.event_files import events
from keras_xai.explanation import Explanation
from keras_xai.log import ExplanationLog, read_log
from keras_xai.samples import Samples


def values(log_dir):
    """Everything in the event files: (tag, step) -> tensor."""
    found = {}
    for file in sorted((log_dir / "explanations").glob("events.*")):
        for event in events(file):
            for value in event.summary.value:
                found[value.tag, event.step] = value
    return found


def scalars(log_dir):
    kinds = {
        key: value for key, value in values(log_dir).items() if value.metadata.plugin_data.plugin_name == "scalars"
    }
    return {key: value.tensor.float_val[0] for key, value in kinds.items()}


def pictures(log_dir):
    kinds = {key: value for key, value in values(log_dir).items() if value.metadata.plugin_data.plugin_name == "images"}
    return {key: list(value.tensor.string_val) for key, value in kinds.items()}


def some_explanations(samples, seed=0):
    return {
        "grad_cam": make_explanation(samples, seed=seed),
        "lime": make_lime(samples, seed=seed),
        "activations": make_activations(samples, seed=seed),
    }


def test_a_whole_run(tmp_path):
    samples = make_samples(3)
    log = ExplanationLog(tmp_path, "explanations", samples, session="abc", epochs=3)
    log.baseline({"grad_cam": make_explanation(samples, seed=9)}, {"val_loss": 2.0})
    logs = {}
    explained = []
    for epoch in range(3):
        logs["loss"] = 1.0 / (epoch + 1)  # Keras hands the same dict to every callback and goes on changing it
        explained.append(some_explanations(samples, seed=epoch))
        measures = {"grad_cam": {"entropy": np.array([0.25, 0.75, np.nan]) + epoch, "agreement": 0.5}}
        log.epoch(epoch, explained[-1], measures, logs, flagged=[False, epoch == 1, False])
    logs["loss"] = -1.0
    log.text("xai/alerts", 2, "**Class 6** is read off the corner.")
    log.finish()

    records = read_log(tmp_path, "explanations")
    assert [record["tag"].removeprefix("keras_xai/explanations/") for record in records] == [
        "inputs",
        "baseline",
        "inputs",
        *[f"{kind}/{epoch:06d}" for epoch in range(3) for kind in ("epoch", "activations")],
    ]
    assert {record["session"] for record in records} == {"abc"}
    assert [method["name"] for method in records[2]["methods"]] == ["grad_cam", "lime", "activations"]
    assert records[1]["logs"] == {"val_loss": 2.0}
    epochs = [record for record in records if record["kind"] == "epoch"]
    assert [record["logs"]["loss"] for record in epochs] == [1.0, 0.5, 0.333333]
    assert [record["step"] for record in epochs] == [0, 1, 2]
    for record, explanations in zip(epochs, explained, strict=True):
        for entry in record["maps"]:
            raw = explanations[entry["method"]].raw[samples.ids.index(entry["sample"])]
            assert entry["values"].shape == raw.shape
            # A packed map is good to half a level of 255, a coefficient to as much from −largest to largest.
            assert np.abs(entry["values"] - raw).max() <= max(np.ptp(raw) / 505, np.abs(raw).max() / 253)

    assert scalars(tmp_path) == {
        **{("xai/entropy/grad_cam", epoch): 0.5 + epoch for epoch in range(3)},
        **{("xai/agreement/grad_cam", epoch): 0.5 for epoch in range(3)},
    }
    drawn = pictures(tmp_path)
    assert set(drawn) == {
        *[(f"explanations/{method}", epoch) for method in explained[0] for epoch in range(3)],
        *[(f"filmstrip/{method}", 2) for method in explained[0]],
    }
    for width, height, encoded in drawn.values():
        picture = Image.open(io.BytesIO(encoded))
        assert (picture.format, picture.size) == ("JPEG", (int(width), int(height)))
    assert set(log.filmstrips) == set(explained[0])
    strip = log.filmstrips["grad_cam"]
    assert (strip.dtype, strip.shape[2]) == (np.uint8, 3)
    assert drawn["filmstrip/grad_cam", 2][:2] == [str(strip.shape[1]).encode(), str(strip.shape[0]).encode()]

    text = values(tmp_path)["xai/alerts", 2]
    assert text.tensor.string_val[0] == b"**Class 6** is read off the corner."
    content = values(tmp_path)["keras_xai/explanations/epoch/000001", 1].metadata.plugin_data.content
    assert content == b'{"version":1,"kind":"epoch","name":"explanations","session":"abc","epoch":1,"flagged":true}'


def test_real_samples_and_explanations(tmp_path):
    generator = np.random.default_rng(0)
    samples = Samples(
        generator.random((4, 32, 32, 3)).astype(np.float32), labels=[0, 1, 1, 0], class_names=["cat", "dog"]
    )
    raw = generator.normal(size=(4, 8, 8)).astype(np.float32)
    explanation = Explanation(
        method="integrated_gradients",
        signed=True,
        raw=raw,
        valid=np.array([True, True, False, True]),
        scores=np.zeros(4, np.float32),
        targets=np.array([0, 1, 1, 0]),
        predictions=np.array([[0.1], [0.9], [0.6], [0.7]], np.float32),
        details={"score": "logit", "config": {"steps": 50}},
        images=samples.images,
    )
    with_labels = ExplanationLog(tmp_path, "real", samples)
    with_labels.epoch(0, {"integrated_gradients": explanation}, {"integrated_gradients": {"gap": np.arange(4.0)}})
    with_labels.finish()
    inputs, epoch = read_log(tmp_path, "real")
    assert [sample["label"] for sample in inputs["samples"]] == [0, 1, 1, 0]
    assert [sample["predicted"] for sample in epoch["samples"]] == [0, 1, 1, 1]
    assert [sample["confidence"] for sample in epoch["samples"]] == [0.9, 0.9, 0.6, 0.7]
    assert [sample["valid"] for sample in epoch["samples"]] == [True, True, False, True]
    np.testing.assert_allclose(epoch["maps"][3]["values"], raw[3], atol=np.ptp(raw[3]) / 505)
    assert scalars(tmp_path) == {("xai/gap/integrated_gradients", 0): pytest.approx(4 / 3)}
    assert set(with_labels.filmstrips) == {"integrated_gradients"}


def test_names_are_unique_in_a_directory(tmp_path):
    samples = make_samples(1)
    logs = [ExplanationLog(tmp_path, "explanations", samples) for _ in range(3)]
    assert [log.name for log in logs] == ["explanations", "explanations-2", "explanations-3"]
    elsewhere = ExplanationLog(tmp_path / "other", "explanations", samples)
    assert elsewhere.name == "explanations"
    logs[1].finish()
    again = ExplanationLog(tmp_path, "explanations", samples)
    assert again.name == "explanations-2"
    for log in [*logs, elsewhere, again]:
        log.finish()
    log = ExplanationLog(tmp_path, "explanations", samples)
    assert log.name == "explanations"
    log.finish()


def test_a_forgotten_log_gives_its_name_back_and_loses_nothing(tmp_path):
    samples = make_samples(1)
    log = ExplanationLog(tmp_path, "explanations", samples)
    other = ExplanationLog(tmp_path, "another", samples)
    log.epoch(0, {"grad_cam": make_explanation(samples)})
    gone = weakref.ref(log)
    del log
    gc.collect()
    assert gone() is None
    log = ExplanationLog(tmp_path, "explanations", samples)
    assert log.name == "explanations"
    log.finish()
    other.finish()
    assert [record["kind"] for record in read_log(tmp_path, "explanations")] == ["inputs", "epoch"]


def test_two_logs_do_not_collide_in_the_stock_tabs(tmp_path):
    samples = make_samples(2)
    first, second = ExplanationLog(tmp_path, "train", samples), ExplanationLog(tmp_path, "test", samples)
    for number, log in enumerate((first, second)):
        measures = {"grad_cam": {"entropy": np.full(2, number)}}
        log.epoch(0, {"grad_cam": make_explanation(samples)}, measures)
    first.finish()
    second.finish()
    assert scalars(tmp_path) == {("xai/entropy/grad_cam", 0): 0.0, ("xai/entropy/grad_cam-2", 0): 1.0}
    assert {tag for tag, _ in pictures(tmp_path)} == {
        "explanations/grad_cam",
        "explanations/grad_cam-2",
        "filmstrip/grad_cam",
        "filmstrip/grad_cam-2",
    }
    assert {record["name"] for record in read_log(tmp_path)} == {"train", "test"}
    assert len(list((tmp_path / "explanations").iterdir())) == 1


def test_sessions_tell_fits_apart(tmp_path):
    samples = make_samples(1)
    for _ in range(2):
        log = ExplanationLog(tmp_path, "explanations", samples)
        log.epoch(0, {"grad_cam": make_explanation(samples)})
        log.finish()
    assert len({record["session"] for record in read_log(tmp_path)}) == 2


def test_other_processes_write_nothing(tmp_path):
    samples = make_samples(1)
    log = ExplanationLog(tmp_path, "explanations", samples, enabled=False)
    explanations = {"grad_cam": make_explanation(samples)}
    log.inputs(explanations)
    log.baseline(explanations)
    log.epoch(0, explanations, {"grad_cam": {"a": 1.0}}, {"loss": 1.0})
    log.alert({}, [])
    log.scalar("a", 0, 1.0)
    log.text("a", 0, "b")
    log.finish()
    assert list(tmp_path.iterdir()) == []
    assert log.filmstrips == {}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("keras_xai-log")]


def test_nothing_is_touched_before_the_first_record(tmp_path):
    log = ExplanationLog(tmp_path / "logs", "explanations", make_samples(1))
    assert list(tmp_path.iterdir()) == []
    log.epoch(0, {})
    log.finish()
    assert list(tmp_path.iterdir()) == []


def test_finish_may_be_called_twice_and_ends_it(tmp_path):
    samples = make_samples(1)
    log = ExplanationLog(tmp_path, "explanations", samples)
    log.epoch(0, {"grad_cam": make_explanation(samples)})
    log.finish()
    before = values(tmp_path).keys()
    log.finish()
    assert values(tmp_path).keys() == before
    with pytest.raises(RuntimeError, match="The log 'explanations' is finished. Make a new ExplanationLog"):
        log.epoch(1, {"grad_cam": make_explanation(samples)})


@pytest.mark.parametrize(
    ("epochs", "explained", "expected"),
    [
        (90, range(90), [*range(0, 90, 10), 89]),
        (None, range(20), [0, 1, 2, 4, 8, 16, 19]),
        (12, range(3, 12, 4), [3, 7, 11]),
    ],
)
def test_pictures_of_at_most_ten_epochs_the_last_among_them(tmp_path, epochs, explained, expected):
    samples = make_samples(1)
    log = ExplanationLog(tmp_path, "explanations", samples, epochs=epochs)
    explanation = make_explanation(samples)
    for epoch in explained:
        log.epoch(epoch, {"grad_cam": explanation})
    log.finish()
    assert [step for tag, step in pictures(tmp_path) if tag == "explanations/grad_cam"] == expected


def test_the_colour_scale_follows_the_largest_value_so_far(tmp_path, monkeypatch):
    """Seen from where the pictures are drawn."""
    samples = make_samples(2)
    calls = []

    def spy(images, maps, captions, vmax, signed, **options):
        calls.append((vmax.tolist(), captions))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr("keras_xai.render.montage", spy)
    log = ExplanationLog(tmp_path, "explanations", samples, epochs=4)
    for epoch, peaks in enumerate([(0.3, 0.0), (0.1, 4.0), (0.6, -7.0), (0.01, 0.5)]):
        raw = np.zeros((2, 7, 7)) + np.array(peaks)[:, None, None]
        log.epoch(epoch, {"grad_cam": make_explanation(samples, raw=raw)})
    log.finish()
    np.testing.assert_allclose([scale for scale, _ in calls], [[0.3, 0], [0.3, 5], [0.7, 7], [0.7, 7]])
    assert "scale 0.3" in calls[0][1][0].split("\n")


def test_captions_say_what_there_is_to_say(tmp_path, monkeypatch):
    samples = make_samples(3)
    samples.labels = np.array([0, 1, 2])
    explanation = make_lime(samples)
    explanation.valid = np.array([True, True, False])
    explanation.targets = np.array([0, 1, 2])
    explanation.predictions = np.array([[0.5, 0.25, 0.25], [0.75, 0.25, 0.0], [np.nan] * 3])
    captions = []

    def spy(images, maps, words, vmax, signed, **options):
        captions.extend(words)
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr("keras_xai.render.montage", spy)
    log = ExplanationLog(tmp_path, "explanations", samples)
    log.epoch(0, {"lime": explanation})
    log.finish()
    assert captions[0].split("\n")[:2] == ["picture 0", "cat -> cat  0.50"]
    assert captions[0].split("\n")[3] == "R2 0.50"
    assert captions[1].split("\n")[1:3] == ["dog -> cat  0.75", "explained: dog"]
    assert captions[2].split("\n")[1:] == ["owl -> ?", "explained: owl", "no finite score: no map", "R2 0.90"]


def test_filmstrip_columns(tmp_path, monkeypatch):
    samples = make_samples(2)
    samples.labels = np.array([0, 1])
    calls = []

    def spy(images, maps, titles, captions, vmax, signed, **options):
        calls.append((maps, titles, captions, options))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr("keras_xai.render.filmstrip", spy)
    log = ExplanationLog(tmp_path, "explanations", samples, epochs=30)
    explanation = make_explanation(samples, size=(28, 28))
    explanation.predictions = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1]])
    log.baseline({"grad_cam": explanation})
    for epoch in range(30):
        some = {"grad_cam": explanation}
        if epoch >= 27:
            some["late"] = explanation
        log.epoch(epoch, some)
    log.finish()
    (maps, titles, captions, options), (late, late_titles, _, _) = calls
    assert titles[0] == "untrained"
    assert titles[-1] == "epoch 29"
    assert len(titles) == 10
    assert titles == late_titles
    np.testing.assert_array_equal(maps[:, 3], explanation.maps)
    assert np.isnan(late[:, :-2]).all()
    assert np.isfinite(late[:, -1]).all()
    assert captions == ["picture 0\ntrue: cat\nscale 1", "picture 1\ntrue: dog\nscale 1"]
    assert options["cell_captions"] == [["cat  0.80"] * 10, ["cat  0.60"] * 10]
    np.testing.assert_array_equal(options["cell_wrong"], [[False] * 10, [True] * 10])


def test_a_filmstrip_remembers_small_maps_only(tmp_path):
    samples = make_samples(1, (256, 256))
    log = ExplanationLog(tmp_path, "explanations", samples, epochs=2)
    log.epoch(0, {"saliency": make_explanation(samples, size=(256, 256))})
    assert log._gallery._frames[0]["saliency"].maps.shape == (1, 112, 112)
    log.finish()


def test_alerts(tmp_path):
    log = ExplanationLog(tmp_path, "monitor", make_samples(1))
    record = {"epoch": 3, "class_index": 6, "cue": "local", "severity": "alert", "sentence": "x"}
    log.alert({**record, "pairs": [{"before": 1, "after": 2, "from": 2, "to": 6}]}, [np.zeros((8, 8, 3), np.uint8)] * 2)
    log.alert(record)
    log.alert({**record, "epoch": 4})
    with pytest.raises(ValueError, match="An alert record needs the fields"):
        log.alert({"epoch": 3})
    log.finish()
    inputs, *alerts = read_log(tmp_path)
    assert (inputs["kind"], inputs["methods"]) == ("inputs", [])
    assert [alert["tag"].rpartition("/")[2] for alert in alerts] == ["000003-0", "000003-1", "000004-0"]
    assert [len(alert["pictures"]) for alert in alerts] == [2, 0, 0]
    assert b'"flagged":true' in values(tmp_path)[alerts[0]["tag"], 3].metadata.plugin_data.content


def test_bad_input_is_refused(tmp_path):
    samples = make_samples(2)
    for name in ("", "a/b"):
        with pytest.raises(ValueError, match="must not be empty nor contain '/'"):
            ExplanationLog(tmp_path, name, samples)
    with pytest.raises(ValueError, match="most cells a side of a stored map, at least 1, got 0"):
        ExplanationLog(tmp_path, "a", samples, resolution=0)
    log = ExplanationLog(tmp_path, "a", samples)
    explanations = {"grad_cam": make_explanation(samples)}
    with pytest.raises(ValueError, match=r"measures for \['lime'\], but explanations only for \['grad_cam'\]"):
        log.epoch(0, explanations, {"lime": {}})
    with pytest.raises(
        ValueError, match=r"measures\['grad_cam'\]\['drift'\] must be one number, or one per sample \(2\)"
    ):
        log.epoch(0, explanations, {"grad_cam": {"drift": np.zeros(3)}})
    with pytest.raises(ValueError, match=r"flagged must be one bool per sample \(2\), got the shape \(1,\)"):
        log.epoch(0, explanations, flagged=[True])
    log.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_broken_picture_costs_no_numbers(tmp_path, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("no paint left")

    monkeypatch.setattr("keras_xai.render.montage", broken)
    samples = make_samples(1)
    log = ExplanationLog(tmp_path, "explanations", samples)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for epoch in range(3):
            log.epoch(epoch, {"grad_cam": make_explanation(samples)}, {"grad_cam": {"a": 1.0}})
        log.finish()
    assert [str(one.message).count("RuntimeError: no paint left") for one in told] == [1]
    assert len([record for record in read_log(tmp_path) if record["kind"] == "epoch"]) == 3
    assert len(scalars(tmp_path)) == 3
    assert set(log.filmstrips) == {"grad_cam"}


def test_a_replaced_file_begins_with_the_inputs(tmp_path):
    samples = make_samples(1)
    log = ExplanationLog(tmp_path, "explanations", samples, epochs=10)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        log.epoch(0, {"grad_cam": make_explanation(samples)})
        log._writer.flush()
        for file in (tmp_path / "explanations").iterdir():
            file.unlink()
        log.epoch(1, {"grad_cam": make_explanation(samples)})
        log.finish()
    assert len(told) == 1
    assert [record["tag"].rpartition("explanations/")[2] for record in read_log(tmp_path)] == ["inputs", "epoch/000001"]


def test_scalars_that_are_no_numbers_are_left_out(tmp_path):
    log = ExplanationLog(tmp_path, "monitor", make_samples(1))
    log.scalar("xai/spurious/max_effect", 0, float("nan"))
    log.scalar("xai/spurious/max_effect", 1, 0.25)
    log.finish()
    assert scalars(tmp_path) == {("xai/spurious/max_effect", 1): 0.25}


def test_one_failing_method_does_not_make_the_others_invalid_maps(tmp_path):
    """A sample is valid when all methods could explain it; a map without a finite score is zero."""
    samples = make_samples(2)
    good, bad = make_explanation(samples), make_explanation(samples, "saliency")
    bad.valid = np.array([True, False])
    log = ExplanationLog(tmp_path, "explanations", samples)
    log.epoch(0, {"grad_cam": good, "saliency": bad}, {"saliency": {"a": np.array([1.0, 100.0])}})
    log.finish()
    record = read_log(tmp_path)[1]
    assert [sample["valid"] for sample in record["samples"]] == [True, False]
    assert record["means"] == {"saliency": {"a": 1.0}}
    np.testing.assert_allclose(record["maps"][1]["values"], good.raw[1], atol=np.ptp(good.raw[1]) / 505)


def test_multi_label_and_logits(tmp_path):
    samples = make_samples(2, labels=np.array([[1, 0, 1], [0, 1, 0]]))
    explanation = make_explanation(samples)
    explanation.predictions = np.array([[3.0, -1.0, 2.0], [0.0, 5.0, 1.0]])
    log = ExplanationLog(tmp_path, "explanations", samples)
    log.epoch(0, {"grad_cam": explanation, "activations": SimpleNamespace(**vars(make_activations(samples)))})
    log.finish()
    inputs, epoch, _ = read_log(tmp_path)
    assert [sample["label"] for sample in inputs["samples"]] == [[0, 2], 1]
    assert [(sample["predicted"], sample["confidence"]) for sample in epoch["samples"]] == [(0, None), (1, None)]


def test_a_long_run_has_feature_maps_of_fifty_epochs(tmp_path):
    samples = make_samples(1, (8, 8))
    activations = make_activations(samples, layers=(("conv", 2, 1),))
    activations.details["drivers"] = {}
    log = ExplanationLog(tmp_path, "explanations", samples, epochs=100)
    for epoch in range(100):
        log.epoch(epoch, {"activations": activations})
    log.finish()
    records = read_log(tmp_path)
    assert len([record for record in records if record["kind"] == "epoch"]) == 100
    epochs = [record["epoch"] for record in records if record["kind"] == "activations"]
    assert len(epochs) == 50
    assert (epochs[0], epochs[-1]) == (0, 99)
    assert {2, 3} == set(np.diff(epochs[:-1]))
