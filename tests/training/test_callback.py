"""What the callbacks do in a fit: when they explain, what they log under which names, what they hand to other callbacks."""

import copy
import csv
import types

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai import engine
from keras_xai.callbacks import (
    ActivationsCallback,
    ExplanationCallback,
    GradCAMCallback,
    LIMECallback,
    explanation_callback,
)
from keras_xai.explainers import explainer
from keras_xai.log import EventWriter, latest_fit, read_log
from tests.training.broken import Broken
from tests.training.networks import Variational, compiled, small
from tests.training.running import fit, samples, stock, told


def kinds(log_dir):
    """(kind, epoch) of every record but the inputs, in the order written."""
    return [(record["kind"], record["epoch"]) for record in read_log(log_dir) if record["kind"] != "inputs"]


def lime():
    return kx.LIME(num_samples=12, segments="grid")


def test_every_so_many_epochs(tmp_path):
    callback = GradCAMCallback(samples(), log_dir=tmp_path, every=2)
    fit(compiled(small()), [callback], epochs=5)
    assert kinds(tmp_path) == [("baseline", -1), ("epoch", 1), ("epoch", 3)]
    assert set(stock(tmp_path, "scalars")["xai/score/grad_cam"]) == {1, 3}


def test_it_says_when_no_epoch_is_due(tmp_path):
    callback = GradCAMCallback(samples(), log_dir=tmp_path, every=3)
    (message,) = told(lambda: fit(compiled(small()), [callback], epochs=2))
    assert "nothing will be explained, since every=3 is more than the 2 epochs of this fit" in message


def test_it_says_what_a_whole_validation_set_costs(tmp_path):
    def run(count, **options):
        callback = GradCAMCallback(samples(count), log_dir=tmp_path, **options)
        return told(lambda: fit(compiled(small()), [callback], epochs=1))

    (message,) = run(257)
    assert "257 samples will be explained after every 1 epoch(s)" in message
    assert "Samples.from_data((x, y), count=16)" in message
    assert not run(256)
    assert not run(257, budget=0.5)


def test_the_untrained_network_is_the_baseline(tmp_path):
    model, given = compiled(small()), samples()
    untrained = kx.GradCAM()(model, given)
    history = fit(model, [GradCAMCallback(given, log_dir=tmp_path, log_keys=["xai/score/grad_cam"])])
    baseline = read_log(tmp_path)[1]
    assert baseline["kind"] == "baseline"
    for entry, expected in zip(baseline["maps"], untrained.raw, strict=True):
        step = (entry["vmax"] - entry["vmin"]) / 255
        np.testing.assert_allclose(entry["values"], expected, atol=0.51 * step + 1e-6)
    for steps in stock(tmp_path, "scalars").values():
        assert set(steps) <= {0, 1}
    assert not np.allclose(history.history["xai/score/grad_cam"][0], untrained.scores.mean(), atol=1e-6)


def resumed(model, callbacks):
    fit(model, callbacks, epochs=4, initial_epoch=2)


def trained_before(model, callbacks):
    fit(model, [], epochs=1)
    fit(model, callbacks)


@pytest.mark.parametrize(("run", "epochs"), [(resumed, [2, 3]), (trained_before, [0, 1])])
def test_no_baseline_of_a_trained_network(run, epochs, tmp_path):
    run(compiled(small()), [LIMECallback(samples(), 12, "grid", log_dir=tmp_path)])
    assert kinds(tmp_path) == [("epoch", epoch) for epoch in epochs]
    assert list(stock(tmp_path, "scalars")["xai/drift/lime"]) == epochs[1:]


def test_no_baseline_of_a_network_without_weights(tmp_path):
    """On TensorFlow Keras builds a subclassed model with its first batch; elsewhere before the first epoch."""
    fit(compiled(Variational()), [LIMECallback(samples(), 12, "grid", log_dir=tmp_path)])
    baseline = [] if keras.backend.backend() == "tensorflow" else [("baseline", -1)]
    assert kinds(tmp_path) == [*baseline, ("epoch", 0), ("epoch", 1)]


def test_callbacks_share_a_directory(tmp_path):
    given = samples()
    callbacks = [
        ExplanationCallback(given, ["grad_cam", lime()], log_dir=tmp_path),
        GradCAMCallback(given, log_dir=tmp_path),
        GradCAMCallback(given, log_dir=tmp_path),
        LIMECallback(given, 12, "grid", log_dir=str(tmp_path)),
        ActivationsCallback(given, log_dir=tmp_path),
    ]
    fit(compiled(small()), callbacks)
    records = read_log(tmp_path)
    methods = {}
    for record in records:
        if record["kind"] == "epoch":
            methods.setdefault(record["name"], []).append({entry["method"] for entry in record["maps"]})
    assert methods == {
        "explanations": [{"grad_cam", "lime"}] * 2,
        "grad_cam": [{"grad_cam"}] * 2,
        "grad_cam-2": [{"grad_cam"}] * 2,
        "lime": [{"lime"}] * 2,
        "activations": [{"activations"}] * 2,
    }
    assert len({record["tag"] for record in records}) == len(records)
    scores = {tag for tag in stock(tmp_path, "scalars") if tag.startswith("xai/score/")}
    assert scores == {
        f"xai/score/{m}" for m in ("grad_cam", "grad_cam-2", "grad_cam-3", "lime", "lime-2", "activations")
    }
    assert len(list((tmp_path / "explanations").iterdir())) == 1


def test_two_explainers_of_one_method(tmp_path):
    callback = ExplanationCallback(
        samples(), [kx.GradCAM(), kx.GradCAM(score=kx.scores.Probability())], log_dir=tmp_path
    )
    fit(compiled(small()), [callback], epochs=1)
    assert {m: e.details["score"] for m, e in callback.explanations.items()} == {
        "grad_cam": "logit",
        "grad_cam-2": "probability",
    }
    assert {"xai/score/grad_cam", "xai/score/grad_cam-2"} <= set(stock(tmp_path, "scalars"))


def test_the_default_is_grad_cam_lime_and_activations(tmp_path):
    assert list(ExplanationCallback(samples(), log_dir=tmp_path).explainers) == ["grad_cam", "lime", "activations"]


def test_the_one_method_callbacks_hand_their_settings_on(tmp_path):
    score = kx.scores.Probability()
    by_method = {
        "grad_cam": GradCAMCallback(samples(), layer="conv", score=score),
        "lime": LIMECallback(samples(), num_samples=30, segments="grid", score=score),
        "activations": ActivationsCallback(samples(), layers=["conv"], channels=[0, 3]),
    }
    configs = {method: callback.explainers[method].get_config() for method, callback in by_method.items()}
    assert (configs["grad_cam"]["layer"], configs["grad_cam"]["score"]) == ("conv", score)
    assert (configs["lime"]["num_samples"], configs["lime"]["segments"], configs["lime"]["score"]) == (
        30,
        "grid",
        score,
    )
    assert (configs["activations"]["layers"], configs["activations"]["channels"]) == (["conv"], [0, 3])
    assert [callback.name for callback in by_method.values()] == list(by_method)


def test_log_keys_reach_the_callbacks_listed_after(tmp_path):
    keys = ["xai/score/grad_cam", "xai/drift/grad_cam"]
    callback = GradCAMCallback(samples(), log_dir=tmp_path, every=2, log_keys=keys)
    history = fit(compiled(small()), [callback, keras.callbacks.CSVLogger(tmp_path / "log.csv")], epochs=4)
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    scores = stock(tmp_path, "scalars")["xai/score/grad_cam"]
    expected = [np.nan, scores[1], scores[1], scores[3]]  # explained after epochs 1 and 3
    np.testing.assert_allclose([float(row["xai/score/grad_cam"]) for row in rows], expected, rtol=1e-6)
    drift = stock(tmp_path, "scalars")["xai/drift/grad_cam"]
    np.testing.assert_allclose(history.history["xai/drift/grad_cam"], [np.nan, drift[1], drift[1], drift[3]], rtol=1e-6)
    assert set(drift) == {1, 3}


def test_early_stopping_listens_to_a_measure_of_ours(tmp_path):
    seen = []

    def rising(explanation):
        seen.append(explanation.method)
        return float(len(seen))

    ours = GradCAMCallback(samples(), log_dir=tmp_path, metrics=[rising], log_keys=["xai/rising/grad_cam"])
    stop = keras.callbacks.EarlyStopping(monitor="xai/rising/grad_cam", mode="min", patience=2)
    history = fit(compiled(small()), [ours, stop], epochs=9)
    assert history.history["xai/rising/grad_cam"] == [1.0, 2.0, 3.0]
    assert kinds(tmp_path)[-1] == ("epoch", 2)


def test_metrics_become_scalars_and_measures(tmp_path):
    def brightest(explanation):
        return explanation.maps.max(axis=(1, 2))

    def count(explanation):
        return len(explanation)

    callback = GradCAMCallback(samples(), log_dir=tmp_path, metrics=[brightest, count])
    fit(compiled(small()), [callback], epochs=1)
    scalars = stock(tmp_path, "scalars")
    assert scalars["xai/count/grad_cam"] == {0: 4.0}
    peaks = callback.explanations["grad_cam"].maps.max(axis=(1, 2))
    assert scalars["xai/brightest/grad_cam"][0] == pytest.approx(peaks.mean(), rel=1e-6)
    np.testing.assert_allclose(callback.measures["grad_cam"]["brightest"], peaks)


def test_the_budget_bounds_the_share_of_training_time(tmp_path, monkeypatch):
    """A clock that training moves by 8 s an epoch and explaining by 4 s; the first explanation, the baseline, is free."""
    now = [0.0]
    for module in (explanation_callback, explainer, engine):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))

    class Slow(Broken):
        def explain(self, samples, plan):
            now[0] += 4.0
            return (yield from super().explain(samples, plan))

    class Training(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            now[0] += 8.0

    callback = ExplanationCallback(samples(), [Slow()], log_dir=tmp_path, budget=0.25)
    fit(compiled(small()), [Training(), callback], epochs=6)
    # Epoch e is explained where 4 · (explained so far + 1) ≤ 0.25 · 8 · (e + 1).
    assert kinds(tmp_path) == [("baseline", -1), ("epoch", 1), ("epoch", 3), ("epoch", 5)]
    skipped = stock(tmp_path, "text")["xai/skipped"]
    assert list(skipped) == [0, 2, 4]
    assert skipped[2] == ("Epoch 2, with a budget of 25.0%: broken waits, it would take 4 s and has saved up 2 s.")


@pytest.mark.parametrize(("verbose", "of_fit", "lines"), [("auto", 0, 0), ("auto", 2, 1), (1, 0, 1), (0, 2, 0)])
def test_one_line_says_what_is_logged_where(verbose, of_fit, lines, tmp_path, capsys):
    callback = GradCAMCallback(samples(), log_dir=tmp_path, every=2, verbose=verbose)
    model = compiled(small())
    model.fit(*_batch(), epochs=2, verbose=of_fit, callbacks=[callback])
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("keras_xai:")]
    line = f"keras_xai: grad_cam of 4 samples after every 2 epochs. Watch them with: tensorboard --logdir {tmp_path}"
    assert said == [line] * lines


def test_an_interrupted_fit_leaves_its_epochs(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    callback = ExplanationCallback(samples(), ["grad_cam", lime()], log_dir=tmp_path)
    model = compiled(small())
    with pytest.raises(KeyboardInterrupt):
        fit(model, [callback, Interrupt()], epochs=5)
    written(tmp_path)
    assert kinds(tmp_path) == [("baseline", -1), ("epoch", 0), ("epoch", 1)]
    assert all(entry["values"] is not None for entry in read_log(tmp_path)[-1]["maps"])

    fit(model, [callback], epochs=1)
    assert {record["name"] for record in read_log(tmp_path)} == {"explanations"}
    assert {tag for tag in stock(tmp_path, "scalars") if "score" in tag} == {"xai/score/grad_cam", "xai/score/lime"}


def test_two_fits_are_two_sessions(tmp_path):
    model, callback = compiled(small()), GradCAMCallback(samples(), log_dir=tmp_path)
    for _ in range(2):
        fit(model, [callback])
    records = read_log(tmp_path)
    assert len({record["session"] for record in records}) == 2
    assert kinds(tmp_path) == [("baseline", -1), ("epoch", 0), ("epoch", 1), ("epoch", 0), ("epoch", 1)]
    newest = records[-1]["session"]
    assert [(r["kind"], r["session"] == newest) for r in latest_fit(records)] == [
        ("inputs", True),
        ("epoch", True),
        ("epoch", True),
    ]


def test_a_resumed_fit_continues_the_log(tmp_path):
    model, callback = compiled(small()), GradCAMCallback(samples(), log_dir=tmp_path)
    fit(model, [callback], epochs=3)
    fit(model, [callback], epochs=4, initial_epoch=2)
    epochs = [(r["epoch"], r["session"]) for r in latest_fit(read_log(tmp_path)) if r["kind"] in ("baseline", "epoch")]
    first, second = dict.fromkeys(session for _, session in epochs)
    assert epochs == [(-1, first), (0, first), (1, first), (2, second), (3, second)]


def test_a_copy_is_a_callback_of_its_own(tmp_path):
    """Tuners copy the callbacks they are given for every trial."""
    original = ExplanationCallback(samples(), ["grad_cam", lime()], log_dir=tmp_path)
    for trial in range(2):
        duplicate = copy.deepcopy(original)
        duplicate.log_dir = str(tmp_path / str(trial))
        fit(compiled(small()), [duplicate], epochs=1)
        assert list(duplicate.explanations) == ["grad_cam", "lime"]
        assert kinds(tmp_path / str(trial)) == [("baseline", -1), ("epoch", 0)]
    assert original.explanations == {}


def test_results_stay_on_the_callback_and_start_afresh(tmp_path):
    callback = ExplanationCallback(samples(), ["grad_cam", lime(), "activations"], log_dir=tmp_path)
    model = compiled(small())
    fit(model, [callback], epochs=3)
    methods = ["grad_cam", "lime", "activations"]
    assert list(callback.explanations) == list(callback.measures) == list(callback.filmstrips) == methods
    again = kx.GradCAM()(model, callback.samples)
    np.testing.assert_allclose(callback.explanations["grad_cam"].maps, again.maps, rtol=1e-4, atol=1e-6)
    assert all(strip.dtype == np.uint8 and strip.shape[2:] == (3,) for strip in callback.filmstrips.values())

    another = compiled(small())
    untrained = kx.GradCAM()(another, callback.samples)
    fit(another, [callback], epochs=1)
    moved = kx.metrics.drift(untrained.raw, callback.explanations["grad_cam"].raw)
    np.testing.assert_allclose(callback.measures["grad_cam"]["drift"], moved, rtol=1e-4, atol=1e-6)


def test_nothing_is_told_in_a_fit_where_all_is_well(tmp_path):
    assert told(lambda: fit(compiled(small()), [ExplanationCallback(samples(), log_dir=tmp_path)])) == []
    assert set(stock(tmp_path, "text")) == set()


def written(log_dir):
    """Waits for the writer's thread."""
    writer = EventWriter.open(log_dir / "explanations")
    writer.flush()
    writer.close(wait=False)


def _batch():
    given = samples()
    return given.x, given.labels
