"""The top of a page: its title and, where all samples share one scale, its colour bar."""

from keras_xai.render.page import GAP, INK, MARGIN, Picture, Text
from keras_xai.render.scale_bar import Scale, level_bar, level_bar_width
from keras_xai.render.text import SMALL_SIZE, TITLE_SIZE, line_height, shorten, text_width

TITLE_WIDTH = 640


def page_width(content: int, title: str, scale: Scale | None = None) -> int:
    """The width of a page in pixels: a narrow one is widened for its colour bar and a title of usual length."""
    bar = level_bar_width(scale) if scale else 0
    return 2 * MARGIN + max(content, bar, min(TITLE_WIDTH, text_width(title, TITLE_SIZE)))


def header(title: str, width: int, scale: Scale | None = None) -> tuple[list[Picture | Text], int]:
    """Lay out the top of a page.

    Args:
        title: shortened where the page is too narrow for it; "" for none.
        width: of the page, in pixels, from `page_width`.
        scale: of the colour bar, at the right of the title if there is room, else below it.

    Returns:
        The items, and the height at which the page goes on.
    """
    room = width - 2 * MARGIN
    title = shorten(title, room, TITLE_SIZE)
    items: list[Picture | Text] = [Text(MARGIN - 4, MARGIN, title, TITLE_SIZE, INK)] if title else []
    bottom = MARGIN + (line_height(TITLE_SIZE) + GAP // 2 if title else 0)
    if scale is not None:
        bar = level_bar_width(scale)
        beside = title and text_width(title, TITLE_SIZE) + 3 * GAP + bar <= room
        top = MARGIN if beside else bottom
        items += level_bar(top, MARGIN + room - bar if beside else MARGIN, scale)
        bottom = bottom if beside else top + line_height(SMALL_SIZE) + GAP
    return items, bottom
