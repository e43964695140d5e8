"""The measures that ask the model, on every backend: as scalars of every epoch, and with a model left as it was."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai.metrics import MuFidelity
from tests.fixed_maps import explained
from tests.models import KINDS


def test_all_of_them_as_scalars_of_every_epoch(tmp_path):
    kind = KINDS["functional"]
    model, x = kind.model(), kind.inputs()
    model.compile("sgd", "sparse_categorical_crossentropy")
    samples = kx.Samples(x, labels=[0, 1, 2], masks=np.eye(8, dtype=bool))
    metrics = [
        kx.metrics.Deletion(steps=2),
        kx.metrics.Insertion(steps=2),
        kx.metrics.ROAD(shares=(0.5,)),
        MuFidelity(cells=9, num_subsets=4),
        kx.metrics.Infidelity(num_samples=3),
        kx.metrics.AverageDrop(),
        kx.metrics.Increase(),
        kx.metrics.MaxSensitivity(num_samples=2),
        kx.metrics.ParameterRandomisation(),
        kx.metrics.RandomLogit(),
        kx.metrics.Similarity("top_iou"),
        kx.metrics.Localisation("pointing_game"),
    ]
    callback = kx.callbacks.ExplanationCallback(
        samples, [kx.GradCAM()], tmp_path, metrics=metrics, on_error="raise", verbose=0
    )
    model.fit(x, np.arange(3), epochs=2, verbose=0, callbacks=[callback])
    measures = callback.measures["grad_cam"]
    expected = {metric.name for metric in metrics}
    assert expected <= set(measures)
    assert {"road_difference", "top_iou_to_previous", "pointing_game"} <= expected
    for name in expected:
        assert measures[name].shape == (3,)
    again = kx.metrics.Deletion(steps=2)(callback.explanations["grad_cam"], model, samples)
    np.testing.assert_allclose(measures["deletion"], again, atol=1e-5)


def test_contributions_are_perfect_on_a_weighted_sum():
    model = keras.Sequential([keras.Input((4, 5, 2)), layers.Flatten(), layers.Dense(3, use_bias=False)])
    x = np.random.default_rng(0).random((2, 4, 5, 2), np.float32)
    samples = kx.Samples(x, targets=[2, 0])
    weights = ops.convert_to_numpy(model.layers[-1].kernel).reshape(4, 5, 2, 3)[..., samples.targets]
    found = explained(model, samples, np.einsum("nhwc,hwcn->nhw", x, weights))
    np.testing.assert_allclose(MuFidelity(cells=20, fill=0.0, num_subsets=30)(found, model, samples), 1, atol=1e-4)
    exact = kx.metrics.Infidelity(size=0.5, num_samples=20, fill=0.0, normalise=False)
    np.testing.assert_allclose(exact(found, model, samples), 0, atol=1e-5)


def test_a_model_whose_randomisation_fails_is_left_as_it_was():
    model, x = KINDS["functional"].model(), KINDS["functional"].inputs()
    kept = [ops.convert_to_numpy(variable.value).tobytes() for variable in model.variables]
    explainer = kx.GradCAM()
    found = explainer(model, x)

    class Fails(kx.GradCAM):
        def __call__(self, model, samples, targets=None):
            assert ops.convert_to_numpy(model.variables[0].value).tobytes() != kept[0]
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        kx.metrics.ParameterRandomisation()(found, model, x, Fails())
    assert kept == [ops.convert_to_numpy(variable.value).tobytes() for variable in model.variables]


def test_training_goes_on_as_if_the_weights_had_never_been_shuffled(tmp_path):
    def trained(*callbacks):
        keras.utils.set_random_seed(0)
        model, x = KINDS["functional"].model(), KINDS["functional"].inputs()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, np.arange(3), epochs=2, verbose=0, callbacks=list(callbacks))
        return [ops.convert_to_numpy(one.value).tobytes() for one in [*model.variables, *model.optimizer.variables]]

    metrics = [kx.metrics.ParameterRandomisation(), kx.metrics.RandomLogit()]
    callback = kx.callbacks.ExplanationCallback(
        KINDS["functional"].inputs(), [kx.GradCAM()], tmp_path, metrics=metrics, on_error="raise", verbose=0
    )
    assert trained(callback) == trained()
    assert np.isfinite(callback.measures["grad_cam"]["random_logit"]).any()


def test_max_sensitivity_of_whole_numbers_does_not_depend_on_the_samples_beside():
    generator = np.random.default_rng(0)
    narrow = generator.integers(100, 140, (1, 12, 16, 1)).astype(np.uint8)
    wide = generator.integers(0, 256, (1, 12, 16, 1)).astype(np.uint8)
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((12, 16, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="tanh"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    explainer, metric = kx.Saliency(), kx.metrics.MaxSensitivity(radius=0.2, num_samples=4)

    def measured(images):
        explanation = explainer(model, images, targets=[0] * len(images))
        return metric(explanation, model, images, explainer)

    both = measured(np.concatenate([narrow, wide]))
    np.testing.assert_allclose(both, np.concatenate([measured(narrow), measured(wide)]), rtol=1e-3)
