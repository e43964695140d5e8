"""Maps as bytes: 8 bits a cell, with the range that turns them back into values."""

import decimal
from typing import Any

import numpy as np

from keras_xai.log.area_average import area_average
from keras_xai.log.strict_json import DIGITS


def pack_maps(maps: np.ndarray, resolution: int = 14, offset: int = 0) -> tuple[bytes, list[dict[str, Any]]]:
    """Packs maps into one blob of bytes, `value = vmin + byte / 255 * (vmax - vmin)`.

    Args:
        maps: (n, h, w) float, finite, any sign. Larger maps are area-averaged to `resolution` cells a side.
        resolution: the most cells a side.
        offset: where the blob will begin in the record's packed blob, in bytes.

    Returns:
        The bytes, row by row and map after map, and for each map its place and range:
        `{"height", "width", "offset", "vmin", "vmax"}`. A value comes back to within (vmax - vmin) / 510.

    Raises:
        ValueError: a map is not finite, or maps are not (n, h, w).
    """
    small = area_average(maps, resolution)
    if not np.isfinite(small).all():
        bad = np.flatnonzero(~np.isfinite(small).all(axis=(1, 2))).tolist()
        raise ValueError(f"Maps must be finite to be stored, but maps {bad} hold NaN or infinity. Store zeros instead.")
    _, height, width = small.shape
    pieces, entries = [], []
    for number, cells in enumerate(small.astype(np.float64)):
        # The bytes are relative to the range as printed in the manifest, so rounding it costs no accuracy.
        vmin = _rounded(cells.min(), decimal.ROUND_FLOOR)
        vmax = _rounded(cells.max(), decimal.ROUND_CEILING)
        span = vmax - vmin
        levels = np.rint((cells - vmin) / span * 255) if span > 0 else np.zeros_like(cells)
        pieces.append(levels.astype(np.uint8).tobytes())
        place = offset + number * height * width
        entries.append({"height": height, "width": width, "offset": place, "vmin": vmin, "vmax": vmax})
    return b"".join(pieces), entries


def unpack_map(blob: bytes, height: int, width: int, offset: int, vmin: float, vmax: float) -> np.ndarray:
    """Turns the bytes of one map back into values.

    Args:
        blob: the packed blob of the record.
        height: rows of the map.
        width: columns of the map.
        offset: where the map begins in the blob, in bytes.
        vmin: the value of byte 0.
        vmax: the value of byte 255.

    Returns:
        (height, width) float32.

    Raises:
        ValueError: the map does not lie inside the blob.
    """
    if min(height, width) < 1 or offset < 0 or offset + height * width > len(blob):
        raise ValueError(
            f"a {height}x{width} map at offset {offset} does not fit the {len(blob)} bytes of the packed blob"
        )
    levels = np.frombuffer(blob, np.uint8, height * width, offset).reshape(height, width)
    return (vmin + levels / 255 * (vmax - vmin)).astype(np.float32)


def _rounded(value: float, direction: str) -> float:
    return float(decimal.Context(prec=DIGITS, rounding=direction).create_decimal(float(value)))
