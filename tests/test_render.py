"""The pictures: colours, sizes and places, against a pencil, a second implementation or another library."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import color as skimage_color
from skimage.transform import downscale_local_mean
from sklearn.datasets import load_sample_images

from keras_xai import render
from keras_xai.render.cells import cell_shape, fit, nearest
from keras_xai.render.colour import BLANK, DIVERGING, SEQUENTIAL
from keras_xai.render.overlay import muted
from keras_xai.render.page import ALARM, INK, PAPER, hatched
from keras_xai.render.scale_bar import Scale
from keras_xai.render.text import drawable, number, shorten, text_width

RANDOM = np.random.default_rng(0)


def random_images(count=2, height=28, width=28, channels=3):
    return RANDOM.integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def random_maps(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def photographs(count, size):
    crops = [
        photo[y : y + size, x : x + size] for photo in load_sample_images().images for y, x in ((0, 0), (150, 200))
    ]
    return np.stack([crops[index % len(crops)] for index in range(count)])


def places(page, picture):
    """Where a picture stands on a page, pixel for pixel: a list of (top, left)."""
    height, width = picture.shape[:2]
    rows, columns = (old - new + 1 for old, new in zip(page.shape, (height, width), strict=False))
    corner = (page[:rows, :columns] == picture[0, 0]).all(-1)
    corner &= (page[height - 1 :, width - 1 :] == picture[-1, -1]).all(-1)
    return [
        (int(top), int(left))
        for top, left in np.argwhere(corner)
        if np.array_equal(page[top : top + height, left : left + width], picture)
    ]


def the_place(page, picture):
    found = places(page, picture)
    assert len(found) == 1
    return found[0]


def num_pixels(page, ink):
    return int((page == ink).all(-1).sum())


def rgb(images):
    return np.broadcast_to(images, (*images.shape[:3], 3))


class TestColour:
    @pytest.mark.parametrize(("anchors", "signed", "low"), [(SEQUENTIAL, False, 3.0), (DIVERGING, True, -5.0)])
    def test_anchors_lie_at_equal_distances_on_the_scale(self, anchors, signed, low):
        values = np.linspace(low, 5.0, len(anchors))
        np.testing.assert_array_equal(render.colour(values, vmin=3.0, vmax=5.0, signed=signed), anchors)

    def test_between_two_anchors_each_channel_is_interpolated(self):
        # A quarter of the way from (8, 9, 45) to (31, 12, 81) is (13.75, 9.75, 54).
        np.testing.assert_array_equal(render.colour(0.025, 0.0, 1.0), (14, 10, 54))

    @pytest.mark.parametrize(("anchors", "signed", "vmin"), [(SEQUENTIAL, False, 0.0), (DIVERGING, True, -2.0)])
    def test_agrees_with_direct_interpolation(self, anchors, signed, vmin):
        values = RANDOM.uniform(vmin - 1, 3, (5, 7))
        ends = np.linspace(vmin, 2.0, len(anchors))
        expected = np.stack([np.interp(values, ends, channel) for channel in zip(*anchors, strict=True)], -1)
        np.testing.assert_allclose(render.colour(values, vmin, 2.0, signed), expected, atol=1)

    def test_zero_is_neutral_on_a_signed_scale_whatever_vmin_is(self):
        assert len(set(render.colour(0.0, -1.0, 7.0, signed=True).tolist())) == 1
        values = random_maps(20)
        expected = render.colour(values, 0.0, 2.0, signed=True)
        np.testing.assert_array_equal(render.colour(values, 1.5, 2.0, signed=True), expected)

    def test_lightness_grows_in_equal_steps(self):
        lightness = skimage_color.rgb2lab(np.array(SEQUENTIAL, np.uint8)[None])[0, :, 0]
        steps = np.diff(lightness)
        assert (steps > 0).all()
        assert steps.max() < 1.6 * steps.mean()
        assert steps.min() > 0.4 * steps.mean()

    def test_both_signs_are_equally_strong(self):
        lightness = skimage_color.rgb2lab(np.array(DIVERGING, np.uint8)[None])[0, :, 0]
        np.testing.assert_allclose(lightness, lightness[::-1], atol=4)
        assert (np.diff(lightness[:6]) > 0).all()

    def test_each_sample_may_have_its_own_scale(self):
        values = np.array([[1.0, 2.0], [10.0, 20.0]])
        first, second = render.colour(values, 0.0, np.array([[2.0], [20.0]]))
        np.testing.assert_array_equal(first, second)

    @pytest.mark.parametrize("vmax", [0.0, -1.0, np.nan, np.inf])
    @pytest.mark.parametrize("signed", [False, True])
    def test_without_a_scale_everything_is_blank(self, vmax, signed):
        np.testing.assert_array_equal(render.colour([-1.0, 0.0, 1.0], 0.0, vmax, signed), [BLANK] * 3)

    def test_not_a_number_is_blank_and_infinity_is_the_end(self):
        coloured = render.colour([np.nan, np.inf, -np.inf], 0.0, 1.0)
        np.testing.assert_array_equal(coloured, [BLANK, SEQUENTIAL[-1], SEQUENTIAL[0]])


class TestOverlay:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("signed", [False, True])
    def test_the_image_is_untouched_where_the_map_is_zero(self, channels, signed):
        images, maps = random_images(channels=channels), np.abs(random_maps(2, 28, 28))
        maps[:, :14] = 0
        result = render.overlay(images, maps, signed=signed)
        expected = np.broadcast_to(images, (2, 28, 28, 3))
        np.testing.assert_array_equal(result[:, :14], expected[:, :14])
        assert (result[:, 14:] != expected[:, 14:]).any(-1).mean() > 0.9

    @pytest.mark.parametrize("vmax", [None, 1.0])
    def test_a_zero_map_is_the_image(self, vmax):
        images = random_images()
        np.testing.assert_array_equal(render.overlay(images, np.zeros((2, 28, 28)), vmax=vmax), images)

    def test_half_of_the_evidence_at_alpha_0_8_covers_0_4(self):
        # The colour of 0.5 is (185, 20, 114): 100 + 0.4 * 85 = 134, 100 - 0.4 * 80 = 68, 100 + 0.4 * 14 = 105.6.
        image = np.full((1, 1, 1, 1), 100, np.uint8)
        result = render.overlay(image, np.full((1, 1, 1), 0.5), alpha=0.8, vmax=1.0)
        np.testing.assert_array_equal(result, [[[(134, 68, 106)]]])

    def test_the_change_is_linear_in_alpha(self):
        images, maps = random_images(), random_maps(2, 28, 28)
        half, whole = (render.overlay(images, maps, alpha, signed=True).astype(float) - images for alpha in (0.5, 1.0))
        np.testing.assert_allclose(half, whole / 2, atol=0.51 + 0.25)
        assert np.abs(whole).max() > 100

    def test_strongest_evidence_at_alpha_1_is_the_last_colour(self):
        result = render.overlay(random_images(1, 1, 2), np.array([[[-3.0, 3.0]]]), 1.0, vmax=3.0, signed=True)
        np.testing.assert_array_equal(result[0, 0], [DIVERGING[0], DIVERGING[-1]])

    def test_without_vmax_each_sample_is_on_its_own_scale(self):
        images, maps = random_images(), random_maps(2, 28, 28)
        scaled = maps * np.array([1e-3, 1e3], np.float32)[:, None, None]
        result = render.overlay(images, maps, signed=True)
        np.testing.assert_allclose(render.overlay(images, scaled, signed=True).astype(int), result, atol=1)
        own = np.abs(maps).max((1, 2))
        np.testing.assert_array_equal(render.overlay(images, maps, vmax=own, signed=True), result)

    def test_one_scale_for_all_keeps_samples_comparable(self):
        images, maps = random_images(1).repeat(2, 0), np.ones((2, 28, 28)) * [[[1.0]], [[0.1]]]
        change = np.abs(render.overlay(images, maps, vmax=1.0).astype(int) - images).mean((1, 2, 3))
        assert change[1] < 0.25 * change[0]

    @pytest.mark.parametrize("vmax", [0.0, -1.0, np.nan, np.inf])
    def test_a_sample_without_a_scale_is_its_image_and_the_other_is_not(self, vmax):
        images, maps = random_images(), random_maps(2, 28, 28)
        result = render.overlay(images, maps, vmax=np.array([vmax, 1.0]))
        np.testing.assert_array_equal(result[0], images[0])
        assert (result[1] != images[1]).mean() > 0.5

    def test_not_a_number_is_no_evidence(self):
        images, maps = random_images(), np.ones((2, 28, 28))
        maps[0, :3] = np.nan
        result = render.overlay(images, maps, vmax=1.0)
        np.testing.assert_array_equal(result[0, :3], images[0, :3])
        assert np.array_equal(result[1], render.overlay(images[1:], np.ones((1, 28, 28)), vmax=1.0)[0])

    def test_vmin_is_the_first_colour(self):
        image = np.zeros((1, 1, 1, 3), np.uint8)
        result = render.overlay(image, np.array([[[2.0]]]), alpha=1.0, vmin=2.0, vmax=4.0)
        # 2 is half of vmax, so half of the black image is covered.
        np.testing.assert_allclose(result[0, 0, 0], np.array(SEQUENTIAL[0]) / 2, atol=0.5)

    def test_vmin_means_nothing_on_a_signed_scale(self):
        images, maps = random_images(), random_maps(2, 28, 28)
        expected = render.overlay(images, maps, vmax=1.0, signed=True)
        np.testing.assert_array_equal(render.overlay(images, maps, vmin=9.0, vmax=1.0, signed=True), expected)

    @pytest.mark.parametrize(
        ("images", "maps", "options", "error", "message"),
        [
            (np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 8)), {}, TypeError, r"uint8 pictures.*got float64.*255 \*"),
            (np.zeros((8, 8, 3), "u1"), np.zeros((8, 8)), {}, ValueError, r"\(n, height, width, 1 or 3\).*\(8, 8, 3\)"),
            (np.zeros((2, 8, 8, 4), "u1"), np.zeros((2, 8, 8)), {}, ValueError, r"1 or 3.*\(2, 8, 8, 4\)"),
            (np.zeros((0, 8, 8, 3), "u1"), np.zeros((0, 8, 8)), {}, ValueError, "at least one pixel"),
            (
                np.zeros((2, 8, 8, 3), "u1"),
                np.zeros((2, 7, 7)),
                {},
                ValueError,
                r"maps must have shape \(2, 8, 8\).*Res",
            ),
            (np.zeros((2, 8, 8, 3), "u1"), np.zeros((2, 8, 8), complex), {}, TypeError, "real numbers, got complex128"),
            (np.zeros((2, 8, 8, 3), "u1"), np.zeros((2, 8, 8)), {"alpha": 2}, ValueError, "opacity from 0.*got 2"),
            (np.zeros((2, 8, 8, 3), "u1"), np.zeros((2, 8, 8)), {"vmax": [1, 2, 3]}, ValueError, r"2 of them.*\(3,\)"),
        ],
    )
    def test_refuses(self, images, maps, options, error, message):
        with pytest.raises(error, match=message):
            render.overlay(images, maps, **options)


class TestCells:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            ((8, 8), (120, 120)),
            ((28, 28), (112, 112)),
            ((32, 32), (128, 128)),
            ((96, 96), (96, 96)),
            ((224, 224), (224, 224)),
            ((512, 512), (224, 224)),
            ((512, 256), (224, 112)),
            ((20, 60), (40, 120)),
            ((1, 4000), (1, 224)),
        ],
    )
    def test_small_is_multiplied_and_large_is_reduced(self, size, expected):
        assert cell_shape(*size) == expected

    @pytest.mark.parametrize(
        ("size", "cells", "expected"),
        [
            ((224, 224), 29, (224, 224)),  # 29 × 224² is below a million and a half, 30 × 224² is above
            ((224, 224), 30, (223, 223)),
            ((224, 112), 150, (100, 50)),
            ((224, 224), 10_000, (80, 80)),
            ((28, 28), 192, (84, 84)),
            ((100, 100), 10_000, (100, 100)),
        ],
    )
    def test_many_cells_are_smaller_but_never_too_small_to_see(self, size, cells, expected):
        assert cell_shape(*size, cells=cells) == expected

    def test_enlarging_repeats_pixels(self):
        images = random_images(2, 8, 5)
        np.testing.assert_array_equal(fit(images, (32, 20)), np.kron(images, np.ones((1, 4, 4, 1), np.uint8)))

    def test_reducing_by_a_whole_factor_is_the_mean_of_blocks(self):
        maps = random_maps(2, 24, 30)
        expected = downscale_local_mean(maps, (1, 4, 5))
        np.testing.assert_allclose(fit(maps, (6, 6)), expected, atol=1e-6)

    def test_reducing_by_a_fraction_averages_areas(self):
        # Three pixels on two: the middle one is shared half and half.
        np.testing.assert_allclose(fit(np.array([[[3.0, 6.0, 12.0]]], np.float32), (1, 2)), [[[4.0, 10.0]]], rtol=1e-6)

    def test_reducing_agrees_with_blocks_of_a_finer_grid(self):
        photo = photographs(1, 20)
        finer = photo.repeat(9, axis=1).repeat(7, axis=2)
        expected = downscale_local_mean(finer.astype(float), (1, 20, 20, 1))
        np.testing.assert_allclose(fit(photo, (9, 7)), expected, atol=0.501)

    def test_labels_are_never_mixed(self):
        labels = np.array([[[0, 9], [200, 70000]]])
        np.testing.assert_array_equal(nearest(labels, (4, 4)), np.kron(labels, np.ones((1, 2, 2), int)))
        assert set(nearest(RANDOM.choice([3, 50], (1, 99, 99)), (40, 40)).ravel()) == {3, 50}


class TestMuted:
    def test_is_grey_between_80_and_220(self):
        colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]], np.uint8)[None, None]
        grey = [80, 220, round(80 + 0.299 * 140), round(80 + 0.114 * 140)]
        np.testing.assert_array_equal(muted(colours)[0, 0], np.repeat(np.array(grey)[:, None], 3, 1))


class TestMontage:
    def test_shows_image_overlay_and_map_side_by_side(self):
        images, maps = random_images(), random_maps(2, 28, 28)
        vmax = np.array([1.0, 2.0])
        page = render.montage(images, maps, ["a", "b"], vmax, signed=True, alpha=0.4)
        overlays = render.overlay(muted(rgb(images)), maps, 0.4, vmax=vmax, signed=True)
        tints = render.colour(maps, 0.0, vmax[:, None, None], signed=True)
        rows = [[the_place(page, big) for big in fit(cells, (112, 112))] for cells in (images, overlays, tints)]
        tops, lefts = np.moveaxis(rows, -1, 0)
        assert (tops == tops[0]).all()
        assert (np.diff(lefts[:, 0]) >= 112).all()
        assert tops[0, 1] >= tops[0, 0] + 112
        np.testing.assert_array_equal(lefts[:, 0], lefts[:, 1])

    def test_grey_photographs_of_512_pixels_are_reduced(self):
        images = random_images(1, 512, 512, 1)
        page = render.montage(images, random_maps(1, 512, 512), [""], 1.0)
        the_place(page, np.broadcast_to(fit(images, (224, 224)), (1, 224, 224, 3))[0])

    @pytest.mark.parametrize("count", [1, 2, 16, 40, 64])
    @pytest.mark.parametrize("size", [(28, 28), (40, 90)])
    def test_many_samples_stand_in_several_blocks(self, count, size):
        images = random_images(count, *size)
        page = render.montage(images, random_maps(count, *size), ["true 3\npredicted 5"] * count, 1.0)
        shown = fit(images, cell_shape(*size, cells=3 * count))[:: max(1, count // 4)]
        assert len({the_place(page, picture) for picture in shown}) == len(shown)
        if count >= 16:
            assert 0.6 < page.shape[1] / page.shape[0] < 2.2

    def test_a_page_of_many_photographs_has_bounded_pixels(self):
        images = random_images(64, 224, 224)
        page = render.montage(images, random_maps(64, 224, 224), ["true 3\npredicted 5"] * 64, 1.0)
        the_place(page, fit(images, (88, 88))[-1])
        assert page.shape[0] * page.shape[1] < 3_000_000

    def test_samples_run_down_the_first_block_then_the_next(self):
        images = random_images(5)
        page = render.montage(images, random_maps(5, 28, 28), ["x"] * 5, 1.0, columns=2)
        tops, lefts = np.transpose([the_place(page, picture) for picture in fit(images, (112, 112))])
        assert lefts.tolist() == [lefts[0]] * 3 + [lefts[3]] * 2
        assert lefts[3] > lefts[0] + 3 * 112
        assert tops[:3].tolist() == sorted(set(tops.tolist()))
        assert tops[3:].tolist() == tops[:2].tolist()

    def test_captions_are_written_at_the_right_line_by_line(self):
        images, maps = random_images(1), random_maps(1, 28, 28)
        left = the_place(render.montage(images, maps, ["x"], 1.0), render_map(maps, 1.0))[1] + 112 + 2
        inked = {}
        for caption in ("", "one", "one\ntwo", "one\ntwo\nthree"):
            page = render.montage(images, maps, [caption], 1.0, title="a title that is wider than the cells of one row")
            inked[caption] = np.flatnonzero((page[60:, left:] != PAPER).any((1, 2)))
        assert inked[""].size == 0
        spans = [np.ptp(rows) for caption, rows in inked.items() if caption]
        assert np.diff(spans).tolist() == pytest.approx([16, 17], abs=4)

    def test_a_title_is_written_above_everything(self):
        images, maps = random_images(1), random_maps(1, 28, 28)
        plain, titled = (render.montage(images, maps, ["x"], 1.0, title=title) for title in ("", "Grad-CAM, epoch 3"))
        added = titled.shape[0] - plain.shape[0]
        assert added > 0
        assert num_pixels(titled[: added + 16], INK) > 100
        assert num_pixels(plain[:16], PAPER) == 16 * plain.shape[1]

    def test_a_shared_scale_is_drawn_once_and_own_scales_in_each_row(self):
        images, maps = random_images(3), random_maps(3, 28, 28)
        level = np.repeat(Scale(0.0, 2.0, True).ramp(160)[None], 10, 0)
        upright = np.repeat(Scale(0.0, 2.0, True).ramp(112)[::-1, None], 10, 1)
        shared = render.montage(images, maps, ["x"] * 3, 2.0, signed=True)
        own = render.montage(images, maps, ["x"] * 3, np.full(3, 2.0), signed=True)
        assert [len(places(shared, bar)) for bar in (level, upright)] == [1, 0]
        assert [len(places(own, bar)) for bar in (level, upright)] == [0, 3]

    def test_an_invalid_sample_is_its_image_beside_a_blank_map(self):
        images = random_images(2)
        page = render.montage(images, np.zeros((2, 28, 28)), ["x"] * 2, np.array([np.nan, 1.0]), signed=True)
        image = fit(images, (112, 112))[:1]
        assert len(places(page, image[0])) == 1
        assert len(places(page, muted(rgb(image))[0])) == 1
        the_place(page, np.full((112, 112, 3), BLANK, np.uint8))

    @pytest.mark.parametrize("axis", [1, 2])
    def test_borders_of_segments_are_drawn_on_the_overlay_only_where_the_label_changes(self, axis):
        images = np.full((1, 28, 28, 1), 10, np.uint8)
        segments = np.moveaxis(np.repeat([0, 7], 14).reshape(1, 28, 1) * np.ones((1, 1, 28), int), 1, axis)
        plain = render.montage(images, np.zeros((1, 28, 28)), ["x"], 1.0)
        lined = render.montage(images, np.zeros((1, 28, 28)), ["x"], 1.0, segments=segments)
        grey = round(80 + 10 * 140 / 255)
        corner = the_place(plain, np.full((112, 112, 3), grey, np.uint8))
        line = np.argwhere((plain != lined).any(-1)) - corner
        assert line[:, 2 - axis].tolist() == list(range(112))
        # The last pixel of the first segment; each of the image's pixels is four of the page's.
        assert set(line[:, axis - 1]) == {14 * 4 - 1}
        assert lined[tuple(line[0] + corner)].tolist() == [round(0.3 * grey + 0.7 * 255)] * 3

    def test_sixteen_photographs_take_less_than_a_megabyte(self):
        images = photographs(16, 224)
        maps = np.abs(np.linspace(-1, 1, 224)[:, None] * np.ones((16, 1, 224)))
        page = render.montage(images, maps, ["true a\npredicted b"] * 16, np.ones(16))
        assert 100_000 < len(render.jpeg(page)) < 900_000

    @pytest.mark.parametrize("caption", ["größer 中文 🐈 \x00\t\r", "x" * 5000, "\n" * 12, "a\u0301\u200b"])
    def test_any_text_is_drawn(self, caption):
        page = render.montage(random_images(1), random_maps(1, 28, 28), [caption], 1.0, title=caption)
        assert page.shape[1] < 900

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"captions": ["x"]}, ValueError, "captions must hold 2 strings, one for each sample, got 1"),
            ({"captions": "xy"}, TypeError, "captions must be a list of strings"),
            ({"captions": [1, 2]}, TypeError, "captions must be a list of strings"),
            ({"maps": np.zeros((2, 9, 8))}, ValueError, r"maps must have shape \(2, 8, 8\).*got \(2, 9, 8\)"),
            ({"vmax": np.ones((2, 2))}, ValueError, r"one number or 2 of them.*\(2, 2\)"),
            ({"columns": 0}, ValueError, "columns must be at least 1.*got 0"),
            ({"segments": np.zeros((2, 4, 4), int)}, ValueError, r"segments must have shape \(2, 8, 8\)"),
            ({"segments": np.zeros((2, 8, 8))}, TypeError, "segments must be integer labels.*float64"),
        ],
    )
    def test_refuses(self, options, error, message):
        given = {"maps": np.zeros((2, 8, 8)), "captions": ["a", "b"], "vmax": 1.0}
        with pytest.raises(error, match=message):
            render.montage(random_images(2, 8, 8), **given | options)


def render_map(maps, vmax):
    return fit(render.colour(maps, 0.0, vmax), (112, 112))[0]


class TestFilmstrip:
    def strip(self, **options):
        self.images, self.maps = random_images(2), random_maps(2, 3, 28, 28)
        self.maps[0, 1] = np.nan
        return self.draw(**options)

    def draw(self, titles=("untrained", "epoch 0", "epoch 1"), captions=("a", "b"), vmax=(1.0, 2.0), **options):
        vmax = np.array(vmax) if isinstance(vmax, tuple) else vmax
        return render.filmstrip(self.images, self.maps, titles, captions, vmax, **options)

    def test_epochs_stand_in_columns_on_the_scale_of_their_sample(self):
        page = self.strip(signed=True, alpha=0.4)
        corners = []
        for sample, vmax in enumerate((1.0, 2.0)):
            overlays = render.overlay(
                muted(rgb(self.images[[sample] * 3])), self.maps[sample], 0.4, vmax=vmax, signed=True
            )
            cells = fit(np.concatenate([self.images[[sample]], overlays]), (112, 112))
            corners.append([the_place(page, cell) for index, cell in enumerate(cells) if (sample, index) != (0, 2)])
        first, second = (np.array(one) for one in corners)
        assert set(first[:, 0]) == {first[0, 0]}
        assert second[:, 0].min() >= first[0, 0] + 112
        np.testing.assert_array_equal(first[:, 1], second[[0, 1, 3], 1])
        assert (np.diff(second[:, 1]) >= 112).all()

    def test_a_missing_epoch_is_hatched(self):
        page = self.strip()
        the_place(page, hatched(112, 112))
        self.maps[0, 1] = 0
        assert places(self.draw(), hatched(112, 112)) == []
        assert len(np.unique(hatched(40, 40))) == 2

    def test_without_vmax_the_scale_is_the_largest_over_the_epochs(self):
        page = self.strip(vmax=None)
        largest = np.nanmax(np.abs(self.maps), (1, 2, 3))
        np.testing.assert_array_equal(page, self.draw(vmax=tuple(largest.tolist())))

    def test_photographs_are_reduced(self):
        images = random_images(1, 512, 512)
        page = render.filmstrip(images, np.zeros((1, 2, 512, 512)), ["a", "b"], ["x"], 1.0)
        image = fit(images, (144, 144))
        assert len(places(page, image[0])) == 1
        assert len(places(page, muted(rgb(image))[0])) == 2

    def test_wrong_predictions_are_red(self):
        captions = [["7 -> 3  0.83"] * 3] * 2
        wrong = np.zeros((2, 3), bool)
        right = self.strip(cell_captions=captions, cell_wrong=wrong)
        assert num_pixels(right, ALARM) == 0
        wrong[1, 2] = True
        marked = self.draw(cell_captions=captions, cell_wrong=wrong)
        changed = np.argwhere((marked != right).any(-1))
        top, left = the_place(right, fit(self.overlays()[-1:], (112, 112))[0])
        assert the_place(marked, np.full((3, 112, 3), ALARM, np.uint8)) == (top + 112, left)
        assert changed[:, 0].min() == top + 112
        assert changed[:, 0].max() > top + 112 + 8
        assert (changed[:, 1].min(), changed[:, 1].max()) == (left, left + 111)

    def overlays(self):
        return render.overlay(muted(rgb(self.images[[1] * 3])), self.maps[1], 0.9, vmax=2.0)

    def test_cell_captions_are_written_below_their_cell(self):
        captions = [[""] * 3, ["", "7 -> 3\n0.83", ""]]
        plain, written = self.strip(cell_captions=[["", "", ""], ["", " \n ", ""]]), self.draw(cell_captions=captions)
        changed = np.argwhere((plain != written).any(-1))
        top, left = the_place(plain, fit(self.overlays()[1:2], (112, 112))[0])
        assert changed[:, 0].min() > top + 112
        assert changed[:, 0].max() < top + 112 + 3 + 2 * 15
        assert left <= changed[:, 1].min() < changed[:, 1].max() < left + 112

    def test_a_shared_scale_is_drawn_once(self):
        level = np.repeat(Scale(0.0, 2.0).ramp(160)[None], 10, 0)
        the_place(self.strip(vmax=2.0), level)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"titles": ["a", "b"]}, ValueError, r"maps must have shape \(2, 2, 28, 28\).*got \(2, 3, 28, 28\)"),
            ({"titles": []}, ValueError, "column_titles must hold 1 strings, one for each epoch, got 0"),
            ({"titles": "abc"}, TypeError, "column_titles must be a list of strings"),
            ({"captions": ["a"]}, ValueError, "captions must hold 2 strings"),
            ({"cell_captions": [["a"] * 3]}, ValueError, "cell_captions must hold 2 lists.*got 1"),
            ({"cell_captions": [["a"] * 3, ["b"]]}, ValueError, "each list in cell_captions must hold 3 strings"),
            ({"cell_wrong": np.zeros((2, 2), bool)}, ValueError, r"bool of shape \(2, 3\).*\(2, 2\)"),
            ({"cell_wrong": np.zeros((2, 3))}, ValueError, "must be bool.*got float64"),
            ({"vmax": (1.0, 2.0, 3.0)}, ValueError, "one number or 2 of them"),
        ],
    )
    def test_refuses(self, options, error, message):
        with pytest.raises(error, match=message):
            self.strip(**options)


class TestFeatureMapPage:
    def arguments(self):
        return {
            "images": random_images(2, 32, 32),
            "feature_maps": {"conv": np.abs(random_maps(2, 14, 14, 4)), "deep": np.abs(random_maps(2, 7, 5, 3))},
            "channels": {"conv": [3, 17, 40, 511], "deep": range(3)},
            "predictions": [[("cat", 0.5), ("dog", 0.25)], [("a very long class name " * 9, 1.0), ("x", 0.0)]],
            "vmax": {"conv": np.array([1.0, 2.0, 0.0, 3.0]), "deep": np.ones(3)},
        }

    def test_each_channel_is_a_tile_on_its_own_scale(self):
        given = self.arguments()
        page = render.feature_map_page(**given)
        for sample in range(2):
            for index, vmax in ((0, 1.0), (1, 2.0), (3, 3.0)):
                tile = render.colour(given["feature_maps"]["conv"][sample, :, :, index], 0.0, vmax)
                the_place(page, fit(tile[None], (56, 56))[0])
            the_place(page, fit(render.colour(given["feature_maps"]["deep"][[sample], :, :, 2], 0.0, 1.0), (63, 45))[0])
            the_place(page, fit(given["images"][[sample]], (128, 128))[0])

    def test_the_channels_of_a_layer_stand_in_lines_that_fit_beside_the_input(self):
        given = self.arguments() | {"channels": {"conv": range(5)}, "vmax": {"conv": np.ones(5)}}
        maps = np.abs(random_maps(2, 14, 14, 5))
        page = render.feature_map_page(**given | {"feature_maps": {"conv": maps}})
        tiles = fit(render.colour(np.moveaxis(maps[0], -1, 0), 0.0, 1.0), (56, 56))
        tops, lefts = np.transpose([the_place(page, tile) for tile in tiles])
        top, _ = the_place(page, fit(given["images"][:1], (128, 128))[0])
        assert tops.tolist() == [top] * 3 + [tops[3]] * 2
        assert top + 56 < tops[3] < top + 128 - 40
        assert lefts.tolist() == [*lefts[:3], *lefts[:2]]
        assert (np.diff(lefts[:3]) >= 57).all()

    def test_a_channel_that_never_fired_is_blank(self):
        page = render.feature_map_page(**self.arguments())
        assert len(places(page, np.full((56, 56, 3), BLANK, np.uint8))) == 2

    def test_bars_are_as_long_as_the_probabilities(self):
        given = self.arguments()
        page = render.feature_map_page(**given)
        # Twelve pixels high, 72 long at probability 1: 36 and 72 for the first classes, 18 and 0 for the second ones.
        assert num_pixels(page, (52, 96, 178)) == 12 * (36 + 72)
        assert num_pixels(page, (150, 172, 212)) == 12 * (18 + 0)

    def test_drivers_are_cut_out_of_their_images(self):
        given = self.arguments()
        samples = [{"index": 1, "crop": (4, 10, 14, 7), "value": 3.9}, {"index": 0, "crop": (0, 0, 7, 7), "value": 1.0}]
        page = render.feature_map_page(**given, drivers={"conv": [{"channel": 17, "samples": samples}]})
        plain = render.feature_map_page(**given)
        added = page[plain.shape[0] - 16 :]
        first = the_place(added, np.kron(given["images"][1, 4:18, 10:17], np.ones((4, 4, 1), np.uint8)))
        second = the_place(added, np.kron(given["images"][0, :7, :7], np.ones((8, 8, 1), np.uint8)))
        assert first[0] == second[0]
        assert second[1] >= first[1] + 56

    def test_a_long_strip_widens_the_page_and_large_patches_are_reduced(self):
        given = self.arguments() | {"images": random_images(2, 100, 100)}
        samples = [{"index": 0, "crop": (0, 0, 100, 100), "value": 0.5}] * 30
        page = render.feature_map_page(**given, drivers={"conv": [{"channel": 3, "samples": samples}]})
        assert len(places(page, fit(given["images"][:1], (56, 56))[0])) == 30

    def test_captions_are_written_below_the_input(self):
        given = self.arguments()
        page = render.feature_map_page(**given, captions=["first", ""])
        top, left = the_place(page, fit(given["images"][:1], (128, 128))[0])
        below = page[top + 130 : top + 148, left : left + 128]
        assert num_pixels(below, INK) > 20
        top, left = the_place(page, fit(given["images"][1:], (128, 128))[0])
        assert num_pixels(page[top + 130 : top + 148, left : left + 128], PAPER) == 18 * 128

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"feature_maps": {}}, "at least one layer"),
            ({"feature_maps": {"conv": np.zeros((2, 7, 4))}}, r"layer 'conv' must have shape \(2, height.*\(2, 7, 4\)"),
            ({"feature_maps": {"conv": np.zeros((3, 7, 7, 4))}}, r"layer 'conv' must have shape \(2, .*\(3, 7, 7, 4\)"),
            ({"feature_maps": {"new": np.zeros((2, 7, 7, 4))}}, r"channels must have an entry.*lacks \['new'\]"),
            ({"vmax": {"conv": np.ones(4)}}, r"vmax must have an entry for each layer.*lacks \['deep'\]"),
            ({"channels": {"conv": [1, 2], "deep": [1]}}, "'conv' has feature maps of 4 channels.*got 2 channels"),
            ({"predictions": [[]]}, "predictions must hold 2 lists.*got 1"),
            ({"captions": ["a"]}, "captions must hold 2 strings"),
            (
                {"drivers": {"conv": [{"channel": 1, "samples": [{"index": 2, "crop": (0, 0, 1, 1), "value": 1.0}]}]}},
                "0 to 1",
            ),
            (
                {"drivers": {"conv": [{"channel": 1, "samples": [{"index": 0, "crop": (30, 0, 3, 3), "value": 1.0}]}]}},
                "conv, channel 1 has the crop.*not inside an image of 32 x 32",
            ),
        ],
    )
    def test_refuses(self, options, message):
        with pytest.raises(ValueError, match=message):
            render.feature_map_page(**self.arguments() | options)


def test_nothing_but_numpy_and_pillow_is_needed():
    script = (
        "import sys; from keras_xai import render; "
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'matplotlib', 'scipy', 'skimage'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


class TestText:
    def test_what_the_font_lacks_is_replaced(self):
        assert drawable("größer → école 中文 🐈\tx\x07") == "gro?er -> ecole ?? ? x?"
        assert drawable("plain text, 0.83 (7) …") == "plain text, 0.83 (7) …"

    def test_shortening_fits_and_is_as_long_as_can_be(self):
        name = "great white shark, man-eater, Carcharodon carcharias"
        short = shorten(name, 100)
        assert text_width(short) <= 100 < text_width(name[: len(short)] + "…")
        assert short.endswith("…")
        assert name.startswith(short[:-1])
        assert shorten(name, 1000) == name

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(0.0, "0"), (1.7349, "1.73"), (-0.5, "-0.5"), (1234.5, "1234"), (0.0000171, "1.71e-05"), (2e9, "2e+09")],
    )
    def test_numbers_are_short(self, value, expected):
        assert number(value) == expected

    def test_a_scale_prints_its_ends(self):
        assert Scale(0.5, 2.0).ends() == ("0.5", "2")
        assert Scale(0.5, 2.0, signed=True).ends() == ("-2", "2")
        assert Scale(0.0, float("nan")).ends() == ("", "no scale")


class TestEncode:
    @pytest.mark.parametrize("shape", [(9, 13, 3), (9, 13)])
    def test_png_loses_nothing(self, shape):
        image = RANDOM.integers(0, 256, shape, dtype=np.uint8)
        np.testing.assert_array_equal(Image.open(io.BytesIO(render.png(image))), image)

    def test_jpeg_is_small_and_close(self):
        image = photographs(1, 200)[0]
        close, coarse = render.jpeg(image), render.jpeg(image, quality=20)
        assert len(coarse) < len(close) < image.size / 4
        assert np.abs(np.asarray(Image.open(io.BytesIO(close)), int) - image).mean() < 4
        assert Image.open(io.BytesIO(render.jpeg(image[..., 0]))).mode == "L"

    @pytest.mark.parametrize("encode", [render.png, render.jpeg])
    def test_refuses(self, encode):
        with pytest.raises(TypeError, match="must be uint8, got float64"):
            encode(np.zeros((4, 4, 3)))
        with pytest.raises(ValueError, match=r"\(height, width, 3\).*got \(1, 4, 4, 3\)"):
            encode(np.zeros((1, 4, 4, 3), np.uint8))

    def test_refuses_a_quality_out_of_range(self):
        with pytest.raises(ValueError, match="1 .* to 95 .*got 0"):
            render.jpeg(np.zeros((4, 4), np.uint8), quality=0)
