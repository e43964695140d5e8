"""A tiny network, a data set of 21 images, and ways to give them."""

import functools

import keras
import numpy as np

from tests.training.networks import data, small

COUNT = 21
SHARD = 8
IMAGES, LABELS = data(COUNT, seed=3)


@functools.cache
def network():
    """The one that most tests share, so that it is compiled once."""
    return fresh_network()


def fresh_network():
    """Always with the same weights."""
    model = small()
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(size=weight.shape) for weight in model.get_weights()])
    return model


class Batches(keras.utils.PyDataset):
    """Batches of five, what is done when the last ones are asked for, and the numbers of those that were asked for."""

    def __init__(self, before_the_last=None, order=None):
        super().__init__()
        self.before_the_last = before_the_last
        self.asked = []
        self.order = np.arange(COUNT) if order is None else order

    def __len__(self):
        return -(-COUNT // 5)

    def __getitem__(self, index):
        self.asked.append(index)
        if index == len(self) - 1 and self.before_the_last is not None:
            self.before_the_last()
        chosen = self.order[5 * index : 5 * index + 5]
        return IMAGES[chosen], LABELS[chosen]


def files(folder):
    """Name -> bytes of everything in a directory."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
