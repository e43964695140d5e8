"""Colour bars with their numbers."""

from typing import NamedTuple

import numpy as np

from keras_xai.render.colour import colour
from keras_xai.render.page import GAP, MUTED, Picture, Text
from keras_xai.render.text import SMALL_SIZE, line_height, number, text_width

THICKNESS = 10
LENGTH = 160


class Scale(NamedTuple):
    """What the first and the last colour stand for; `high` says it in words where one number cannot."""

    vmin: float
    vmax: float
    signed: bool = False
    high: str = ""

    def ends(self) -> tuple[str, str]:
        """The two ends as printed; where there is no scale, only the upper one, which says so."""
        low = -self.vmax if self.signed else self.vmin
        if not (np.isfinite([low, self.vmax]).all() and low < self.vmax):
            return "", "no scale"
        return number(low), self.high or number(self.vmax)

    def ramp(self, length: int) -> np.ndarray:
        """The colours from the lower to the upper end, uint8 `(length, 3)`."""
        with np.errstate(invalid="ignore"):
            values = np.linspace(-self.vmax if self.signed else self.vmin, self.vmax, length)
        return colour(values, self.vmin, self.vmax, self.signed)


def upright_bar(top: int, left: int, height: int, scale: Scale) -> list[Picture | Text]:
    """A narrow bar as tall as its row: the largest value at its upper end, the smallest at its lower end."""
    column = left + THICKNESS + 5
    low, high = scale.ends()
    words = [Text(top - 2, column, high, SMALL_SIZE, MUTED)]
    if low and height >= 2 * line_height(SMALL_SIZE):
        words.append(Text(top + height - SMALL_SIZE - 1, column, low, SMALL_SIZE, MUTED))
    ramp = scale.ramp(height)[::-1, None]
    return [Picture(top, left, np.repeat(ramp, THICKNESS, axis=1)), *words]


def upright_bar_width(scales: list[Scale]) -> int:
    """The room the widest of several upright bars takes with its numbers, in pixels."""
    return THICKNESS + 5 + max(text_width(end, SMALL_SIZE) for scale in scales for end in scale.ends())


def level_bar(top: int, left: int, scale: Scale) -> list[Picture | Text]:
    """A bar for the whole page, its numbers at its ends: "0 [...] 1.73"."""
    low, high = scale.ends()
    start = left + text_width(low, SMALL_SIZE) + GAP
    return [
        Text(top, left, low, SMALL_SIZE, MUTED),
        Picture(top + 2, start, np.repeat(scale.ramp(LENGTH)[None], THICKNESS, axis=0)),
        Text(top, start + LENGTH + GAP, high, SMALL_SIZE, MUTED),
    ]


def level_bar_width(scale: Scale) -> int:
    """The room a level bar takes with its numbers, in pixels."""
    return LENGTH + 2 * GAP + sum(text_width(end, SMALL_SIZE) for end in scale.ends())
