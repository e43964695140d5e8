import pytest

from keras_xai.log.thinning import Thinning


def drawn(planned, explained):
    thinning = Thinning(planned)
    return [epoch for epoch in explained if thinning.due(epoch)]


def test_short_runs_are_drawn_whole():
    assert drawn(7, range(7)) == list(range(7))
    assert drawn(10, range(10)) == list(range(10))


def test_long_runs_are_drawn_evenly():
    assert drawn(90, range(90)) == list(range(0, 90, 10))
    assert drawn(20, range(20)) == [0, 3, 5, 7, 9, 12, 14, 16, 18]


def test_rare_explanations_are_drawn_when_they_come():
    assert drawn(100, range(4, 100, 25)) == [4, 29, 54, 79]


def test_a_resumed_run_draws_its_share():
    assert drawn(100, range(80, 100)) == [80, 83, 85, 87, 89, 92, 94, 96, 98]


@pytest.mark.parametrize("planned", [11, 19, 37, 1000, None])
def test_with_the_last_epoch_never_more_than_ten(planned):
    assert len(drawn(planned, range(5000))) == 9


def test_unknown_length_thins_out():
    assert drawn(None, range(0, 400, 2)) == [2 * place for place in (0, 1, 2, 4, 8, 16, 32, 64, 128)]
