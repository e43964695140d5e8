"""A tf.data pipeline and mixed precision, on the tensorflow backend.

    python examples/tf_data_mixed_precision.py --policy mixed_bfloat16

The samples are picked out of the validation pipeline; it is left as it was found.
"""

import argparse

import keras
import numpy as np
import tensorflow as tf

import keras_xai as kx
from keras_xai.demo.data import make_data


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--policy", choices=["mixed_float16", "mixed_bfloat16"], default="mixed_float16")
    arguments.add_argument("--count", type=int, default=4000, help="pictures to train on")
    arguments.add_argument("--epochs", type=int, default=5)
    arguments.add_argument("--log-dir", default="logs/tf_data")
    options = arguments.parse_args()
    keras.config.set_dtype_policy(options.policy)

    data = make_data(train_count=options.count, validation_count=200)

    def pipeline(scenes):
        pairs = tf.data.Dataset.from_tensor_slices((scenes.images, scenes.labels))
        return pairs.map(lambda image, label: (tf.cast(image, tf.float32) / 255, label)).batch(64)

    train, validation = pipeline(data.train).shuffle(16), pipeline(data.validation)

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
            layers.Activation("softmax", dtype="float32"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    samples = kx.Samples.from_data(validation, count=12)
    callback = kx.callbacks.ExplanationCallback(samples, ["grad_cam", "hires_cam"], options.log_dir)
    model.fit(train, validation_data=validation, epochs=options.epochs, callbacks=[callback], shuffle=False, verbose=2)

    maps = callback.explanations["grad_cam"].maps
    print(f"Maps: {maps.dtype}, finite: {np.isfinite(maps).all()}, largest value {maps.max():.3g}")


if __name__ == "__main__":
    main()
