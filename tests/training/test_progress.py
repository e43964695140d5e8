"""What is seen of an explanation that takes long, on a clock of its own."""

import types

import pytest

from keras_xai.callbacks import ExplanationCallback, progress
from keras_xai.callbacks.progress import Progress
from tests.training.meter import Meter
from tests.training.networks import compiled, small
from tests.training.running import fit, samples


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def run(clock, seconds, bar=True, tables=(4,), batches=4):
    """Questions in batches that take so many seconds each."""
    seen = Progress("explaining epoch 3", bar)
    for total in tables:
        for batch in range(batches):
            clock[0] += seconds
            seen((batch + 1) * total // batches, total)
    seen.finish()


def test_what_is_quick_says_nothing(clock, capsys):
    run(clock, seconds=0.4)
    run(clock, seconds=0.4, bar=False)
    run(clock, seconds=0.4, tables=(4, 8, 8))  # each table of questions is quick
    assert capsys.readouterr().out == ""


def test_what_takes_long_shows_a_bar(clock, capsys):
    run(clock, seconds=1.5, tables=(4, 1000))
    said = capsys.readouterr().out
    assert said.count("keras_xai: explaining epoch 3") == 2
    assert "4/4" in said
    assert "1000/1000" in said
    assert "/pass" in said


def test_in_logs_it_is_one_line(clock, capsys):
    run(clock, seconds=3.0, bar=False)
    assert capsys.readouterr().out == "keras_xai: explaining epoch 3 took 12 s\n"


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (2, 2)])
def test_the_callback_is_quiet_where_it_is_told_to_be(verbose, lines, clock, tmp_path, capsys):
    """Four samples at a second each, of the untrained network and after the only epoch."""
    fit(compiled(small()), [ExplanationCallback(samples(4), [Meter(clock)], tmp_path, verbose=verbose)], epochs=1)
    said = [line for line in capsys.readouterr().out.splitlines() if "took" in line]
    expected = ["explaining the untrained network took 4 s", "explaining epoch 1 took 4 s"]
    assert said == [f"keras_xai: {line}" for line in expected[:lines]]
