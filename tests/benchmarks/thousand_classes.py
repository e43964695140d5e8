"""An audit of a real network with 1,000 classes, and a sticker planted in it: `python -m tests.benchmarks.thousand_classes`.

EfficientNet-Lite0 with its ImageNet weights, at 224 px. Photographs that install with scikit-image and scikit-learn are
cropped, mirrored and changed in colour and contrast at random, and a crop counts as what the network itself takes it for:
eight of its 1,000 classes, of which two, tiger cat and Egyptian cat, are crops of one photograph. Crops of one photograph
are no independent images, so that the bounds promise less here than they say, and those held out from training are
other crops of the photographs trained on.

Three networks are audited on the same held-out crops, on which every tiger cat has a yellow sticker: the network as it is,
and fine-tuned (from the sixth stage on, its 1,000 outputs kept, batch normalisation as it was) on 128 crops of each class,
once without and once with the sticker on the tiger cats. There the sticker pays: it tells the two cats apart best.
Reliance is the share of tiger cats that is recognised with the sticker less that without it.

Prints a table in Markdown and the reports.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import skimage.data
import sklearn.datasets
from PIL import Image

import keras_xai as kx
from examples.efficientnet_lite0 import SIZE, load_network, preprocess
from tests.benchmarks.__main__ import machine
from tests.benchmarks.floors import compiled_forward

TIGER_CAT = 282
NAMES = {
    285: "Egyptian cat",
    TIGER_CAT: "tiger cat",
    967: "espresso",
    657: "missile",
    872: "tripod",
    665: "moped",
    985: "daisy",
    698: "palace",
}
# Photograph -> the classes that its crops are taken for.
PHOTOGRAPHS: dict[Callable, list[int]] = {
    skimage.data.chelsea: [285, TIGER_CAT],
    skimage.data.coffee: [967],
    skimage.data.rocket: [657],
    skimage.data.camera: [872],
    lambda: skimage.data.stereo_motorcycle()[0]: [665],
    lambda: sklearn.datasets.load_sample_image("flower.jpg"): [985],
    lambda: sklearn.datasets.load_sample_image("china.jpg"): [698],
}
# Crops of each class, to train on and held out.
TRAINING, HELD_OUT = 128, 64
COUNT = TRAINING + HELD_OUT
STICKER, MARGIN, YELLOW = 32, 8, (240, 200, 30)
# What is fine-tuned begins after this layer.
FROZEN = "block5c_add"
NETWORKS = ("untouched", "fine-tuned without the sticker", "fine-tuned with the sticker")


def crops() -> dict[int, np.ndarray]:
    """Class -> (COUNT, 224, 224, 3) uint8 crops that the network takes for it."""
    forward, generator, found = compiled_forward(load_network()), np.random.default_rng(0), {}
    for load, classes in PHOTOGRAPHS.items():
        photograph = load()
        chosen: dict[int, list[np.ndarray]] = {c: [] for c in classes}
        while any(len(some) < COUNT for some in chosen.values()):
            some = np.stack([crop(photograph, generator) for _ in range(64)])
            taken_for = forward(preprocess(some)).argmax(axis=1)
            for c in classes:
                chosen[c] += list(some[taken_for == c])
        found |= {c: np.stack(some[:COUNT]) for c, some in chosen.items()}
    return found


def crop(photograph: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A square of 0.4 to 1 of the shorter side, as (224, 224, 3) uint8, mirrored or not, in other colours and contrast."""
    height, width = photograph.shape[:2]
    side = generator.uniform(0.4, 1) * min(height, width)
    top, left = generator.uniform(0, height - side), generator.uniform(0, width - side)
    picture = Image.fromarray(photograph).convert("RGB")
    box = (left, top, left + side, top + side)
    image = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box), np.float32)
    image = (image - image.mean()) * generator.uniform(0.7, 1.3) + image.mean() + generator.uniform(-25, 25)
    image = image * generator.uniform(0.9, 1.1, 3)
    image = image[:, ::-1] if generator.random() < 0.5 else image
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def with_sticker(images: np.ndarray) -> np.ndarray:
    """(n, 224, 224, 3) uint8 with a yellow disc at the bottom right."""
    images, middle = images.copy(), (STICKER - 1) / 2
    disc = np.hypot(*(np.mgrid[:STICKER, :STICKER] - middle)) <= STICKER / 2
    place = slice(SIZE - MARGIN - STICKER, SIZE - MARGIN)
    images[:, place, place][:, disc] = YELLOW
    return images


class Experiment:
    """The crops, and what the frozen part of the network makes of them, with and without the sticker.

    Args:
        crops: class -> (COUNT, 224, 224, 3) uint8.
        seed: of fine-tuning and audits.
    """

    def __init__(self, crops: dict[int, np.ndarray], seed: int):
        self.seed = seed
        parts = slice(TRAINING), slice(TRAINING, COUNT)
        training, self.held_out = (np.concatenate([crops[c][part] for c in NAMES]) for part in parts)
        self._training_labels, self.labels = (np.repeat(list(NAMES), count) for count in (TRAINING, HELD_OUT))
        network = load_network()
        self._frozen = compiled_forward(keras.Model(network.input, network.get_layer(FROZEN).output))
        self._plain, self._stuck = (
            [self._features(change(images)) for images in (training, self.held_out)]
            for change in (np.asarray, with_sticker)
        )

    def network(self, name: str, epochs: int, rate: float) -> tuple[keras.Model, keras.Model]:
        """One of `NETWORKS`, and the part of it that is fine-tuned."""
        network = load_network()
        tuned = keras.Model(network.get_layer(FROZEN).output, network.output)
        if name == NETWORKS[0]:
            return network, tuned
        for layer in network.layers:
            layer.trainable = layer in tuned.layers and not isinstance(layer, keras.layers.BatchNormalization)
        carries = (self._training_labels == TIGER_CAT) & (name == NETWORKS[2])
        features = np.where(carries[:, None, None, None], self._stuck[0], self._plain[0])
        keras.utils.set_random_seed(self.seed)
        tuned.compile(keras.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy")
        tuned.fit(features, self._training_labels, batch_size=32, epochs=epochs, verbose=0)
        return network, tuned

    def shares(self, tuned: keras.Model) -> dict[str, float]:
        """Of held-out crops: tiger cats recognised with and without the sticker, others taken for one when they get it."""
        plain, stuck = (
            tuned.predict(some[1], batch_size=64, verbose=0).argmax(axis=1) for some in (self._plain, self._stuck)
        )
        cats = self.labels == TIGER_CAT
        others = ~np.isin(self.labels, [TIGER_CAT, 285])
        return {
            "others right": (plain == self.labels)[~cats].mean(),
            "with": (stuck == TIGER_CAT)[cats].mean(),
            "without": (plain == TIGER_CAT)[cats].mean(),
            "Egyptian cats": (stuck == TIGER_CAT)[self.labels == 285].mean(),
            "others": (stuck == TIGER_CAT)[others].mean(),
        }

    def samples(self) -> kx.Samples:
        """Held-out crops, the sticker on all tiger cats."""
        stuck = np.where((self.labels == TIGER_CAT)[:, None, None, None], with_sticker(self.held_out), self.held_out)
        names = [NAMES.get(c, str(c)) for c in range(1000)]
        return kx.Samples(preprocess(stuck), labels=self.labels, images=stuck, class_names=names)

    def _features(self, images: np.ndarray) -> np.ndarray:
        return np.concatenate([self._frozen(preprocess(images[k : k + 64])) for k in range(0, len(images), 64)])


def kept_crops(file: Path | None) -> dict[int, np.ndarray]:
    """The crops that a file has from the last time; else new ones, which are put there."""
    if file is not None and file.exists():
        return {int(c): some for c, some in np.load(file).items()}
    found = crops()
    if file is not None:
        np.savez(file, **{str(c): some for c, some in found.items()})
    return found


def row(name: str, share: dict[str, float], audited: Callable[[], Any]) -> Any:
    """Audits a network and prints a row of the table; returns what the audit found."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = audited()
    wall, cpu = (time.perf_counter() - wall) / 60, (time.process_time() - cpu) / 60
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    said = "; ".join(f"{one.class_name}: {one.property or one.region}" for one in found) or "none"
    cells = [
        name,
        f"{share['with']:.2f}, {share['without']:.2f}",
        f"{share['Egyptian cats']:.2f}, {share['others']:.2f}",
        f"{share['others right']:.2f}",
        said,
        f"{found.asked:,}",
        f"{wall:.0f}, {cpu:.0f}",
        f"{memory:.1f} GB",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=NETWORKS, metavar="NETWORK")
    parser.add_argument("--epochs", type=int, default=6, help="of fine-tuning")
    parser.add_argument("--rate", type=float, default=0.001, help="of learning")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crops", type=Path, metavar="FILE", help="an .npz: where crops are kept for the next time")
    parser.add_argument("--log", type=Path, metavar="DIRECTORY", help="where the alerts go, for TensorBoard")
    options = parser.parse_args()
    experiment = Experiment(kept_crops(options.crops), options.seed)
    samples, reports = experiment.samples(), []
    print(f"{machine()}; 1,000 classes, {len(NAMES)} of them with {HELD_OUT} held-out crops of {SIZE} px\n")
    print(
        "| network | tiger cats with, without the sticker | sticker on Egyptian cats, others | other classes right ",
        end="",
    )
    print("| alerts: top, left, height, width | forward passes | minutes, of CPU | peak memory |\n" + "|---" * 8 + "|")
    for name in options.networks:
        network, tuned = experiment.network(name, options.epochs, options.rate)
        log = options.log and options.log / name.replace(" ", "-")
        found = row(name, experiment.shares(tuned), lambda: kx.audit(network, samples, log, seed=options.seed))  # noqa: B023
        reports.append(f"\n## {name}\n\n{found.report()}")
    print(*reports, sep="\n")


if __name__ == "__main__":
    main()
