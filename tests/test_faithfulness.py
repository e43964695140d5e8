"""Measures that ask the model, where the right answer is known: on models that are weighted sums of their pixels."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai.metrics import MuFidelity, cascade
from keras_xai.metrics.mu_fidelity import random_subsets
from keras_xai.metrics.removal import area, removal_order
from tests.fixed_maps import explained
from tests.models import KINDS

LAYOUTS = ("channels_last", "channels_first")


def weighted_sum(size, channels=2, classes=3, layout="channels_last", activation=None):
    """A model whose logits are weighted sums of the pixels, its (h, w, c, classes) weights, and 3 samples."""
    shape = (*size, channels)
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(*shape, classes)).astype(np.float32)
    x = generator.uniform(0.2, 1, (3, *shape)).astype(np.float32)
    first = layout == "channels_first"
    kernel = np.moveaxis(weights, 2, 0) if first else weights
    model = keras.Sequential(
        [
            keras.Input((channels, *size) if first else shape),
            layers.Flatten(data_format="channels_last"),
            layers.Dense(classes, activation=activation, use_bias=False),
        ]
    )
    model.layers[-1].set_weights([kernel.reshape(-1, classes)])
    samples = kx.Samples(
        np.moveaxis(x, -1, 1) if first else x, targets=np.array([2, 0, 1]) % classes, data_format=layout
    )
    contributions = np.einsum("nhwc,hwcn->nhw", x, weights[..., samples.targets])
    return model, samples, contributions, x


@pytest.fixture(scope="module", params=LAYOUTS)
def linear(request):
    return weighted_sum((5, 6), layout=request.param)


class TestRemoval:
    def test_of_all_orders_the_contributions_give_the_best(self):
        model, samples, contributions, _ = weighted_sum((2, 2))
        orders = [np.array(order, float).reshape(2, 2) for order in itertools.permutations(range(4))]
        for metric, best in ((kx.metrics.Deletion(0.0, steps=4), np.min), (kx.metrics.Insertion(0.0, steps=4), np.max)):
            true = metric(explained(model, samples, contributions), model, samples)
            found = [metric(explained(model, samples, np.stack([order] * 3)), model, samples) for order in orders]
            np.testing.assert_allclose(true, best(found, axis=0), rtol=1e-5)
            assert np.all(np.ptp(found, axis=0) > 0.1)

    def test_the_curve_is_the_sum_of_what_is_left(self, linear):
        model, samples, contributions, _ = linear
        found = kx.metrics.Deletion(0.0, steps=6).curve(explained(model, samples, contributions), model, samples)
        falling = np.sort(contributions.reshape(3, -1))[:, ::-1]
        expected = np.stack([falling[:, round(30 * step / 6) :].sum(axis=1) for step in range(7)], axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-4)

    @pytest.mark.parametrize("fill", ["mean", "blur", "inpaint"])
    def test_every_fill_prefers_the_truth_to_chance(self, fill):
        model, samples, _, x = weighted_sum((8, 8))
        weights = model.layers[-1].get_weights()[0].reshape(8, 8, 2, 3)[..., samples.targets]
        from_the_mean = np.einsum("nhwc,hwcn->nhw", x - x.mean(axis=(1, 2), keepdims=True), weights)
        chance = np.random.default_rng(1).normal(size=(3, 8, 8))
        for cls, sign in ((kx.metrics.Deletion, -1), (kx.metrics.Insertion, 1)):
            metric = cls(fill, steps=8)
            true, random = (metric(explained(model, samples, maps), model, samples) for maps in (from_the_mean, chance))
            assert np.all(sign * (true - random) > 0.1)

    def test_insertion_with_ties_puts_the_same_pixels_in_as_deletion_takes_out(self, linear):
        model, samples, contributions, _ = linear
        steps = np.sign(contributions)
        order, other = removal_order(steps, seed=3), removal_order(steps, seed=3, least_first=True)
        assert order.min() > 0
        assert order.max() < 1
        assert len(np.unique(order[0])) == len(np.unique(other[0])) == 30
        assert np.all(order[steps > 0].max() < order[steps < 0].min() + 0.5)
        assert steps[0][order[0] < 0.2].min() > 0
        assert steps[0][other[0] < 0.2].max() < 0

    def test_by_hand_on_a_network_in_probabilities(self):
        kind = KINDS["functional"]
        model, samples = kind.model(), kx.Samples(kind.inputs(), targets=[0, 1, 2])
        maps = np.random.default_rng(5).normal(size=(3, 8, 8))
        found = kx.metrics.Deletion("mean", steps=4)(explained(model, samples, maps), model, samples)
        for image, one, target, value in zip(samples.x, maps, [0, 1, 2], found, strict=True):
            scores = []
            for share in (0, 0.25, 0.5, 0.75, 1):
                changed = image.copy().reshape(64, 3)
                changed[np.argsort(-one.ravel())[: round(64 * share)]] = image.mean(axis=(0, 1))
                scores.append(float(ops.convert_to_numpy(model(changed.reshape(1, 8, 8, 3)))[0, target]))
            np.testing.assert_allclose(value, np.mean([(a + b) / 2 for a, b in itertools.pairwise(scores)]), atol=1e-5)

    def test_area_with_a_pencil(self):
        np.testing.assert_allclose(area([[1, 0], [0.5, 0.5]]), 0.5)
        np.testing.assert_allclose(area([[1, 1, 0, 0, 0]]), 3 / 8)

    def test_a_constant_map_has_no_order(self, linear):
        model, samples, *_ = linear
        assert np.isnan(kx.metrics.Deletion()(explained(model, samples, np.ones((3, 5, 6))), model, samples)).all()

    def test_road_on_both_layouts(self, linear):
        model, samples, contributions, x = linear
        assert model  # one pixel differs much from its neighbours: what is imputed is not what was there
        true = explained(model, samples, contributions)
        morf, lerf, both = (
            kx.metrics.ROAD(order, shares=(0.2, 0.5), noise=0.0)(true, model, samples)
            for order in ("morf", "lerf", "difference")
        )
        np.testing.assert_allclose(both, lerf - morf, rtol=1e-5)
        # By hand: MoRF at 20 % and 50 % of the pixels.
        weights = model.layers[-1].get_weights()[0]
        weights = (
            weights.reshape(2, 5, 6, 3).transpose(1, 2, 0, 3) if samples.channels_first else weights.reshape(5, 6, 2, 3)
        )
        for image, one, target, value in zip(x, contributions, samples.targets, morf, strict=True):
            scores = []
            for count in (6, 15):
                gone = np.zeros(30, bool)
                gone[np.argsort(-one.ravel())[:count]] = True
                scores.append((kx.metrics.impute(image, gone.reshape(5, 6)) * weights[..., target]).sum())
            np.testing.assert_allclose(value, np.mean(scores), rtol=1e-4)

    def test_road_tells_truth_from_chance(self):
        model, samples, contributions, x = weighted_sum((8, 8))
        chance = explained(model, samples, np.random.default_rng(1).normal(size=(3, 8, 8)))
        weights = model.layers[-1].get_weights()[0].reshape(8, 8, 2, 3)[..., samples.targets]
        true = explained(model, samples, np.einsum("nhwc,hwcn->nhw", x - x.mean(axis=(1, 2), keepdims=True), weights))
        metric = kx.metrics.ROAD()
        assert np.all(metric(true, model, samples) > metric(chance, model, samples) + 0.5)
        np.testing.assert_array_equal(metric(true, model, samples), metric(true, model, samples))

    def test_uint8_images_stay_uint8(self):
        kind = KINDS["uint8"]
        model, samples = kind.model(), kx.Samples(kind.inputs())
        true = kx.LIME(num_samples=16, segments="grid")(model, samples)
        for metric in (
            kx.metrics.Deletion("inpaint", steps=2),
            kx.metrics.ROAD(shares=(0.5,)),
            kx.metrics.AverageDrop(),
        ):
            assert np.isfinite(metric(true, model, samples)).any()


class TestMuFidelity:
    def test_contributions_are_perfect(self, linear):
        model, samples, contributions, _ = linear
        metric = MuFidelity(cells=30, fill=0.0)
        np.testing.assert_allclose(metric(explained(model, samples, contributions), model, samples), 1, atol=1e-5)
        np.testing.assert_allclose(metric(explained(model, samples, -7 * contributions), model, samples), -1, atol=1e-5)
        chance = np.random.default_rng(0).normal(size=contributions.shape)
        assert np.all(np.abs(metric(explained(model, samples, chance), model, samples)) < 0.5)

    def test_by_hand_on_a_network(self):
        kind = KINDS["functional"]
        model, samples = kind.model(), kx.Samples(kind.inputs(), targets=[0, 1, 2])
        maps = np.random.default_rng(5).normal(size=(3, 8, 8))
        score = kx.scores.Probability()
        metric = MuFidelity(cells=16, share=0.25, num_subsets=12, fill=0.0, seed=4)
        found = metric(explained(model, samples, maps, score), model, samples)
        hidden = random_subsets(12, 16, 0.25, seed=4)
        assert set(hidden.sum(axis=1)) == {4}
        for index, value in enumerate(found):
            drops, sums = [], []
            for subset in hidden:
                mask = np.kron(subset.reshape(4, 4), np.ones((2, 2))).astype(bool)
                both = np.stack([samples.x[index], np.where(mask[..., None], 0, samples.x[index])])
                before, after = ops.convert_to_numpy(model(both))[:, index]
                drops.append(float(before) - float(after))
                sums.append(maps[index][mask].sum())
            np.testing.assert_allclose(value, np.corrcoef(drops, sums)[0, 1], atol=1e-3)


class TestInfidelity:
    @pytest.mark.parametrize("perturbation", ["squares", "noise"])
    def test_contributions_are_perfect(self, linear, perturbation):
        model, samples, contributions, _ = linear
        exact = kx.metrics.Infidelity(fill=0.0, perturbation=perturbation, normalise=False)
        scaled = kx.metrics.Infidelity(fill=0.0, perturbation=perturbation)
        np.testing.assert_allclose(exact(explained(model, samples, contributions), model, samples), 0, atol=1e-6)
        np.testing.assert_allclose(scaled(explained(model, samples, contributions * 9), model, samples), 0, atol=1e-6)
        # Twice the map predicts twice the change: it is off by the change itself.
        changes = np.einsum("rhw,nhw->nr", exact.shares((5, 6)), contributions)
        assert np.all(np.abs(changes).max(axis=1) > 0.1)
        twice = exact(explained(model, samples, 2 * contributions), model, samples)
        np.testing.assert_allclose(twice, (changes**2).mean(axis=1), rtol=1e-4)
        # A map of nothing predicts no change.
        nothing = scaled(explained(model, samples, 0 * contributions), model, samples)
        np.testing.assert_allclose(nothing, (changes**2).mean(axis=1), rtol=1e-4)

    def test_squares_are_squares_that_go_everywhere(self):
        shares = kx.metrics.Infidelity(size=0.4, num_samples=200).shares((5, 6))
        assert np.unique(shares).tolist() == [0, 1]
        for axis in (1, 2):
            sides = shares.any(axis=axis)
            assert np.all(sides.sum(axis=1) == 2)
            assert np.all(np.abs(np.diff(sides, axis=1, prepend=False, append=False)).sum(axis=1) == 2)  # in one piece
        assert np.all(shares.sum(axis=(1, 2)) == 4)
        assert np.all(shares.any(axis=0))

    def test_shares_of_noise_are_normal(self):
        shares = kx.metrics.Infidelity(perturbation="noise", noise=0.3, num_samples=100).shares((10, 12))
        np.testing.assert_allclose(shares.mean(), 0, atol=0.01)  # 12,000 numbers: three standard errors
        np.testing.assert_allclose(shares.std(), 0.3, atol=0.01)


class TestAverageDrop:
    def test_with_a_pencil(self):
        model = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(1, use_bias=False)])
        model.layers[-1].set_weights([np.array([[1.0], [2.0], [3.0], [-4.0]])])
        x = np.ones((2, 2, 2, 1), np.float32) * np.array([2, 3]).reshape(2, 1, 1, 1)
        score = kx.scores.Regression()
        maps = np.array([[[1, 0], [0, 2]], [[0, 0], [4, -9]]])
        true = explained(model, x, maps, score)
        # 1 + 2 + 3 − 4 = 2 per unit of brightness. First map: half of the first pixel and all of the last, ½ − 4.
        # Second: the third pixel, 3.
        drop = kx.metrics.AverageDrop()(true, model, x)
        np.testing.assert_allclose(drop, [(2 + 3.5) / 2, 0], rtol=1e-5)
        np.testing.assert_allclose(kx.metrics.Increase()(true, model, x), [0, 1])
        # Fading to 1 instead: 2·0.5 + 1·0.5 and 2, 1 elsewhere.
        one = kx.metrics.AverageDrop(fill=1.0)(true, model, x)
        np.testing.assert_allclose(one[0], (4 - (1.5 + 2 + 3 - 8)) / 4, rtol=1e-5)

    def test_needs_positive_evidence(self, linear):
        model, samples, *_ = linear
        true = explained(model, samples, -np.ones((3, 5, 6)))
        assert np.isnan(kx.metrics.AverageDrop()(true, model, samples)).all()
        assert np.isnan(kx.metrics.Increase()(true, model, samples)).all()


class TestMaxSensitivity:
    def test_by_hand(self):
        kind = KINDS["functional"]
        model, samples = kind.model(), kx.Samples(kind.inputs(), targets=[0, 1, 2])
        explainer = kx.GradCAM()
        before = explainer(model, samples)
        found = kx.metrics.MaxSensitivity(radius=0.1, num_samples=4, seed=2)(before, model, samples, explainer)
        generator = np.random.default_rng(2)
        expected = np.zeros(3)
        for _ in range(4):
            noise = generator.uniform(-1, 1, (8, 8, 3))
            reach = 0.1 * np.ptp(samples.x, axis=(1, 2, 3), keepdims=True)
            noisy = explainer(model, (samples.x + reach * noise).astype(np.float32), targets=[0, 1, 2]).raw
            norms = np.linalg.norm((noisy - before.raw).reshape(3, -1), axis=1)
            expected = np.maximum(expected, norms / np.linalg.norm(before.raw.reshape(3, -1), axis=1))
        assert np.all(expected > 0)
        np.testing.assert_allclose(found, expected, rtol=1e-3)

    def test_a_constant_explainer_is_not_sensitive(self, linear):
        from tests.fixed_maps import FixedMaps

        model, samples, contributions, _ = linear
        explainer = FixedMaps(contributions)
        metric = kx.metrics.MaxSensitivity()
        np.testing.assert_array_equal(metric(explainer(model, samples), model, samples, explainer), 0)


def contents(model):
    return [np.array(ops.convert_to_numpy(variable.value)) for variable in model.variables]


def same(a, b):
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


class TestSanity:
    @pytest.mark.parametrize("name", ["functional", "nested", "subclassed", "mixed_bfloat16", "int8", "sampling"])
    def test_every_weight_is_shuffled_and_put_back(self, name):
        kind = KINDS[name]
        model, samples = kind.model(), kx.Samples(kind.inputs())
        kept, during = contents(model), []

        class Spy(kx.GradCAM):
            def __call__(self, model, samples, targets=None):
                during.append(contents(model))
                return super().__call__(model, samples, targets)

        curve = cascade(model, samples, Spy())
        assert same(kept, contents(model))
        assert len(curve) == len(during) - 1 > 2
        changed = [sum(a.tobytes() != b.tobytes() for a, b in zip(kept, later, strict=True)) for later in during]
        assert changed == sorted(set(changed))  # layer after layer
        # A short vector may happen to be shuffled into itself.
        several = [index for index, one in enumerate(kept) if len(np.unique(one)) > 5 and one.dtype.kind != "u"]
        assert all(during[-1][index].tobytes() != kept[index].tobytes() for index in several)
        for before, after in zip(kept, during[-1], strict=True):  # the scale stays
            np.testing.assert_allclose(
                np.sort(np.abs(before.astype(np.float64)).ravel()), np.sort(np.abs(after.astype(np.float64)).ravel())
            )

    def test_the_order_is_from_the_top(self):
        kind = KINDS["functional"]
        curve = cascade(kind.model(), kind.inputs(), kx.GradCAM())
        assert list(curve) == ["out", "hidden", "conv2", "norm", "conv1"]
        few = cascade(kind.model(), kind.inputs(), kx.GradCAM(), steps=2)
        assert list(few) == ["hidden", "conv1"]
        for path, values in few.items():
            np.testing.assert_allclose(values, curve[path], atol=1e-4)

    def test_weights_are_put_back_after_an_error(self):
        kind = KINDS["functional"]
        model, samples = kind.model(), kx.Samples(kind.inputs())
        kept = contents(model)

        class Fails(kx.GradCAM):
            def __call__(self, model, samples, targets=None):
                if not same(kept, contents(model)):
                    raise KeyboardInterrupt
                return super().__call__(model, samples, targets)

        with pytest.raises(KeyboardInterrupt):
            cascade(model, samples, Fails())
        assert same(kept, contents(model))

    def test_a_method_that_ignores_the_model_is_found_out(self):
        from tests.fixed_maps import FixedMaps

        kind = KINDS["functional"]
        model, samples = kind.model(), kx.Samples(kind.inputs())
        edges = FixedMaps(np.abs(np.diff(samples.x.mean(axis=-1), axis=1, append=0)))
        found = edges(model, samples)
        np.testing.assert_allclose(kx.metrics.ParameterRandomisation()(found, model, samples, edges), 1)
        np.testing.assert_allclose(kx.metrics.RandomLogit()(found, model, samples, edges), 1)

    def test_where_there_is_no_other_class_none_is_compared_with(self):
        one_unit, x = KINDS["sigmoid"].model(), KINDS["sigmoid"].inputs()
        explainer = kx.Saliency()
        with pytest.raises(ValueError, match="compares the maps of two classes, and the explained output has one unit"):
            kx.metrics.RandomLogit()(explainer(one_unit, x), one_unit, x, explainer)
        several, x = KINDS["functional"].model(), KINDS["functional"].inputs()
        explainer = kx.Saliency(score=kx.scores.Regression(1))
        with pytest.raises(ValueError, match=r"two classes, and Regression\(.*\) looks at no class. Use Parameter"):
            kx.metrics.RandomLogit()(explainer(several, x), several, x, explainer)

    def test_a_linear_model_forgets_everything(self, linear):
        model, samples, *_ = linear
        explainer = kx.LIME(num_samples=64, segments="grid", ridge=1e-3)
        found = explainer(model, samples)
        # With 11 segments a single shuffle leaves a correlation of 0.3 by chance; the mean of 24 of them 0.07.
        left = [kx.metrics.ParameterRandomisation(seed=seed)(found, model, samples, explainer) for seed in range(24)]
        assert abs(np.mean(left)) < 0.25
        assert np.std(left) < 0.6

    def test_random_logit_of_two_classes_is_the_other_one(self):
        model, samples, contributions, _ = weighted_sum((5, 6), classes=2)
        samples.targets = np.array([0, 1, 0])
        explainer = kx.LIME(num_samples=64, segments="grid")
        found = explainer(model, samples)
        samples.targets = np.array([1, 0, 1])
        other = explainer(model, samples)
        expected = kx.metrics.spearman(found.maps, other.maps)
        np.testing.assert_allclose(kx.metrics.RandomLogit()(found, model, samples, explainer), expected)


def test_invalid_samples_are_not_measured():
    model, samples, contributions, _ = weighted_sum((5, 6))
    found = explained(model, samples, contributions)
    found.valid[1] = False
    assert np.isnan(kx.metrics.Deletion(0.0)(found, model, samples)).tolist() == [False, True, False]


def test_a_sample_is_measured_as_it_is_alone():
    kind = KINDS["functional"]
    model, x = kind.model(), kind.inputs()
    explainer = kx.GradCAM()
    for metric in (
        kx.metrics.Deletion(),
        kx.metrics.ROAD(shares=(0.5,)),
        MuFidelity(cells=9),
        kx.metrics.MaxSensitivity(),
    ):
        together = metric(explainer(model, x, targets=[0, 1, 2]), model, x, explainer)
        alone = metric(explainer(model, x[2:], targets=[2]), model, x[2:], explainer)
        np.testing.assert_allclose(together[2:], alone, atol=1e-4)


BAD = {
    "fill in words": (
        lambda: kx.metrics.Deletion("black"),
        "fill must be one of .*'inpaint'.* or a finite number; it is 'black'",
    ),
    "fill for cells": (
        lambda: MuFidelity(fill="inpaint"),
        r"fill must be one of \('blur', 'mean'\) or a finite number",
    ),
    "no steps": (lambda: kx.metrics.Insertion(steps=0), "steps must be an int of at least 1; it is 0"),
    "order": (lambda: kx.metrics.ROAD("lef"), '"morf", "lerf" or "difference"; it is \'lef\''),
    "percents": (lambda: kx.metrics.ROAD(shares=(10,)), r"Each of shares must be a share in \(0, 1\]; it is 10"),
    "noise": (lambda: kx.metrics.ROAD(noise=-1), "noise must be a share of the image's range of at least 0; it is -1"),
    "few cells": (lambda: MuFidelity(cells=2), "cells must be an int of at least 4; it is 2"),
    "no share": (lambda: MuFidelity(share=0), r"share must be a share in \(0, 1\]; it is 0"),
    "size": (lambda: kx.metrics.Infidelity(size=2), r"size must be a share in \(0, 1\]; it is 2"),
    "changes": (lambda: kx.metrics.Infidelity(perturbation="blobs"), r"perturbation must be one of .*; it is 'blobs'"),
    "no noise": (lambda: kx.metrics.Infidelity(noise=0), "noise must be a standard deviation above 0.*; it is 0"),
    "infinite fill": (lambda: kx.metrics.AverageDrop(math.inf), "fill must be a finite number .*; it is inf"),
    "radius": (lambda: kx.metrics.MaxSensitivity(radius=5), r"radius must be a share in \(0, 1\]; it is 5"),
    "measure": (lambda: kx.metrics.RandomLogit("mse"), "measure must be one of"),
    "seed": (lambda: kx.metrics.ParameterRandomisation(seed=-1), "seed must be an int of at least 0; it is -1"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_missing_is_named():
    model, samples, contributions, _ = weighted_sum((5, 6))
    found = explained(model, samples, contributions)
    with pytest.raises(ValueError, match="MaxSensitivity needs samples and explainer: call it as"):
        kx.metrics.MaxSensitivity()(found, model)
    with pytest.raises(NotImplementedError, match="Metric does not say how it measures"):
        kx.metrics.Metric()(found, model, samples)
    no_weights = keras.Sequential([keras.Input((4, 4, 2)), layers.GlobalAveragePooling2D()])
    with pytest.raises(ValueError, match="has no layer with weights to shuffle"):
        cascade(no_weights, np.random.default_rng(0).random((2, 4, 4, 2)), kx.LIME(num_samples=4, segments="grid"))
