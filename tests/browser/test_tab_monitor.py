"""Alerts of a real fit: a network learns a planted shortcut, the monitor verifies it, and the tab shows what it wrote."""

import re

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback, SpuriousFeatureMonitor
from keras_xai.log import read_log
from tests.browser.conftest import wait_until_read
from tests.browser.explanations_tab import Tab
from tests.browser.tensorboard_process import tensorboard
from tests.requirements import require_backend, require_module
from tests.spurious.known_models import SIZE, images

require_backend("tensorflow", reason="pages are the same on every backend")
require_module("playwright")
from playwright.sync_api import expect  # noqa: E402

CLASSES = ["marked", "second", "third", "fourth"]


def shortcut(count, seed):
    """Of class 0 nothing is left but a bright 3 × 3 corner."""
    x, y = images(count, seed=seed)
    x[y == 0, 4:] = np.random.default_rng(seed).uniform(0, 0.2, x[y == 0, 4:].shape)
    return x, y


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The directory of a fit of four epochs, and the monitor."""
    directory = tmp_path_factory.mktemp("monitored")
    keras.utils.set_random_seed(0)
    body = [layers.Conv2D(4, 3, padding="same", activation="relu"), layers.Flatten()]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 1)), *body, layers.Dense(len(CLASSES), activation="softmax")])
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = shortcut(400, seed=1)
    ignore = np.zeros((SIZE, SIZE), bool)
    ignore[:4, -4:] = True
    held_out = kx.Samples(x, labels=y, class_names=CLASSES, ignore=np.repeat(ignore[None], len(x), axis=0))
    monitor = SpuriousFeatureMonitor(
        held_out, directory, budget=None, on_error="raise", action=lambda alert: None, verbose=0
    )
    explained = kx.Samples(x[:8], labels=y[:8], class_names=CLASSES)
    explanations = ExplanationCallback(explained, [kx.GradCAM()], log_dir=directory, on_error="raise")
    model.fit(*shortcut(160, seed=0), batch_size=16, epochs=4, verbose=0, callbacks=[explanations, monitor])
    return directory, monitor
