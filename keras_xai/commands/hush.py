"""Silence while the frameworks start up."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def hush() -> Iterator[None]:
    """Keeps standard error quiet, also for C++ code, which writes past `sys.stderr`.

    TensorFlow talks about CPU instructions and missing CUDA drivers before its own log level is read. Nothing is lost
    when something breaks: on an exception everything held back is written out.

    Example:
        >>> with hush():
        ...     import keras
    """
    try:
        stderr = os.dup(2)
    except OSError:  # no standard error at all, as under pythonw
        yield
        return
    with tempfile.TemporaryFile() as held_back:
        sys.stderr.flush()
        os.dup2(held_back.fileno(), 2)
        broken = True
        try:
            yield
            broken = False
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            if broken:
                held_back.seek(0)
                sys.stderr.write(held_back.read().decode(errors="replace"))
