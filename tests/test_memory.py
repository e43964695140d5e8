"""Memory is that of a batch, not of the number of questions: counted, not read off a process."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import keras_xai as kx
from keras_xai import backend
from keras_xai.explainers.explainer import explain
from keras_xai.fitting_batch import batch_size
from keras_xai.forward import Forward
from keras_xai.gathering import Gathered
from tests.test_engine import IMAGES, network

MANY = {
    "integrated_gradients": lambda count: kx.IntegratedGradients(steps=count),
    "smooth_grad": lambda count: kx.SmoothGrad(num_samples=count),
    "var_grad": lambda count: kx.VarGrad(num_samples=count),
    "expected_gradients": lambda count: kx.ExpectedGradients(num_samples=count),
    "occlusion": lambda count: kx.Occlusion(patch=2, stride=1 if count > 8 else 2),
    "rise": lambda count: kx.RISE(num_samples=count),
    "lime": lambda count: kx.LIME(num_samples=count, segments="grid"),
}


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("keras_xai.engine.batch_size", lambda shape: 8)


@pytest.mark.parametrize("method", MANY)
def test_a_device_holds_the_results_of_two_batches(model, method, small_batches, monkeypatch):
    alive, most, run = [], [], Forward.__call__

    def counted(self, arguments):
        result = run(self, arguments)
        alive.append(weakref.ref(result["scores"]))
        most.append(sum(one() is not None for one in alive))
        return result

    monkeypatch.setattr(Forward, "__call__", counted)
    explainer = MANY[method](32)
    explain(model, [explainer], kx.Samples(IMAGES), [explainer.prepare(kx.Samples(IMAGES))])
    assert len(most) > 10
    assert max(most) <= 2


@pytest.mark.parametrize("method", ["integrated_gradients", "smooth_grad", "var_grad", "expected_gradients"])
def test_the_host_does_not_grow_with_the_steps(model, method, small_batches):
    """Beside a few numbers for each of 280 more questions: scores, targets, predictions, seeds. An image has 192."""
    samples = kx.Samples(IMAGES)

    def peak(count):
        explainer = MANY[method](count)
        plan = explainer.prepare(samples)
        explain(model, [explainer], samples, [plan])  # compiled for
        gc.collect()
        tracemalloc.start()
        explain(model, [explainer], samples, [plan])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    images_of_56_steps = 56 * IMAGES.nbytes
    assert peak(64) - peak(8) < 0.5 * images_of_56_steps


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((32, 32, 3), 256),
        ((224, 224, 3), 16),
        ((512, 512, 3), 4),
        ((1024, 1024, 3), 1),
        ((4096, 4096, 3), 1),
        ((2,), 256),
    ],
)
def test_a_batch_of_inputs_takes_16_megabytes(shape, size):
    assert batch_size(shape) == size
    assert size == 1 or size * np.prod(shape) * 4 <= 16 * 2**20


def test_answers_come_in_order_and_padding_is_left_out():
    from keras import ops

    gathered = Gathered(5)
    for start, count in ((0, 3), (3, 2)):
        gathered.add({"a": ops.arange(start, start + 3), "b": (ops.ones((3, 2)) * start,)}, count)
    found = gathered.arrays()
    assert found["a"].tolist() == [0, 1, 2, 3, 4]
    assert found["b"][0].tolist() == [[0, 0]] * 3 + [[3, 3]] * 2


def test_a_batch_is_read_after_the_next_was_dispatched(model, small_batches, monkeypatch):
    order, run, read = [], Forward.__call__, backend.to_numpy

    def noted(name, function):
        def note(*arguments):
            order.append(name)
            return function(*arguments)

        return note

    explainer = kx.LIME(num_samples=32, segments="grid")
    plan = explainer.prepare(kx.Samples(IMAGES))
    explain(model, [explainer], kx.Samples(IMAGES), [plan])
    monkeypatch.setattr(Forward, "__call__", noted("run", run))
    monkeypatch.setattr(backend, "to_numpy", noted("read", read))
    explain(model, [explainer], kx.Samples(IMAGES), [plan])
    words = " ".join(order)
    assert "run run read run read run read" in words
    assert order.count("run") >= order.count("read") - 2  # one transfer per batch, and the map itself
