"""The torch backend, with a torch DataLoader for training and for choosing the samples.

pip install 'keras-xai[torch]'
python examples/torch_data_loader.py
"""

import argparse
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"  # before keras is imported

import keras
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import keras_xai as kx


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--epochs", type=int, default=5)
    arguments.add_argument("--log-dir", default="logs/torch")
    options = arguments.parse_args()

    digits, labels = load_digits(return_X_y=True)
    images = np.kron(digits.reshape(-1, 8, 8) / 16, np.ones((4, 4)))[..., None].astype("float32")
    pairs = TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
    train = DataLoader(torch.utils.data.Subset(pairs, range(1500)), batch_size=64, shuffle=True)
    validation = DataLoader(torch.utils.data.Subset(pairs, range(1500, len(pairs))), batch_size=64)

    layers = [keras.layers.Conv2D(16, 3, strides=2, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((32, 32, 1)), *layers, keras.layers.Softmax()])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    samples = kx.Samples.from_data(validation, count=12)  # leaves torch's random state as it was
    callback = kx.callbacks.ExplanationCallback(samples, ["grad_cam", "hires_cam"], options.log_dir)
    model.fit(train, validation_data=validation, epochs=options.epochs, callbacks=[callback], shuffle=False, verbose=2)

    print(f"backend {keras.config.backend()}, TensorFlow imported: {'tensorflow' in sys.modules}")
    print(callback.explanations["hires_cam"])


if __name__ == "__main__":
    main()
