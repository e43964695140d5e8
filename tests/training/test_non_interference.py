"""Training with everything switched on leaves what training without it leaves, to the last bit."""

import functools
import random
import warnings

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback
from tests.requirements import require_backend
from tests.training.broken import Broken, draw
from tests.training.everything import all_callbacks
from tests.training.fit_state import differences, fit_state, set_random_states
from tests.training.networks import Variational, compiled, counting, data, functional, small, unseeded


class Batches(keras.utils.PyDataset):
    """Shuffles and augments with NumPy's global generator, as many a loader does."""

    def __init__(self):
        super().__init__()
        self.images, self.labels = data()

    def __len__(self):
        return 3

    def __getitem__(self, index):
        chosen = np.random.permutation(len(self.images))[:8]  # noqa: NPY002
        return self.images[chosen] + np.float32(random.uniform(0, 0.01)), self.labels[chosen]


def arrays():
    return {"x": data()[0], "y": data()[1], "batch_size": 8, "shuffle": True, "validation_data": data(8, seed=1)}


def py_dataset():
    return {"x": Batches(), "validation_data": data(8, seed=1), "validation_freq": 2}


def tf_dataset():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(data()).shuffle(24).repeat().batch(8)
    return {"x": dataset, "steps_per_epoch": 3, "shuffle": False}


def state(build, source=arrays, callbacks=list):
    """What a seeded fit of two epochs leaves behind."""
    set_random_states()
    model = compiled(build())
    history = model.fit(**source(), epochs=2, verbose=0, callbacks=callbacks())
    return fit_state(model, history)


plain = functools.cache(state)


def samples():
    images, labels = data(4, seed=2)
    return kx.Samples(images, labels=labels)


@pytest.mark.parametrize("build", [functional, Variational])
def test_everything_on_changes_nothing(build, tmp_path):
    on = state(build, callbacks=lambda: all_callbacks(samples(), tmp_path))
    assert differences(plain(build), on) == {}


def test_noise_from_the_global_generator_goes_on_as_it_would(tmp_path):
    require_backend("tensorflow", "torch", reason="Keras refuses unseeded draws in a compiled step of jax")

    def callbacks():
        return [ExplanationCallback(samples(), ["grad_cam"], log_dir=tmp_path, metrics=[drawn])]

    assert differences(plain(unseeded), state(unseeded, callbacks=callbacks)) == {}


def drawn(explanation):
    draw()
    return 0.0


def test_a_fit_without_us_can_be_repeated():
    """Else the comparison would be worth nothing."""
    assert differences(plain(functional), state(functional)) == {}


@pytest.mark.parametrize("source", [py_dataset, tf_dataset])
def test_whatever_the_data_come_from(source, tmp_path):
    if source is tf_dataset:
        require_backend("tensorflow", reason="elsewhere a fit reads arrays or a PyDataset, as above")
    on = state(functional, source, lambda: [ExplanationCallback(samples(), ["grad_cam"], log_dir=tmp_path)])
    assert differences(plain(functional, source), on) == {}


def test_failing_explainers_change_nothing(tmp_path):
    places = ["prepare", "explain", "observe", "perturb", "answered"]

    def callbacks():
        return [ExplanationCallback(samples(), [*map(Broken, places), kx.GradCAM()], log_dir=tmp_path)]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        on = state(small, callbacks=callbacks)
    assert differences(plain(small), on) == {}
    told = " ".join(str(warning.message) for warning in caught)
    assert [place for place in places if f"on purpose in {place}" in told] == places


def draw_from_numpy(model, images):
    np.random.uniform()  # noqa: NPY002


def draw_from_keras(model, images):
    keras.random.uniform((1,))


def call_the_model(model, images):
    model(images)


def name_a_layer(model, images):
    keras.layers.Conv2D(1, 1)


@pytest.mark.parametrize(
    ("meddle", "seen"),
    [
        (draw_from_numpy, "numpy"),
        (draw_from_keras, "keras"),
        (call_the_model, "variable counter/calls"),
        (name_a_layer, "next layer names"),
    ],
)
def test_the_comparison_sees_what_a_careless_callback_does(meddle, seen):
    images = data(4)[0]

    class Careless(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            meddle(self.model, images)

    assert seen in differences(plain(counting), state(counting, callbacks=lambda: [Careless()]))
