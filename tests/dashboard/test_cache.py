import pytest

from keras_xai.dashboard.cache import BoundedCache


def test_a_value_is_computed_once():
    cache, calls = BoundedCache(10), []
    for _ in range(3):
        assert cache.get("key", lambda: calls.append(1) or "value") == "value"
    assert calls == [1]


def test_what_was_not_asked_for_lately_is_forgotten():
    cache, computed = BoundedCache(100, len), []

    def get(key):
        def compute():
            computed.append(key)
            return "x" * 40

        return cache.get(key, compute)

    for key in ("a", "b", "a", "c", "a", "b"):  # c pushes b out, not a
        get(key)
    assert computed == ["a", "b", "c", "b"]


def test_what_is_larger_than_the_cache_is_given_but_not_kept():
    cache = BoundedCache(3, len)
    assert cache.get("a", lambda: "too long") == "too long"
    assert cache.get("a", lambda: "new") == "new"


def test_failures_are_not_remembered():
    cache = BoundedCache(10)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 / 0)
    assert cache.get("key", lambda: 5) == 5
