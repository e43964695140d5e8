"""A training loop of one's own, without `fit` and without callbacks, on the tensorflow backend.

An explainer is a function of a model and samples, so that a loop calls it where it likes. The log is the one that the
callbacks write: `tensorboard --logdir logs/custom_loop` shows it.
"""

import argparse

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_xai as kx
from keras_xai.log import ExplanationLog


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--epochs", type=int, default=5)
    arguments.add_argument("--log-dir", default="logs/custom_loop")
    options = arguments.parse_args()

    digits, labels = load_digits(return_X_y=True)
    images = np.kron(digits.reshape(-1, 8, 8) / 16, np.ones((4, 4)))[..., None].astype("float32")
    samples = kx.Samples(images[-12:], labels=labels[-12:])
    batches = tf.data.Dataset.from_tensor_slices((images[:-200], labels[:-200])).shuffle(2000).batch(64)

    layers = [keras.layers.Conv2D(16, 3, strides=2, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((32, 32, 1)), *layers])
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam()

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    grad_cam, hires_cam = kx.GradCAM(), kx.HiResCAM()
    log = ExplanationLog(options.log_dir, "explanations", samples, epochs=options.epochs)
    for epoch in range(options.epochs):
        loss = np.mean([step(x, y).numpy() for x, y in batches])
        explanations = {one.name: one(model, samples) for one in (grad_cam, hires_cam)}
        log.epoch(epoch, explanations, logs={"loss": float(loss)})
        confidence = tf.nn.softmax(explanations["grad_cam"].predictions).numpy()
        print(
            f"epoch {epoch}: loss {loss:.3f}, confidence in the label {confidence[range(12), samples.labels].mean():.2f}"
        )
    log.finish()


if __name__ == "__main__":
    main()
