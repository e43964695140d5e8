"""Several devices under keras.distribution.DataParallel on jax: each explains its part of the samples.

pip install 'keras-xai[jax]'
python examples/data_parallel_jax.py
python examples/data_parallel_jax.py --devices 0   # all devices of this machine

In two processes, each of which trains on its part of the data; the first one writes the explanations:

python examples/data_parallel_jax.py --devices 2 --coordinator localhost:1234 --processes 2 --process 0 &
python examples/data_parallel_jax.py --devices 2 --coordinator localhost:1234 --processes 2 --process 1
"""

import argparse
import os

os.environ["KERAS_BACKEND"] = "jax"  # before keras is imported

import jax
import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_xai as kx


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--devices", type=int, default=4, help="CPU devices to pretend; 0 takes the devices there are"
    )
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument("--log-dir", default="logs/data_parallel")
    arguments.add_argument("--coordinator", help="address of process 0, where there are several")
    arguments.add_argument("--processes", type=int, default=1, help="how many there are")
    arguments.add_argument("--process", type=int, default=0, help="which one this is, from 0")
    options = arguments.parse_args()

    if options.devices:  # read when jax first looks for devices
        jax.config.update("jax_platforms", "cpu")
        os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={options.devices}"
    if options.processes > 1:  # before anything looks for devices
        jax.distributed.initialize(options.coordinator, options.processes, options.process)
        keras.utils.set_random_seed(0)  # the same first weights in all of them
    devices = keras.distribution.list_devices()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False))

    digits, labels = load_digits(return_X_y=True)
    images = np.kron(digits.reshape(-1, 8, 8) / 16, np.ones((2, 2)))[..., None].astype("float32")
    head = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Conv2D(16, 3, activation="relu"), *head])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    samples = kx.Samples(images[-16:], labels=labels[-16:])
    callback = kx.callbacks.ExplanationCallback(samples, ["grad_cam", "hires_cam"], options.log_dir)
    part = slice(options.process, 1536, options.processes)
    model.fit(images[part], labels[part], epochs=options.epochs, batch_size=64, callbacks=[callback], verbose=2)
    print(f"{len(devices)} devices, {len(samples)} samples")
    print(callback.explanations["hires_cam"])


if __name__ == "__main__":
    main()
