"""Designs of masks: what is balanced in them, with a pencil."""

import itertools

import numpy as np
import pytest
from scipy.linalg import hadamard as sylvester

from keras_xai.explainers import designs

ORDERS = [order for order in range(1, 133) if designs.is_order(order)]


def drawn(name, num_samples, num_segments, seed=0):
    return designs.DESIGNS[name](num_samples, num_segments, np.random.default_rng(seed))


class TestHadamard:
    @pytest.mark.parametrize("order", ORDERS)
    def test_rows_and_columns_are_orthogonal(self, order):
        matrix = designs.hadamard(order).astype(int)
        assert set(np.unique(matrix)) <= {-1, 1}
        np.testing.assert_array_equal(matrix @ matrix.T, order * np.eye(order))
        np.testing.assert_array_equal(matrix.T @ matrix, order * np.eye(order))
        np.testing.assert_array_equal(matrix[:, 0], 1)

    def test_of_order_4_with_a_pencil(self):
        # The squares modulo 3 are {1}: the character is 0, 1, −1, and its 0 becomes −1.
        np.testing.assert_array_equal(
            designs.hadamard(4), [[1, 1, 1, 1], [1, -1, -1, 1], [1, 1, -1, -1], [1, -1, 1, -1]]
        )

    def test_doubling_is_sylvesters(self):
        np.testing.assert_array_equal(designs.hadamard(2), sylvester(2))
        np.testing.assert_array_equal(designs.hadamard(40).reshape(20, 2, 20, 2)[:, 1, :, 1], -designs.hadamard(20))

    def test_orders_are_close_together(self):
        # 4 · k where Paley or doubling reaches it; 28, 36, 52 and 56 would need other constructions.
        assert ORDERS[:15] == [1, 2, 4, 8, 12, 16, 20, 24, 32, 40, 44, 48, 60, 64, 68]
        assert [designs.next_order(k) for k in (1, 3, 25, 49, 64)] == [1, 4, 32, 60, 64]
        assert [designs.previous_order(k) for k in (1, 3, 63, 100)] == [1, 2, 60, 96]


class TestFoldOver:
    @pytest.mark.parametrize(("rows", "segments"), [(24, 12), (24, 9), (128, 64), (128, 49), (32, 3), (2, 1)])
    def test_any_three_segments_show_every_pattern_equally_often(self, rows, segments):
        masks = drawn("fold_over", rows, segments)
        assert masks.shape == (rows, segments)
        for strength in range(1, min(segments, 3) + 1):
            for columns in itertools.islice(itertools.combinations(range(segments), strength), 300):
                patterns = masks[:, columns] @ (1 << np.arange(strength))
                np.testing.assert_array_equal(np.bincount(patterns, minlength=2**strength), rows / 2**strength)

    def test_every_mask_is_followed_by_its_complement(self):
        for rows in (24, 30, 128, 200):
            masks = drawn("fold_over", rows, 12)
            np.testing.assert_array_equal(masks[1::2], ~masks[::2])

    def test_what_is_left_over_begins_another_block(self):
        masks = drawn("fold_over", 60, 12)  # of order 24, and 12 masks of one of order 12
        signs = np.where(masks, 1, -1)
        np.testing.assert_array_equal(signs[:48].T @ signs[:48], 48 * np.eye(12))
        assert len(np.unique(masks[48:], axis=0)) == 12

    def test_with_few_masks_it_is_a_plackett_burman_design(self):
        # 20 masks are fewer than 2 · 12 and at least 12 + 1.
        signs = np.where(drawn("fold_over", 20, 12), 1, -1)
        np.testing.assert_array_equal(signs.T @ signs, 20 * np.eye(12))
        np.testing.assert_array_equal(signs.sum(axis=0), 0)

    @pytest.mark.parametrize(("rows", "segments"), [(2, 40), (7, 3), (33, 40), (13, 12), (63, 31), (100, 49)])
    def test_any_number_of_masks(self, rows, segments):
        masks = drawn("fold_over", rows, segments)
        assert masks.shape == (rows, segments)
        assert masks.dtype == bool
        assert len(np.unique(masks, axis=0)) > 1

    def test_a_mask_alone_shows_half_of_the_segments_at_random(self):
        first = np.array([drawn("fold_over", 24, 12, seed)[0] for seed in range(1000)])
        # Four standard deviations of a mean of 1,000 tosses are 0.063; two segments are shown together as often as not.
        np.testing.assert_allclose(first.mean(axis=0), 0.5, atol=0.063)
        together = (first[:, :1] == first[:, 1:]).mean(axis=0)
        np.testing.assert_allclose(together, 0.5, atol=0.063)


def test_pairs_are_masks_and_their_complements():
    masks = drawn("paired", 11, 40)
    np.testing.assert_array_equal(masks[1:10:2], ~masks[:10:2])
    assert masks[10].all()
    assert len(np.unique(masks, axis=0)) == 11


@pytest.mark.parametrize("name", designs.DESIGNS)
def test_the_generator_decides(name):
    masks = [drawn(name, 30, 10, seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])
