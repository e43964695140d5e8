"""LIME against additive models with known coefficients, scikit-learn's ridge regression and the `lime` package."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances

import keras_xai as kx
from keras_xai.explainers import designs, lime
from keras_xai.explainers.explainer import explain
from keras_xai.explainers.superpixels import grid
from tests.requirements import require_module

SIZE = (8, 12)
CELLS = grid(SIZE, 12)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (4, *SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    return keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def bent():
    """A network of one ReLU layer: the fainter an image, the more additive."""
    generator = np.random.default_rng(6)
    model = keras.Sequential(
        [keras.Input((*SIZE, 3)), layers.Flatten(), layers.Dense(8, activation="relu"), layers.Dense(2)]
    )
    shapes = [weights.shape for weights in model.get_weights()]
    model.set_weights([generator.normal(size=shape).astype(np.float32) for shape in shapes])
    return model


@pytest.fixture(scope="module")
def graded(images):
    return images * np.float32([0.01, 0.1, 0.3, 1.0])[:, None, None, None]


def additive(segments, contributions, bias=0.0):
    """A model whose logit 1 is bias + Σ contribution[s] · mean of the pixels in segment s."""
    sizes = np.bincount(segments.ravel())
    weights = np.repeat((contributions / sizes)[segments].ravel(), 3) / 3
    model = keras.Sequential([keras.Input((*segments.shape, 3)), layers.Flatten(), layers.Dense(2)])
    model.layers[-1].set_weights([np.stack([-weights, weights], axis=1), np.array([-bias, bias])])
    return model


def means_of_segments(image, segments):
    return np.array([image[segments == s].mean() for s in range(segments.max() + 1)])


def masks_and_scores(seed=0, rows=60, count=9):
    rng = np.random.default_rng(seed)
    masks = designs.random_masks(rows, count, rng)
    return masks, masks @ rng.normal(size=count) + 0.3 * rng.normal(size=rows)


class TestAdditiveModel:
    contributions = np.random.default_rng(1).normal(size=12)

    @pytest.mark.parametrize("value", [0.0, 0.25, -3.0])
    def test_coefficients_are_what_each_segment_contributes(self, images, value):
        model = additive(CELLS, self.contributions, bias=0.7)
        explainer = kx.LIME(num_samples=300, segments=lambda image: CELLS, fill=value, ridge=1e-6)
        found = explainer(model, images, targets=[1, 1, 1, 0])
        for i, sign in enumerate((1, 1, 1, -1)):
            expected = sign * self.contributions * (means_of_segments(images[i], CELLS) - value)
            np.testing.assert_allclose(found.details["coefficients"][i], expected, atol=1e-4)
            all_hidden = sign * (0.7 + value * self.contributions.sum())
            np.testing.assert_allclose(found.details["intercepts"][i], all_hidden, atol=1e-4)
            np.testing.assert_array_equal(found.maps[i], found.details["coefficients"][i].astype(np.float32)[CELLS])
        np.testing.assert_allclose(found.details["r2"], 1, atol=1e-6)

    def test_a_segment_hidden_behind_its_own_mean_contributes_nothing(self, images):
        explainer = kx.LIME(num_samples=50, segments=lambda image: CELLS)
        found = explainer(additive(CELLS, self.contributions), images, targets=[1] * 4)
        np.testing.assert_allclose(found.maps, 0, atol=1e-5)

    def test_the_penalty_shrinks_towards_zero(self, images):
        model = additive(CELLS, self.contributions)
        sizes = [
            np.linalg.norm(
                kx.LIME(num_samples=200, segments=lambda image: CELLS, fill=9, ridge=ridge)(
                    model, images[:1], targets=[1]
                ).details["coefficients"][0]
            )
            for ridge in (1e-3, 1.0, 100.0)
        ]
        assert sizes[0] > sizes[1] > sizes[2] > 0

    def test_a_constant_model_has_a_zero_map_and_no_r2(self, images):
        found = kx.LIME(num_samples=50)(additive(CELLS, np.zeros(12), bias=2.5), images, targets=[1] * 4)
        np.testing.assert_allclose(found.maps, 0, atol=1e-6)
        assert np.isnan(found.details["r2"]).all()
        assert found.valid.all()


class TestRegression:
    @pytest.mark.parametrize("ridge", [1e-3, 1.0, 30.0])
    @pytest.mark.parametrize("width", [0.1, 0.25, 5.0])
    def test_is_scikit_learns_ridge_regression(self, ridge, width):
        masks, scores = masks_and_scores()
        weights = lime.kernel(masks, width)
        expected = Ridge(alpha=ridge).fit(masks, scores, sample_weight=weights)
        found = lime.fit(masks, lime.ridge_operator(masks, weights, ridge), weights, scores)
        np.testing.assert_allclose(found[0], expected.coef_, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(found[1], expected.intercept_, rtol=1e-7)
        np.testing.assert_allclose(found[2], expected.score(masks, scores, sample_weight=weights), rtol=1e-7)

    def test_operator_is_one_matrix_for_all_scores(self):
        masks, scores = masks_and_scores()
        weights = lime.kernel(masks, 0.25)
        operator = lime.ridge_operator(masks, weights, 1.0)
        assert operator.shape == (9, 60)
        for values in (scores, scores**2, np.sin(scores)):
            expected = Ridge(alpha=1.0).fit(masks, values, sample_weight=weights).coef_
            np.testing.assert_allclose(operator @ values, expected, rtol=1e-7, atol=1e-9)

    def test_more_segments_than_masks_can_be_solved(self):
        masks, scores = masks_and_scores(rows=10, count=40)
        weights = lime.kernel(masks, 0.25)
        expected = Ridge(alpha=1.0).fit(masks, scores, sample_weight=weights).coef_
        np.testing.assert_allclose(lime.ridge_operator(masks, weights, 1.0) @ scores, expected, rtol=1e-6, atol=1e-9)

    def test_kernel_is_of_the_cosine_distance_to_the_whole_image(self):
        masks, _ = masks_and_scores()
        masks[1] = False
        distance = pairwise_distances(masks.astype(float), np.ones((1, 9)), metric="cosine")[:, 0]
        for width in (0.1, 0.25, 2.0):
            np.testing.assert_allclose(lime.kernel(masks, width), np.exp(-(distance**2) / width**2 / 2), rtol=1e-12)

    def test_r2_with_a_pencil(self):
        # Two masks, weights 1: mean 2, prediction 1 and 2 of scores 1 and 3 after shrinking the slope from 2 to 1.
        masks, scores = np.array([[0], [1]], bool), np.array([1.0, 3.0])
        operator = lime.ridge_operator(masks, np.ones(2), 0.5)
        coefficients, intercept, r2 = lime.fit(masks, operator, np.ones(2), scores)
        np.testing.assert_allclose(coefficients, [1])
        np.testing.assert_allclose([intercept, r2], [1.5, 0.75])


def test_coefficients_and_r2_are_those_of_the_lime_package(network, images):
    require_module("lime")
    from lime.lime_image import LimeImageExplainer

    samples = kx.Samples(images, targets=[0, 1, 2, 0])
    score = kx.scores.Probability()
    ours = kx.LIME(num_samples=120, segments=lambda image: CELLS, design="random", score=score)(network, samples)

    class OurMasks(np.random.RandomState):
        def randint(self, low, high=None, size=None):
            return self.masks.astype(int).ravel() if size == self.masks.size else super().randint(low, high, size)

    for i, image in enumerate(images):
        masks = OurMasks(0)
        masks.masks = ours.details["masks"][i]
        target, segments = int(ours.targets[i]), ours.details["segments"][i]
        theirs = LimeImageExplainer(feature_selection="none", random_state=masks).explain_instance(
            image,
            lambda batch: network.predict_on_batch(batch).astype(np.float64),
            labels=(target,),
            top_labels=None,
            num_samples=120,
            segmentation_fn=lambda _, segments=segments: segments,
        )
        expected = np.zeros(segments.max() + 1)
        for segment, coefficient in theirs.local_exp[target]:
            expected[segment] = coefficient
        assert np.abs(expected).max() > 1e-4
        np.testing.assert_allclose(ours.details["coefficients"][i], expected, atol=1e-5 * np.abs(expected).max())
        np.testing.assert_allclose(ours.details["intercepts"][i], theirs.intercept[target], rtol=1e-5)
        np.testing.assert_allclose(ours.details["r2"][i], theirs.score, atol=1e-5)


class TestSeeding:
    def test_permuting_the_samples_permutes_the_maps_exactly(self, network, images):
        order = [2, 0, 3, 1]
        explainer = kx.LIME(num_samples=40)
        found = explainer(network, kx.Samples(images, targets=[0, 1, 2, 0]))
        permuted = explainer(network, kx.Samples(images[order], targets=np.array([0, 1, 2, 0])[order]))
        for i, j in enumerate(order):
            np.testing.assert_array_equal(permuted.details["masks"][i], found.details["masks"][j])
        np.testing.assert_array_equal(permuted.maps, found.maps[order])

    def test_a_duplicate_gets_the_same_masks_and_map(self, network, images):
        explainer = kx.LIME(num_samples=40, segments=lambda image: CELLS)
        found = explainer(network, images[[0, 1, 0]], targets=[1, 1, 1])
        np.testing.assert_array_equal(found.details["masks"][2], found.details["masks"][0])
        np.testing.assert_array_equal(found.maps[2], found.maps[0])
        assert not np.array_equal(found.details["masks"][1], found.details["masks"][0])

    def test_samples_beside_it_change_nothing(self, network, images):
        explainer = kx.LIME(num_samples=40)
        alone = explainer(network, images[2:3], targets=[1])
        among = explainer(network, images, targets=[1] * 4)
        np.testing.assert_allclose(alone.maps[0], among.maps[2], atol=1e-6)

    def test_the_seed_decides(self, network, images):
        masks = [kx.LIME(num_samples=40, seed=seed).prepare(kx.Samples(images)).masks[0] for seed in (0, 0, 1)]
        np.testing.assert_array_equal(masks[0], masks[1])
        assert not np.array_equal(masks[0], masks[2])

    def test_masks_show_half_and_the_first_shows_all(self):
        masks = designs.random_masks(4000, 10, np.random.default_rng(0))
        assert masks[0].all()
        # 4,000 tosses: four standard deviations are 0.032.
        np.testing.assert_allclose(masks[1:].mean(axis=0), 0.5, atol=0.032)

    def test_a_design_of_ones_own_is_asked_per_sample(self, network, images):
        asked = []

        def one_at_a_time(num_samples, num_segments, generator):
            asked.append((num_samples, num_segments))
            return np.arange(num_segments) != np.arange(num_samples)[:, None] - 1

        found = kx.LIME(num_samples=13, segments=lambda image: CELLS, design=one_at_a_time)(network, images)
        assert asked == [(13, 12)] * 4
        np.testing.assert_array_equal(found.details["masks"][0].sum(axis=1), [12] + [11] * 12)


class TestBalancedDesigns:
    contributions = np.random.default_rng(1).normal(size=12)

    @pytest.mark.parametrize(("design", "rows"), [("fold_over", 24), ("fold_over", 16), ("paired", 60)])
    def test_an_additive_model_is_solved_exactly(self, images, design, rows):
        # 12 segments: a fold-over of order 12 has 24 masks, and a Plackett–Burman design of order 16 has 16.
        explainer = kx.LIME(num_samples=rows, segments=lambda image: CELLS, fill=0, ridge=1e-6, design=design)
        found = explainer(additive(CELLS, self.contributions), images, targets=[1] * 4)
        for image, coefficients in zip(images, found.details["coefficients"], strict=True):
            expected = self.contributions * means_of_segments(image, CELLS)
            np.testing.assert_allclose(coefficients, expected, atol=1e-4)

    @pytest.mark.parametrize("width", [0.1, 0.25])
    def test_what_two_segments_do_together_does_not_disturb(self, images, width):
        plan = kx.LIME(num_samples=24, segments=lambda image: CELLS, ridge=1e-9, kernel_width=width).prepare(
            kx.Samples(images)
        )
        pairs = np.random.default_rng(2).normal(size=(12, 12))
        for (regression,) in plan.regressions:
            signs = np.where(regression.masks, 0.5, -0.5)
            scores = signs @ self.contributions + 10 * np.einsum("ri,ij,rj->r", signs, pairs, signs)
            np.testing.assert_allclose(regression.operator @ scores, self.contributions, atol=1e-6)

    def test_weights_are_the_mean_of_the_kernel_over_a_mask_and_its_complement(self, images):
        plan = kx.LIME(num_samples=24, segments=lambda image: CELLS).prepare(kx.Samples(images[:1]))
        shown = plan.masks[0].mean(axis=1)
        expected = [np.exp(-((1 - np.sqrt(part)) ** 2) / 0.25**2 / 2) for part in (shown, 1 - shown)]
        np.testing.assert_allclose(plan.regressions[0][0].weights, np.mean(expected, axis=0))

    def test_a_segment_that_looks_the_same_when_hidden_is_not_asked_about(self, images):
        flat = images.copy()
        flat[0][CELLS == 3] = 0.25
        flat[0][CELLS == 7] = -1.0
        explainer = kx.LIME(num_samples=24, segments=lambda image: CELLS)
        plan = explainer.prepare(kx.Samples(flat))
        np.testing.assert_array_equal(np.flatnonzero(plan.masks[0].all(axis=0)), [3, 7])
        np.testing.assert_array_equal(plan.regressions[0][0].operator[[3, 7]], 0)
        assert not plan.masks[1].all(axis=0).any()

    def test_an_image_of_one_colour_is_explained_by_nothing(self, network):
        found = kx.LIME(num_samples=24, segments=lambda image: CELLS)(network, np.zeros((1, *SIZE, 3), np.float32))
        np.testing.assert_array_equal(found.maps, 0)
        assert found.valid.all()

    def test_comes_nearer_to_the_solution_of_all_masks_than_four_times_as_many_random_ones(self, network, images):
        def solved(rows, design, seed=0):
            explainer = kx.LIME(num_samples=rows, segments=lambda image: CELLS, fill=9, design=design, seed=seed)
            return np.array(explainer(network, images, targets=[0, 1, 2, 0]).details["coefficients"])

        def every_mask(num_samples, num_segments, generator):
            return (np.arange(num_samples)[:, None] >> np.arange(num_segments) & 1).astype(bool)

        def agreement(found):
            return np.mean([np.corrcoef(one, other)[0, 1] for one, other in zip(found, exact, strict=True)])

        exact = solved(2**12, every_mask)
        for seed in range(3):
            assert agreement(solved(24, "fold_over", seed)) > agreement(solved(96, "random", seed))


def every_pair(masks, strength):
    """Scores to which every two segments contribute together, and nothing else."""
    signs = np.where(masks, 1, -1)
    return strength * np.einsum("ri,ij,rj->r", signs, np.random.default_rng(2).normal(size=(12, 12)), signs)


class TestExpectedAgreement:
    contributions = np.random.default_rng(1).normal(size=12)

    def test_of_random_masks_is_what_the_least_squares_residuals_say(self):
        generator = np.random.default_rng(0)
        masks = designs.random_masks(60, 12, generator)
        scores = masks @ self.contributions + generator.normal(size=60)
        table = np.column_stack([np.ones(60), masks])
        solution, (squares,), *_ = np.linalg.lstsq(table, scores)
        covariance = squares / (60 - 13) * np.linalg.inv(table.T @ table)[1:, 1:]
        spread = np.sum((solution[1:] - solution[1:].mean()) ** 2)
        expected = np.sqrt(1 - (np.trace(covariance) - covariance.mean() * 12) / spread)
        found = lime.expected_agreement(masks, lime.ridge_operator(masks, np.ones(60), 1e-9), scores)
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_of_a_fold_over_is_what_the_differences_of_complements_say(self):
        # 40 signs, ±½, of which 12 columns: the squares of each sum to 10, so that 1/10 of the variance is a coefficient's.
        generator = np.random.default_rng(0)
        masks = designs.with_complements(designs.hadamard(40)[:, 1:13] > 0)
        scores = masks @ self.contributions + generator.normal(size=80) + every_pair(masks, 3.0)
        signs, halves = masks[::2] - 0.5, (scores[::2] - scores[1::2]) / 2
        solution, (squares,), *_ = np.linalg.lstsq(signs, halves)
        spread = np.sum((solution - solution.mean()) ** 2)
        expected = np.sqrt(1 - 11 * squares / (40 - 12) / 10 / spread)
        found = lime.expected_agreement(masks, lime.ridge_operator(masks, np.ones(80), 1e-9), scores)
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_what_two_segments_do_together_lowers_that_of_random_masks_only(self):
        found = {}
        for name in ("fold_over", "random"):
            masks = designs.DESIGNS[name](128, 12, np.random.default_rng(0))
            scores = masks @ self.contributions + every_pair(masks, 1.0)
            found[name] = lime.expected_agreement(masks, lime.ridge_operator(masks, np.ones(128), 1e-9), scores)
        assert found["fold_over"] > 1 - 1e-9
        assert found["random"] < 0.6

    @pytest.mark.parametrize("design", ["fold_over", "random"])
    def test_is_on_average_the_agreement_with_the_truth(self, design):
        generator = np.random.default_rng(0)
        masks = designs.DESIGNS[design](128, 12, generator)
        operator = lime.ridge_operator(masks, np.ones(128), 1e-9)
        expected, measured = [], []
        for _ in range(500):
            scores = masks @ self.contributions + generator.normal(size=128)
            expected.append(lime.expected_agreement(masks, operator, scores))
            measured.append(np.corrcoef(operator @ scores, self.contributions)[0, 1])
        assert np.mean(measured) < 0.98
        np.testing.assert_allclose(np.mean(expected), np.mean(measured), atol=0.01)

    def test_cannot_be_told_without_degrees_of_freedom(self):
        masks = designs.random_masks(13, 12, np.random.default_rng(0))
        assert np.isnan(lime.expected_agreement(masks, lime.ridge_operator(masks, np.ones(13), 1.0), np.arange(13.0)))

    def test_nor_of_a_score_that_does_not_change(self, images):
        found = kx.LIME(num_samples=60, segments=lambda image: CELLS, agreement=0.9)(
            additive(CELLS, np.zeros(12)), images, targets=[1] * 4
        )
        assert np.isnan(found.details["agreement"]).all()
        assert {len(masks) for masks in found.details["masks"]} == {24}


class TestRounds:
    agreement = 0.99

    def explained(self, model, images, **arguments):
        explainer = kx.LIME(segments=lambda image: CELLS, fill=0, **arguments)
        return explainer(model, images, targets=[0] * len(images)).details

    def test_an_additive_model_takes_one(self, images):
        contributions = np.random.default_rng(1).normal(size=12)
        explainer = kx.LIME(segments=lambda image: CELLS, fill=0, ridge=1e-6, agreement=0.99)
        found = explainer(additive(CELLS, contributions), images, targets=[1] * 4).details
        assert [len(masks) for masks in found["masks"]] == [24] * 4
        for image, coefficients in zip(images, found["coefficients"], strict=True):
            np.testing.assert_allclose(coefficients, contributions * means_of_segments(image, CELLS), atol=1e-4)

    def test_end_for_each_sample_when_it_agrees_or_all_masks_are_used(self, bent, graded):
        explainer = kx.LIME(num_samples=130, segments=lambda image: CELLS, fill=0, agreement=self.agreement)
        drawn = explainer.prepare(kx.Samples(graded)).masks
        assert [len(masks) for masks in drawn] == [120] * 4  # 5 rounds of 24
        found = self.explained(bent, graded, num_samples=130, agreement=self.agreement)
        lengths = []
        for image, masks in zip(graded, drawn, strict=True):
            scores = bent.predict(np.where(masks[:, CELLS, None], image, 0), verbose=0)[:, 0].astype(np.float64)
            for end in range(24, 121, 24):  # a second implementation, one sample and round after another
                weights = (lime.kernel(masks[:end], 0.25) + lime.kernel(~masks[:end], 0.25)) / 2
                operator = lime.ridge_operator(masks[:end], weights, 1.0)
                if lime.expected_agreement(masks[:end], operator, scores[:end]) >= self.agreement:
                    break
            np.testing.assert_array_equal(found["masks"][len(lengths)], masks[:end])
            np.testing.assert_allclose(
                found["coefficients"][len(lengths)], operator @ scores[:end], rtol=1e-3, atol=1e-4
            )
            lengths.append(end)
        assert lengths[0] == 24
        assert len(set(lengths)) == 3

    def test_a_sample_alone_is_asked_as_often_as_in_company(self, bent, graded):
        together = self.explained(bent, graded, agreement=self.agreement)
        for index in (0, 3):
            alone = self.explained(bent, graded[index : index + 1], agreement=self.agreement)
            np.testing.assert_array_equal(alone["masks"][0], together["masks"][index])
            np.testing.assert_allclose(alone["coefficients"][0], together["coefficients"][index], rtol=1e-3, atol=1e-4)

    def test_too_few_masks_for_a_round_are_one_round(self, bent, graded):
        found = self.explained(bent, graded, num_samples=20, agreement=0.9)
        assert [len(masks) for masks in found["masks"]] == [20] * 4


class TestHiding:
    def hidden(self, images, segments, how, shown):
        filled = lime.fill(images, segments, how)
        tables = {"segments": segments[..., None], "fill": filled}
        return ops.convert_to_numpy(lime.hide(images, shown, tables)), filled

    def test_hide_is_a_loop_over_pixels(self, images):
        segments = np.stack([CELLS, CELLS[::-1], CELLS[:, ::-1], np.roll(CELLS, 3)]).astype(np.int32)
        shown = np.random.default_rng(2).integers(0, 2, (4, 12)).astype(bool)
        found, filled = self.hidden(images, segments, 0.5, shown)
        for i, y, x in np.ndindex(4, *SIZE):
            expected = images[i, y, x] if shown[i, segments[i, y, x]] else filled[i, y, x]
            np.testing.assert_array_equal(found[i, y, x], expected)

    def test_hide_in_channels_first(self, images):
        shown = np.random.default_rng(2).integers(0, 2, (4, 12)).astype(bool)
        segments = np.broadcast_to(CELLS, (4, *SIZE)).astype(np.int32)
        expected, filled = self.hidden(images, segments, "mean", shown)
        tables = {"segments": segments[:, None], "fill": np.moveaxis(filled, -1, 1)}
        found = ops.convert_to_numpy(lime.hide(np.moveaxis(images, -1, 1), shown, tables))
        np.testing.assert_array_equal(np.moveaxis(found, 1, -1), expected)

    def test_mean_fill(self, images):
        segments = np.stack([CELLS, CELLS.T.reshape(SIZE), CELLS, CELLS])
        filled = lime.fill(images, segments, "mean")
        for i in range(4):
            for segment in range(12):
                inside = segments[i] == segment
                expected = np.broadcast_to(images[i][inside].mean(axis=0), (inside.sum(), 3))
                np.testing.assert_allclose(filled[i][inside], expected, atol=1e-6)

    def test_number_fill(self, images):
        filled = lime.fill(images, CELLS[None], -1.5)
        assert filled.dtype == images.dtype
        assert (filled == -1.5).all()

    def test_blur_fill_is_a_gaussian_of_an_eighth_of_the_shorter_side(self, images):
        # σ = 8 / 8 = 1 pixel, cut off at 4 σ, the border repeated.
        bell = np.exp(-(np.arange(-4, 5) ** 2) / 2)
        bell /= bell.sum()
        padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="edge")
        expected = np.zeros_like(images)
        for dy, dx in np.ndindex(9, 9):
            expected += bell[dy] * bell[dx] * padded[:, dy : dy + SIZE[0], dx : dx + SIZE[1]]
        np.testing.assert_allclose(lime.fill(images, np.zeros((4, *SIZE), int), "blur"), expected, atol=1e-6)

    def test_fill_keeps_the_type_of_whole_numbers(self):
        image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
        filled = lime.fill(image, np.arange(4)[None, :, None].repeat(4, axis=2), "mean")
        assert filled.dtype == np.uint8
        np.testing.assert_array_equal(filled[0, :, 0, 0], [1, 5, 9, 13])  # 1.5, 5.5, … cut off, as NumPy casts

    @pytest.mark.parametrize("channels", [1, 3, 7])
    def test_any_number_of_channels(self, channels):
        model = keras.Sequential(
            [keras.Input((8, 8, channels)), layers.Flatten(), layers.Dense(2, kernel_initializer="ones")]
        )
        images = np.random.default_rng(0).normal(size=(2, 8, 8, channels)).astype(np.float32)
        cells = grid((8, 8), 16)
        found = kx.LIME(num_samples=100, segments="grid", fill=0, ridge=1e-6)(model, images, targets=[1, 1])
        for i in range(2):
            expected = [images[i][cells == s].sum() for s in range(16)]
            np.testing.assert_allclose(found.details["coefficients"][i], expected, atol=1e-3)


def test_a_plan_is_made_once_and_serves_every_model(images):
    calls = []

    def cells(image):
        calls.append(1)
        return CELLS

    explainer = kx.LIME(num_samples=300, segments=cells, fill=0, ridge=1e-6)
    samples = kx.Samples(images, targets=[1] * 4)
    plan = explainer.prepare(samples)
    contributions = np.random.default_rng(3).normal(size=12)
    model = additive(CELLS, contributions)
    for factor in (1.0, -2.0):
        model.layers[-1].set_weights(additive(CELLS, factor * contributions).get_weights())
        (found,) = explain(model, [explainer], samples, [plan])
        assert all(map(np.shares_memory, found.details["masks"], plan.masks))
        assert found.details["segments"] is plan.segments
        expected = factor * contributions * means_of_segments(images[0], CELLS)
        np.testing.assert_allclose(found.details["coefficients"][0], expected, atol=1e-4)
    assert len(calls) == len(images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 1}, "num_samples must be an int of at least 2.*it is 1"),
        ({"num_samples": 2.5}, "num_samples must be an int of at least 2, or None for 128"),
        ({"seed": -1}, "seed must be an int of at least 0; it is -1"),
        ({"fill": "grey"}, 'fill must be "mean", "blur" or a finite number; it is \'grey\''),
        ({"fill": np.nan}, "fill must be .* finite number; it is nan"),
        ({"kernel_width": 0}, "kernel_width must be .*above 0; it is 0"),
        ({"ridge": -1}, "ridge must be .*above 0; it is -1"),
        ({"agreement": 1.0}, "agreement must be a number above 0 and below 1, or None; it is 1.0"),
        ({"agreement": "high"}, "agreement must be a number above 0 and below 1, or None; it is 'high'"),
        ({"agreement": 0.9, "design": "paired"}, "in rounds of the design \"fold_over\"; design is 'paired'"),
        ({"design": "sobol"}, "design must be one of .*'fold_over', 'paired', 'random'.* or a callable.*it is 'sobol'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kx.LIME(**arguments)


@pytest.mark.parametrize("masks", [np.ones((3, 12)), np.full((10, 12), 0.5)])
def test_masks_of_a_wrong_shape_or_value_are_refused(images, masks):
    explainer = kx.LIME(num_samples=10, segments=lambda image: CELLS, design=lambda *arguments: masks)
    with pytest.raises(ValueError, match=r"design must return bool masks of shape \(10, 12\); it returned shape"):
        explainer.prepare(kx.Samples(images))
