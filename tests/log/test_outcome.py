import numpy as np
import pytest

from keras_xai.log.outcome import class_name, is_wrong, prediction, top_classes, truth


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (None, None),
        (np.array([4, 7]), 7),
        (np.array([[0], [1]]), 1),
        (np.array([[1, 0, 0], [0, 0, 1]]), 2),
        (np.array([[1.0, 0, 0], [1.0, 0, 1.0]]), [0, 2]),
        (np.array([[1, 0], [0, 0]]), []),
    ],
)
def test_truth(labels, expected):
    assert truth(labels, 1) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0.1, 0.7, 0.2], (1, 0.7)),
        ([0.25], (0, 0.75)),
        ([0.75], (1, 0.75)),
        ([-3.0, 5.0], (1, None)),
        ([17.0], (None, None)),
        ([0.5, np.nan], (None, None)),
        ([1.0005, 0.0], (0, 1.0)),
    ],
)
def test_prediction(row, expected):
    assert prediction(np.array(row)) == expected


def test_top_classes_are_sorted_and_named():
    assert top_classes(np.array([0.1, 0.6, 0.3]), ["cat", "dog"], count=2) == [("dog", 0.6), ("2", 0.3)]
    assert top_classes(np.array([0.25]), ["no", "yes"]) == [("no", 0.75), ("yes", 0.25)]
    assert top_classes(np.array([3.0, -1.0]), None) == []


def test_class_names():
    assert class_name(["cat", "dog"], 1) == "dog"
    assert class_name(["cat", "dog"], 2) == "2"
    assert class_name(["cat", "dog"], -1) == "-1"
    assert class_name(None, [0, 3]) == "0, 3"
    assert class_name(["cat"], []) == "none"
    assert class_name(["cat"], None) == "?"


def test_wrong_needs_a_truth():
    assert is_wrong(2, 1)
    assert not is_wrong(2, 2)
    assert not is_wrong([1, 2], 2)
    assert is_wrong([], 2)
    assert not is_wrong(None, 1)
    assert not is_wrong(1, None)
