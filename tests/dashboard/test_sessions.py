import numpy as np
import pytest

from keras_xai.dashboard.sessions import true_sessions


def settled(sessions):
    """What is found out about records of these sessions, and how many had to be read."""
    read = []

    def session_of(record):
        read.append(record)
        return sessions[record]

    return true_sessions(range(len(sessions)), session_of), read


@pytest.mark.parametrize("sessions", ["", "a", "ab", "aab", "abb", "aabbbc", "abcdefg", "a" * 50 + "b" * 3 + "c" * 200])
def test_every_record_gets_the_session_that_wrote_it(sessions):
    assert settled(list(sessions))[0] == list(sessions)


def test_random_fits_in_one_place():
    generator = np.random.default_rng(0)
    for _ in range(200):
        sessions = [str(fit) for fit, count in enumerate(generator.integers(1, 30, 5)) for _ in range(count)]
        assert settled(sessions)[0] == sessions


def test_few_manifests_are_read():
    assert len(settled(["a"] * 1000)[1]) == 2
    found, read = settled(["a"] * 700 + ["b"] * 1300)
    assert found == ["a"] * 700 + ["b"] * 1300
    assert len(read) <= 2 + 11  # log2(2000)
    assert len(set(read)) == len(read)
