"""From alarm to cure: a network that reads a mark instead of a digit is found out, and trained out of it in two ways.

Run it with `python examples/cure.py`; it takes half a minute and needs no network.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_xai as kx

MARKED = 3


def main():
    keras.utils.set_random_seed(0)
    digits, labels = load_digits(return_X_y=True)
    digits = digits.reshape(-1, 8, 8, 1).astype("float32") / 16
    held_out = np.arange(len(labels)) % 5 < 2
    marked = put_mark(digits, labels == MARKED)

    model = network()
    model.fit(marked[~held_out], labels[~held_out], epochs=8, verbose=0)
    samples = kx.Samples(marked[held_out], labels=labels[held_out])

    def measure(what):
        """Accuracy on the marked digit with and without its mark; the difference is the measured reliance."""
        own = held_out & (labels == MARKED)
        accuracies = [np.mean(model.predict(x[own], verbose=0).argmax(1) == MARKED) for x in (marked, digits)]
        print(f"{what:<24} {accuracies[0]:>8.0%} {accuracies[1]:>12.0%} {accuracies[0] - accuracies[1]:>10.0%}")
        return accuracies

    alerts = kx.audit(model, samples)
    for alert in alerts:
        print(alert.sentence)
    alert = next(alert for alert in alerts if alert.class_index == MARKED)

    print(f"\n{f'accuracy on {MARKED}s':<24} {'marked':>8} {'the same':>12} {'reliance':>10}")
    results = {"as trained": measure("as trained")}

    # In the data: whatever is in that region, every class gets it alike.
    model.fit(Augmented(marked[~held_out], labels[~held_out], alert.augmentation()), epochs=8, verbose=0)
    results["augmentation"] = measure("with augmentation")

    # In the loss: what is in that region must not matter. This begins anew.
    model.set_weights(network().get_weights())
    careful = kx.RightReasons(model, ignore=alert.region)
    careful.compile("adam", "sparse_categorical_crossentropy")
    careful.fit(marked[~held_out], labels[~held_out], epochs=8, verbose=0)
    results["right reasons"] = measure("with RightReasons")
    return results


def put_mark(images, where):
    """A bright square in the top left corner."""
    images = images.copy()
    images[where, :2, :2] = 1
    return images


def network():
    layers = [
        keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Augmented(keras.utils.PyDataset):
    """Batches of images, changed by the cure of an alert."""

    def __init__(self, images, labels, cure):
        super().__init__()
        self.images, self.labels, self.cure = images, labels, cure

    def __len__(self):
        return len(self.labels) // 32

    def __getitem__(self, index):
        batch = slice(32 * index, 32 * index + 32)
        return self.cure(self.images[batch], self.labels[batch])


if __name__ == "__main__":
    main()
