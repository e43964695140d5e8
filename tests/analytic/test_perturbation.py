"""Occlusion, RISE and Kernel SHAP, against loops over images, exact enumeration and the axioms."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops

import keras_xai as kx
from keras_xai.explainers import kernel_shap
from keras_xai.explainers.occlusion import mean_over_patches, starts
from keras_xai.explainers.rise import stretch
from keras_xai.explanation import resize
from tests.analytic.networks import Network, close
from tests.contract.cheap import on_tensorflow
from tests.models import COUNT


@pytest.fixture(
    scope="module", params=on_tensorflow(["sigmoid", "non_square", "uint8"], ["non_square", "channels_first"])
)
def network(request):
    return Network(request.param)


# Occlusion.


def slow_occlusion(network, patch, stride, fill):
    maps = np.zeros(network.image.shape[:3])
    for i, image in enumerate(network.image):
        height, width = image.shape[:2]
        tops = sorted({*range(0, height - patch[0], stride[0]), height - patch[0]})
        lefts = sorted({*range(0, width - patch[1], stride[1]), width - patch[1]})
        count = np.zeros((height, width))
        for top, left in itertools.product(tops, lefts):
            rows, columns = slice(top, top + patch[0]), slice(left, left + patch[1])
            hidden = image.copy()
            hidden[rows, columns] = fill[i][rows, columns]
            maps[i, rows, columns] += network.score(image[None], i)[0] - network.score(hidden[None], i)[0]
            count[rows, columns] += 1
        maps[i] /= count
    return maps


def test_occlusion_is_the_mean_fall_over_patches(network):
    mean = network.image.mean(axis=(1, 2), keepdims=True) + np.zeros_like(network.image)
    found = kx.Occlusion(patch=(3, 4), stride=(2, 3))(network.model, network.samples)
    close(found.raw, slow_occlusion(network, (3, 4), (2, 3), mean), 1e-3)


def test_occlusion_with_a_number_and_its_own_sizes():
    network = Network("non_square")
    found = kx.Occlusion(fill=0.25)(network.model, network.samples)  # 6×10: patches of 1×1
    close(found.raw, slow_occlusion(network, (1, 1), (1, 1), np.full_like(network.image, 0.25)))
    np.testing.assert_array_equal(found.raw, found.details["falls"])


def test_patches_reach_the_edge():
    assert starts(10, 4, 3).tolist() == [0, 3, 6]
    assert starts(11, 4, 3).tolist() == [0, 3, 6, 7]
    assert starts(4, 4, 1).tolist() == [0]


def test_overlapping_patches_are_averaged_by_hand():
    # Three patches of two pixels on four: 1, 2 and 6; the pixels in the middle are covered twice.
    found = mean_over_patches(np.array([[[1.0, 2.0, 6.0]]]), np.array([0]), np.array([0, 1, 2]), (1, 2), (1, 4))
    np.testing.assert_allclose(found, [[[1, 1.5, 4, 6]]])


# RISE.


def slow_rise_masks(grids, shifts, size):
    """Algorithm of section 3.2: stretch to (cells + 1) · C where C = size / cells, and crop at a random place below C."""
    masks = []
    for grid, shift in zip(grids, shifts, strict=True):
        fine = 60  # sub-pixels, so that the crop begins where it should
        cell = np.array(size) / grid.shape
        whole = [int(round((grid.shape[axis] + 1) * cell[axis] * fine)) for axis in (0, 1)]
        stretched = resize(grid[None].astype(np.float32), tuple(whole))[0]
        centres = [
            np.round((np.arange(size[axis]) + 0.5 + shift[axis] * cell[axis]) * fine - 0.5).astype(int)
            for axis in (0, 1)
        ]
        masks.append(stretched[np.ix_(*centres)])
    return np.array(masks)


def test_masks_are_those_of_the_paper():
    rng = np.random.default_rng(0)
    grids, shifts = (rng.random((5, 2, 3)) < 0.5).astype(np.float32), rng.random((5, 2)).astype(np.float32)
    rows, columns = stretch(shifts[:, 0], 2, 6), stretch(shifts[:, 1], 3, 9)
    found = rows @ grids @ columns.transpose(0, 2, 1)
    np.testing.assert_allclose(found, slow_rise_masks(grids, shifts, (6, 9)), atol=0.02)  # half a sub-pixel
    on_device = ops.convert_to_numpy(stretch(ops.convert_to_tensor(shifts[:, 0]), 2, 6))
    np.testing.assert_allclose(on_device, rows, atol=1e-6)
    np.testing.assert_allclose(rows.sum(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("fill", [0.0, "mean"])
def test_rise_is_the_mean_of_masks_weighted_by_centred_scores(network, fill):
    explainer = kx.RISE(num_samples=20, grid=(2, 3), visible=0.4, fill=fill)
    rows = explainer.prepare(network.samples).rows
    size, hidden = network.samples.size, 0.0 if fill == 0 else network.image.mean(axis=(1, 2), keepdims=True)
    expected = []
    for i, image in enumerate(network.image):
        stretched = [stretch(rows["shift"][i][:, axis], (2, 3)[axis], size[axis]) for axis in (0, 1)]
        masks = stretched[0] @ rows["grid"][i] @ stretched[1].transpose(0, 2, 1)
        behind = hidden if fill == 0 else hidden[i]
        scores = network.score(image * masks[..., None] + behind * (1 - masks[..., None]), i)
        expected.append(np.einsum("r,rhw->hw", scores - scores.mean(), masks) / (20 * 0.4))
    close(explainer(network.model, network.samples).raw, np.stack(expected), 1e-3)


def test_rise_finds_the_only_pixel_that_counts():
    class Corner(keras.layers.Layer):
        def call(self, x):
            return ops.stack([x[:, 1, 6, 0], -x[:, 1, 6, 0]], axis=-1)

    model = keras.Sequential([keras.Input((8, 8, 1)), Corner()])
    found = kx.RISE(num_samples=600)(model, np.ones((1, 8, 8, 1), np.float32), targets=[0]).raw[0]
    assert np.unravel_index(found.argmax(), found.shape) in {(1, 6), (0, 6), (1, 7), (0, 7)}
    assert found[5:, :3].max() < 0.3 * found.max()


# Kernel SHAP.


def exact_shapley(game, players):
    """The definition: the mean over all subsets of others of what a player adds, in float64."""
    values = np.zeros(players)
    for player in range(players):
        others = [one for one in range(players) if one != player]
        for size in range(players):
            weight = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
            for subset in itertools.combinations(others, size):
                values[player] += weight * (game({*subset, player}) - game(set(subset)))
    return values


def solved(game, players, num_samples, seed=0):
    masks, mass = kernel_shap.subsets(players, num_samples, np.random.default_rng(seed))
    scores = np.array([game(set(np.flatnonzero(mask))) for mask in masks], float)
    return kernel_shap.shapley_values(masks, mass, scores)


def game(shown):
    """Eight players: 0 and 1 alike, 7 adds nothing, 2 and 3 only count together, the rest in odd ways."""
    return 2.0 * len(shown & {0, 1}) ** 2 + 5 * ({2, 3} <= shown) + np.sin(sum(shown & {2, 4, 5, 6}))


def test_all_subsets_give_the_exact_values():
    found = solved(game, 8, 256)
    np.testing.assert_allclose(found, exact_shapley(game, 8), atol=1e-9)
    np.testing.assert_allclose(found.sum(), game(set(range(8))) - game(set()), atol=1e-9)  # efficiency
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)  # symmetry
    np.testing.assert_allclose(found[7], 0, atol=1e-9)  # dummy


def test_drawn_subsets_approach_them_and_are_efficient_all_the_same():
    exact = exact_shapley(game, 8)
    for num_samples, error in ((20, 3.0), (100, 1.0), (255, 0.6)):
        found = solved(game, 8, num_samples)
        np.testing.assert_allclose(found.sum(), exact.sum(), atol=1e-9)
        assert np.abs(found - exact).max() < error
    mean = np.mean([solved(game, 8, 200, seed) for seed in range(60)], axis=0)
    np.testing.assert_allclose(mean, exact, atol=0.1)


def test_pairs_of_complements_solve_a_game_of_pairs_exactly():
    # Paired sampling leaves no error where the game has no interaction beyond pairs.
    pairs = np.random.default_rng(0).normal(size=(12, 12))

    def of_pairs(shown):
        chosen = np.isin(np.arange(12), list(shown)).astype(float)
        return chosen @ pairs @ chosen

    exact = (pairs.sum(axis=0) + pairs.sum(axis=1)) / 2
    np.testing.assert_allclose(solved(of_pairs, 12, 60), exact, atol=1e-8)


def test_sizes_are_drawn_in_proportion_to_the_kernel():
    masks, mass = kernel_shap.subsets(30, 20_000, np.random.default_rng(0))
    assert masks.shape == (20_000, 30)
    np.testing.assert_array_equal(masks[2::2], ~masks[3::2])
    sizes = np.arange(1, 30)
    kernel = [29 / (math.comb(30, s) * s * (30 - s)) * math.comb(30, s) for s in sizes]
    drawn = np.bincount(masks[2:].sum(axis=1), minlength=31)[1:30] / 19_998
    np.testing.assert_allclose(drawn, np.array(kernel) / np.sum(kernel), atol=0.01)
    np.testing.assert_allclose(mass[2:], 1 / 19_998)


def test_kernel_shap_of_a_network_is_exact_with_eight_segments(network):
    height, width = network.samples.size
    labels = (np.arange(height)[:, None] * 2 // height * 4 + np.arange(width)[None] * 4 // width) + np.zeros(
        (COUNT, 1, 1), int
    )
    found = kx.KernelSHAP(num_samples=256, segments=labels, fill=0.1)(network.model, network.samples)
    assert found.details["exact"].all()
    for i, image in enumerate(network.image):
        fill = np.asarray(0.1, network.samples.image.dtype)
        # All 256 scores at once, looked up by the game.
        shown = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(bool)
        scores = network.score(np.where(shown[:, labels[i], None], image, fill), i)
        exact = exact_shapley(lambda players: scores[sum(1 << p for p in players)], 8)  # noqa: B023
        close(found.details["coefficients"][i], exact, 1e-3)
        np.testing.assert_allclose(found.details["empty_scores"][i], scores[0], rtol=1e-3, atol=1e-5)
        close(found.raw[i], exact[labels[i]], 1e-3)


def test_the_gradient_free_explain_a_quantised_model():
    network = Network("int8")
    for explainer in (kx.Occlusion(patch=4), kx.RISE(num_samples=20), kx.KernelSHAP(num_samples=20)):
        found = explainer(network.model, network.samples)
        assert found.valid.all()
        assert np.abs(found.raw).max() > 0
    whole = network.score(network.image, 0)  # of class 0
    empty = found.details["empty_scores"]
    np.testing.assert_allclose(found.details["coefficients"][0].sum(), whole[0] - empty[0], rtol=0.05)


BAD = {
    "a patch of nothing": (
        lambda n: kx.Occlusion(patch=0),
        r"patch must be an int above 0, \(rows, columns\), or None.*is 0",
    ),
    "a patch too large": (lambda n: kx.Occlusion(patch=9)(n.model, n.samples), r"patch=\(9, 9\) does not fit .*6×10"),
    "the whole image": (lambda n: kx.Occlusion(patch=(6, 10))(n.model, n.samples), "or hides them whole"),
    "gaps": (
        lambda n: kx.Occlusion(patch=2, stride=3)(n.model, n.samples),
        r"stride=\(3, 3\) is larger than patch",
    ),
    "a fill": (lambda n: kx.Occlusion(fill="black"), 'fill must be "mean", "blur" or a finite number'),
    "always visible": (lambda n: kx.RISE(visible=1), "visible must be a probability between 0 and 1; it is 1"),
    "a fine grid": (lambda n: kx.RISE(grid=8)(n.model, n.samples), r"grid=\(8, 8\) has more cells than images of 6×10"),
    "few masks": (lambda n: kx.KernelSHAP(num_samples=3), "num_samples must be an int of at least 4; it is 3"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_refused(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call(Network("non_square"))
