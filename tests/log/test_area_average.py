from fractions import Fraction

import numpy as np
import pytest

from keras_xai.log import area_average


def by_hand(picture, cells):
    """Exact and slow: every cell adds up the part of every pixel that lies inside it."""

    def shares(size, count):
        edges = [Fraction(size * number, count) for number in range(count + 1)]
        return [
            [max(Fraction(0), min(edges[cell + 1], pixel + 1) - max(edges[cell], pixel)) for pixel in range(size)]
            for cell in range(count)
        ]

    rows, columns = (shares(size, min(size, cells)) for size in picture.shape)
    area = Fraction(picture.shape[0], len(rows)) * Fraction(picture.shape[1], len(columns))
    return np.array(
        [
            [
                float(
                    sum(
                        up * across * int(picture[i, j])
                        for i, up in enumerate(row)
                        if up
                        for j, across in enumerate(column)
                        if across
                    )
                    / area
                )
                for column in columns
            ]
            for row in rows
        ]
    )


@pytest.mark.parametrize(("shape", "cells"), [((28, 28), 14), ((17, 23), 14), ((15, 9), 4), ((5, 40), 7), ((3, 3), 1)])
def test_agrees_with_exact_fractions(shape, cells):
    maps = np.random.default_rng(0).integers(-9, 10, (2, *shape))
    small = area_average(maps, cells)
    assert small.shape == (2, min(shape[0], cells), min(shape[1], cells))
    assert small.dtype == np.float32
    for one, expected in zip(small, (by_hand(picture, cells) for picture in maps), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-6, atol=1e-6)


def test_whole_cells_are_plain_block_means():
    maps = np.arange(16.0).reshape(1, 4, 4)
    np.testing.assert_array_equal(area_average(maps, 2), [[[2.5, 4.5], [10.5, 12.5]]])


def test_small_maps_stay_as_they_are():
    maps = np.random.default_rng(1).normal(size=(2, 7, 14)).astype(np.float32)
    np.testing.assert_array_equal(area_average(maps, 14), maps)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"shape \(n, height, width\), got \(7, 7\)"):
        area_average(np.zeros((7, 7)), 14)
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        area_average(np.zeros((1, 7, 7)), 0)
