"""What the monitor may spend, and in which order a thousand classes get their turn."""

import numpy as np

from keras_xai.samples import Samples
from keras_xai.spurious.budget import Budget
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.properties import oddness
from keras_xai.spurious.watch import Watch


def test_without_a_share_everything_is_affordable():
    budget = Budget(None)
    budget.pay(10, 1e9)
    budget.pay(10, 1e9)
    assert budget.affordable(1000) == 1000


def test_the_first_block_is_free_and_then_only_what_was_earned_is_spent():
    budget = Budget(0.1)
    assert budget.affordable(10) == 10
    budget.pay(10, 100.0)  # compiles
    assert budget.affordable(10) == 0
    budget.earn(20.0)  # may spend 2 seconds
    assert budget.affordable(10) == 1  # what it costs is not known yet
    budget.pay(1, 0.5)
    assert budget.affordable(10) == 3
    budget.pay(3, 1.8)  # overdrawn by 0.3 seconds
    assert budget.affordable(10) == 0
    budget.earn(27.5)
    assert budget.affordable(10) == 4


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
