"""What the monitor may spend, and in which order a thousand classes get their turn."""

import re
import types

import keras
import numpy as np
import pytest

from keras_xai.callbacks import SpuriousFeatureMonitor, spurious_feature_monitor
from keras_xai.samples import Samples
from keras_xai.spurious import watch
from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.budget import Budget
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.properties import oddness
from keras_xai.spurious.watch import Watch
from tests.spurious.known_models import cornered, images
from tests.training.running import stock


def test_without_a_share_everything_is_affordable():
    budget = Budget(None)
    budget.pay(10, 1e9)
    budget.pay(10, 1e9)
    assert budget.affordable(1000) == 1000


def test_two_classes_come_on_top_and_then_only_what_was_earned_is_spent():
    budget = Budget(0.1)
    assert budget.affordable(10) == 1
    budget.pay(1, 100.0)  # compiles
    assert budget.affordable(10) == 1
    budget.pay(1, 3.0)
    budget.earn(20.0)  # may spend 2 seconds
    assert budget.affordable(10) == 0
    assert budget.text() == "a class would take 3 s and 2 s are saved up"
    budget.earn(10.0)
    assert budget.affordable(10) == 1
    budget.pay(1, 0.5)
    assert budget.affordable(10) == 5  # of 2.5 seconds
    budget.pay(5, 2.6)  # overdrawn by 0.1 seconds, and a class costs 0.52
    budget.charge(0.1)  # and by 0.1 more
    assert budget.text() == "a class would take 0.52 s and 0 s are saved up"
    budget.earn(7.0)
    assert budget.affordable(10) == 0
    budget.earn(0.2)  # 0.72 − 0.2
    assert budget.affordable(10) == 1


class Slow(keras.callbacks.Callback):
    """Training that takes so many seconds an epoch."""

    def __init__(self, clock, seconds):
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def on_epoch_end(self, epoch, logs=None):
        self.clock[0] += self.seconds


@pytest.fixture
def clock(monkeypatch):
    """A clock for the monitor: a batch that the model answers takes a second."""
    now, classes = [0.0], Oracle._decided

    def decided(oracle, answers):
        now[0] += 1.0
        return classes(oracle, answers)

    monkeypatch.setattr(Oracle, "_decided", decided)
    for module in (watch, spurious_feature_monitor):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def test_a_fit_spends_its_share_and_waits_in_between(clock, tmp_path):
    x, y = images(count=80)
    model = cornered()
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    monitor = SpuriousFeatureMonitor(
        (x, y), tmp_path, budget=0.1, action=lambda alert: None, on_error="raise", verbose=0
    )
    spent, looked = [], []

    class Account(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.moments = monitor._watch.moments

        def on_epoch_end(self, epoch, logs=None):
            spent.append(clock[0] - 200.0 * (epoch + 1))
            if monitor._watch.moments > self.moments:
                looked.append(epoch)

    model.fit(x, y, epochs=16, verbose=0, callbacks=[Slow(clock, 200.0), monitor, Account()])
    first, *_ = spent
    assert first > 0
    assert looked[0] == 0
    dearest = max(after - before for before, after in zip(spent, spent[1:], strict=False))
    assert dearest > 20  # a class costs more than an epoch pays, so that there are waits
    assert 1 < len(looked) < 16
    assert looked[1] == 1  # what was found is confirmed at once
    confirmation = spent[1] - first
    for epoch, seconds in enumerate(spent):
        assert seconds - first <= max(0.1 * 200 * (epoch + 1), confirmation)
    assert spent[-1] - first > 0.1 * 200 * 16 - dearest - first  # and what it may spend it does spend
    said = stock(tmp_path, "text")["xai/skipped"]
    assert sorted([*said, *looked]) == list(range(16))
    for epoch, text in said.items():
        assert re.fullmatch(
            rf"Epoch {epoch}: the monitor waits, a class would take \S+ s and \S+ s are saved up\.", text
        )
    (alert,) = [one for one in monitor.alerts if one.severity == "alert"]
    assert (alert.class_index, alert.epoch) == (0, 1)


def test_a_thousand_classes_take_turns():
    watch = Watch(Samples(np.zeros((1, 8, 8, 1), "float32"), labels=[0]), 0.05, 16, 0, 2)
    seen = []
    for moment in range(1, 101):
        block = watch._by_suspicion(1000)[:10]
        seen += block
        watch._last_seen |= dict.fromkeys(block, moment)
    assert sorted(seen) == list(range(1000))


def test_what_was_found_comes_first():
    watch = Watch(Samples(np.zeros((1, 8, 8, 1), "float32"), labels=[0]), 0.05, 16, 0, 2)
    watch.standing[777, "local"] = 1
    order = watch._by_suspicion(1000)
    assert order[0] == 777
    assert sorted(order) == list(range(1000))


def test_the_class_with_a_mark_is_looked_at_first():
    generator = np.random.default_rng(0)
    labels = np.arange(1000) % 50
    x = generator.random((1000, 16, 16, 1)).astype("float32")
    x[labels == 37, :3, :3] = 0.9
    samples = Samples(x, labels=labels)
    odd = oddness(Probe(samples, 50, 20, 0))
    assert max(odd, key=odd.get) == 37
    watch = Watch(samples, 0.05, 20, 0, 2)
    watch._odd = odd
    assert watch._by_suspicion(50)[0] == 37


def test_classes_without_images_take_nothing_from_those_with():
    labels = np.repeat([3, 500, 998, 999], [20, 20, 20, 15])
    samples = Samples(np.random.default_rng(0).random((75, 8, 8, 1), np.float32), labels=labels)
    probe = Probe(samples, 1000, 20, 0)
    assert probe.large_enough == [3, 500, 998]
    assert sorted(probe.pool) == list(range(75))


def test_what_is_forgotten_is_made_again(monkeypatch):
    labels = np.repeat([0, 1], 20)
    probe = Probe(Samples(np.random.default_rng(0).random((40, 8, 8, 3), np.float32), labels=labels), 2, 20, 0)
    before = probe.mosaic(5)
    probe.forget()
    assert probe.mosaic(5) is before
    monkeypatch.setattr("keras_xai.spurious.probe._KEPT", 0)
    probe.forget()
    assert probe.mosaic(5) is not before
    np.testing.assert_array_equal(probe.mosaic(5), before)
