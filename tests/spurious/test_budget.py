"""What the monitor may spend, and in which order a thousand classes get their turn."""

import numpy as np

from keras_xai.samples import Samples
from keras_xai.spurious.budget import Budget
from keras_xai.spurious.watch import Watch


def test_without_a_share_everything_is_affordable():
    budget = Budget(None)
    budget.pay(10, 1e9)
    budget.pay(10, 1e9)
    assert budget.affords(1000)


def test_the_first_block_is_free_and_then_only_what_was_earned_is_spent():
    budget = Budget(0.1)
    assert budget.affords(10)
    budget.pay(10, 100.0)  # compiles
    budget.earn(20.0)  # may spend 2 seconds
    assert budget.affords(10)
    budget.pay(10, 1.5)
    assert not budget.affords(10)
    assert budget.affords(3)
    budget.earn(10.0)
    assert budget.affords(10)


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
