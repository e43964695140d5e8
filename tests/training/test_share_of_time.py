"""What a share of the training time pays for: the accounts by pencil, then a fit on a clock of its own."""

import types

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai import engine
from keras_xai.callbacks import ExplanationCallback, explanation_callback
from keras_xai.callbacks.budget import FEWEST, FIXED, Budget, dealt, turn
from keras_xai.explainers import explainer
from keras_xai.log import read_log
from tests.training.meter import Meter
from tests.training.networks import compiled, small
from tests.training.running import fit, samples, stock, told


def test_everybody_gets_an_equal_part_and_nobody_more_than_needed():
    assert dealt(9.0, {"dear": 100.0, "cheap": 1.0, "middle": 3.0}) == {"cheap": 1.0, "middle": 3.0, "dear": 5.0}
    assert dealt(6.0, {"a": 100.0, "b": np.inf}) == {"a": 3.0, "b": 3.0}
    assert dealt(0.0, {"a": 1.0}) == {"a": 0.0}


def test_turns_keep_the_first_few_and_reach_all_others():
    turns = [turn(number, count=13, size=8) for number in range(9)]
    assert all(len(set(rows)) == 8 and set(rows) >= set(range(FIXED)) for rows in turns)
    assert turns[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert turns[2].tolist() == [0, 1, 2, 3, 4, 5, 6, 12]  # 12 and, from the start again, 4, 5, 6
    seen = np.bincount(np.concatenate(turns), minlength=13)
    assert seen[:FIXED].tolist() == [9] * FIXED
    assert seen[FIXED:].tolist() == [4] * 9  # nine turns of four are four rounds of nine
    assert turn(5, count=3, size=3).tolist() == [0, 1, 2]


def spend(budget, costs, epochs, seconds=1.0, divisible=True, cheaper=lambda method: False):
    """Looks after epochs of `seconds`, with methods that cost what they cost: [{method: rows}] by epoch."""
    budget.learn({method: cost * budget.count for method, cost in costs.items()}, _all_rows(budget, costs))
    looks, spent = [], 0.0
    for epoch in range(epochs):
        rows = budget.plan(seconds, dict.fromkeys(costs, divisible), cheaper).rows
        taken = {method: len(chosen) * costs[method] for method, chosen in rows.items()}
        if rows:
            budget.settle(sum(taken.values()), taken, rows)
        spent += sum(taken.values())
        assert spent <= budget.share * seconds * (epoch + 1) * (1 + 1e-9)
        looks.append({method: len(chosen) for method, chosen in rows.items()})
    return looks


def _all_rows(budget, methods):
    return {method: np.arange(budget.count) for method in methods}


def test_what_is_affordable_is_done_in_full_at_every_look():
    looks = spend(Budget(0.1, 16), {"grad_cam": 0.004, "hires_cam": 0.002}, epochs=20)
    assert looks == [{"hires_cam": 16, "grad_cam": 16}] * 20  # 0.096 of 0.1 seconds


def test_what_is_dear_looks_less_often_and_in_full():
    """Grad-CAM takes 0.02 of the 0.1 s of an epoch; LIME costs 0.32 s, which the other 0.08 s make in four epochs."""
    looks = spend(Budget(0.1, 16), {"grad_cam": 0.02 / 16, "lime": 0.02}, epochs=12)
    assert [look["grad_cam"] for look in looks] == [16] * 12
    assert [look.get("lime", 0) for look in looks] == [0, 0, 0, 16] * 3


def test_what_is_dearer_than_five_looks_takes_turns():
    """LIME costs 0.8 s, eight epochs' budget: in five epochs 0.5 s is saved, enough for ten samples."""
    looks = spend(Budget(0.1, 16), {"lime": 0.05}, epochs=15)
    assert [look.get("lime", 0) for look in looks] == [0, 0, 0, 0, 10] * 3


def test_then_it_makes_do_with_fewer_passes_and_then_it_waits():
    """Eight samples cost 1.6 s, three times what five epochs bring: a quarter of the passes, 0.4 s, after four epochs."""
    budget, halved = Budget(0.1, 16), []

    def cheaper(method):
        halved.append(method)
        return True

    costs = {"lime": 0.2}
    budget.learn({"lime": 3.2}, _all_rows(budget, costs))
    assert not budget.plan(1.0, {"lime": True}, cheaper).rows
    assert halved == ["lime", "lime"]
    assert budget.costs["lime"] == pytest.approx(0.05)
    assert spend(Budget(0.1, 16), costs, epochs=32)[15] == {
        "lime": FEWEST
    }  # none cheaper: 1.6 s are saved in 16 epochs


def test_what_depends_on_all_samples_is_never_done_of_a_few():
    looks = spend(Budget(0.1, 16), {"activations": 0.05}, epochs=16, divisible=False)
    assert [look.get("activations", 0) for look in looks] == [0, 0, 0, 0, 0, 0, 0, 16] * 2


def test_two_dear_methods_share_what_is_there():
    looks = spend(Budget(0.1, 16), {"lime": 0.0125, "rise": 0.025}, epochs=40)
    counts = {method: sum(look.get(method, 0) for look in looks) for method in ("lime", "rise")}
    assert counts["lime"] * 0.0125 == pytest.approx(2.0, rel=0.1)  # half of 40 · 0.1 s each
    assert counts["rise"] * 0.025 == pytest.approx(2.0, rel=0.1)


def test_a_look_that_took_longer_than_foreseen_is_paid_back():
    budget = Budget(0.1, 4)
    budget.learn({"lime": 0.1}, {"lime": np.arange(4)})
    rows = budget.plan(1.0, {"lime": True}, lambda method: False).rows
    assert len(rows["lime"]) == 4
    budget.settle(0.35, {"lime": 0.1}, rows)  # a quarter of a second beside the method
    waited = 0
    while not budget.plan(1.0, {"lime": True}, lambda method: False).rows:
        waited += 1
        assert waited < 50
    assert waited == 5  # −0.25 + 0.1 a look must reach 0.1 + 0.25: the sixth look


class Watched(keras.callbacks.Callback):
    """Training that takes a second an epoch, and what all maps are after it."""

    def __init__(self, clock, given):
        super().__init__()
        self.clock, self.given, self.maps = clock, given, []

    def on_epoch_end(self, epoch, logs=None):
        self.clock[0] += 1.0
        self.maps.append(Meter([0.0])(self.model, self.given).raw)


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    for module in (explanation_callback, explainer, engine):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def test_a_fit_in_turns_logs_what_it_looked_at_and_keeps_the_rest(tmp_path, clock):
    """Twelve samples cost 12 s, and an epoch pays 1 s: half of the passes, and ten samples at every fifth epoch."""
    given = samples(12)
    training = Watched(clock, given)
    callback = ExplanationCallback(given, [Meter(clock)], log_dir=tmp_path, budget=1.0)
    fit(compiled(small()), [training, callback], epochs=30)
    log = {record["epoch"]: record for record in read_log(tmp_path) if record["kind"] == "epoch"}
    looked = {epoch: [entry["sample"] for entry in record["maps"]] for epoch, record in log.items()}
    assert list(looked) == [4, 9, 14, 19, 24, 29]
    assert looked[4] == given.ids[:10]
    assert looked[9] == given.ids[:4] + given.ids[4:8] + given.ids[10:]
    for epoch, ids in looked.items():
        assert [one["id"] for one in log[epoch]["samples"]] == ids
        for entry in log[epoch]["maps"]:
            step = (entry["vmax"] - entry["vmin"]) / 255
            expected = training.maps[epoch][int(entry["sample"][1:])]
            np.testing.assert_allclose(entry["values"], expected, atol=0.51 * step + 1e-6)
    explanation = callback.explanations["meter"]
    for row, epoch in enumerate(explanation.details["epochs"]):
        np.testing.assert_allclose(explanation.raw[row], training.maps[epoch][row], atol=1e-6)
        assert given.ids[row] in looked[epoch]
        assert all(given.ids[row] not in ids for later, ids in looked.items() if later > epoch)
    skipped = stock(tmp_path, "text")["xai/skipped"]
    assert list(skipped) == list(range(30))
    assert skipped[3] == ("Epoch 3, with a budget of 100.0%: meter waits, it would take 5 s and has saved up 4 s.")
    assert skipped[4] == f"Epoch 4, with a budget of 100.0%: meter of 10 of 12 samples, {', '.join(given.ids[:10])}."
    (method,) = [record for record in read_log(tmp_path) if record["kind"] == "inputs"][-1]["methods"]
    assert method["config"]["num_samples"] == 32


def test_a_method_that_waits_from_the_first_epoch_on_is_still_that_of_the_untrained_network(tmp_path, clock):
    given = samples(4)
    meter = Meter([0.0])  # costs nothing on the clock: its neighbour waits
    waits = Meter(clock)
    waits.name = "waits"
    callback = ExplanationCallback(given, [meter, waits], log_dir=tmp_path, budget=0.01, on_error="raise")
    fit(compiled(small()), [Watched(clock, given), callback], epochs=2)
    assert list(callback.explanations) == ["meter", "waits"]
    assert callback.explanations["waits"].details["epochs"].tolist() == [-1] * 4
    assert callback.explanations["meter"].details["epochs"].tolist() == [1] * 4
    assert "waits" not in callback.measures


def test_several_processes_would_decide_differently(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(explanation_callback.backend, "num_processes", lambda: 2)
    callback = ExplanationCallback(samples(4), [Meter(clock)], log_dir=tmp_path, budget=0.01)
    (message,) = told(lambda: fit(compiled(small()), [callback], epochs=2))
    assert "budget= is ignored in a job of several processes" in message
    assert [record["epoch"] for record in read_log(tmp_path) if record["kind"] == "epoch"] == [0, 1]


def test_a_tight_budget_halves_what_can_be_halved():
    assert kx.LIME(num_samples=1000, fill="blur").cheaper().get_config()["num_samples"] == 500
    assert kx.LIME(num_samples=1000, fill="blur").cheaper().fill == "blur"
    assert kx.LIME(num_samples=255).cheaper() is None  # of fewer than 128 masks nothing is left
    assert kx.LIME().cheaper() is None
    assert kx.IntegratedGradients(steps=50).cheaper().steps == 25
    assert kx.GradCAM().cheaper() is None
