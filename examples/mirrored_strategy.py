"""Several devices under TensorFlow's MirroredStrategy: each explains its part of the samples.

python examples/mirrored_strategy.py
python examples/mirrored_strategy.py --devices 0   # all GPUs of this machine
"""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # before keras is imported

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_xai as kx


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--devices", type=int, default=2, help="CPU devices to pretend; 0 takes the GPUs there are")
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument("--log-dir", default="logs/mirrored")
    options = arguments.parse_args()

    names = None
    if options.devices:
        (cpu, *_) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * options.devices)
        names = [f"CPU:{number}" for number in range(options.devices)]
    strategy = tf.distribute.MirroredStrategy(names)

    digits, labels = load_digits(return_X_y=True)
    images = np.kron(digits.reshape(-1, 8, 8) / 16, np.ones((2, 2)))[..., None].astype("float32")
    with strategy.scope():
        head = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
        model = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Conv2D(16, 3, activation="relu"), *head])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    samples = kx.Samples(images[-16:], labels=labels[-16:])
    callback = kx.callbacks.ExplanationCallback(samples, ["grad_cam", "hires_cam"], options.log_dir)
    model.fit(images[:-200], labels[:-200], epochs=options.epochs, batch_size=64, callbacks=[callback], verbose=2)
    print(f"{strategy.num_replicas_in_sync} devices, {len(samples)} samples")
    print(callback.explanations["hires_cam"])


if __name__ == "__main__":
    main()
