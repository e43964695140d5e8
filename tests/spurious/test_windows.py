"""Windows and where maps put them."""

import numpy as np
import pytest

from keras_xai.spurious.windows import (
    Region,
    Shape,
    control_window,
    cut_down,
    fullest_windows,
    shapes,
    usual_places,
    window_sums,
)


def test_window_sums_equal_sums_in_a_loop():
    maps = np.random.default_rng(0).random((2, 7, 9))
    sums = window_sums(maps, Shape(3, 4))
    assert sums.shape == (2, 5, 6)
    for i, top, left in np.ndindex(*sums.shape):
        assert sums[i, top, left] == pytest.approx(maps[i, top : top + 3, left : left + 4].sum())


def test_the_fullest_window_holds_the_only_spot():
    maps = np.zeros((2, 10, 12))
    maps[0, 2:4, 3:5] = 1
    maps[1, 8:10, 10:12] = 1
    assert fullest_windows(maps, Shape(2, 2)) == [Region(2, 3, 2, 2), Region(8, 10, 2, 2)]


def test_a_region_is_its_mask_and_a_frame_is_the_rest():
    region = Region(1, 2, 3, 4)
    mask = region.mask((6, 8))
    assert mask.sum() == 12
    assert mask[1:4, 2:6].all()
    frame = region._replace(frame=True)
    assert (frame.mask((6, 8)) == ~mask).all()


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (20, 40), (224, 224)])
def test_shapes_fit_into_the_image(size):
    for shape in shapes(size):
        assert 2 <= shape.height < size[0]
        assert 2 <= shape.width < size[1]
    for border in usual_places(size):
        assert 0 < border.mask(size).sum() < size[0] * size[1] / 2 + size[0]


def test_a_control_window_has_the_shape_and_lies_elsewhere():
    generator = np.random.default_rng(0)
    region = Region(0, 0, 4, 4)
    for _ in range(50):
        control = control_window(region, (28, 28), generator)
        assert control[2:4] == (4, 4)
        assert control.mask((28, 28)).sum() == 16
        assert not (control.mask((28, 28)) & region.mask((28, 28))).any()


def test_a_window_is_cut_at_each_of_its_sides():
    assert cut_down(Region(10, 4, 6, 19), 0.5, (32, 32)) == [
        Region(12, 4, 4, 19),
        Region(10, 4, 4, 19),
        Region(10, 14, 6, 9),
        Region(10, 4, 6, 9),
    ]  # the smallest window of 32 px is one of 4: 6 rows lose 2 at most, 19 columns round(9.5) = 10


def test_the_smallest_window_and_a_frame_are_not_cut():
    assert cut_down(Region(0, 0, 4, 4), 0.5, (32, 32)) == []
    assert cut_down(Region(3, 3, 26, 26, frame=True), 0.5, (32, 32)) == []
    assert cut_down(Region(0, 0, 4, 5), 0.125, (32, 32)) == [Region(0, 1, 4, 4), Region(0, 0, 4, 4)]
