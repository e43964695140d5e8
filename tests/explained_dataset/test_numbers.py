"""What is in the shards: what explaining the same images at once gives, whatever they come from."""

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.engine import engine_for
from tests.explained_dataset.toy import COUNT, IMAGES, LABELS, SHARD, Batches, fresh_network, network
from tests.requirements import require_module


@pytest.fixture(scope="module")
def model():
    return network()


def explained(model, data, folder, explainer="grad_cam", **options):
    return kx.explain_dataset(model, data, explainer, folder, shard_size=SHARD, verbose=0, **options)


def joined(found, name):
    return np.concatenate([getattr(shard, name) for shard in found])


@pytest.mark.parametrize(
    "explainer",
    [kx.GradCAM(), kx.LIME(num_samples=12, segments="grid"), kx.IntegratedGradients(steps=4)],
    ids=lambda explainer: explainer.name,
)
def test_the_numbers_of_all_images_at_once(model, explainer, tmp_path):
    found = explained(model, (IMAGES, LABELS), tmp_path, explainer)
    expected = explainer(model, kx.Samples(IMAGES, labels=LABELS))
    largest = np.abs(expected.raw).max()
    assert largest > 0
    np.testing.assert_allclose(joined(found, "raw"), expected.raw, rtol=0, atol=1e-5 * largest)
    np.testing.assert_allclose(joined(found, "maps"), expected.maps, rtol=0, atol=1e-5 * largest)
    for name in ("scores", "predictions"):
        np.testing.assert_allclose(joined(found, name), getattr(expected, name), rtol=1e-5, atol=1e-5)
    for name in ("targets", "labels", "valid"):
        np.testing.assert_array_equal(joined(found, name), getattr(expected, name))
    assert [(shard.start, len(shard)) for shard in found] == [(0, 8), (8, 8), (16, 5)]
    assert (len(found), found.num_shards, found.complete) == (COUNT, 3, True)
    assert (found.method, found.signed, found.size) == (explainer.name, explainer.signed, (12, 12))
    assert (found.layer, found.score) == (expected.details.get("layer"), "logit")
    for name in {"r2", "completeness_gap"} & expected.details.keys():
        numbers = np.concatenate([shard.details[name] for shard in found])
        np.testing.assert_allclose(numbers, expected.details[name], rtol=1e-4, atol=1e-5)


def tf_data(shuffled):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    return (dataset.shuffle(COUNT).repeat() if shuffled else dataset).batch(6)


def loader(**options):
    require_module("torch")
    import torch

    images, labels = torch.from_numpy(IMAGES), torch.from_numpy(LABELS)
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=6, **options)


KINDS = {
    "tf.data": lambda: tf_data(shuffled=False),
    "tf.data, shuffled and repeated": lambda: tf_data(shuffled=True),
    "tf.data of single samples": lambda: tf_data(shuffled=False).unbatch(),
    "PyDataset": Batches,
    "DataLoader, shuffled": lambda: loader(shuffle=True),
    "list of batches": lambda: [(IMAGES[:3], LABELS[:3]), (IMAGES[3:20], LABELS[3:20]), (IMAGES[20:], LABELS[20:])],
    "generator": lambda: ((IMAGES[i : i + 4], LABELS[i : i + 4]) for i in range(0, COUNT, 4)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_in_order_from_whatever_holds_the_samples(model, kind, tmp_path):
    found = explained(model, KINDS[kind](), tmp_path)
    np.testing.assert_array_equal(joined(found, "labels"), LABELS)
    expected = kx.GradCAM()(model, kx.Samples(IMAGES, labels=LABELS)).scores
    np.testing.assert_allclose(joined(found, "scores"), expected, rtol=1e-5, atol=1e-5)


def test_a_part_of_a_loader_goes_on_in_the_middle(model, tmp_path):
    require_module("torch")
    import torch

    part = [20, 3, 4, 11, 7, 0, 15, 9, 12, 1]
    data = loader(sampler=torch.utils.data.SubsetRandomSampler(part))
    found = explained(model, data, tmp_path)
    np.testing.assert_array_equal(joined(found, "labels"), LABELS[sorted(part)])
    expected = joined(found, "raw")
    (tmp_path / "shard-000001.npz").unlink()
    with pytest.warns(UserWarning, match="shard-000001"):
        np.testing.assert_array_equal(joined(explained(model, data, tmp_path), "raw"), expected)


def test_without_labels_the_prediction_is_explained(model, tmp_path):
    (shard, *_) = explained(model, IMAGES, tmp_path)
    assert shard.labels is None
    np.testing.assert_array_equal(shard.targets, shard.predictions.argmax(axis=1))


@pytest.mark.parametrize(
    ("targets", "expected"), [("label", LABELS), ("predicted", None), (2, np.full(COUNT, 2)), (None, LABELS)]
)
def test_targets(model, targets, expected, tmp_path):
    found = explained(model, (IMAGES, LABELS), tmp_path, targets=targets)
    expected = joined(found, "predictions").argmax(axis=1) if expected is None else expected
    np.testing.assert_array_equal(joined(found, "targets"), expected)


def test_half_precision_halves_the_maps(model, tmp_path):
    single = explained(model, IMAGES, tmp_path / "single")
    half = explained(model, IMAGES, tmp_path / "half", dtype="float16")
    assert joined(half, "raw").dtype == np.float16
    np.testing.assert_allclose(joined(half, "maps"), joined(single, "maps"), rtol=2e-3, atol=1e-6)
    assert joined(half, "scores").dtype == np.float32


def test_maps_that_half_precision_cannot_hold(tmp_path):
    model = fresh_network()
    model.layers[-1].set_weights([1e6 * weight for weight in model.layers[-1].get_weights()])
    with pytest.raises(ValueError, match=r"A map reaches .*, which float16 cannot hold. Give dtype='float32'."):
        explained(model, IMAGES, tmp_path, dtype="float16")


def test_predictions_that_are_maps_themselves_are_left_out(tmp_path):
    inputs = keras.Input((12, 12, 3))
    dense = keras.Model(inputs, keras.layers.Conv2D(4, 1, activation="softmax")(keras.layers.Conv2D(2, 3)(inputs)))
    centre = kx.scores.Mean(np.ones((10, 10), bool))
    (shard, *_) = explained(dense, IMAGES[:4], tmp_path, kx.GradCAM(score=centre))
    assert shard.predictions is None
    assert shard.scores.shape == (4,)


def test_nothing_is_traced_again_for_the_last_samples(tmp_path):
    model = fresh_network()
    kx.explain_dataset(model, (IMAGES[:8], LABELS[:8]), "grad_cam", tmp_path / "a", shard_size=8, verbose=0)
    before = engine_for(model).num_traces
    kx.explain_dataset(model, (IMAGES, LABELS), "grad_cam", tmp_path / "b", shard_size=8, verbose=0)
    assert engine_for(model).num_traces == before


def test_several_inputs(tmp_path):
    image, number = keras.Input((12, 12, 3), name="image"), keras.Input((2,), name="number")
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3)(image))
    model = keras.Model([image, number], keras.layers.Dense(3)(keras.layers.Concatenate()([features, number])))
    numbers = np.random.default_rng(0).normal(size=(COUNT, 2)).astype(np.float32)
    x = {"image": IMAGES, "number": numbers}
    found = explained(model, (x, LABELS), tmp_path)
    expected = kx.GradCAM()(model, kx.Samples(x, labels=LABELS))
    np.testing.assert_allclose(joined(found, "raw"), expected.raw, rtol=1e-4, atol=1e-6)
