"""What is seen of an explanation that takes long."""

from __future__ import annotations

import time
from typing import Any

import keras

PATIENCE = 2.0  # seconds without a word


class Progress:
    """A progress bar of Keras, for questions that take more than two seconds; nothing for others.

    Args:
        what: what is going on, in words.
        bar: False says in one line, at the end, what took long: for logs, where a bar would be many lines.
    """

    def __init__(self, what: str, bar: bool = True):
        self.what = what
        self._with_bar = bar
        self._bar: Any = None
        self._done, self._total = 0, 0
        self._started = self._table_started = time.perf_counter()

    def __call__(self, done: int, total: int) -> None:
        """Of `total` passes of the model `done` are done."""
        now = time.perf_counter()
        if total != self._total or done <= self._done:  # other questions
            self._bar, self._table_started = None, now
        self._done, self._total = done, total
        if self._with_bar and self._bar is None and done < total and now - self._table_started > PATIENCE:
            print(f"\nkeras_xai: {self.what}", flush=True)
            self._bar = keras.utils.Progbar(total, unit_name="pass")
        if self._bar is not None:
            self._bar.update(done)

    def compiled(self, seconds: float) -> None:
        """The first call of a function took so many seconds longer than later ones will."""
        print(f"keras_xai: compiled in {seconds:.0f} s, for all epochs to come", flush=True)

    def finish(self) -> None:
        """All questions are answered."""
        seconds = time.perf_counter() - self._started
        if not self._with_bar and seconds > PATIENCE:
            print(f"keras_xai: {self.what} took {seconds:.0f} s", flush=True)
