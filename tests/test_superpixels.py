"""Superpixels: how many, whether they follow what is in the picture, and what is refused."""

import numpy as np
import pytest

from keras_xai.explainers.superpixels import grid, superpixels


def blobs(height, width, channels):
    """Smooth hills of many sizes."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width] / max(height, width)
    image = np.zeros((height, width, channels))
    for _ in range(12):
        row, column, size = rng.uniform(0, (height, width, 0.25)) / (max(height, width), max(height, width), 1)
        hill = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * (size + 0.03) ** 2))
        image += hill[..., None] * rng.uniform(-1, 1, channels)
    return np.round((image - image.min()) / np.ptp(image) * 255).astype(np.uint8)


def noise(height, width, channels):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def constant(height, width, channels):
    return np.full((height, width, channels), 77, np.uint8)


def step(height, width, channels, edge=0.4):
    image = np.zeros((height, width, channels), np.uint8)
    image[:, round(width * edge) :] = 255
    return image


def disc(height, width, channels):
    y, x = np.mgrid[:height, :width]
    inside = (y - 0.45 * height) ** 2 + (x - 0.55 * width) ** 2 < (0.3 * height) ** 2
    return np.where(inside[..., None], 220, 30).astype(np.uint8).repeat(channels, axis=-1)


def count(labels):
    return len(np.unique(labels))


class TestAuto:
    @pytest.mark.parametrize("picture", [blobs, noise, constant, step, disc])
    @pytest.mark.parametrize(
        ("shape", "aim"),
        [
            ((28, 28, 1), 49),
            ((32, 32, 3), 64),
            ((32, 32, 1), 64),
            ((8, 8, 1), 16),
            ((8, 8, 3), 16),
            ((64, 48, 3), 64),
            ((224, 224, 3), 64),
        ],
    )
    def test_there_are_about_a_sixteenth_of_the_pixels_and_at_most_64(self, shape, aim, picture):
        (labels,) = superpixels(picture(*shape)[None])
        assert labels.dtype == np.int32
        assert labels.shape == shape[:2]
        assert aim / 2 <= count(labels) <= 1.2 * aim
        np.testing.assert_array_equal(np.unique(labels), np.arange(count(labels)))

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize(("picture", "size"), [(step, 28), (disc, 28), (step, 64), (disc, 64)])
    def test_segments_follow_edges(self, picture, size, channels):
        image = picture(size, size, channels)
        bright = image[..., 0] > 128
        sizes = [bright[labels == s].mean() for labels in superpixels(image[None]) for s in range(labels.max() + 1)]
        assert count(np.round(sizes)) == 2
        # In a grid about a quarter of the cells hold both sides.
        assert np.mean([0.1 < share < 0.9 for share in sizes]) < 0.05

    def test_each_image_has_its_own(self):
        images = np.stack([step(28, 28, 3), step(28, 28, 3)[:, ::-1]])
        first, second = superpixels(images)
        assert (first != second).any()
        np.testing.assert_array_equal(superpixels(images[1:])[0], second)

    def test_the_same_image_has_the_same(self):
        image = blobs(28, 28, 3)
        np.testing.assert_array_equal(*superpixels(np.stack([image, image])))


class TestGrid:
    @pytest.mark.parametrize(
        ("shape", "cells", "found"), [((8, 8), 16, 16), ((28, 28), 49, 49), ((8, 12), 24, 24), ((100, 20), 64, 72)]
    )
    def test_cells_are_rectangles_of_one_size(self, shape, cells, found):
        labels = grid(shape, cells)
        assert count(labels) == found
        sizes = []
        for cell in range(found):
            rows, columns = np.nonzero(labels == cell)
            assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            sizes.append((np.ptp(rows) + 1, np.ptp(columns) + 1))
        assert np.ptp(sizes, axis=0).max() <= 1

    def test_with_a_pencil(self):
        np.testing.assert_array_equal(grid((2, 4), 2), [[0, 0, 1, 1], [0, 0, 1, 1]])
        np.testing.assert_array_equal(grid((4, 4), 4), np.kron([[0, 1], [2, 3]], np.ones((2, 2))))
        np.testing.assert_array_equal(grid((1, 2), 64), [[0, 1]])

    def test_by_name(self):
        (labels,) = superpixels(blobs(8, 8, 3)[None], "grid")
        np.testing.assert_array_equal(labels, np.kron(np.arange(16).reshape(4, 4), np.ones((2, 2))))


class TestByName:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize(("how", "fewest", "most"), [("slic", 40, 130), ("felzenszwalb", 8, 100)])
    def test_those_of_scikit_image(self, how, fewest, most, channels):
        (labels,) = superpixels(blobs(64, 48, channels)[None], how)
        assert fewest <= count(labels) <= most

    def test_quickshift(self):
        from skimage.segmentation import quickshift

        image = blobs(64, 48, 3)
        (labels,) = superpixels(image[None], "quickshift")
        np.testing.assert_array_equal(labels, quickshift(image, rng=0))

    def test_too_few_are_refused(self):
        with pytest.raises(
            ValueError, match=r"segments='quickshift' finds 1 in image 1 of 32×32 pixels, too few.*segments=\"auto\""
        ):
            superpixels(np.stack([noise(32, 32, 3), constant(32, 32, 3)]), "quickshift")

    def test_an_unknown_name_is_refused(self):
        with pytest.raises(
            ValueError, match=r"segments must be one of \['auto', .*'slic'\], a callable.*it is 'watershed'"
        ):
            superpixels(blobs(8, 8, 3)[None], "watershed")


class TestOnesOwn:
    images = np.zeros((2, 4, 6, 3), np.uint8)
    halves = np.repeat([[0, 0, 0, 1, 1, 1]], 4, axis=0)

    def test_a_callable_gets_each_image(self):
        seen = []

        def halve(image):
            seen.append(image.shape)
            return self.halves

        np.testing.assert_array_equal(superpixels(self.images, halve), [self.halves] * 2)
        assert seen == [(4, 6, 3)] * 2

    def test_label_maps_are_renumbered(self):
        given = np.stack([7 * self.halves - 3, self.halves[:, ::-1] * 250])
        np.testing.assert_array_equal(superpixels(self.images, given), [self.halves, self.halves[:, ::-1]])
        np.testing.assert_array_equal(superpixels(self.images, given > 0), [self.halves, self.halves[:, ::-1]])

    @pytest.mark.parametrize(
        ("given", "got"),
        [
            (np.zeros((2, 6, 4), int), r"got 2 of \['int64 \(6, 4\)'\]"),
            (np.zeros((1, 4, 6), int), r"got 1 of \['int64 \(4, 6\)'\]"),
            (np.zeros((2, 4, 6)), r"got 2 of \['float64 \(4, 6\)'\]"),
        ],
    )
    def test_another_shape_or_type_is_refused(self, given, got):
        with pytest.raises(ValueError, match=rf"segments must be 2 int label maps of shape \(4, 6\).*{got}"):
            superpixels(self.images, given)

    def test_one_piece_is_refused(self):
        with pytest.raises(ValueError, match="segments of image 1 are one piece; at least 2 are needed"):
            superpixels(self.images, np.stack([self.halves, 0 * self.halves]))
