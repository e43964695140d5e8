"""Infidelity and max-sensitivity against captum, on the very same model object and with the same perturbations."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from tests.requirements import require_backend, require_module

require_backend("torch", reason="captum explains torch modules")
require_module("captum")

TARGETS = [0, 1, 2, 1]


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential(
        [
            keras.Input((3, 12, 10)),
            layers.Conv2D(6, 3, activation="relu", data_format="channels_first", name="last"),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(4),
        ]
    )
    generator = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(variable + generator.normal(size=variable.shape, scale=0.1))
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(4, 3, 12, 10)).astype(np.float32)


@pytest.mark.parametrize("perturbation", ["squares", "noise"])
@pytest.mark.parametrize("normalise", [False, True])
def test_infidelity_is_that_of_captum(model, images, normalise, perturbation):
    import torch
    from captum.metrics import infidelity, infidelity_perturb_func_decorator

    fill, count = 0.3, 20
    explainer = kx.LIME(num_samples=30, segments="grid")
    found = explainer(model, images, targets=TARGETS)
    metric = kx.metrics.Infidelity(0.4, count, fill, normalise, perturbation=perturbation, seed=5)
    ours = metric(found, model, images)

    shares = iter(metric.shares((12, 10)))

    @infidelity_perturb_func_decorator(multiply_by_inputs=True)
    def remove(inputs, baselines):
        return inputs - torch.from_numpy(next(shares)) * (inputs - baselines)

    # captum sums over channels what is perturbed there: a third of the map on each of three channels is the map.
    attributions = torch.from_numpy(np.repeat(found.maps[:, None] / 3, 3, axis=1))
    theirs = infidelity(
        lambda x: model(x, training=False),
        remove,
        torch.from_numpy(images),
        attributions,
        baselines=torch.full_like(torch.from_numpy(images), fill),
        target=torch.tensor(TARGETS),
        n_perturb_samples=count,
        max_examples_per_batch=len(images),
        normalize=normalise,
    )
    assert theirs.min() > 0
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-3)


def test_max_sensitivity_is_that_of_captum(model, images):
    import torch
    from captum import attr
    from captum.metrics import sensitivity_max

    radius, count = 0.05, 6
    explainer = kx.HiResCAM(layer="last")
    metric = kx.metrics.MaxSensitivity(radius=radius, num_samples=count, seed=3)
    ours = metric(explainer(model, images, targets=TARGETS), model, images, explainer)

    generator = np.random.default_rng(3)
    reach = radius * np.ptp(images, axis=(1, 2, 3), keepdims=True)
    by_captum = attr.LayerGradientXActivation(lambda x: model(x, training=False), model.layers[0])

    def noisy(inputs):
        noise = reach * generator.uniform(-1, 1, (3, 12, 10)).astype(np.float32)
        return torch.from_numpy(images + noise)

    def maps(inputs, **options):
        inputs = inputs[0] if isinstance(inputs, tuple) else inputs
        found = by_captum.attribute(inputs, target=torch.tensor(TARGETS))
        return (torch.relu(found.sum(dim=1)).detach(),)

    theirs = sensitivity_max(
        maps, torch.from_numpy(images), noisy, n_perturb_samples=count, max_examples_per_batch=len(images)
    )
    assert theirs.min() > 0
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-3)
