"""Explainers of the gradient at the input: models whose answer a pencil gives, axioms, and models written down in NumPy."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai import engine, fitting_batch
from keras_xai.explainers.explainer import explain
from keras_xai.explainers.integrated_gradients import line
from keras_xai.explainers.smooth_grad import Noise
from tests.analytic.networks import Network, close
from tests.contract.cheap import on_tensorflow
from tests.models import COUNT, filled

NETWORKS = on_tensorflow(
    ["sigmoid", "grey", "non_square", "multispectral", "vision_transformer", "uint8"], ["non_square", "channels_first"]
)


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return Network(request.param)


def test_saliency_and_gradient_input(network):
    gradients = np.stack([network.gradient(network.image[i], i) for i in range(COUNT)])
    asked = [kx.Saliency(), kx.Saliency(channels="sum"), kx.GradientInput()]
    found = [outcome.raw for outcome in explain(network.model, asked, network.samples, [None] * 3)]
    tolerance = 1e-3 if network.kind.name == "uint8" else 1e-4  # finite differences of values up to 255
    close(found[0], np.abs(gradients).max(axis=-1), tolerance)
    close(found[1], np.abs(gradients).sum(axis=-1), tolerance)
    close(found[2], (network.image * gradients).sum(axis=-1), tolerance)


def test_integrated_gradients_are_complete(network):
    found = kx.IntegratedGradients(steps=200, rule="trapezoid")(network.model, network.samples)
    scores = np.array([network.score(network.image[[i]], i)[0] for i in range(COUNT)])
    blank = np.array([network.score(0 * network.image[[i]], i)[0] for i in range(COUNT)])
    np.testing.assert_allclose(found.details["baseline_scores"], blank, rtol=1e-4, atol=1e-5)
    gap = found.raw.sum(axis=(1, 2)) - (scores - blank)
    np.testing.assert_allclose(found.details["completeness_gap"], gap, rtol=0, atol=1e-4)
    assert np.abs(gap).max() < 0.02 * np.abs(scores - blank).max()


def slow_integrated_gradients(network, baseline, steps, rule):
    maps = np.zeros(network.image.shape)
    for i, image in enumerate(network.image):
        for alpha, weight in zip(*line(steps, rule), strict=True):
            if weight:
                maps[i] += weight * network.gradient(baseline[i] + alpha * (image - baseline[i]), i)
        maps[i] *= image - baseline[i]
    return maps.sum(axis=-1)


@pytest.mark.parametrize("baseline", ["zero", "mean", "blur", 0.3, "given"])
def test_integrated_gradients_from_every_baseline(baseline):
    network = Network("non_square")
    given = np.random.default_rng(0).random((6, 10, 3))
    if baseline == "blur":
        from skimage.filters import gaussian

        expected = np.stack([gaussian(image, 6 / 8, channel_axis=-1) for image in network.image])
    else:
        mean = network.image.mean(axis=(1, 2), keepdims=True)
        expected = {"zero": 0.0, "mean": mean, 0.3: 0.3, "given": given}[baseline] + np.zeros_like(network.image)
    explainer = kx.IntegratedGradients(steps=8, baseline=given if baseline == "given" else baseline)
    close(explainer(network.model, network.samples).raw, slow_integrated_gradients(network, expected, 8, "gauss"))


def polynomial():
    """The score of class 0 is Σ x³: its gradient 3 x² along a line from 0 is of degree 2."""

    class Cube(layers.Layer):
        def call(self, x):
            total = ops.sum(x**3, axis=(1, 2, 3))
            return ops.stack([total, -total], axis=-1)

    return keras.Sequential([keras.Input((4, 5, 3)), Cube()])


def test_gauss_legendre_is_exact_where_the_trapezoid_is_not():
    images = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    exact, near = (
        kx.IntegratedGradients(steps=2, rule=rule)(polynomial(), images, targets=[0, 0])
        for rule in ("gauss", "trapezoid")
    )
    close(exact.raw, (images**3).sum(axis=-1), 1e-5)
    assert np.abs(exact.details["completeness_gap"]).max() < 1e-4
    # ½ (0 + 3 x²) / 2 + 3 (x/2)² / 2 = 9/8 x², an eighth too much.
    close(near.raw, 1.125 * (images**3).sum(axis=-1), 1e-5)
    np.testing.assert_allclose(near.details["completeness_gap"], (images**3).sum(axis=(1, 2, 3)) / 8, rtol=1e-4)


def test_weights_of_the_line_sum_to_one():
    for rule in ("gauss", "trapezoid"):
        alphas, line_weights = line(7, rule)
        np.testing.assert_allclose(line_weights.sum(), 1, rtol=1e-6)
        np.testing.assert_allclose((alphas * line_weights).sum(), 0.5, rtol=1e-6)
        assert alphas[0] == 0
        assert alphas[-1] == 1


def linear(kernel):
    model = keras.Sequential([keras.Input((4, 6, 3)), layers.Flatten(), layers.Dense(2)])
    model.layers[-1].set_weights([kernel.reshape(-1, 2), np.array([0.5, -0.2])])
    return model


@pytest.fixture(scope="module")
def plane():
    """A linear model, its weights of class 1 (4, 6, 3), and images."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(4, 6, 3, 2)).astype(np.float32)
    return linear(kernel), kernel[..., 1], rng.random((3, 4, 6, 3), np.float32)


def test_what_all_say_of_a_linear_model(plane):
    model, kernel, images = plane
    background = np.random.default_rng(1).random((5, 4, 6, 3), np.float32)
    expected = {
        kx.Saliency(): np.abs(kernel).max(axis=-1) + np.zeros((3, 1, 1)),
        kx.SmoothGrad(num_samples=3): np.abs(kernel).max(axis=-1) + np.zeros((3, 1, 1)),
        kx.GradientInput(): (images * kernel).sum(axis=-1),
        kx.IntegratedGradients(steps=2): (images * kernel).sum(axis=-1),
        kx.IntegratedGradients(steps=3, baseline=0.5, rule="trapezoid"): ((images - 0.5) * kernel).sum(axis=-1),
        # 20 questions: each of the five four times.
        kx.ExpectedGradients(background, num_samples=20): ((images - background.mean(axis=0)) * kernel).sum(axis=-1),
    }
    for explainer, map_ in expected.items():
        close(explainer(model, images, targets=[1, 1, 1]).raw, map_, 1e-5)
    np.testing.assert_allclose(kx.VarGrad(num_samples=3)(model, images, targets=[1, 1, 1]).raw, 0, atol=1e-10)


def first(outputs, targets):
    return outputs[:, 0]


def second(outputs, targets):
    return outputs[:, 1]


def both(outputs, targets):
    return 2 * outputs[:, 0] + outputs[:, 1]


@pytest.mark.parametrize("method", [kx.GradientInput, kx.IntegratedGradients])
def test_the_map_of_a_sum_of_scores_is_the_sum_of_the_maps(method):
    network = Network("functional")
    maps = [method(score=score)(network.model, network.samples).raw for score in (first, second, both)]
    close(maps[2], 2 * maps[0] + maps[1])


def test_implementation_invariance(plane):
    """Two networks that compute the same have the same integrated gradients."""
    rng = np.random.default_rng(3)
    once = filled(
        keras.Sequential([keras.Input((4, 6, 3)), layers.Conv2D(4, 1, name="conv"), layers.Flatten(), layers.Dense(2)])
    )
    twice = keras.Sequential(
        [
            keras.Input((4, 6, 3)),
            layers.Conv2D(3, 1, use_bias=False, name="first"),
            layers.Conv2D(4, 1, name="conv"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    change = rng.normal(size=(3, 3))
    kernel, *others = once.get_weights()
    twice.set_weights([change[None, None], (np.linalg.inv(change) @ kernel[0, 0])[None, None], *others])

    def bent(outputs, targets):
        return ops.tanh(outputs[:, 0]) + outputs[:, 1] ** 2

    explainer = kx.IntegratedGradients(steps=20, score=bent)
    close(explainer(twice, plane[2]).raw, explainer(once, plane[2]).raw, 1e-3)


def noisy(network, num_samples, share, seed=0):
    """Every gradient at a noisy image, (COUNT, num_samples, h, w, channels), from the same noise."""
    noise = Noise.of(network.samples.image, num_samples, seed)
    gradients = []
    for i, image in enumerate(network.image):
        size = share * np.ptp(image)
        drawn = noise[np.full(num_samples, i), np.arange(num_samples)]
        gradients.append([network.gradient(image + size * one, i) for one in drawn])
    return np.array(gradients)


def test_smooth_grad_and_var_grad_are_the_moments_over_noisy_images():
    network = Network("non_square")
    gradients = noisy(network, 7, 0.2)
    smooth = kx.SmoothGrad(num_samples=7, noise=0.2)(network.model, network.samples)
    close(smooth.details["gradient"], gradients.mean(axis=1))
    close(smooth.raw, np.abs(gradients.mean(axis=1)).max(axis=-1))
    variance = kx.VarGrad(num_samples=7, noise=0.2, channels="sum")(network.model, network.samples)
    close(variance.raw, gradients.var(axis=1).sum(axis=-1), 1e-3)


def test_noise_is_normal_and_each_sample_and_question_has_its_own():
    images = np.random.default_rng(0).random((3, 40, 50, 3), np.float32)
    noise = Noise.of(images, 4, seed=0)
    which, row = np.divmod(np.arange(12), 4)
    drawn = noise[which, row].reshape(12, -1)
    assert drawn.dtype == np.float32
    # 6,000 numbers: three standard errors of mean, variance and correlation.
    np.testing.assert_allclose(drawn.mean(axis=1), 0, atol=0.04)
    np.testing.assert_allclose(drawn.var(axis=1), 1, atol=0.06)
    assert np.abs(np.corrcoef(drawn) - np.eye(12)).max() < 0.05
    np.testing.assert_array_equal(Noise.of(images[[2]], 4, seed=0)[[0], [3]], drawn[[11]].reshape(1, 40, 50, 3))
    assert np.any(Noise.of(images, 4, seed=1)[[0], [0]] != drawn[0].reshape(40, 50, 3))


def test_expected_gradients_sum_to_the_score_less_that_of_the_background():
    network = Network("functional")
    background = np.random.default_rng(5).random((4, 8, 8, 3), np.float32)
    found = kx.ExpectedGradients(background, num_samples=400)(network.model, network.samples)
    for i in range(COUNT):
        expected = network.score(network.image[[i]], i)[0] - network.score(background.astype(np.float64), i).mean()
        np.testing.assert_allclose(found.raw[i].sum(), expected, atol=0.03 * np.abs(found.raw).sum(axis=(1, 2)).max())


def test_expected_gradients_from_one_background_image_are_integrated_gradients():
    network = Network("non_square")
    baseline = np.random.default_rng(5).random((6, 10, 3), np.float32)
    found = kx.ExpectedGradients(baseline[None], num_samples=64)(network.model, network.samples)
    close(found.raw, kx.IntegratedGradients(steps=64, baseline=baseline)(network.model, network.samples).raw, 0.02)


def test_memory_does_not_grow_with_the_number_of_steps(monkeypatch):
    """No array that crosses to the device or back has more than a batch of images in it."""
    network = Network("functional")
    monkeypatch.setattr(fitting_batch, "_MAX_BATCH", 4)
    largest = []
    original = engine.batch_arguments

    def watched(*arguments):
        made = original(*arguments)
        largest.append(max(np.size(array) for array in keras.tree.flatten(made)))
        return made

    monkeypatch.setattr(engine, "batch_arguments", watched)
    for explainer in (
        kx.SmoothGrad(num_samples=40),
        kx.ExpectedGradients(num_samples=40),
        kx.IntegratedGradients(steps=40),
    ):
        plan = explainer.prepare(network.samples)
        for array in keras.tree.flatten((plan.rows, plan.tables)):
            held = sum(getattr(value, "nbytes", 0) for value in getattr(array, "__dict__", {"array": array}).values())
            assert held <= 2 * network.samples.image.nbytes
        explainer(network.model, network.samples)
    assert max(largest) == 4 * 8 * 8 * 3


BAD = {
    "unknown channels": (
        lambda: kx.Saliency(channels="mean"),
        r"channels must be one of \['max', 'sum'\]; it is 'mean'",
    ),
    "no noise": (lambda: kx.SmoothGrad(noise=0), "noise must be a share of the image's range above 0.*it is 0"),
    "one noisy image": (lambda: kx.VarGrad(num_samples=1), "num_samples must be an int of at least 2; it is 1"),
    "a negative seed": (lambda: kx.SmoothGrad(seed=-1), "seed must be an int of at least 0; it is -1"),
    "one step": (lambda: kx.IntegratedGradients(steps=1), "steps must be an int of at least 2; it is 1"),
    "an unknown rule": (lambda: kx.IntegratedGradients(rule="simpson"), r"rule must be one of .* it is 'simpson'"),
    "an unknown baseline": (lambda: kx.IntegratedGradients(baseline="black"), "baseline must be one of .*'black'"),
    "a baseline with NaN": (lambda: kx.IntegratedGradients(baseline=np.nan), "baseline must be .*; it is nan"),
    "a flat baseline": (
        lambda: kx.IntegratedGradients(baseline=np.zeros((4, 6))),
        r"baseline must be .*shape \(4, 6\)",
    ),
    "one background image": (
        lambda: kx.ExpectedGradients(np.zeros((4, 6, 3))),
        r"background must be images \(m, .*\(4, 6, 3\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_refused(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_images_of_another_size_are_refused(plane):
    with pytest.raises(ValueError, match=r"baseline has shape \(2, 2, 3\); the model eats images of shape \(4, 6, 3\)"):
        kx.IntegratedGradients(baseline=np.zeros((2, 2, 3)))(plane[0], plane[2])
    with pytest.raises(ValueError, match=r"background images have shape \(2, 2, 3\); the samples have \(4, 6, 3\)"):
        kx.ExpectedGradients(np.zeros((7, 2, 2, 3)))(plane[0], plane[2])
