"""The jax backend: the same callback; nothing imports TensorFlow.

pip install 'keras-xai[jax]'
python examples/jax_backend.py
"""

import argparse
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"  # before keras is imported

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_xai as kx


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--epochs", type=int, default=5)
    arguments.add_argument("--log-dir", default="logs/jax")
    options = arguments.parse_args()

    digits, labels = load_digits(return_X_y=True)
    images = np.kron(digits.reshape(-1, 8, 8) / 16, np.ones((4, 4)))[..., None].astype("float32")

    layers = [keras.layers.Conv2D(16, 3, strides=2, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((32, 32, 1)), *layers, keras.layers.Softmax()])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    samples = kx.Samples(images[-12:], labels=labels[-12:])
    callback = kx.callbacks.ExplanationCallback(samples, ["grad_cam", "hires_cam"], options.log_dir)
    model.fit(images[:-200], labels[:-200], epochs=options.epochs, callbacks=[callback], verbose=2)

    print(f"backend {keras.config.backend()}, TensorFlow imported: {'tensorflow' in sys.modules}")
    print(callback.explanations["hires_cam"])


if __name__ == "__main__":
    main()
