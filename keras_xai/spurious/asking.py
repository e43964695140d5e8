"""The monitor's questions to a model, asked through the engine in full batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from keras_xai.engine import batch_size, engine_for
from keras_xai.explainers.hires_cam import hires_cam
from keras_xai.explanation import resize
from keras_xai.queries import Queries, gradient_at, gradient_at_input
from keras_xai.samples import Samples


class Oracle:
    """A model and the images it may be asked about.

    Args:
        model: a built keras.Model that classifies.
        samples: n images.

    Raises:
        ValueError: the output is not one score per class.
    """

    def __init__(self, model: Any, samples: Samples):
        self._engine = engine_for(model)
        self.samples = samples
        self._batch = batch_size(samples.image.shape[1:])
        score, self._head = self._engine.score(None, samples)
        if len(self._head.shape) != 1:
            raise ValueError(
                f"The monitor needs a model with one score per class; the output {self._head.name!r} has shape "
                f"{('batch', *self._head.shape)}."
            )
        self.num_classes = self._head.num_classes
        self.num_asked = 0
        self._baseline = _channels_last(samples, samples.image).mean(axis=0, dtype=np.float64).astype(np.float32)

    def classes(self, indices: np.ndarray) -> np.ndarray:
        """What the model takes the images for: (q,) int, −1 where its output is not finite."""
        return self.classes_after(None, indices)

    def classes_after(self, perturb: Callable | None, hosts: np.ndarray, rows: Callable | None = None) -> np.ndarray:
        """What the model takes perturbed images for: the first of `choices_after`, (q,) int."""
        return self.choices_after(perturb, hosts, rows)[:, 0]

    def choices_after(self, perturb: Callable | None, hosts: np.ndarray, rows: Callable | None = None) -> np.ndarray:
        """What the model takes perturbed images for, and what next.

        Args:
            perturb: see `Queries`.
            hosts: (q,) the images to perturb.
            rows: from positions in `hosts` (b,) to the rows of these queries, nested arrays (b, …).

        Returns:
            (q, 2) int, the first and the second choice; −1 where the output is not finite.
        """
        decided = [np.zeros((0, 2), int)]
        for positions, count in self._batches(len(hosts)):
            table = Queries() if rows is None else Queries(perturb=perturb, rows=_with_row_axis(rows(positions)))
            (answers,) = self._engine.answer(subset(self.samples, hosts[positions]), [table])
            decided.append(self._decided(answers)[:count])
            self.num_asked += count
        return np.concatenate(decided)

    def maps(self, indices: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Where the evidence for each image's target is, by two methods.

        HiResCAM at the last layer of at least 4 × 4 cells, and gradient × (input − mean image), summed over channels;
        both without what speaks against the target, each map scaled to sum 1.

        Args:
            indices: (q,) images. targets: (q,) classes.

        Returns:
            (2, q, height, width) float32; a map of nothing is uniform.
        """
        layer = self._layer()
        observe = [gradient_at_input(reduce=_only_gradient)]
        observe += [] if layer is None else [gradient_at(layer, reduce=hires_cam)]
        found = [np.zeros((2, 0, *self.samples.size), np.float32)]
        for positions, count in self._batches(len(indices)):
            chosen = indices[positions]
            questions = subset(self.samples, chosen, targets[positions])
            (answers,) = self._engine.answer(questions, [Queries(observe=tuple(observe))])
            images = _channels_last(self.samples, self.samples.image[chosen]).astype(np.float32)
            products = np.maximum((answers.input * (images - self._baseline)).sum(axis=-1), 0)
            cams = products if layer is None else resize(answers.layers[layer], self.samples.size)
            found.append(np.stack([cams, products])[:, :count])
            self.num_asked += 3 * count
        return _distribution(np.concatenate(found, axis=1))

    def _layer(self) -> str | None:
        """The last finished map with 4 × 4 cells or more, or else the finest near the end; None without convolutions."""
        topology = self._engine.topology(self.samples)
        try:
            calls = topology.spread(len(topology.calls), self._head)
        except ValueError:
            return None
        large = [call for call in calls if min(call.shape[:2]) >= 4]
        return (large or list(calls))[-1].path

    def _decided(self, answers: Any) -> np.ndarray:
        values = answers.predictions.reshape(-1, answers.predictions.shape[-1])
        if values.shape[-1] == 1:
            first = (values > (0.5 if answers.probabilities else 0)).astype(int)
            decided = np.concatenate([first, 1 - first], axis=1)
        else:
            decided = np.argsort(-values, axis=-1, kind="stable")[:, :2]
        return np.where(np.isfinite(values).all(axis=-1, keepdims=True), decided, -1)

    def _batches(self, count: int) -> Iterator[tuple[np.ndarray, int]]:
        """(positions, how many of them are real) of one batch after the other, the last one padded."""
        for start in range(0, count, self._batch):
            positions = np.arange(start, start + self._batch)
            yield np.minimum(positions, count - 1), min(self._batch, count - start)


def subset(samples: Samples, chosen: np.ndarray, targets: Any = 0) -> Samples:
    """Some samples, to be asked about but not shown: their pictures are left out.

    Args:
        chosen: (q,) indices, repetitions allowed. targets: (q,) classes, or one for all.
    """
    import keras

    blank = np.broadcast_to(np.uint8(0), (len(chosen), *samples.size, 1))
    return Samples(
        keras.tree.map_structure(lambda array: array[chosen], samples.x),
        targets=np.broadcast_to(targets, len(chosen)),
        images=blank,
        image_input=samples.image_key,
        data_format="channels_first" if samples.channels_first else "channels_last",
    )


def _only_gradient(values: Any, gradients: Any) -> Any:
    return gradients


def _channels_last(samples: Samples, image: np.ndarray) -> np.ndarray:
    return np.moveaxis(image, 1, -1) if samples.channels_first else image


def _with_row_axis(rows: Any) -> Any:
    import keras

    return keras.tree.map_structure(lambda array: array[:, None], rows)


def _distribution(maps: np.ndarray) -> np.ndarray:
    """Each map scaled to sum 1; what is not finite or nothing at all becomes uniform."""
    maps = np.where(np.isfinite(maps).all(axis=(-1, -2), keepdims=True), maps, 0)
    total = maps.sum(axis=(-1, -2), keepdims=True)
    return np.where(total > 0, maps / np.where(total > 0, total, 1), 1 / np.prod(maps.shape[-2:])).astype(np.float32)
