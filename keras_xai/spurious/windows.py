"""Which parts of an image a small cue could fill, and where a map says it is."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np


class Shape(NamedTuple):
    """A window's size in pixels."""

    height: int
    width: int


class Region(NamedTuple):
    """A window in pixels; `frame` means everything outside of it."""

    top: int
    left: int
    height: int
    width: int
    frame: bool = False

    def mask(self, size: tuple[int, int]) -> np.ndarray:
        """(height, width) bool, True inside; read only."""
        return _mask(self, size)

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the smallest window that holds it: of a frame the whole image."""
        return (0, 0, *size) if self.frame else self[:4]


@lru_cache(maxsize=512)
def _mask(region: Region, size: tuple[int, int]) -> np.ndarray:
    inside = np.zeros(size, bool)
    inside[region.top : region.top + region.height, region.left : region.left + region.width] = True
    found = ~inside if region.frame else inside
    found.setflags(write=False)
    return found


@lru_cache(maxsize=512)
def ring(region: Region, size: tuple[int, int]) -> np.ndarray:
    """(height, width) bool: the two pixels round a window; read only."""
    found = around(region.mask(size))
    found.setflags(write=False)
    return found


def around(mask: np.ndarray) -> np.ndarray:
    """(height, width) bool: the two pixels round what a mask holds; all else where there are none."""
    grown = mask.copy()
    for _ in range(2):
        padded = np.pad(grown, 1)
        grown = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    found = grown & ~mask
    return found if found.any() else ~mask


def shapes(size: tuple[int, int]) -> list[Shape]:
    """Squares of 0.12, 0.21 and 0.32 of the shorter side, and thin and thick strips for text in both directions.

    Args:
        size: (height, width) of the image.

    Returns:
        Different shapes, the smallest first, each at least 2 pixels a side and smaller than the image.
    """
    side = min(size)

    def pixels(share, of):
        return int(np.clip(round(share * of), 2, max(2, of - 1)))

    found = {Shape(pixels(share, side), pixels(share, side)) for share in (0.12, 0.21, 0.32)}
    for thick, long in ((0.12, 0.4), (0.18, 0.6)):
        found |= {Shape(pixels(thick, side), pixels(long, size[1])), Shape(pixels(long, size[0]), pixels(thick, side))}
    return sorted(found, key=lambda shape: (shape.height * shape.width, shape.height))


def usual_places(size: tuple[int, int]) -> list[Region]:
    """Where people and cameras put marks: the corners, strips along the four sides, and the frame that these make.

    Args:
        size: (height, width) of the image.
    """
    height, width = size
    deep = max(1, round(0.08 * min(size)))
    side = max(2, round(0.21 * min(size)))
    corners = [Region(top, left, side, side) for top in (0, height - side) for left in (0, width - side)]
    return [
        *corners,
        Region(0, 0, deep, width),
        Region(height - deep, 0, deep, width),
        Region(0, 0, height, deep),
        Region(0, width - deep, height, deep),
        Region(deep, deep, height - 2 * deep, width - 2 * deep, frame=True),
    ]


def cut_down(region: Region, share: float, size: tuple[int, int]) -> list[Region]:
    """A window less a share of it at one side: four windows, fewer where it is thin, none of a frame.

    Args:
        share: of the length that is cut off, at least one pixel. size: (height, width) of the image.

    Returns:
        Windows of which no side is shorter than the smallest of `shapes`.
    """
    if region.frame:
        return []
    top, left, height, width = region[:4]
    least = min(shapes(size)[0])
    high, wide = (min(max(1, round(share * side)), side - least) for side in (height, width))
    found = []
    if high > 0:
        found += [Region(top + high, left, height - high, width), Region(top, left, height - high, width)]
    if wide > 0:
        found += [Region(top, left + wide, height, width - wide), Region(top, left, height, width - wide)]
    return found


@lru_cache(maxsize=16)
def middle(size: tuple[int, int]) -> np.ndarray:
    """(height, width) bool: the inner 0.7 of both sides, where objects are; read only."""
    height, width = size
    inside = np.zeros(size, bool)
    inside[round(0.15 * height) : round(0.85 * height), round(0.15 * width) : round(0.85 * width)] = True
    inside.setflags(write=False)
    return inside


def window_sums(maps: Any, shape: Shape) -> np.ndarray:
    """What lies in every window of one shape, by a summed-area table.

    Args:
        maps: (n, height, width). shape: of the window.

    Returns:
        (n, height − shape.height + 1, width − shape.width + 1) float64: at [i, top, left] the sum over that window.
    """
    table = np.pad(np.asarray(maps, np.float64).cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
    high, wide = shape
    return table[:, high:, wide:] - table[:, :-high, wide:] - table[:, high:, :-wide] + table[:, :-high, :-wide]


def fullest_windows(maps: Any, shape: Shape) -> list[Region]:
    """For every map the window that holds most of it.

    Args:
        maps: (n, height, width), ≥ 0.
    """
    sums = window_sums(maps, shape)
    places = sums.reshape(len(sums), -1).argmax(axis=1)
    return [
        Region(int(top), int(left), *shape) for top, left in zip(*np.unravel_index(places, sums.shape[1:]), strict=True)
    ]


def control_window(region: Region, size: tuple[int, int], generator: np.random.Generator) -> Region:
    """A random window of the same shape that overlaps the region as little as a few tries achieve.

    Outside of a frame there is no room for another one: a small window in the middle stands in.
    """
    height, width = size
    if region.frame:
        high, wide = max(1, height // 4), max(1, width // 4)
        return Region((height - high) // 2, (width - wide) // 2, high, wide)
    tries = [
        Region(
            int(generator.integers(0, height - region.height + 1)),
            int(generator.integers(0, width - region.width + 1)),
            region.height,
            region.width,
        )
        for _ in range(8)
    ]
    return min(tries, key=lambda other: _overlap(region, other))


def _overlap(one: Region, two: Region) -> int:
    high = min(one.top + one.height, two.top + two.height) - max(one.top, two.top)
    wide = min(one.left + one.width, two.left + two.width) - max(one.left, two.left)
    return max(0, high) * max(0, wide)
