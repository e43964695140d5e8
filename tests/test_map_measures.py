"""Numbers about maps alone: complexity, similarity, localisation, imputation; with a pencil and a slow second way."""

import numpy as np
import pytest

import keras_xai as kx
from keras_xai.metrics import (
    agreement,
    cosine,
    effective_area,
    gini,
    impute,
    iou,
    pointing_game,
    relevance_mass,
    relevance_rank,
    spearman,
    ssim,
    top_iou,
)
from tests.test_metrics import explanation

RANDOM = np.random.default_rng(0).normal(size=(2, 3, 8, 9))
ZERO = np.zeros((1, 4, 4))


class TestComplexity:
    def test_gini_with_a_pencil(self):
        np.testing.assert_allclose(gini(np.ones((1, 3, 4))), 0, atol=1e-12)
        np.testing.assert_allclose(gini([[[0, 0], [-5, 0]]]), 3 / 4)
        # Two of four cells alike: the Lorenz curve is flat up to ½ and then straight, so the index is ½.
        np.testing.assert_allclose(gini([[[1, 0], [0, 1]]]), 1 / 2)

    def test_gini_is_half_the_relative_mean_difference(self):
        for one in np.abs(RANDOM[0]):
            flat = one.ravel()
            differences = np.abs(flat[:, None] - flat[None]).mean()
            np.testing.assert_allclose(gini(one[None]), differences / (2 * flat.mean()))

    def test_effective_area_with_a_pencil(self):
        np.testing.assert_allclose(effective_area([[[0, 0], [-5, 0]]]), 1 / 4)
        np.testing.assert_allclose(effective_area([[[2, 2], [2, 0]]]), 3 / 4)
        np.testing.assert_allclose(effective_area([[[3, 1], [0, 0]]]), 16 / 4 / 10)

    def test_a_zero_map_has_none(self):
        assert np.isnan([gini(ZERO), effective_area(ZERO)]).all()


class TestSimilarity:
    @pytest.mark.parametrize("compare", [cosine, spearman, ssim, top_iou])
    def test_itself_symmetry_and_scale(self, compare):
        a, b = RANDOM
        np.testing.assert_allclose(compare(a, 3 * a), 1)
        np.testing.assert_allclose(compare(a, b), compare(b, a))
        np.testing.assert_allclose(compare(a, b), compare(2 * a, 5 * b))
        assert np.all(np.abs(compare(a, b)) < 0.5)

    @pytest.mark.parametrize("compare", [cosine, spearman, ssim, top_iou])
    def test_a_zero_map_is_like_none(self, compare):
        assert np.isnan(compare(ZERO, np.eye(4)[None]))

    def test_spearman_with_a_pencil(self):
        np.testing.assert_allclose(spearman([[[1, 2], [3, 4]]], [[[1, 10], [100, 1000]]]), 1)
        np.testing.assert_allclose(spearman([[[1, 2], [3, 4]]], [[[-1, -10], [-100, -1000]]]), -1)
        # Rank differences 0, 0, 1, 1: 1 − 6 · 2 / (4 · 15) = 0.8.
        np.testing.assert_allclose(spearman([[[1, 2], [3, 4]]], [[[1, 2], [4, 3]]]), 0.8)

    def test_spearman_is_that_of_scipy(self):
        from scipy.stats import spearmanr

        a, b = np.round(RANDOM)  # with ties
        expected = [spearmanr(one.ravel(), two.ravel()).statistic for one, two in zip(a, b, strict=True)]
        np.testing.assert_allclose(spearman(a, b), expected)

    def test_top_iou_with_a_pencil(self):
        a, b = np.arange(16.0).reshape(1, 4, 4), np.roll(np.arange(16.0), 1).reshape(1, 4, 4)
        # A quarter: the cells 12 to 15 against the cells 13 to 15 and 0, which hold 12 to 14 and 15: 3 of 5.
        np.testing.assert_allclose(top_iou(a, b, share=0.25), 3 / 5)
        with pytest.raises(ValueError, match=r"share must be a share in \(0, 1\]; it is 0"):
            top_iou(a, b, share=0)

    def test_ssim_by_its_formula(self):
        # Maps of 7×7 are one window: the formula of the paper with unbiased moments, C1 = (0.01 · 2)², C2 = (0.03 · 2)².
        a, b = (one[:1, :7, :7] / np.abs(one[:1, :7, :7]).max() for one in RANDOM)
        mean_a, mean_b, covariance = a.mean(), b.mean(), np.cov(a.ravel(), b.ravel())
        c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
        upper = (2 * mean_a * mean_b + c1) * (2 * covariance[0, 1] + c2)
        lower = (mean_a**2 + mean_b**2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2)
        np.testing.assert_allclose(ssim(a, b), upper / lower)

    def test_small_and_unequal_maps_are_refused(self):
        with pytest.raises(ValueError, match="windows of at least 3×3 cells; the maps have 2×5"):
            ssim(np.ones((1, 2, 5)), np.ones((1, 2, 5)))
        with pytest.raises(ValueError, match=r"one shape \(n, h, w\); they have \(1, 4, 4\) and \(3, 8, 9\)"):
            spearman(ZERO, RANDOM[0])

    def test_agreement_of_methods(self):
        one = explanation(RANDOM[0])
        other = explanation(RANDOM[1], valid=np.array([True, False, True]))
        found = agreement({"a": one, "b": other, "c": one}, measure="cosine")
        assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
        np.testing.assert_allclose(found["a", "c"], 1)
        np.testing.assert_allclose(found["a", "b"][[0, 2]], cosine(one.maps, other.maps)[[0, 2]])
        assert np.isnan(found["a", "b"][1])
        with pytest.raises(ValueError, match="measure must be one of .*'top_iou'.* or a callable; it is 'mse'"):
            agreement({"a": one}, measure="mse")

    def test_similarity_to_the_epoch_before(self):
        now, before = explanation(RANDOM[0]), explanation(RANDOM[1])
        metric = kx.metrics.Similarity("spearman")
        assert metric.name == "spearman_to_previous"
        np.testing.assert_allclose(metric(now, previous=before), spearman(now.maps, before.maps))
        with pytest.raises(ValueError, match="Similarity needs previous"):
            metric(now)


class TestLocalisation:
    MASK = np.array([[[1, 1, 0], [0, 0, 0]]], bool)

    def test_with_a_pencil(self):
        maps = np.array([[[4.0, 1, 2], [3, -5, 0]]])
        np.testing.assert_allclose(pointing_game(maps, self.MASK), 1)
        np.testing.assert_allclose(relevance_mass(maps, self.MASK), 5 / 10)
        np.testing.assert_allclose(relevance_rank(maps, self.MASK), 1 / 2)
        np.testing.assert_allclose(iou(maps, self.MASK), 1 / 4)  # 4, 3 and 2 are at least half of 4
        np.testing.assert_allclose(iou(maps, self.MASK, threshold=1), 1 / 2)

    def test_a_perfect_map(self):
        for measure in (pointing_game, relevance_mass, relevance_rank, iou):
            np.testing.assert_allclose(measure(self.MASK * 2.0, self.MASK), 1)
            np.testing.assert_allclose(measure(~self.MASK * 2.0, self.MASK), 0)

    def test_evidence_everywhere_says_nothing(self):
        for measure in (pointing_game, relevance_mass, relevance_rank, iou):
            np.testing.assert_allclose(measure(np.ones((1, 2, 3)), self.MASK), 1 / 3)

    def test_nothing_to_find_and_nothing_found(self):
        for measure in (pointing_game, relevance_mass, relevance_rank, iou):
            assert np.isnan(measure(np.ones((1, 2, 3)), np.zeros((1, 2, 3), bool)))
            assert np.isnan(measure(-np.ones((1, 2, 3)), self.MASK))

    def test_as_a_metric(self):
        found = explanation(np.ones((1, 2, 3)), images=np.zeros((1, 2, 3, 3), np.uint8))
        x = np.zeros((1, 2, 3, 3), np.uint8)
        metric = kx.metrics.Localisation("iou", threshold=0.3)
        assert metric.name == "iou"
        np.testing.assert_allclose(metric(found, samples=kx.Samples(x, masks=self.MASK)), 1 / 3)
        with pytest.raises(ValueError, match=r"Localisation needs masks.*keras_xai.Samples\(x, masks=...\)"):
            metric(found, samples=kx.Samples(x))
        with pytest.raises(ValueError, match=r"not those that were explained: 2 images of \(2, 3\).*has 1 of \(2, 3\)"):
            metric(found, samples=kx.Samples(np.zeros((2, 2, 3, 3)), masks=self.MASK.repeat(2, axis=0)))
        with pytest.raises(ValueError, match=r"threshold must be a share in \(0, 1\]; it is 2"):
            kx.metrics.Localisation("iou", threshold=2)
        with pytest.raises(ValueError, match="measure must be one of .*'pointing_game'.*; it is 'dice'"):
            kx.metrics.Localisation("dice")

    def test_other_shapes_are_refused(self):
        with pytest.raises(ValueError, match=r"maps and masks must have one shape .*\(1, 2, 2\) and \(1, 2, 3\)"):
            relevance_mass(np.ones((1, 2, 2)), self.MASK)


class TestImputation:
    def test_one_pixel_with_a_pencil(self):
        image = np.arange(9.0).reshape(3, 3, 1)
        image[1, 1] = 99
        gone = np.zeros((3, 3), bool)
        gone[1, 1] = True
        expected = image.copy()
        expected[1, 1] = (2 * (1 + 3 + 5 + 7) + (0 + 2 + 6 + 8)) / 12
        np.testing.assert_allclose(impute(image, gone), expected)

    def test_a_plane_stays_a_plane_inside(self):
        rows, columns = np.mgrid[:9, :8]
        image = (2.0 * rows - columns + 3)[..., None]
        gone = np.zeros((9, 8), bool)
        gone[2:7, 3:6] = True
        np.testing.assert_allclose(impute(np.where(gone[..., None], 50, image), gone), image)

    def test_is_the_solution_of_the_paper(self):
        generator = np.random.default_rng(1)
        image, gone = generator.random((6, 7, 3)), generator.random((6, 7)) < 0.6
        found = impute(image, gone)
        np.testing.assert_array_equal(found[~gone], image[~gone])
        for row, column in zip(*np.nonzero(gone), strict=True):
            total = weights = 0
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    other = row + down, column + right
                    if (down or right) and 0 <= other[0] < 6 and 0 <= other[1] < 7:
                        weight = 1 / 12 if down and right else 1 / 6
                        total, weights = total + weight * found[other], weights + weight
            np.testing.assert_allclose(found[row, column], total / weights)

    def test_nothing_and_all_of_it(self):
        image = np.random.default_rng(2).random((4, 5, 2))
        np.testing.assert_array_equal(impute(image, np.zeros((4, 5), bool)), image)
        mean = np.broadcast_to(image.mean(axis=(0, 1)), image.shape)
        np.testing.assert_allclose(impute(image, np.ones((4, 5), bool)), mean)

    def test_noise_falls_on_what_was_missing(self):
        image, gone = np.zeros((4, 4, 1)), np.eye(4, dtype=bool)
        np.testing.assert_allclose(impute(image, gone, noise=0.5)[..., 0], 0.5 * np.eye(4))
