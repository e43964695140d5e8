"""Whatever goes wrong, training goes on, one warning tells the reason, and what still works goes on."""

import contextlib
import resource
import shutil

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback, GradCAMCallback
from keras_xai.explainers.explainer import Result
from keras_xai.log import read_log
from tests.training.broken import Broken
from tests.training.networks import CLASSES, SIZE, compiled, data, small
from tests.training.running import fit, samples, stock, told


class Then(keras.callbacks.Callback):
    """Does something to the model when an epoch ends; list it before ours."""

    def __init__(self, epoch, action):
        super().__init__()
        self.epoch = epoch
        self.action = action

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.action(self.model)


def explained(log_dir):
    """Which methods each epoch record holds: {epoch: {methods}}."""
    records = [record for record in read_log(log_dir) if record["kind"] == "epoch"]
    return {record["epoch"]: {entry["method"] for entry in record["maps"]} for record in records}


def lime():
    return kx.LIME(num_samples=12, segments="grid")


@pytest.mark.parametrize("where", ["prepare", "explain", "observe", "perturb", "answered"])
def test_a_failing_explainer_is_switched_off_and_the_others_go_on(where, tmp_path):
    callback = ExplanationCallback(samples(), [Broken(where), kx.GradCAM()], log_dir=tmp_path)
    (message,) = told(lambda: fit(compiled(small()), [callback], epochs=3))
    assert message == (
        "keras_xai: broken failed at epoch 0. Switched off for the rest of this run; training goes on. "
        f"RuntimeError: broken on purpose in {where}"
    )
    ((step, text),) = stock(tmp_path, "text")["xai/errors"].items()
    assert step == 0
    assert "**broken failed** at epoch 0" in text
    assert f"RuntimeError: broken on purpose in {where}" in text
    assert explained(tmp_path) == dict.fromkeys(range(3), {"grad_cam"})
    assert list(callback.explanations) == ["grad_cam"]


class Misleading(Broken):
    """Explains, but with details that nobody can draw."""

    name = "misleading"

    def explain(self, samples, plan):
        result = yield from super().explain(samples, plan)
        return Result(result.raw, {"feature_maps": 3})


def test_a_failure_that_nobody_foresaw(tmp_path):
    callback = ExplanationCallback(samples(), [kx.GradCAM(), Misleading()], log_dir=tmp_path)
    (message,) = told(lambda: fit(compiled(small()), [callback], epochs=3))
    assert message.startswith(
        "keras_xai: grad_cam, misleading failed at epoch 0. Switched off for the rest of this run;"
    )
    assert "AttributeError: 'int' object has no attribute 'items'" in message
    assert list(stock(tmp_path, "text")["xai/errors"]) == [0]


def test_raise_raises(tmp_path):
    for explainer, error in [
        (Broken("observe"), "broken on purpose in observe"),
        (Misleading(), "no attribute 'items'"),
    ]:
        callback = ExplanationCallback(samples(), [explainer], log_dir=tmp_path, on_error="raise")
        with pytest.raises((RuntimeError, AttributeError), match=error):
            fit(compiled(small()), [callback])


def test_the_next_fit_tries_again(tmp_path):
    broken = Broken("prepare")
    callback = ExplanationCallback(samples(), [broken, kx.GradCAM()], log_dir=tmp_path / "a")
    model = compiled(small())
    assert len(told(lambda: fit(model, [callback]))) == 1
    broken.where = "never"
    assert told(lambda: fit(model, [callback])) == []
    assert list(callback.explanations) == ["broken", "grad_cam"]


def test_one_cause_is_told_once_for_all_explainers_it_hits(tmp_path):
    """Without a convolution Grad-CAM and the activations have nothing to look at; LIME has."""
    layers = [keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(CLASSES, activation="softmax")]
    callback = ExplanationCallback(samples(), [kx.GradCAM(), lime(), kx.Activations()], log_dir=tmp_path)
    (message,) = told(lambda: fit(compiled(keras.Sequential(layers)), [callback]))
    assert "grad_cam, activations failed at epoch 0" in message
    assert "No layer of this model computes a map" in message
    assert "Name a layer with layer=..." in message
    assert explained(tmp_path) == {0: {"lime"}, 1: {"lime"}}


def test_a_layer_that_is_not_there(tmp_path):
    callback = ExplanationCallback(samples(), [kx.GradCAM(layer="convolution"), lime()], log_dir=tmp_path)
    (message,) = told(lambda: fit(compiled(small()), [callback]))
    assert "The model has no layer 'convolution'. Did you mean ['conv']?" in message
    assert "no layer 'convolution'" in stock(tmp_path, "text")["xai/errors"][0]
    assert explained(tmp_path) == {0: {"lime"}, 1: {"lime"}}


def test_labels_the_model_does_not_have(tmp_path):
    given = kx.Samples(data(4)[0], labels=[0, 1, 2, CLASSES])
    callback = ExplanationCallback(given, ["grad_cam", lime()], log_dir=tmp_path)
    (message,) = told(lambda: fit(compiled(small()), [callback], epochs=3))
    assert "grad_cam, lime failed" in message
    assert "labels[3] is 3, but the explained output has 3 classes, 0 to 2." in message
    assert "labels[3] is 3" in stock(tmp_path, "text")["xai/errors"][0]


def test_samples_that_do_not_fit_the_model(tmp_path):
    given = np.zeros((2, SIZE, SIZE, 1), "float32")
    callback = ExplanationCallback(given, ["grad_cam", lime()], log_dir=tmp_path)
    history = []
    (message,) = told(lambda: history.append(fit(compiled(small()), [callback])))
    assert "grad_cam, lime failed" in message
    assert len(history[0].epoch) == 2


def test_weights_that_become_nan(tmp_path):
    def spoil(model):
        model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])

    callback = ExplanationCallback(samples(), ["grad_cam", lime(), "activations"], log_dir=tmp_path)
    assert told(lambda: fit(compiled(small()), [Then(1, spoil), callback], epochs=3)) == []
    for explanation in callback.explanations.values():
        assert not explanation.valid.any()
        assert not explanation.maps.any()
    epochs = {record["epoch"]: record for record in read_log(tmp_path) if record["kind"] == "epoch"}
    assert [[sample["valid"] for sample in epochs[e]["samples"]] for e in range(3)] == [[True] * 4, *[[False] * 4] * 2]
    assert epochs[2]["samples"][0]["confidence"] is None
    for steps in stock(tmp_path, "scalars").values():
        assert set(steps) <= {0}
    assert set(stock(tmp_path, "scalars")["xai/score/grad_cam"]) == {0}


def test_a_constant_model(tmp_path):
    model = compiled(small(), optimizer=keras.optimizers.SGD(0.0))
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    callback = ExplanationCallback(samples(), ["grad_cam", lime(), "activations"], log_dir=tmp_path)
    assert told(lambda: fit(model, [callback])) == []
    for method, explanation in callback.explanations.items():
        assert explanation.valid.all()
        assert not explanation.maps.any()
        assert np.isnan(callback.measures[method]["entropy"]).all()
    assert set(stock(tmp_path, "scalars")) == {f"xai/score/{m}" for m in ("grad_cam", "lime", "activations")}
    assert stock(tmp_path, "scalars")["xai/score/lime"] == {0: 0.0, 1: 0.0}


def test_a_metric_that_fails(tmp_path):
    def unlucky(explanation):
        raise ZeroDivisionError("no luck")

    callback = ExplanationCallback(samples(), ["grad_cam", "hires_cam"], log_dir=tmp_path, metrics=[unlucky])
    model = compiled(small())
    (message,) = told(lambda: fit(model, [callback], epochs=3))
    assert "The metric 'unlucky' of 'grad_cam' failed at epoch 0" in message
    assert "ZeroDivisionError: no luck" in message
    assert set(stock(tmp_path, "scalars")["xai/entropy/hires_cam"]) == {0, 1, 2}
    assert len(told(lambda: fit(model, [callback]))) == 1


def test_a_metric_that_fails_leaves_the_others_alone(tmp_path):
    """One fails at epoch 1, one gives numbers of a wrong shape there; those before, between and behind go on."""
    epochs = []

    def first(explanation):
        epochs.append(len(epochs))
        return explanation.scores

    def failing(explanation):
        if len(epochs) == 2:
            raise ZeroDivisionError("no luck")
        assert len(epochs) == 1, "asked again"
        return explanation.scores

    def between(explanation):
        return 2 * explanation.scores

    def shapeless(explanation):
        return explanation.scores if len(epochs) == 1 else explanation.raw

    metrics = [first, failing, between, shapeless, kx.metrics.AverageDrop()]
    callback = ExplanationCallback(samples(), ["grad_cam"], log_dir=tmp_path, metrics=metrics)
    messages = told(lambda: fit(compiled(small()), [callback], epochs=4))
    assert len(messages) == 2
    assert (
        "The metric 'failing' of 'grad_cam' failed at epoch 1. It is left out for the rest of this run" in messages[0]
    )
    assert "ZeroDivisionError: no luck" in messages[0]
    assert "The metric 'shapeless' of 'grad_cam' failed at epoch 1" in messages[1]
    assert "must give one number or one per sample" in messages[1]
    scalars = stock(tmp_path, "scalars")
    for name in ("first", "between", "average_drop", "score"):
        assert set(scalars[f"xai/{name}/grad_cam"]) == {0, 1, 2, 3}, name
    for name in ("failing", "shapeless"):
        assert set(scalars[f"xai/{name}/grad_cam"]) == {0}, name
    assert {"first", "between", "average_drop"} <= callback.measures["grad_cam"].keys()
    assert not {"failing", "shapeless"} & callback.measures["grad_cam"].keys()
    assert "**The metric 'shapeless' of 'grad_cam' failed**" in stock(tmp_path, "text")["xai/errors"][1]


def test_a_metric_that_fails_is_raised_where_errors_are(tmp_path):
    def unlucky(explanation):
        raise ZeroDivisionError("no luck")

    callback = ExplanationCallback(samples(), ["grad_cam"], log_dir=tmp_path, metrics=[unlucky], on_error="raise")
    with pytest.raises(ZeroDivisionError, match="no luck"):
        fit(compiled(small()), [callback])


def test_a_file_where_the_log_should_be(tmp_path):
    (tmp_path / "logs").write_text("in the way")
    callback = ExplanationCallback(samples(), ["grad_cam", lime()], log_dir=tmp_path / "logs")
    (message,) = told(lambda: fit(compiled(small()), [callback], epochs=3))
    assert "Explanations could not be written to" in message
    assert "Make it a writable directory, or choose another log_dir." in message
    assert list(callback.explanations) == ["grad_cam", "lime"]


def test_a_log_that_is_removed_meanwhile(tmp_path):
    log_dir = tmp_path / "logs"
    callback = ExplanationCallback(samples(), ["grad_cam", lime()], log_dir=log_dir)

    def remove(model):
        callback._log._writer.flush()
        shutil.rmtree(log_dir)

    (message,) = told(lambda: fit(compiled(small()), [Then(1, remove), callback], epochs=4))
    assert "the event file was removed or changed" in message
    records = read_log(log_dir)
    assert records[0]["kind"] == "inputs"
    assert {record["epoch"] for record in records if record["kind"] == "epoch"} >= {2, 3}
    assert records[-1]["maps"][-1]["values"].shape == (SIZE, SIZE)


@contextlib.contextmanager
def largest_file(size):
    """Files cannot grow beyond this many bytes inside: what a full disk does to a write, without a disk to fill."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk(tmp_path):
    callback = ExplanationCallback(samples(), ["grad_cam", lime()], log_dir=tmp_path)
    model = compiled(small())
    fit(model, [GradCAMCallback(samples(), log_dir=tmp_path / "warm-up")])
    with largest_file(12_000):
        (message,) = told(lambda: fit(model, [callback], epochs=3))
    assert "Free some space, or choose another log_dir." in message
    assert list(callback.explanations) == ["grad_cam", "lime"]
    assert {record["kind"] for record in read_log(tmp_path)} >= {"inputs", "epoch"}
