"""Fit, and read what was written."""

import warnings
from pathlib import Path

from tensorboard.util import tensor_util

import keras_xai as kx
from keras_xai.event_files import events
from tests.training.networks import data


def samples(count=4):
    """Held-out samples of the toy data."""
    images, labels = data(count, seed=2)
    return kx.Samples(images, labels=labels)


def fit(model, callbacks, epochs=2, **options):
    """A short and silent fit on the toy data. Returns the history."""
    images, labels = data()
    return model.fit(images, labels, batch_size=8, verbose=0, epochs=epochs, callbacks=callbacks, **options)


def told(action):
    """What the action warns of, as a user sees it: without deprecations inside of libraries."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)
        action()
    return [str(warning.message) for warning in caught]


def stock(log_dir, plugin):
    """What the stock tab shows: {tag: {step: value}}. Texts as str, scalars as float, images as their bytes."""
    found = {}
    for file in sorted(Path(log_dir, "explanations").glob("events*")):
        for event in events(file):
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == plugin:
                    array = tensor_util.make_ndarray(value.tensor)
                    read = {"text": _text, "scalars": float, "images": _picture}[plugin](array)
                    found.setdefault(value.tag, {})[event.step] = read
    return found


def _text(array):
    return array.item().decode()


def _picture(array):
    width, height, picture = array
    return picture
