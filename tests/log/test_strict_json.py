import json

import numpy as np
import pytest

from keras_xai.log.strict_json import strict_json


def refuse(token):
    raise AssertionError(f"{token} is not JSON")


def test_numbers_json_cannot_say_become_null():
    encoded = strict_json(
        {"a": float("nan"), "b": [np.inf, -np.inf], "c": np.float32("nan"), "d": np.array([1.5, np.nan])}
    )
    assert encoded == b'{"a":null,"b":[null,null],"c":null,"d":[1.5,null]}'
    assert json.loads(encoded, parse_constant=refuse)["d"] == [1.5, None]


def test_is_compact_and_ascii():
    assert strict_json({"name": "Übung\ud800", "x": [1, 2]}) == b'{"name":"\\u00dcbung\\ud800","x":[1,2]}'


def test_numpy_types_become_plain_ones():
    value = {"i": np.int64(3), "b": np.bool_(True), "f": np.float32(0.1), "a": np.arange(4).reshape(2, 2), 7: (1, None)}
    assert json.loads(strict_json(value)) == {"i": 3, "b": True, "f": 0.1, "a": [[0, 1], [2, 3]], "7": [1, None]}


def test_floats_keep_six_digits():
    assert strict_json([0.123456789, 123456789.0, 1e-9, 2.0]) == b"[0.123457,123457e3,1e-9,2.0]"


def test_floats_are_written_in_the_shortest_way():
    floats = [0.000154, -3.78e-05, 1.5e-20, 0.5, 0.05, 0.0, -2.0, 1e22]
    assert strict_json(floats) == b"[154e-6,-378e-7,15e-21,0.5,0.05,0.0,-2.0,1e22]"
    assert json.loads(strict_json(floats)) == floats


def test_numbers_in_texts_stay_as_they_are():
    value = {"0.000154": ['1e-05 "0.000154', "\\", "0.00010"], "x": 0.000154}
    assert strict_json(value) == rb'{"0.000154":["1e-05 \"0.000154","\\","0.00010"],"x":154e-6}'
    assert json.loads(strict_json(value)) == value


def test_what_has_no_json_form_is_refused_by_type():
    with pytest.raises(TypeError, match="holds a set, which JSON cannot carry. Expected mappings"):
        strict_json({"a": [{1}]})
