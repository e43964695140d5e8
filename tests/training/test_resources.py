"""Compiled once, memory flat over many epochs, models let go."""

import gc
import resource
import sys
import tracemalloc
import weakref

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai import backend
from keras_xai.callbacks import ExplanationCallback
from keras_xai.engine import engine_for
from tests.training.everything import all_explainers
from tests.training.networks import Variational, compiled, functional, small
from tests.training.running import fit, samples, stock


class Watch(keras.callbacks.Callback):
    """Notes a number after every epoch; list it after ours."""

    def __init__(self, look):
        super().__init__()
        self.look = look
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.look(self.model))


@pytest.fixture
def work(monkeypatch):
    """Counts what may happen once only: looking for layers, making a compiled function, tracing it."""
    counts = {"looked": 0, "made": 0, "traced": 0}

    def counted(key, function):
        def call(*arguments):
            counts[key] += 1
            return function(*arguments)

        return call

    monkeypatch.setattr(backend, "trace", counted("looked", backend.trace))
    monkeypatch.setattr(backend.Compiled, "__init__", counted("made", backend.Compiled.__init__))
    monkeypatch.setattr(backend.Compiled, "_traced", counted("traced", backend.Compiled._traced))
    return counts


@pytest.mark.parametrize("build", [functional, Variational])
def test_nothing_is_traced_after_the_first_explained_epoch(build, tmp_path, work):
    watch = Watch(lambda model: (engine_for(model).num_traces, *work.values()))
    model = compiled(build())
    fit(model, [ExplanationCallback(samples(5), all_explainers(), log_dir=tmp_path), watch], epochs=4)
    assert watch.seen == [watch.seen[0]] * 4
    num_traces, looked, made, traced = watch.seen[0]
    assert num_traces == traced
    assert looked == 1
    assert made > 1
    if keras.backend.backend() == "torch":
        assert traced == 0
    else:
        assert traced >= made


def test_other_samples_of_the_same_size_are_not_traced_anew(tmp_path, work):
    """TensorFlow leaves the batch axis free; jax compiles for each number of samples."""
    model = compiled(small())
    for count in (5, 7, 5):
        fit(model, [ExplanationCallback(samples(count), ["grad_cam"], log_dir=tmp_path)], epochs=1)
    assert work["looked"] == 1
    assert work["traced"] == {"tensorflow": 1, "jax": 2, "torch": 0}[keras.backend.backend()]


def test_explanations_follow_the_weights(tmp_path):
    """What is compiled once does not keep the weights it was compiled with."""
    seen = []

    class Compare(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            fresh = keras.models.clone_model(self.model)
            fresh.set_weights(self.model.get_weights())
            seen.append((ours.explanations["grad_cam"].maps, kx.GradCAM()(fresh, ours.samples).maps))

    ours = ExplanationCallback(samples(), ["grad_cam"], log_dir=tmp_path)
    fit(compiled(small(), optimizer=keras.optimizers.SGD(0.5)), [ours, Compare()], epochs=3)
    for followed, fresh in seen:
        np.testing.assert_allclose(followed, fresh, rtol=1e-4, atol=1e-6)
    assert np.abs(seen[2][0] - seen[0][0]).max() > 0.02 * seen[0][0].max()


def test_memory_stays_flat_over_a_thousand_epochs(tmp_path):
    """From the hundredth epoch on the process grows by less than 1 %, and nothing is traced. Over the last 80 epochs
    Python's allocations grow by less than 4 kB an epoch, where each makes 60 kB of answers and pictures. Keras's own part
    of the epochs, ten times as slow, is left out."""
    epochs = 1000 if keras.backend.backend() == "tensorflow" else 200
    model = compiled(small())
    explainers = [kx.GradCAM(), kx.LIME(num_samples=8, segments="grid"), kx.Activations(depth=1, channels=2)]
    callback = ExplanationCallback(samples(), explainers, log_dir=tmp_path)
    callbacks = keras.callbacks.CallbackList([callback], model=model, epochs=epochs, verbose=0)
    process, python, traces = [], [], []
    callbacks.on_train_begin()
    try:
        for epoch in range(epochs):
            callbacks.on_epoch_begin(epoch)
            model.set_weights([0.99 * weights for weights in model.get_weights()])
            callbacks.on_epoch_end(epoch, {"loss": 1.0})
            traces.append(engine_for(model).num_traces)
            if epoch in (99, epochs - 101, epochs - 81, epochs - 1):
                callback._log._writer.flush()
                gc.collect()
                process.append(resident())
            if epoch == epochs - 101:
                tracemalloc.start()
            if epoch in (epochs - 81, epochs - 1):
                python.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    callbacks.on_train_end()
    assert process[1] < 1.01 * process[0]
    assert python[1] - python[0] < 80 * 4_000
    assert traces[-1] == traces[0]
    assert len(stock(tmp_path, "scalars")["xai/score/lime"]) == epochs
    assert len(stock(tmp_path, "images")["explanations/grad_cam"]) <= 11


def resident():
    """Bytes of this process in memory, now where the system tells, else at most so far."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def test_models_are_let_go_in_a_search(tmp_path):
    """Ten trials, each with a model and callbacks of its own: none stays in memory."""
    gone = []
    for trial in range(10):
        model = compiled(small())
        callback = ExplanationCallback(samples(), ["grad_cam"], log_dir=tmp_path / str(trial))
        fit(model, [callback], epochs=1)
        gone += [weakref.ref(model), weakref.ref(model.layers[0]), weakref.ref(callback)]
        del model, callback
    keras.utils.clear_session()
    gc.collect()
    assert [reference() for reference in gone] == [None] * 30
