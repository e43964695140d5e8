"""The wrapper is the plain model: losses, checkpoints, callbacks; and it explains."""

import copy
import json
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai.engine import engine_for
from tests.requirements import require_backend
from tests.training.fit_state import differences, fit_state, set_random_states
from tests.training.networks import CLASSES, SIZE, compiled, data, small

IMAGES, LABELS = data()
HELD_OUT = data(12, seed=2)


def functional():
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.Add()([x, layers.BatchNormalization()(x)])
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


class Subclassed(keras.Model):
    """Unbuilt until `fit`."""

    def __init__(self):
        super().__init__()
        self.convolution = layers.Conv2D(4, 3, activation="relu")
        self.dropout = layers.Dropout(0.3)
        self.head = layers.Dense(CLASSES, activation="softmax")

    def call(self, x, training=None):
        return self.head(self.dropout(ops.mean(self.convolution(x), axis=(1, 2)), training=training))


def two_inputs():
    image, number = keras.Input((SIZE, SIZE, 3), name="image"), keras.Input((1,), name="number")
    x = layers.Conv2D(4, 3, activation="relu")(image)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), number])
    return keras.Model({"image": image, "number": number}, layers.Dense(CLASSES, activation="softmax")(x))


class Penalised(Subclassed):
    """Trains by a step and a loss of its own."""

    def train_step(self, *arguments):
        self.steps = getattr(self, "steps", 0) + 1  # traced once on tensorflow and jax, run every time on torch
        return super().train_step(*arguments)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight) / 2 + ops.mean(y_pred[:, 0])


KINDS = {
    "sequential": (small, IMAGES),
    "functional": (functional, IMAGES),
    "subclassed": (Subclassed, IMAGES),
    "several inputs": (two_inputs, {"image": IMAGES, "number": LABELS[:, None] / 3}),
    "own training step": (Penalised, IMAGES),
}


def train(kind, wrap, log_dir):
    """Compile, fit, evaluate, predict: the model, and all that came of it as values."""
    make, x = KINDS[kind]
    held_out = keras.tree.map_structure(lambda array: array[:8], (x, LABELS))
    set_random_states()
    model = make()
    if wrap:
        model = kx.ExplainedModel(model, explainers=["grad_cam"], log_dir=log_dir)
    compiled(model)
    history = model.fit(x, LABELS, batch_size=8, epochs=2, verbose=0, validation_data=held_out)
    found = fit_state(model.model if wrap else model, history)
    found["evaluate"] = model.evaluate(x, LABELS, verbose=0)
    found["predict"] = model.predict(x, verbose=0).tobytes()
    summary = []
    model.summary(print_fn=summary.append)
    return model, history, found | {"summary": "\n".join(summary), "steps": getattr(model, "steps", None)}


@pytest.mark.parametrize("kind", KINDS)
def test_is_the_plain_model_bit_for_bit(kind, tmp_path):
    _, _, alone = train(kind, wrap=False, log_dir=None)
    model, history, wrapped = train(kind, wrap=True, log_dir=tmp_path)
    assert differences(alone, wrapped) == {}
    assert isinstance(model, keras.Model)
    assert (tmp_path / "explanations").is_dir()
    expected = kx.GradCAM()(model.model, model.samples)
    np.testing.assert_array_equal(history.explanations["grad_cam"].maps, expected.maps)
    assert len(model.samples) == 8
    assert (wrapped["steps"] or 0) >= (kind == "own training step")


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory):
    """A wrapper that was fitted with checkpoints, and the directory with these."""
    place = tmp_path_factory.mktemp("wrapped")
    keras.utils.set_random_seed(4)
    model = compiled(kx.ExplainedModel(small(), explainers=["grad_cam"], log_dir=place / "logs"))
    model.optimizer.build(model.trainable_variables)
    model.model.save(place / "start.keras")
    callbacks = [
        keras.callbacks.ModelCheckpoint(place / "model.keras"),
        keras.callbacks.ModelCheckpoint(place / "model.weights.h5", save_weights_only=True),
        keras.callbacks.BackupAndRestore(place / "backup", delete_checkpoint=False),
    ]
    options = {"epochs": 2, "batch_size": 8, "verbose": 0, "shuffle": False}
    model.fit(IMAGES, LABELS, validation_data=HELD_OUT, callbacks=callbacks, **options)
    model.save(place / "saved.keras")
    keras.saving.save_model(model, place / "saved by keras.keras")
    return model, place


def test_checkpoints_load_and_train_on_without_keras_xai(wrapped):
    model, place = wrapped
    program = """
        import json, sys
        sys.modules["keras_xai"] = None  # importing it fails
        import keras
        import numpy as np

        x, y = np.load("x.npy"), np.load("y.npy")
        options = {"epochs": 3, "batch_size": 8, "verbose": 0, "shuffle": False}
        losses = {}
        for name in ("model", "saved", "saved by keras"):
            model = keras.models.load_model(name + ".keras")
            losses[name] = model.fit(x, y, initial_epoch=2, **options).history["loss"]
        model = keras.models.load_model("start.keras")
        model.load_weights("model.weights.h5")
        losses["weights"] = model.fit(x, y, initial_epoch=2, **options).history["loss"]
        model = keras.models.load_model("start.keras")
        backup = keras.callbacks.BackupAndRestore("backup")
        losses["backup"] = model.fit(x, y, callbacks=[backup], **options).history["loss"]
        print(json.dumps(losses))
    """
    np.save(place / "x.npy", IMAGES)
    np.save(place / "y.npy", LABELS)
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=place, env=dict(os.environ), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    plain = keras.models.load_model(place / "start.keras")
    options = {"epochs": 3, "batch_size": 8, "verbose": 0, "shuffle": False}
    third = plain.fit(IMAGES, LABELS, **options).history["loss"][2]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {name: [pytest.approx(third, rel=1e-6)] for name in found}
    assert len(found) == 5


def test_copies_and_clones_are_plain(wrapped):
    model, _ = wrapped
    for other in (copy.deepcopy(model), keras.models.clone_model(model)):
        assert type(other) is keras.Sequential
        assert other is not model.model


def test_can_stand_in_another_model(wrapped):
    model, _ = wrapped
    outer = keras.Sequential([keras.Input((SIZE, SIZE, 3)), model])
    np.testing.assert_array_equal(outer.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    assert len(outer.weights) == len(model.weights)


def test_what_is_set_is_set_on_the_plain_model(wrapped):
    model, _ = wrapped
    model.trainable = False
    assert model.model.trainable is False
    assert model.trainable_weights == []
    model.trainable = True
    model.note = 1
    assert model.model.note == 1
    del model.note
    assert not hasattr(model.model, "note")
    assert "Sequential" in repr(model)
    assert repr(model).startswith("ExplainedModel(")


def test_callbacks_meet_the_plain_model_and_can_stop_it(tmp_path):
    met = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            met.append((epoch, type(self.model)))
            self.model.stop_training = True

    model = compiled(kx.ExplainedModel(small(), kx.Samples(*HELD_OUT), ["grad_cam"], tmp_path))
    model.fit(IMAGES, LABELS, epochs=5, verbose=0, callbacks=Watch())
    assert met == [(0, keras.Sequential)]
    assert model.stop_training


def test_a_callback_list_gets_our_callback_for_this_fit_only(tmp_path):
    plain = compiled(small())
    given = keras.callbacks.CallbackList([keras.callbacks.History()], model=plain, epochs=1)
    before = list(given.callbacks)
    model = kx.ExplainedModel(plain, kx.Samples(*HELD_OUT), ["grad_cam"], tmp_path)
    history = model.fit(IMAGES, LABELS, verbose=0, callbacks=given)
    assert history.explanations.keys() == {"grad_cam"}
    assert given.callbacks == before


def test_a_fit_of_its_own(tmp_path):
    class Own(keras.Sequential):
        def fit(self, *arguments, patience=None, **options):
            self.patience = patience
            return super().fit(*arguments, **options)

    plain = Own([keras.Input((SIZE, SIZE, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), layers.Dense(3)])
    model = compiled(kx.ExplainedModel(plain, explainers=["grad_cam"], log_dir=tmp_path), loss="mse", metrics=[])
    targets = np.eye(3)[LABELS]
    history = model.fit(IMAGES, targets, 8, 1, 0, None, 0.5, patience=3)
    assert history.explanations["grad_cam"].maps.shape[1:] == (SIZE, SIZE)
    assert plain.patience == 3


class TestHeldOutSamples:
    @staticmethod
    def fit(log_dir, x=IMAGES, y=LABELS, **options):
        model = compiled(kx.ExplainedModel(small(), explainers=["grad_cam"], log_dir=log_dir))
        return model, model.fit(x, y, verbose=0, **options)

    def test_of_validation_data_every_class(self, tmp_path):
        images, labels = data(90, seed=3)
        model, _ = self.fit(tmp_path, validation_data=(images, labels))
        chosen = [int(name) for name in model.samples.names]
        np.testing.assert_array_equal(model.samples.x, images[chosen])
        np.testing.assert_array_equal(np.bincount(model.samples.labels), [6, 5, 5])

    def test_of_the_part_that_keras_splits_off(self, tmp_path):
        model, history = self.fit(tmp_path, validation_split=0.3)
        held_out = IMAGES[16:]
        np.testing.assert_array_equal(model.samples.x, held_out[[int(name) for name in model.samples.names]])
        assert len(model.samples) == len(held_out)
        loss, _ = model.evaluate(held_out, LABELS[16:], verbose=0)
        assert history.history["val_loss"][-1] == pytest.approx(loss, rel=1e-5)  # keras splits there too

    def test_given_ones_are_kept(self, tmp_path):
        samples = kx.Samples(*HELD_OUT)
        model = compiled(kx.ExplainedModel(small(), samples, ["grad_cam"], tmp_path))
        model.fit(IMAGES, LABELS, validation_split=0.5, verbose=0)
        assert model.samples is samples

    def test_every_fit_chooses_anew(self, tmp_path):
        model, _ = self.fit(tmp_path, validation_data=HELD_OUT)
        model.fit(IMAGES, LABELS, validation_data=(IMAGES[:5], LABELS[:5]), verbose=0)
        assert len(model.samples) == 5

    def test_none_are_refused_before_training(self, tmp_path):
        model = compiled(kx.ExplainedModel(small(), log_dir=tmp_path))
        with pytest.raises(ValueError, match="no held-out samples to explain.*samples=.*validation_split="):
            model.fit(IMAGES, LABELS, verbose=0)
        assert model.optimizer.iterations == 0

    def test_a_generator_is_refused_before_it_is_read(self, tmp_path):
        generator = iter([HELD_OUT])
        model = compiled(kx.ExplainedModel(small(), log_dir=tmp_path))
        with pytest.raises(TypeError, match="without using it up.*give samples="):
            model.fit(IMAGES, LABELS, validation_data=generator, validation_steps=1, verbose=0)
        assert next(generator) is HELD_OUT


class TestExplain:
    def test_by_name_by_explainer_and_as_it_was_set_up(self, wrapped):
        model, _ = wrapped
        maps = kx.GradCAM(layer="conv")(model.model, IMAGES, targets=np.ones(24, int)).maps
        np.testing.assert_array_equal(model.explain(IMAGES, "grad_cam", np.ones(24, int)).maps, maps)
        np.testing.assert_array_equal(model.explain(IMAGES, kx.GradCAM(), np.ones(24, int)).maps, maps)
        assert model.explain(method="hires_cam").method == "hires_cam"
        by_mean = kx.ExplainedModel(model.model, explainers=[kx.GradCAM(score=kx.scores.Probability())])
        assert by_mean.explain(IMAGES).details["score"] == "probability"

    def test_shares_what_is_compiled_with_the_plain_model(self, wrapped):
        model, _ = wrapped
        assert engine_for(model) is engine_for(model.model)
        np.testing.assert_array_equal(kx.GradCAM()(model, IMAGES).maps, kx.GradCAM()(model.model, IMAGES).maps)

    def test_wrong_calls(self, wrapped):
        model, _ = wrapped
        with pytest.raises(ValueError, match="nothing to explain: give images"):
            kx.ExplainedModel(model.model).explain()
        with pytest.raises(ValueError, match="no explainer 'gradcam'; there are"):
            model.explain(IMAGES, "gradcam")
        with pytest.raises(TypeError, match="model must be a Keras 3 model"):
            kx.ExplainedModel(IMAGES)
        with pytest.raises(TypeError, match="an ExplainedModel already; wrap model.model"):
            kx.ExplainedModel(model)
        with pytest.raises(ValueError, match="no explainer 'cam'"):
            kx.ExplainedModel(model.model, explainers=["cam"])
        with pytest.raises(TypeError, match=r"use keras_xai.Samples.from_data\(data\)"):
            kx.ExplainedModel(model.model, samples=iter([HELD_OUT]))


def test_exporting_is_for_tensorflow(tmp_path):
    require_backend("jax", "torch")
    with pytest.raises(ValueError, match="on the tensorflow backend only; this is .*KERAS_BACKEND=tensorflow"):
        kx.ExplainedModel(small()).export_with_explanations(tmp_path)
