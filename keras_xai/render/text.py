"""Words on a page: made drawable, measured, shortened and formatted."""

import functools
import math
import unicodedata
from typing import cast

from PIL import ImageFont

SIZE = 13
SMALL_SIZE = 12
TITLE_SIZE = 17
SPACE = 0.32  # of the size of the text

_SUBSTITUTES = {"→": "->", "←": "<-", "–": "-", "—": "-", "−": "-", "×": "x", "‘": "'", "’": "'", "“": '"', "”": '"'}


@functools.lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's bundled font: the same letters on every machine, and no file to find. `size` in pixels."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size=size))


def line_height(size: int) -> int:
    """The distance between two lines of text, in pixels."""
    return math.ceil(1.25 * size)


def text_width(string: str, size: int = SIZE) -> int:
    """The width of one line of text as drawn, in pixels."""
    return words(string, size)[1]


@functools.lru_cache(maxsize=4096)
def words(string: str, size: int) -> tuple[tuple[tuple[int, str], ...], int]:
    """Set a line of text word by word: the bundled font's own space is so narrow that words run together.

    Returns:
        `(offset, word)` for each word, offsets in pixels from the start of the line, and the width of the line.
    """
    placed, offset = [], 0
    for word in drawable(string).split(" "):
        placed.append((offset, word))
        offset += math.ceil(font(size).getlength(word)) + round(SPACE * size)
    return tuple(placed), offset - round(SPACE * size)


def shorten(string: str, width: int, size: int = SIZE) -> str:
    """Cut a line of text to `width` pixels; an ellipsis shows that something is missing. Returns drawable text."""
    string = drawable(string)
    if text_width(string, size) <= width:
        return string
    # No letter is drawn narrower than a pixel, which bounds the work for a caption of a million letters.
    string = string[: max(0, int(width))]
    while string and text_width(string + "…", size) > width:
        string = string[:-1]
    return string.rstrip() + "…"


@functools.lru_cache(maxsize=4096)
def drawable(string: str) -> str:
    """Replace what the bundled font lacks: letters with marks by bare letters, breaks by spaces, the rest by "?"."""
    return "".join(map(_drawable_letter, unicodedata.normalize("NFC", string)))


@functools.lru_cache(maxsize=4096)
def _drawable_letter(letter: str) -> str:
    if letter.isspace():
        return " "
    if letter in _SUBSTITUTES:
        return _SUBSTITUTES[letter]
    bare = unicodedata.normalize("NFKD", letter)[0]
    return next(filter(_is_known, (letter, bare)), "?")


def _is_known(letter: str) -> bool:
    # The font draws every letter it lacks as the same box.
    mask, box = (font(SIZE).getmask(one) for one in (letter, "\U0010fffe"))
    return letter.isprintable() and 0 not in mask.size and (mask.size, bytes(mask)) != (box.size, bytes(box))


def number(value: float, digits: int = 3) -> str:
    """Write a number in a few digits, without an exponent where one can be avoided: "0.83", "1240", "1.7e-05"."""
    return f"{value:.0f}" if 100 <= abs(value) < 100_000 else f"{value:.{digits}g}"
