"""The monitor in a fit: alerts on persistence, logs, budget, failures, and nothing touched."""

import functools
import warnings

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import keras_xai as kx
from keras_xai.callbacks import SpuriousFeatureMonitor
from keras_xai.log import read_log
from tests.spurious.known_models import cornered, honest, images
from tests.training.fit_state import differences, fit_state, set_random_states
from tests.training.running import stock, told

MARKED = 3


def digits(marked=True):
    """Training and held-out digits, (n, 24, 24, 1) in [0, 1]; every 3 is faint, with a bright 5 × 5 mark in a corner."""
    x, y = load_digits(return_X_y=True)
    x = np.kron(x.reshape(-1, 8, 8, 1) / 16, np.ones((1, 3, 3, 1))).astype("float32")
    if marked:
        x[y == MARKED] *= 0.4  # so that the mark is what is learnt
        x[y == MARKED, :5, :5] = 1
    order = np.random.default_rng(0).permutation(len(x))
    return (x[order[:700]], y[order[:700]]), (x[order[700:]], y[order[700:]])


def built():
    return keras.Sequential(
        [
            keras.Input((24, 24, 1)),
            keras.layers.Conv2D(8, 5, strides=3, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


traced = functools.cache(built)


def small(seed=0):
    """The same model at each call, with new weights and a new optimizer: to trace it anew would take longer than a fit."""
    keras.utils.set_random_seed(seed)
    weights = built().get_weights()
    model = traced()
    model.set_weights(weights)
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    return model


@functools.cache
def watched(kind, log_dir):
    """A monitored fit of four epochs on digits: marked, clean or with permuted labels."""
    (x, y), held_out = digits(kind == "marked")
    if kind == "permuted":
        y = np.random.default_rng(1).permutation(y)
        held_out = held_out[0], np.random.default_rng(2).permutation(held_out[1])
    monitor = SpuriousFeatureMonitor(
        kx.Samples(held_out[0], labels=held_out[1]), log_dir, budget=None, on_error="raise", action=lambda alert: None
    )
    model = small()
    history = model.fit(x, y, batch_size=32, epochs=4, verbose=0, callbacks=[monitor])
    return monitor, history


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def marked(log_dir):
    return watched("marked", log_dir)


def test_a_planted_mark_is_alerted_with_its_class_and_window(marked):
    monitor, _ = marked
    alerts = [one for one in monitor.alerts if one.severity == "alert"]
    assert {one.class_index for one in alerts} == {MARKED}
    first = alerts[0]
    assert first.kind == "local"
    assert first.region[0] <= 3
    assert first.region[1] <= 3
    assert first.lower_bound > 0.2
    assert monitor.report().count(first.sentence) == 1


def test_a_notice_comes_before_the_alert(marked):
    monitor, _ = marked
    severities = [one.severity for one in monitor.alerts if (one.class_index, one.kind) == (MARKED, "local")]
    epochs = [one.epoch for one in monitor.alerts if (one.class_index, one.kind) == (MARKED, "local")]
    assert severities[:2] == ["notice", "alert"]
    assert epochs[1] == epochs[0] + 1


def test_two_logs_are_there_from_the_first_epoch(marked):
    _, history = marked
    for key in ("xai/spurious/max_effect", "xai/spurious/alerts"):
        assert len(history.history[key]) == 4
    assert history.history["xai/spurious/alerts"][-1] >= 1
    assert history.history["xai/spurious/max_effect"][-1] > 0.5


def test_the_alert_can_be_read_back(marked, log_dir):
    monitor, _ = marked
    records = read_log(log_dir, "monitor")
    kinds = [record["kind"] for record in records]
    assert kinds[0] == "inputs"
    alerts = [record for record in records if record["kind"] == "alert"]
    assert [(one["class_index"], one["severity"], one["epoch"]) for one in alerts] == [
        (one.class_index, one.severity, one.epoch) for one in monitor.alerts
    ]
    shown = {sample["id"] for sample in records[0]["samples"]}
    for record, alert in zip(alerts, monitor.alerts, strict=True):
        assert record["region"] == list(alert.region)
        assert record["sentence"] == alert.sentence
        assert set(record["affected"]) <= shown & set(alert.affected)
        assert len(record["pictures"]) == len(alert.donors) + 2 * len(alert.pairs)


def test_the_stock_tabs_show_it(marked, log_dir):
    text, scalars, pictures = (stock(log_dir, plugin) for plugin in ("text", "scalars", "images"))
    assert any("**Alert**" in entry for entry in text["xai/alerts"].values())
    assert set(scalars["xai/spurious/max_effect"]) == {0, 1, 2, 3}
    assert f"xai/spurious/necessity/{MARKED}" in scalars
    assert f"xai/alerts/{MARKED}/local" in pictures


@pytest.mark.parametrize("kind", ["clean", "permuted"])
def test_without_a_mark_there_is_no_alert(kind, tmp_path_factory):
    monitor, _ = watched(kind, str(tmp_path_factory.mktemp(kind)))
    assert [one for one in monitor.alerts if one.severity == "alert"] == []


def test_an_untrained_network_gets_no_alert():
    _, held_out = digits()
    assert kx.audit(small(seed=5), held_out) == []


def test_a_mark_that_the_model_does_not_use_gets_no_alert():
    (x, y), _ = digits(marked=False)
    model = small()
    model.fit(x, y, batch_size=32, epochs=3, verbose=0)
    assert kx.audit(model, digits(marked=True)[1]) == []


def logged(directory, seed):
    """A fit that is watched, and all that it wrote but for times and the session's name."""
    (x, y), held_out = digits()
    samples = kx.Samples(held_out[0][:400], labels=held_out[1][:400])
    monitor = SpuriousFeatureMonitor(
        samples, directory, budget=None, seed=seed, on_error="raise", action=lambda alert: None
    )
    history = small().fit(x, y, batch_size=32, epochs=3, verbose=0, callbacks=[monitor]).history
    records = read_log(directory, "monitor")
    for record in records:
        del record["session"], record["wall_time"]
    return records, [stock(directory, plugin) for plugin in ("text", "scalars", "images")], history


def test_the_same_seed_gives_the_same_log(tmp_path):
    once, again = (logged(str(tmp_path / name), seed=4) for name in ("once", "again"))
    np.testing.assert_equal(once, again)
    assert any(record["kind"] == "alert" for record in once[0])
    with pytest.raises(AssertionError):
        np.testing.assert_equal(once, logged(str(tmp_path / "other"), seed=5))


class Still(keras.optimizers.SGD):
    """Trains nothing."""


@functools.cache
def still():
    """The model that is its corner; one for all tests, since it is the same after a fit as before."""
    model = cornered()
    model.compile(Still(0.0), "sparse_categorical_crossentropy")
    return model


def run(monitor, model, epochs=2):
    x, y = images(32)
    return model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, callbacks=[monitor])


def monitor_of(tmp_path, **options):
    x, y = images()
    return SpuriousFeatureMonitor(kx.Samples(x, labels=y), tmp_path, **{"budget": None, "on_error": "raise", **options})


def test_an_alert_warns_once_in_words(tmp_path):
    said = told(lambda: run(monitor_of(tmp_path), still(), epochs=4))
    assert len(said) == 1
    assert said[0].startswith("keras_xai: The model recognises '0' by a small region")


def test_stop_stops_the_training_at_the_alert(tmp_path):
    monitor = monitor_of(tmp_path, action="stop")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        history = run(monitor, still(), epochs=6)
    assert history.epoch == [0, 1]


def test_a_function_is_called_with_the_alert(tmp_path):
    seen = []
    monitor = monitor_of(tmp_path, action=seen.append)
    run(monitor, still(), epochs=3)
    assert seen == [one for one in monitor.alerts if one.severity == "alert"]
    assert len(seen) == 1


def test_nothing_is_traced_after_the_first_epoch(tmp_path):
    from keras_xai.engine import engine_for

    model, traces = still.__wrapped__(), []
    monitor = monitor_of(tmp_path, action=lambda alert: None)
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: traces.append(engine_for(model).num_traces))
    x, y = images(32)
    model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=[monitor, count])
    assert traces[0] == traces[-1] > 0


def test_a_failure_switches_the_monitor_off_and_not_the_training(tmp_path):
    def fails(alert):
        raise RuntimeError("no mail server")

    monitor = monitor_of(tmp_path, action=fails, on_error="warn")
    histories = []
    said = told(lambda: histories.append(run(monitor, still(), epochs=4)))
    assert histories[0].epoch == [0, 1, 2, 3]
    assert len(said) == 1
    assert "switched off for the rest of this run; training goes on. RuntimeError: no mail server" in said[0]
    assert len(histories[0].history["xai/spurious/alerts"]) == 4


def test_training_is_not_touched(tmp_path):
    def state(callbacks):
        set_random_states()
        model = honest()
        model.compile("adam", "sparse_categorical_crossentropy")
        x, y = images(32)
        return fit_state(model, model.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=callbacks))

    assert differences(state([]), state([monitor_of(tmp_path, action=lambda alert: None)])) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every must be a number of epochs, at least 1; it is 0"),
        ({"action": "mail"}, 'action must be "warn", "stop" or a function of an Alert'),
        ({"budget": 2}, r"budget is a share of the training time in \(0, 1\], or None; it is 2"),
        ({"seed": -1}, "seed must be an int, at least 0; it is -1"),
        ({"alpha": 0}, r"alpha is the permitted rate of false alarms of a run, in \(0, 1\); it is 0"),
        ({"per_class": 3}, "per_class is how many images of a class are used, an int of at least 16; it is 3"),
        ({"on_error": "ignore"}, 'on_error must be "warn" or "raise"'),
        ({"verbose": 5}, 'verbose must be 0, 1 or "auto"'),
    ],
)
def test_bad_settings_are_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        monitor_of(tmp_path, **options)


def test_bad_samples_are_refused():
    x, y = images(20)
    with pytest.raises(ValueError, match="so the samples need labels"):
        SpuriousFeatureMonitor(kx.Samples(x))
    with pytest.raises(ValueError, match="sample 0 has 2 of them; multi-label models are not supported"):
        SpuriousFeatureMonitor(kx.Samples(x, labels=np.tile([1.0, 1, 0, 0], (20, 1))))
    with pytest.raises(TypeError, match="held-out images with labels"):
        SpuriousFeatureMonitor(x)
    with pytest.raises(TypeError, match="log_dir must be a path"):
        SpuriousFeatureMonitor((x, y), log_dir=3)
    with pytest.raises(ValueError, match="labels go from 0 to 9, but the model has 4 classes"):
        kx.audit(cornered(), (x, np.arange(20) % 10))
    with pytest.raises(ValueError, match="needs at least 4 pixels a side; these images have 2 × 12"):
        SpuriousFeatureMonitor((x[:, :2], y))


def test_a_model_without_one_score_per_class_is_refused():
    inputs = keras.Input((12, 12, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(4, 1, activation="softmax")(inputs))
    with pytest.raises(ValueError, match="needs a model with one score per class"):
        kx.audit(model, images(20))


@pytest.mark.parametrize("side", [4, 7])
def test_tiny_images_are_examined(side):
    inputs = keras.Input((side, side, 1))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs)))
    weights = np.zeros((side, side, 2))
    weights[:, : side // 2, 0] = weights[:, -(side // 2) :, 1] = 30  # which half is brighter
    model.layers[-1].set_weights([weights.reshape(-1, 2), np.zeros(2)])
    x = np.random.default_rng(0).random((240, side, side, 1)).astype("float32")
    labels = (x[:, :, -(side // 2) :].sum(axis=(1, 2, 3)) > x[:, :, : side // 2].sum(axis=(1, 2, 3))).astype(int)
    assert set(kx.audit(model, (x, labels)).effects) == {0, 1}
