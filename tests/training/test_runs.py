"""Runs as people make them: resumed, repeated, stopped early by our numbers, with long epochs, in a search."""

import gc
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import keras_xai as kx
from keras_xai.callbacks import GradCAMCallback
from keras_xai.engine import _ENGINES
from keras_xai.log import latest_fit, read_log
from tests.requirements import require_backend
from tests.training.networks import compiled, data, small
from tests.training.running import fit, samples, stock, told

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SCORE = "xai/score/grad_cam"


def series(log_dir):
    """[(epoch, session)] of the latest fit."""
    records = latest_fit(read_log(log_dir))
    return [(record["epoch"], record["session"]) for record in records if record["kind"] in ("baseline", "epoch")]


def curve(log_dir, tag=SCORE):
    """What TensorBoard's Scalars tab shows: [(step, value)]."""
    accumulator = EventAccumulator(str(log_dir / "explanations"))
    accumulator.Reload()
    return [(event.step, event.tensor_proto.float_val[0]) for event in accumulator.Tensors(tag)]


class Interrupted(Exception):
    pass


def interrupt(epoch):
    def stop(begun, logs=None):
        if begun == epoch:
            raise Interrupted

    return keras.callbacks.LambdaCallback(on_epoch_begin=stop)


def test_a_run_that_is_backed_up_and_restored_is_one_series(tmp_path):
    """The second process, here a second model, knows nothing but the two directories."""

    def callbacks(*more):
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        return [backup, GradCAMCallback(samples(), log_dir=tmp_path, log_keys=[SCORE]), *more]

    def restorable():
        keras.utils.clear_session()  # the names of the layers are those of the file
        return compiled(small())

    with pytest.raises(Interrupted):
        fit(restorable(), callbacks(interrupt(3)), epochs=6)
    said, history = [], []
    said = told(lambda: history.append(fit(restorable(), callbacks(), epochs=6)))
    assert said == []
    assert history[0].epoch == [3, 4, 5]
    epochs = [epoch for epoch, _ in series(tmp_path)]
    first, second = dict.fromkeys(session for _, session in series(tmp_path))
    assert epochs == [-1, 0, 1, 2, 3, 4, 5]
    assert [session for _, session in series(tmp_path)] == [first] * 4 + [second] * 3
    assert [step for step, _ in curve(tmp_path)] == list(range(6))
    np.testing.assert_allclose([value for _, value in curve(tmp_path)][3:], history[0].history[SCORE], rtol=1e-6)


def test_a_run_that_goes_back_replaces_what_it_repeats(tmp_path):
    model, callback = compiled(small()), GradCAMCallback(samples(), log_dir=tmp_path, log_keys=[SCORE])
    fit(model, [callback], epochs=4)
    again = fit(model, [callback], epochs=5, initial_epoch=2).history[SCORE]
    first, second = dict.fromkeys(session for _, session in series(tmp_path))
    assert series(tmp_path) == [(-1, first), (0, first), (1, first), (2, second), (3, second), (4, second)]
    # TensorBoard's fast loader shows the later of two points of one epoch, its Python loader both.
    assert list(dict(curve(tmp_path))) == list(range(5))
    np.testing.assert_allclose([dict(curve(tmp_path))[epoch] for epoch in (2, 3, 4)], again, rtol=1e-6)


def test_several_fits_in_one_directory_are_sessions_of_their_own(tmp_path):
    for epochs in (3, 2):
        fit(compiled(small()), [GradCAMCallback(samples(), log_dir=tmp_path)], epochs=epochs)
    records = read_log(tmp_path)
    by_session = {}
    for record in records:
        if record["kind"] == "epoch":
            by_session.setdefault(record["session"], []).append(record["epoch"])
    assert list(by_session.values()) == [[0, 1, 2], [0, 1]]
    assert series(tmp_path) == [(epoch, records[-1]["session"]) for epoch in (-1, 0, 1)]


def falling(explanation):
    """A measure of the user's own: falls until the third explanation, then rises."""
    falling.count += 1
    return float(abs(falling.count - 3))


def recipe(begins, changes=None):
    """The lines of the README that begin like this, with other words in some places."""
    (found,) = [block for block in re.findall(r"```py\n(.*?)```", README, re.DOTALL) if block.startswith(begins)]
    for old, new in (changes or {}).items():
        assert old in found
        found = found.replace(old, new)
    return compile(found, "README.md", "exec")


@pytest.mark.parametrize("every", [1, 2])
def test_early_stopping_and_checkpoints_follow_our_keys(every, tmp_path, monkeypatch):
    """The lines of the README, on a measure that is known in advance."""
    monkeypatch.chdir(tmp_path)
    falling.count = 0
    ours = {"border": "falling", "log_keys=[key]": "log_keys=[key], metrics=[falling]", "best.keras": "{epoch}.keras"}
    names = {"keras": keras, "kx": kx, "samples": samples(), "falling": falling, "k": every}
    names |= {"model": compiled(small()), "x": data()[0], "y": data()[1]}
    exec(recipe("key =", ours), names)
    history = names["model"].history
    numbers = [2.0, 1.0, 0.0, 1.0, 2.0]  # once per explanation; between them the last one stands
    expected = [np.nan] * (every - 1) + np.repeat(numbers, every).tolist()
    np.testing.assert_array_equal(history.history[names["key"]], expected[: len(history.epoch)])
    assert len(history.epoch) == 5 * every  # the third is the best; two more without a better one
    kept = sorted(int(file.stem) for file in tmp_path.glob("*.keras"))
    assert kept == [every, 2 * every, 3 * every]  # Keras counts from 1 here


def test_the_recipe_for_long_epochs(tmp_path):
    """One pass over the data is ten epochs, each explained."""
    require_backend("tensorflow", reason="the recipe is for tf.data")
    x, y = data(320)
    callback, model = GradCAMCallback(samples(), log_dir=tmp_path), compiled(small())
    names = {"model": model, "x": x, "y": y, "callback": callback}
    said = told(lambda: exec(recipe("# One pass over the data in ten"), names))
    assert [message for message in said if "`shuffle=True` was passed" not in message] == []  # Keras's own
    assert model.optimizer.iterations == 10
    assert [epoch for epoch, _ in series(tmp_path)] == [-1, *range(10)]
    assert set(stock(tmp_path, "scalars")[SCORE]) == set(range(10))


def search(trials, log_dir, callbacks):
    """As a tuner does it: a new model per trial. Returns how many Python objects each trial after the second adds."""
    alive = []
    for trial in range(trials):
        model = compiled(small())
        fit(model, callbacks(log_dir / str(trial)), epochs=1)
        del model
        keras.utils.clear_session()
        gc.collect()
        alive.append(len(gc.get_objects()))
    return (alive[-1] - alive[1]) / (trials - 2)


def test_a_search_keeps_no_more_than_keras_does(tmp_path):
    """Beside the same search without the callback: what is left of a trial then is Keras's own. One model that is explained
    is some thousand objects."""
    given, before = samples(), len(_ENGINES)
    alone = search(5, tmp_path / "alone", lambda log_dir: [])
    ours = search(5, tmp_path / "ours", lambda log_dir: [GradCAMCallback(given, log_dir=log_dir)])
    assert len(_ENGINES) <= before
    assert ours - alone < 100
