"""How the maps of fixed samples change while a model learns."""

from collections.abc import Sequence

import numpy as np

from keras_xai.render.cells import cell_shape, fit
from keras_xai.render.checks import as_maps, as_pictures, as_scales, check_strings
from keras_xai.render.header import header, page_width
from keras_xai.render.overlay import muted, overlay
from keras_xai.render.page import ALARM, GAP, MARGIN, MUTED, Picture, Text, caption_lines, compose, hatched
from keras_xai.render.scale_bar import Scale, upright_bar, upright_bar_width
from keras_xai.render.text import SIZE, SMALL_SIZE, line_height, shorten, text_width

CELL = 112
LARGE_CELL = 144
CAPTION_WIDTH = 150
LABEL_WIDTH = 110
MARK = 3


def filmstrip(
    images: np.ndarray,
    maps: np.ndarray,
    column_titles: Sequence[str],
    captions: Sequence[str],
    vmax: float | np.ndarray | None,
    signed: bool = False,
    title: str = "",
    cell_captions: Sequence[Sequence[str]] | None = None,
    cell_wrong: np.ndarray | None = None,
    vmin: float = 0.0,
    alpha: float = 0.9,
) -> np.ndarray:
    """Show one row per sample and one column per epoch, all on the sample's one colour scale.

    Args:
        images: uint8 `(n, h, w, 1 | 3)`.
        maps: float `(n, epochs, h, w)`; a map that is all NaN was not made and shows as a hatched cell.
        column_titles: one string per epoch, such as "untrained" or "epoch 3".
        captions: one string per sample, at the left of its row; "\\n" separates lines.
        vmax: the end of the scale. A number: one colour bar for the page. `(n,)`, or None for each sample's largest
            |value| over all epochs: a bar in each row.
        signed: colour on a scale symmetric about 0.
        title: above everything; "" for none.
        cell_captions: `n` lists of one short string per epoch, written under the cells, such as "7 -> 3  0.83";
            "\\n" separates lines.
        cell_wrong: bool `(n, epochs)`; True marks the cell and its caption in red.
        vmin: the start of the scale. Ignored if `signed`.
        alpha: the opacity of the strongest evidence.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        TypeError: the images are not uint8, the maps are no numbers, captions are no strings.
        ValueError: shapes or numbers of samples or epochs that do not agree.
    """
    pictures = as_pictures(images)
    count, height, width = pictures.shape[:3]
    epochs = len(column_titles)
    check_strings(column_titles, max(1, epochs), "column_titles", per="epoch")
    maps = as_maps(maps, (count, epochs, height, width))
    check_strings(captions, count, "captions")
    labels = _as_labels(cell_captions, count, epochs)
    wrong = _as_wrong(cell_wrong, count, epochs)
    scales = as_scales(vmax, maps)

    cell = cell_shape(height, width, small=CELL, large=LARGE_CELL, cells=count * (epochs + 1))
    pictures = fit(pictures, cell)
    bars = [Scale(vmin, float(scale), signed) for scale in scales]
    shared = bars[0] if vmax is not None and np.ndim(vmax) == 0 else None
    lines = [caption.split("\n") for caption in captions]
    caption_width = min(CAPTION_WIDTH, max(text_width(line) for one in lines for line in one))
    slot, label_height = _measure(pictures.shape[2], column_titles, labels, wrong)
    row_height = max(pictures.shape[1] + label_height, line_height(SIZE) * max(map(len, lines))) + GAP

    start = MARGIN + caption_width + GAP * (caption_width > 0)
    end = start + (epochs + 1) * slot
    page = page_width(end - MARGIN + (-GAP if shared else upright_bar_width(bars)), title, shared)
    items, top = header(title, page, shared)
    for column, string in enumerate(["image", *column_titles]):
        items.append(Text(top, start + column * slot, shorten(string, slot - GAP, SMALL_SIZE), SMALL_SIZE, MUTED))
    first = top + line_height(SMALL_SIZE) + 2
    for sample, picture in enumerate(pictures):
        row = first + sample * row_height
        items += caption_lines(lines[sample], row, MARGIN, caption_width)
        items.append(Picture(row, start, picture))
        for epoch, pixels in enumerate(_frames(picture, maps[sample], scales[sample], vmin, signed, alpha)):
            left = start + (epoch + 1) * slot
            items += _cell(row, left, pixels, labels[sample][epoch], wrong[sample, epoch], slot - GAP)
        if not shared:
            items += upright_bar(row, end, len(picture), bars[sample])
    return compose(first + len(pictures) * row_height - GAP + MARGIN, page, items)


def _measure(cell_width: int, titles: Sequence[str], labels: list[list[str]], wrong: np.ndarray) -> tuple[int, int]:
    """The width of a column with its gap, and the height of what stands below a cell, in pixels."""
    lines = [line for row in labels for label in row for line in label.split("\n")]
    widest = max(text_width(string, SMALL_SIZE) for string in ["image", *titles, *lines])
    depth = max((label.count("\n") + 1 for row in labels for label in row if label), default=0)
    height = MARK + depth * line_height(SMALL_SIZE) if depth or wrong.any() else 0
    return max(cell_width, min(LABEL_WIDTH, widest)) + GAP, height


def _frames(
    picture: np.ndarray, maps: np.ndarray, scale: float, vmin: float, signed: bool, alpha: float
) -> list[np.ndarray]:
    """The cells of one row. One row at a time keeps the memory small however many samples there are."""
    shape = picture.shape[:2]
    pictures = np.broadcast_to(muted(picture[None]), (len(maps), *picture.shape))
    overlays = overlay(pictures, fit(maps, shape), alpha, vmin, scale, signed)
    missing = np.isnan(maps).all(axis=(1, 2))
    return [hatched(*shape) if gone else pixels for gone, pixels in zip(missing, overlays, strict=True)]


def _cell(top: int, left: int, pixels: np.ndarray, label: str, wrong: bool, width: int) -> list[Picture | Text]:
    """One epoch of one sample: its picture, and below it what the model said."""
    bottom = top + len(pixels)
    items: list[Picture | Text] = [Picture(top, left, pixels)]
    for index, line in enumerate(label.split("\n")):
        place = (bottom + MARK + index * line_height(SMALL_SIZE), left)
        items.append(Text(*place, shorten(line, width, SMALL_SIZE), SMALL_SIZE, ALARM if wrong else MUTED))
    if wrong:
        # A bar as well as a colour: red alone is lost on one reader in twenty.
        items.append(Picture(bottom, left, np.full((MARK, pixels.shape[1], 3), ALARM, np.uint8), framed=False))
    return items


def _as_labels(cell_captions: Sequence[Sequence[str]] | None, count: int, epochs: int) -> list[list[str]]:
    if cell_captions is None:
        return [[""] * epochs for _ in range(count)]
    if len(cell_captions) != count:
        raise ValueError(f"cell_captions must hold {count} lists, one for each sample, got {len(cell_captions)}.")
    for row in cell_captions:
        check_strings(row, epochs, "each list in cell_captions", per="epoch")
    return [list(row) for row in cell_captions]


def _as_wrong(cell_wrong: np.ndarray | None, count: int, epochs: int) -> np.ndarray:
    wrong = np.zeros((count, epochs), bool) if cell_wrong is None else np.asarray(cell_wrong)
    if wrong.dtype != bool or wrong.shape != (count, epochs):
        raise ValueError(
            f"cell_wrong must be bool of shape {(count, epochs)}, one value for each sample and epoch, "
            f"got {wrong.dtype} of shape {wrong.shape}."
        )
    return wrong
