"""The most probable classes of a sample as bars."""

from collections.abc import Sequence

import numpy as np

from keras_xai.render.page import GAP, INK, MUTED, Picture, Text
from keras_xai.render.text import SMALL_SIZE, shorten, text_width

NAME_WIDTH = 112
BAR_WIDTH = 72
NUMBER_WIDTH = 36
LINE = 20

_TRACK = (236, 238, 242)
_FIRST = (52, 96, 178)
_OTHER = (150, 172, 212)


def bar_chart_width(charts: Sequence[Sequence[tuple[str, float]]]) -> int:
    """The room the widest of several bar charts takes, in pixels."""
    names = [text_width(str(name), SMALL_SIZE) for chart in charts for name, _ in chart]
    return min(NAME_WIDTH, max(names, default=0)) + GAP + BAR_WIDTH + NUMBER_WIDTH


def bar_chart(top: int, left: int, width: int, predictions: Sequence[tuple[str, float]]) -> list[Picture | Text]:
    """Draw `(class name, probability)` pairs one below the other, the first one stronger. Bars run from 0 to 1."""
    items: list[Picture | Text] = []
    start = left + width - BAR_WIDTH - NUMBER_WIDTH
    for index, (name, probability) in enumerate(predictions):
        upper = top + index * LINE
        length = round(BAR_WIDTH * min(1.0, max(0.0, float(np.nan_to_num(probability)))))
        bar = np.full((SMALL_SIZE, BAR_WIDTH, 3), _TRACK, np.uint8)
        bar[:, :length] = _OTHER if index else _FIRST
        items += [
            Text(upper, left, shorten(str(name), start - GAP - left, SMALL_SIZE), SMALL_SIZE, MUTED if index else INK),
            Picture(upper + 1, start, bar, framed=False),
            Text(upper, start + BAR_WIDTH + 6, f"{probability:.2f}", SMALL_SIZE, MUTED if index else INK),
        ]
    return items
