"""The channels of one layer as a block of small tiles."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_xai.render.cells import cell_shape, fit
from keras_xai.render.checks import as_maps
from keras_xai.render.colour import colour
from keras_xai.render.page import INK, MUTED, Picture, Text
from keras_xai.render.text import number, text_width

TILE = 60
LARGE_TILE = 64
LABEL_SIZE = 11
LABEL_HEIGHT = 16
SPACING = 4


class LayerBlock(NamedTuple):
    """Tiles uint8 `(n, k, height, width, 3)`, their channels and largest values, `per_line` tiles side by side."""

    tiles: np.ndarray
    channels: list[str]
    values: list[str]
    per_line: int

    @property
    def height(self) -> int:
        """Of the block, in pixels."""
        num_lines = -(-len(self.channels) // self.per_line)
        return num_lines * (self.tiles.shape[2] + LABEL_HEIGHT)

    @property
    def width(self) -> int:
        """Of the block, in pixels."""
        return self.per_line * (self.tiles.shape[3] + SPACING) - SPACING

    def items(self, top: int, left: int, sample: int) -> list[Picture | Text]:
        """The tiles of one sample, below each its channel at the left and the value of its last colour at the right."""
        height, width = self.tiles.shape[2:4]
        items: list[Picture | Text] = []
        for index, (channel, value) in enumerate(zip(self.channels, self.values, strict=True)):
            line, column = divmod(index, self.per_line)
            upper, start = top + line * (height + LABEL_HEIGHT), left + column * (width + SPACING)
            items += [
                Picture(upper, start, self.tiles[sample, index]),
                Text(upper + height, start, channel, LABEL_SIZE, INK),
                Text(upper + height, start + width, value, LABEL_SIZE, MUTED, align="r"),
            ]
        return items


def layer_block(
    name: str, maps: np.ndarray, channels: Sequence[int], vmax: np.ndarray, count: int, height: int
) -> LayerBlock:
    """Colour the channels of a layer and arrange them in about `height` pixels.

    Args:
        name: of the layer, for error messages.
        maps: float `(n, h', w', k)`.
        channels: the numbers of the `k` channels.
        vmax: float `(k,)`, the value of the last colour for each channel.
        count: the number of samples expected.
        height: the block takes as many lines of tiles as fit, at least one.

    Returns:
        The block.

    Raises:
        TypeError: the maps are no numbers.
        ValueError: shapes that do not agree.
    """
    shape = np.shape(maps)
    if len(shape) != 4 or shape[0] != count or 0 in shape:
        raise ValueError(
            f"The feature maps of layer '{name}' must have shape ({count}, height, width, channels), "
            f"one for each image, got {shape}."
        )
    maps = np.moveaxis(as_maps(maps, shape, f"feature_maps['{name}']"), -1, 1)
    vmax = np.asarray(vmax, np.float32)
    if not len(channels) == vmax.size == shape[-1] or vmax.ndim != 1:
        raise ValueError(
            f"Layer '{name}' has feature maps of {shape[-1]} channels, so channels and vmax must hold {shape[-1]} "
            f"values each, got {len(channels)} channels and vmax of shape {vmax.shape}."
        )
    tile = cell_shape(shape[1], shape[2], small=TILE, large=LARGE_TILE)
    tiles = fit(maps.reshape(-1, *shape[1:3]), tile).reshape(*maps.shape[:2], *tile)
    labels = [str(channel) for channel in channels]
    values = [_value(float(scale), label, tile[1]) for scale, label in zip(vmax, labels, strict=True)]
    lines = max(1, round(height / (tile[0] + LABEL_HEIGHT)))
    return LayerBlock(colour(tiles, 0.0, vmax[:, None, None]), labels, values, -(-len(labels) // lines))


def _value(scale: float, label: str, width: int) -> str:
    """The end of a channel's scale, or nothing where it would run into the channel's number."""
    value = number(scale, digits=2) if np.isfinite(scale) and scale > 0 else "off"
    return value if text_width(f"{label} {value}", LABEL_SIZE) <= width else ""
