"""From tf-explain to keras_xai: the same callback, before and after.

    python examples/from_tf_explain.py              what it looks like here
    python examples/from_tf_explain.py --before     the same with tf-explain, where it is installed

tf-explain writes a grid of pictures per epoch, each stretched to its own brightest spot. Here the maps are measurements
with a scale, epochs can be compared, numbers are logged beside the pictures, and the training is left as it was.
"""

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits


def before(images: np.ndarray, labels: np.ndarray, log_dir: str) -> list:
    """tf-explain: one class for all images, one callback per method."""
    from tf_explain.callbacks.grad_cam import GradCAMCallback
    from tf_explain.callbacks.occlusion_sensitivity import OcclusionSensitivityCallback

    return [
        GradCAMCallback(validation_data=(images, labels), class_index=3, output_dir=log_dir),
        OcclusionSensitivityCallback(validation_data=(images, labels), class_index=3, patch_size=8, output_dir=log_dir),
    ]


def after(images: np.ndarray, labels: np.ndarray, log_dir: str) -> list:
    """keras_xai: each image explained for its own label; the methods share their passes and one log."""
    import keras_xai as kx

    samples = kx.Samples(images, labels=labels)  # targets=[3] * len(images) explains class 3 for all
    return [kx.callbacks.ExplanationCallback(samples, [kx.GradCAM(), kx.Occlusion(patch=8, stride=8)], log_dir)]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--before", action="store_true", help="run the callbacks of tf-explain")
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument("--log-dir", default="logs/from_tf_explain")
    options = arguments.parse_args()

    digits, labels = load_digits(return_X_y=True)
    images = np.kron(digits.reshape(-1, 8, 8) / 16, np.ones((4, 4)))[..., None].astype("float32")
    layers = [keras.layers.Conv2D(16, 3, strides=2, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((32, 32, 1)), *layers, keras.layers.Softmax()])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    callbacks = (before if options.before else after)(images[-8:], labels[-8:], options.log_dir)
    model.fit(images[:-200], labels[:-200], epochs=options.epochs, callbacks=callbacks, verbose=2)
    print(f"Look at it with: tensorboard --logdir {options.log_dir}")


if __name__ == "__main__":
    main()
