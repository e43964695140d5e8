"""The channels of one layer: what would drive each ideally, what drives it most, and what it computes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_xai.render.cells import cell_shape, fit, nearest
from keras_xai.render.checks import as_maps, as_pictures
from keras_xai.render.colour import colour
from keras_xai.render.header import header, page_width
from keras_xai.render.page import GAP, INK, MARGIN, MUTED, Picture, Text, compose
from keras_xai.render.scale_bar import Scale
from keras_xai.render.text import SIZE, SMALL_SIZE, line_height, number, shorten, text_width

TILE = 96
SLOT = TILE + 6
BLOCK_GAP = 3 * GAP
LABEL_WIDTH = 84


class ChannelRow(NamedTuple):
    """One channel.

    Attributes:
        name: "channel 17". ideal: uint8 (h, w, 1 | 3), what would drive it ideally, or None. value: what that drives it to.
        patches: the uint8 (h, w, 1 | 3) patches that drive it most. values: what they drive it to.
        maps: float (n, h', w'), what it computes on each image of the page.
    """

    name: str
    ideal: np.ndarray | None
    value: float
    patches: Sequence[np.ndarray]
    values: Sequence[float]
    maps: np.ndarray


def channel_page(images: np.ndarray, rows: Sequence[ChannelRow], title: str = "") -> np.ndarray:
    """One row per channel, the images above the columns of what it computes on them.

    Args:
        images: uint8 `(n, h, w, 1 | 3)`.
        rows: at least one channel.
        title: above everything; "" for none.

    Returns:
        uint8 `(height, width, 3)`. Each channel's maps share a scale from 0 to its largest value on these images.

    Raises:
        TypeError, ValueError: no channel, or shapes that do not agree.
    """
    if not rows:
        raise ValueError("rows must hold at least one channel.")
    pictures = as_pictures(images)
    drivers = max(len(row.patches) for row in rows)
    blocks = [
        ("ideally (mean)", 1 if any(row.ideal is not None for row in rows) else 0),
        ("drives it most (peak)", drivers),
    ]
    blocks.append(("what it computes on these images", len(pictures)))
    lefts, left = [], MARGIN + LABEL_WIDTH
    for heading, count in blocks:
        lefts.append(left)
        left += max(count * SLOT, text_width(heading, SMALL_SIZE)) + BLOCK_GAP if count else 0
    scale = Scale(0.0, 1.0, high="largest value of the channel")
    width = page_width(left - BLOCK_GAP - MARGIN, title, scale)
    items, top = header(title, width, scale)
    for (heading, count), start in zip(blocks, lefts, strict=True):
        if count:
            items.append(Text(top, start, heading, SMALL_SIZE, MUTED))
    top += line_height(SMALL_SIZE) + GAP // 2
    for index, picture in enumerate(pictures):
        items.append(Picture(top, lefts[2] + index * SLOT, _tile(picture)))
    top += TILE + BLOCK_GAP
    for row in rows:
        items += _row(row, top, lefts, len(pictures))
        top += TILE + line_height(SMALL_SIZE) + GAP
    return compose(top - GAP + MARGIN, width, items)


def _row(row: ChannelRow, top: int, lefts: list[int], count: int) -> list[Picture | Text]:
    maps = as_maps(row.maps, (count, *np.shape(row.maps)[1:]), f"maps of {row.name}")
    vmax = max(float(maps.max()), 0.0)
    items: list[Picture | Text] = [Text(top, MARGIN, shorten(row.name, LABEL_WIDTH - GAP), SIZE, INK)]
    tiles = [] if row.ideal is None else [(lefts[0], row.ideal, row.value)]
    tiles += [(lefts[1] + i * SLOT, *one) for i, one in enumerate(zip(row.patches, row.values, strict=True))]
    for left, picture, value in tiles:
        items.append(Picture(top, left, _tile(as_pictures(picture[None])[0])))
        items.append(Text(top + TILE + 1, left, number(value), SMALL_SIZE, MUTED))
    for index, one in enumerate(maps):
        left = lefts[2] + index * SLOT
        items.append(Picture(top, left, _tile(colour(one, 0.0, vmax))))
        items.append(Text(top + TILE + 1, left, number(max(float(one.max()), 0.0)), SMALL_SIZE, MUTED))
    return items


def _tile(picture: np.ndarray) -> np.ndarray:
    """At the size of a tile: small ones as whole multiples where that fits, others to the longer side."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    if longest > TILE:
        return fit(picture[None], cell_shape(height, width, large=TILE))[0]
    shape = max(1, round(TILE * height / longest)), max(1, round(TILE * width / longest))
    return nearest(picture[None], shape)[0]
