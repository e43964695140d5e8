"""The patches of the images that drive a channel most."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_xai.render.cells import fit, nearest
from keras_xai.render.page import GAP, INK, MARGIN, MUTED, Picture, Text
from keras_xai.render.text import SIZE, SMALL_SIZE, line_height, number, shorten, text_width

PATCH = 56
SLOT = PATCH + 6
STRIP_GAP = 2 * GAP


def driver_strips(
    drivers: Mapping[str, Sequence[Mapping]], pictures: np.ndarray, top: int, width: int
) -> tuple[list[Picture | Text], int]:
    """Lay out, layer by layer, one strip of patches for each channel, as many strips side by side as fit.

    Args:
        drivers: see `feature_map_page`.
        pictures: uint8 `(n, h, w, 3)`, from which the patches are cut.
        top: where the strips begin, in pixels.
        width: of the page, in pixels; between its margins at least `driver_strips_width(drivers)`.

    Returns:
        The items, and the height at which the page goes on.

    Raises:
        ValueError: an index or a crop that does not exist.
    """
    items: list[Picture | Text] = []
    for layer, strips in drivers.items():
        heading = shorten(f"What drives {layer} most", width - 2 * MARGIN)
        items.append(Text(top, MARGIN, heading, SIZE, INK))
        top += line_height(SIZE) + GAP // 2
        strip_width = max(map(_strip_width, strips), default=0) + STRIP_GAP
        per_line = (width - 2 * MARGIN + STRIP_GAP) // strip_width
        strip_height = 2 * line_height(SMALL_SIZE) + PATCH + GAP
        for index, strip in enumerate(strips):
            line, column = divmod(index, per_line)
            items += _strip(strip, layer, pictures, top + line * strip_height, MARGIN + column * strip_width)
        top += -(-len(strips) // per_line) * strip_height + GAP
    return items, top


def driver_strips_width(drivers: Mapping[str, Sequence[Mapping]]) -> int:
    """The least room the strips need between the margins of a page, in pixels."""
    return max((_strip_width(strip) for strips in drivers.values() for strip in strips), default=0)


def _strip_width(strip: Mapping) -> int:
    return max(len(strip["samples"]) * SLOT, text_width(_label(strip), SMALL_SIZE))


def _label(strip: Mapping) -> str:
    return f"channel {strip['channel']}"


def _strip(strip: Mapping, layer: str, pictures: np.ndarray, top: int, left: int) -> list[Picture | Text]:
    """One channel: its number, its patches, below each the value it drives the channel to."""
    items: list[Picture | Text] = [Text(top, left, _label(strip), SMALL_SIZE, MUTED)]
    top += line_height(SMALL_SIZE) + 1
    for index, sample in enumerate(strip["samples"]):
        patch = _patch(sample, f"{layer}, channel {strip['channel']}", pictures)
        place = left + index * SLOT
        items.append(Picture(top, place, patch))
        items.append(Text(top + PATCH + 1, place, number(sample["value"]), SMALL_SIZE, MUTED))
    return items


def _patch(sample: Mapping, owner: str, pictures: np.ndarray) -> np.ndarray:
    """Cut a patch out of its image and bring it to the size of a slot."""
    index, (top, left, height, width) = sample["index"], sample["crop"]
    count, rows, columns = pictures.shape[:3]
    if not 0 <= index < count:
        raise ValueError(f"A driver of {owner} names sample {index}, but there are {count} images, 0 to {count - 1}.")
    if min(top, left) < 0 or min(height, width) < 1 or top + height > rows or left + width > columns:
        raise ValueError(
            f"A driver of {owner} has the crop (top, left, height, width) = {(top, left, height, width)}, which is not "
            f"inside an image of {rows} x {columns} pixels. Clip it to the image first."
        )
    patch = pictures[index : index + 1, top : top + height, left : left + width]
    longest = max(height, width)
    shape = max(1, round(PATCH * height / longest)), max(1, round(PATCH * width / longest))
    return (fit if longest > PATCH else nearest)(patch, shape)[0]
