"""All samples of one method on one page: image, overlay, map and what there is to say."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_xai.render.cells import cell_shape, fit, nearest
from keras_xai.render.checks import as_labels, as_maps, as_pictures, as_scales, check_strings
from keras_xai.render.colour import colour
from keras_xai.render.header import header, page_width
from keras_xai.render.overlay import muted, overlay
from keras_xai.render.page import GAP, MARGIN, MUTED, Picture, Text, caption_lines, compose
from keras_xai.render.scale_bar import Scale, upright_bar, upright_bar_width
from keras_xai.render.text import SIZE, SMALL_SIZE, line_height, text_width

HEADINGS = ("image", "overlay", "map")
CAPTION_WIDTH = 190
BLOCK_GAP = 3 * GAP
SLOT_WIDTH = 48
ASPECT = 1.3


def montage(
    images: np.ndarray,
    maps: np.ndarray,
    captions: Sequence[str],
    vmax: float | np.ndarray | None,
    signed: bool = False,
    title: str = "",
    segments: np.ndarray | None = None,
    columns: int | None = None,
    vmin: float = 0.0,
    alpha: float = 0.9,
) -> np.ndarray:
    """Show one row per sample: the image, the map over it, the map alone on its colour scale, the caption.

    Args:
        images: uint8 `(n, h, w, 1 | 3)`. Small ones are enlarged by a whole factor, large ones are reduced, the more
            the more there are.
        maps: float `(n, h, w)`.
        captions: `n` strings; "\\n" separates lines, and lines that are too long are shortened.
        vmax: the end of the scale. A number: one colour bar for the page. `(n,)`, or None for each sample's largest
            |value|: a bar in each row.
        signed: colour on a scale symmetric about 0.
        title: above everything; "" for none.
        segments: int `(n, h, w)`; their borders are drawn on the overlay.
        columns: how many blocks of rows stand side by side; None chooses a page that is a little wider than high.
        vmin: the start of the scale. Ignored if `signed`.
        alpha: the opacity of the strongest evidence in the overlay.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        TypeError: the images are not uint8, maps or segments are no numbers, captions are no strings.
        ValueError: shapes or numbers of samples that do not agree, or fewer than one column.
    """
    pictures = as_pictures(images)
    count, *shape = pictures.shape[:3]
    maps = as_maps(maps, (count, *shape))
    scales = as_scales(vmax, maps)
    check_strings(captions, count, "captions")
    if columns is not None and columns < 1:
        raise ValueError(f"columns must be at least 1, or None to choose, got {columns!r}.")
    if segments is not None:
        segments = as_labels(segments, (count, *shape))

    cells = _cells(pictures, maps, segments, scales, vmin, alpha, signed)
    bars = [Scale(vmin, float(scale), signed) for scale in scales]
    shared = bars[0] if vmax is not None and np.ndim(vmax) == 0 else None
    lines = [caption.split("\n") for caption in captions]
    block = _Block.measure(cells.shape[2:4], lines, [] if shared else bars)
    columns = min(columns or _choose_columns(count, block), count)
    rows = math.ceil(count / columns)
    columns = math.ceil(count / rows)

    width = page_width(columns * (block.width + BLOCK_GAP) - BLOCK_GAP, title, shared)
    items, top = header(title, width, shared)
    first = top + line_height(SMALL_SIZE) + 2
    for column in range(columns):
        items += block.headings(top, MARGIN + column * (block.width + BLOCK_GAP))
    for sample in range(count):
        column, row = divmod(sample, rows)
        place = first + row * block.row_height, MARGIN + column * (block.width + BLOCK_GAP)
        items += block.row(*place, cells[:, sample], lines[sample], None if shared else bars[sample])
    return compose(first + rows * block.row_height - GAP + MARGIN, width, items)


class _Block(NamedTuple):
    """The measures of a block of rows, in pixels."""

    slot: int
    bar_width: int
    caption_width: int
    row_height: int

    @classmethod
    def measure(cls, cell: tuple[int, int], lines: list[list[str]], bars: list[Scale]) -> "_Block":
        """Find the measures that hold the cells, the longest caption and, where there are any, the bars of the rows."""
        return cls(
            slot=max(cell[1], SLOT_WIDTH) + GAP,
            bar_width=upright_bar_width(bars) + GAP if bars else 0,
            caption_width=min(CAPTION_WIDTH, max(text_width(line) for one in lines for line in one)),
            row_height=max(cell[0], line_height(SIZE) * max(map(len, lines))) + GAP,
        )

    @property
    def width(self) -> int:
        return len(HEADINGS) * self.slot + self.bar_width + self.caption_width

    def headings(self, top: int, left: int) -> list[Text]:
        return [Text(top, left + index * self.slot, word, SMALL_SIZE, MUTED) for index, word in enumerate(HEADINGS)]

    def row(self, top: int, left: int, cells: np.ndarray, lines: list[str], bar: Scale | None) -> list[Picture | Text]:
        """One sample: its cells `(3, h, w, 3)`, its own colour bar if it has one, its caption."""
        items: list[Picture | Text] = [Picture(top, left + index * self.slot, cell) for index, cell in enumerate(cells)]
        left += len(HEADINGS) * self.slot
        if bar is not None:
            items += upright_bar(top, left, cells.shape[1], bar)
        return items + caption_lines(lines, top, left + self.bar_width, self.caption_width)


def _cells(
    pictures: np.ndarray,
    maps: np.ndarray,
    segments: np.ndarray | None,
    scales: np.ndarray,
    vmin: float,
    alpha: float,
    signed: bool,
) -> np.ndarray:
    """What stands under each of `HEADINGS`, at the size of a cell: uint8 `(3, n, height, width, 3)`."""
    cell = cell_shape(pictures.shape[1], pictures.shape[2], cells=len(HEADINGS) * len(pictures))
    pictures, maps = fit(pictures, cell), fit(maps, cell)
    overlays = overlay(muted(pictures), maps, alpha, vmin, scales, signed)
    if segments is not None:
        overlays = _with_borders(overlays, nearest(segments, cell))
    return np.stack([pictures, overlays, colour(maps, vmin, scales[:, None, None], signed)])


def _choose_columns(count: int, block: _Block) -> int:
    """How many blocks of rows make the page nearest to `ASPECT`."""

    def distance(columns: int) -> float:
        return abs(math.log(columns * block.width / (math.ceil(count / columns) * block.row_height) / ASPECT))

    return min(range(1, count + 1), key=distance)


def _with_borders(pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw a thin line wherever the label changes: light on dark pictures, dark on light ones."""
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:, :, :-1] |= labels[:, :, :-1] != labels[:, :, 1:]
    pixels = pictures[border]
    light = pixels.mean(axis=-1, keepdims=True) > 150
    result = pictures.copy()
    result[border] = np.rint(0.3 * pixels + 0.7 * np.where(light, 40, 255))
    return result
