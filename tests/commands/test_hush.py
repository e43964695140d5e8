"""Silence on standard error, also for code that writes past `sys.stderr`; nothing lost when something breaks."""

import os
import sys

import pytest

from keras_xai.commands.hush import hush


def chatter():
    os.write(2, b"from below\n")
    print("from above", file=sys.stderr)


def test_chatter_is_swallowed_and_standard_error_comes_back(capfd):
    with hush():
        chatter()
    chatter()
    assert capfd.readouterr().err.count("from below") == 1


def test_an_exception_brings_the_chatter_back(capfd):
    with pytest.raises(FileNotFoundError), hush():
        os.stat("the reason" if os.write(2, b"the reason\n") else ".")
    assert capfd.readouterr().err == "the reason\n"
