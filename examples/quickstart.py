"""Explanations during training in one callback: run it, then `tensorboard --logdir logs`.

Handwritten digits that come with scikit-learn, enlarged to 32×32; nothing is downloaded.
"""

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_xai as kx


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--epochs", type=int, default=8)
    arguments.add_argument("--log-dir", default="logs")
    options = arguments.parse_args()

    digits, labels = load_digits(return_X_y=True)
    images = np.kron(digits.reshape(-1, 8, 8) / 16, np.ones((4, 4)))[..., None].astype("float32")
    held_out = slice(-200, None)

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((32, 32, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    # What is watched: the first 12 held-out digits, with their labels.
    samples = kx.Samples(images[held_out][:12], labels=labels[held_out][:12])
    callback = kx.callbacks.ExplanationCallback(samples, log_dir=options.log_dir)
    model.fit(
        images[:-200],
        labels[:-200],
        validation_data=(images[held_out], labels[held_out]),
        epochs=options.epochs,
        callbacks=[callback, keras.callbacks.TensorBoard(options.log_dir)],
        verbose=2,
    )

    for method, explanation in callback.explanations.items():
        means = {name: np.nanmean(values).round(3) for name, values in callback.measures[method].items()}
        print(explanation, means, sep="\n    ")


if __name__ == "__main__":
    main()
