"""A page: pictures and words at places, painted in one go."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from keras_xai.render.text import SIZE, font, line_height, shorten, words

PAPER = (255, 255, 255)
INK = (28, 30, 38)
MUTED = (104, 108, 120)
ALARM = (196, 22, 38)
FRAME = (212, 214, 220)

MARGIN = 16
GAP = 8


class Picture(NamedTuple):
    """Pixels at a place: uint8 `(h, w, 3)`, with a thin frame round them (outside of them) unless `framed` is False."""

    top: int
    left: int
    pixels: np.ndarray
    framed: bool = True


class Text(NamedTuple):
    """A line of text at a place; `align` "l", "m" or "r": `left` is its left end, its middle or its right end."""

    top: int
    left: int
    string: str
    size: int = SIZE
    ink: tuple[int, int, int] = INK
    align: str = "l"


def compose(height: int, width: int, items: Iterable[Picture | Text]) -> np.ndarray:
    """Paint pictures, then words, on white paper. Returns uint8 `(height, width, 3)`."""
    items = list(items)
    page = np.full((height, width, 3), PAPER, np.uint8)
    for item in items:
        if isinstance(item, Picture):
            _paint(page, item)
    image = Image.fromarray(page)
    draw = ImageDraw.Draw(image)
    for item in items:
        if isinstance(item, Text):
            _write(draw, item)
    return np.array(image)


def _write(draw: ImageDraw.ImageDraw, text: Text) -> None:
    placed, width = words(text.string, text.size)
    start = text.left - {"l": 0, "m": width // 2, "r": width}[text.align]
    for offset, word in placed:
        draw.text((start + offset, text.top), word, text.ink, font(text.size))


def _paint(page: np.ndarray, picture: Picture) -> None:
    top, left, pixels, framed = picture
    height, width = pixels.shape[:2]
    if framed:
        page[max(0, top - 1) : top + height + 1, max(0, left - 1) : left + width + 1] = FRAME
    page[top : top + height, left : left + width] = pixels


def caption_lines(lines: Sequence[str], top: int, left: int, width: int) -> list[Text]:
    """Lines of text one below the other, the first one in ink and the others paler."""
    return [
        Text(top - 2 + index * line_height(SIZE), left, shorten(line, width), ink=MUTED if index else INK)
        for index, line in enumerate(lines)
    ]


def hatched(height: int, width: int) -> np.ndarray:
    """Grey diagonal stripes: nothing was measured here. Returns uint8 `(height, width, 3)`."""
    rows, columns = np.ogrid[:height, :width]
    stripe = (rows + columns) % 10 < 3
    return np.where(stripe[..., None], np.uint8(206), np.uint8(236)) * np.ones(3, np.uint8)
