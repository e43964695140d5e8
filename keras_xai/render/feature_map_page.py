"""What the layers of a model see in each sample, from the input to the prediction."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_xai.render.bar_chart import LINE, bar_chart, bar_chart_width
from keras_xai.render.cells import cell_shape, fit
from keras_xai.render.checks import as_pictures, check_strings
from keras_xai.render.driver_strips import driver_strips, driver_strips_width
from keras_xai.render.header import header, page_width
from keras_xai.render.layer_block import layer_block
from keras_xai.render.page import GAP, MARGIN, MUTED, Picture, Text, caption_lines, compose
from keras_xai.render.scale_bar import Scale
from keras_xai.render.text import SIZE, SMALL_SIZE, line_height, shorten

BLOCK_GAP = 3 * GAP
INPUT_WIDTH = 72
LARGE = 160


def feature_map_page(
    images: np.ndarray,
    feature_maps: Mapping[str, np.ndarray],
    channels: Mapping[str, Sequence[int]],
    predictions: Sequence[Sequence[tuple[str, float]]],
    vmax: Mapping[str, np.ndarray],
    title: str = "",
    captions: Sequence[str] | None = None,
    drivers: Mapping[str, Sequence[Mapping]] | None = None,
) -> np.ndarray:
    """Show one row per sample: the input, a block of channels for each layer, the most probable classes.

    Args:
        images: uint8 `(n, h, w, 1 | 3)`.
        feature_maps: for each layer, by name and in the order of the page, float `(n, h', w', k)`.
        channels: for each layer the numbers of the `k` channels shown.
        predictions: for each sample a list of `(class name, probability)`, the first one first.
        vmax: for each layer float `(k,)`: the value of the last colour for each channel; the first colour is 0. A
            channel whose scale is not finite and positive (it never fired) stays blank.
        title: above everything; "" for none.
        captions: one string per sample, below its input; "\\n" separates lines.
        drivers: for each layer (those shown, or some of them) a list of `{"channel": int, "samples": [{"index": int,
            "crop": (top, left, height, width), "value": float}, ...]}`: the patches of `images` that drive the channel
            most, shown below the rows.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        TypeError: the images are not uint8, the maps are no numbers, captions are no strings.
        ValueError: shapes, layers, channels or numbers of samples that do not agree, or a crop outside its image.
    """
    pictures = as_pictures(images)
    count = len(pictures)
    captions = [""] * count if captions is None else captions
    drivers = drivers or {}
    _check(feature_maps, channels, vmax, predictions, count)
    check_strings(captions, count, "captions")

    # a layer's channels take about twice the room of the input
    cells = fit(pictures, cell_shape(pictures.shape[1], pictures.shape[2], large=LARGE, cells=3 * count))
    height = cells.shape[1]
    lines = [caption.split("\n") if caption else [] for caption in captions]
    blocks = [layer_block(name, maps, channels[name], vmax[name], count, height) for name, maps in feature_maps.items()]
    widths = [max(cells.shape[2], INPUT_WIDTH), *(block.width for block in blocks), bar_chart_width(predictions)]
    heights = [height + line_height(SIZE) * max(map(len, lines)), LINE * max(map(len, predictions))]
    row_height = max(*heights, *(block.height for block in blocks)) + 2 * GAP

    lefts = [MARGIN + sum(widths[:index]) + index * BLOCK_GAP for index in range(len(widths))]
    scale = Scale(0.0, 1.0, high="largest value of the channel")
    width = page_width(max(lefts[-1] + widths[-1] - MARGIN, driver_strips_width(drivers)), title, scale)
    items, top = header(title, width, scale)
    for left, room, name in zip(lefts, widths, ["input", *feature_maps, "prediction"], strict=True):
        items.append(Text(top, left, shorten(name, room, SMALL_SIZE), SMALL_SIZE, MUTED))
    first = top + line_height(SMALL_SIZE) + 2
    for sample in range(count):
        row = first + sample * row_height
        items.append(Picture(row, MARGIN, cells[sample]))
        items += caption_lines(lines[sample], row + height + 5, MARGIN, widths[0])
        for left, block in zip(lefts[1:-1], blocks, strict=True):
            items += block.items(row, left, sample)
        items += bar_chart(row, lefts[-1], widths[-1], predictions[sample])
    strips, bottom = driver_strips(drivers, pictures, first + count * row_height, width)
    return compose(bottom - GAP + MARGIN, width, items + strips)


def _check(feature_maps: Mapping, channels: Mapping, vmax: Mapping, predictions: Sequence, count: int) -> None:
    """Refuse what cannot be put side by side."""
    if not feature_maps:
        raise ValueError("feature_maps must hold at least one layer, got an empty dict.")
    for name, given in (("channels", channels), ("vmax", vmax)):
        if missing := [layer for layer in feature_maps if layer not in given]:
            raise ValueError(f"{name} must have an entry for each layer of feature_maps, but lacks {missing}.")
    if len(predictions) != count:
        raise ValueError(f"predictions must hold {count} lists, one for each sample, got {len(predictions)}.")
