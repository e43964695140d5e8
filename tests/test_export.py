"""A SavedModel that explains: read by TensorFlow alone, it gives the maps that Python gives."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from tests.requirements import require_backend
from tests.training.networks import CLASSES, SIZE, data, small

IMAGES, _ = data(5)
TARGETS = np.array([0, -1, 2, 1, -1], np.int32)


def two_inputs():
    image, number = keras.Input((SIZE, 10, 3), name="image"), keras.Input((1,), name="number")
    x = layers.Conv2D(4, 3, strides=2, activation="relu")(image)
    x = layers.BatchNormalization()(x)
    x = layers.Concatenate()([layers.Flatten()(x), number])
    return keras.Model({"image": image, "number": number}, layers.Dense(1, activation="sigmoid")(x))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """What TensorFlow reads in a process without keras and keras_xai, and the models in this one."""
    require_backend("tensorflow")
    place = tmp_path_factory.mktemp("exported")
    generator = np.random.default_rng(0)
    models = {"one": kx.ExplainedModel(small()), "two": kx.ExplainedModel(two_inputs())}
    for model in models.values():
        model.set_weights([generator.normal(size=w.shape) if w.ndim > 1 else abs(w) + 0.1 for w in model.get_weights()])
    models["one"].export_with_explanations(place / "one")
    models["two"].export_with_explanations(place / "two", kx.HiResCAM())
    np.savez(place / "data.npz", images=IMAGES, targets=TARGETS)
    program = """
        import sys
        sys.modules["keras"] = sys.modules["keras_xai"] = None  # importing them fails
        import numpy as np
        import tensorflow as tf

        given = np.load("data.npz")
        one, two = tf.saved_model.load("one"), tf.saved_model.load("two")
        images, targets = tf.constant(given["images"]), tf.constant(given["targets"])
        found = {"served": {"served": next(iter(one.signatures["serve"](images).values()))}}
        found["free"] = one.signatures["explain"](images)
        found["asked"] = one.signatures["explain_targets"](inputs=images, targets=targets)
        found["called"] = one.explain_targets(images[:2], targets[:2])
        inputs = {"image": images[:, :, :10], "number": tf.reshape(tf.range(5.0), (5, 1))}
        found["two"] = two.explain(inputs)
        found["two asked"] = two.explain_targets(inputs, tf.zeros(5, tf.int32))
        np.savez("found.npz", **{f"{a}/{b}": value for a, some in found.items() for b, value in some.items()})
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=place, check=True, timeout=300)
    return models, dict(np.load(place / "found.npz"))


def same(found, explanation):
    scale = np.abs(explanation.maps).max()
    assert scale > 0
    np.testing.assert_allclose(found, explanation.maps, atol=1e-5 * scale)


def test_serves_what_the_model_predicts(exported):
    models, found = exported
    np.testing.assert_allclose(found["served/served"], models["one"].predict(IMAGES, verbose=0), rtol=1e-5)


def test_explains_the_prediction(exported):
    models, found = exported
    expected = kx.GradCAM()(models["one"].model, IMAGES)
    same(found["free/maps"], expected)
    assert found["free/maps"].shape == (5, SIZE, SIZE)
    np.testing.assert_array_equal(found["free/targets"], expected.targets)
    np.testing.assert_allclose(found["free/predictions"], expected.predictions, rtol=1e-5)


def test_explains_the_targets_asked_for(exported):
    models, found = exported
    predicted = kx.GradCAM()(models["one"].model, IMAGES).targets
    expected = kx.GradCAM()(models["one"].model, IMAGES, np.where(TARGETS < 0, predicted, TARGETS))
    same(found["asked/maps"], expected)
    np.testing.assert_allclose(found["called/maps"], found["asked/maps"][:2], rtol=1e-5, atol=1e-6)
    assert np.abs(found["asked/maps"] - found["free/maps"]).max() > 1e-3


def test_several_inputs_another_method_a_coarser_layer(exported):
    models, found = exported
    x = {"image": IMAGES[:, :, :10], "number": np.arange(5, dtype=np.float32)[:, None]}
    same(found["two/maps"], kx.HiResCAM()(models["two"].model, kx.Samples(x)))
    zeros = np.zeros(5, int)
    same(found["two asked/maps"], kx.HiResCAM()(models["two"].model, kx.Samples(x, targets=zeros)))


def test_half_precision(tmp_path):
    require_backend("tensorflow")
    import tensorflow as tf

    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = kx.ExplainedModel(small())
    finally:
        keras.config.set_dtype_policy("float32")
    model.export_with_explanations(tmp_path / "half")
    expected = kx.GradCAM()(model.model, IMAGES)
    loaded = tf.saved_model.load(tmp_path / "half")
    found = loaded.explain(tf.constant(IMAGES))["maps"]
    np.testing.assert_allclose(found, expected.maps, atol=2e-3 * np.abs(expected.maps).max())


class TestWrongCalls:
    @pytest.fixture(autouse=True)
    def _on_tensorflow(self):
        require_backend("tensorflow")

    @pytest.mark.parametrize("method", [kx.LIME(num_samples=4, fill="blur"), "score_cam", "activations"])
    def test_methods_of_many_passes(self, method, tmp_path):
        with pytest.raises(
            ValueError, match="cannot be exported: it .*Export a method that answers from a single pass"
        ):
            kx.ExplainedModel(small()).export_with_explanations(tmp_path, method)
        assert not list(tmp_path.iterdir())

    def test_a_model_without_sizes(self, tmp_path):
        image = keras.Input((None, None, 3))
        x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(image))
        model = keras.Model(image, layers.Dense(CLASSES)(x))
        with pytest.raises(ValueError, match="sizes of the inputs of .* are not fixed.*samples="):
            kx.ExplainedModel(model).export_with_explanations(tmp_path / "it")
        kx.ExplainedModel(model, IMAGES).export_with_explanations(tmp_path / "it")
        assert (tmp_path / "it" / "saved_model.pb").is_file()
