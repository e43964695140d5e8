"""Which samples of a data set drive a layer's channels most."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_xai.calls import Call
from keras_xai.data.reading import reading
from keras_xai.engine import engine_for
from keras_xai.explainers.activations import Look, crop, highest
from keras_xai.queries import Queries, activations_at
from keras_xai.samples import Samples


class Driver(NamedTuple):
    """A sample that drives a channel.

    Attributes:
        sample: its place in the data as stored, before any shuffling. value: the channel's largest activation on it.
        crop: (top, left, height, width) of the pixels that the cell with this value looks at.
        patch: (height, width, 1 or 3) uint8, those pixels.
    """

    sample: int
    value: float
    crop: tuple[int, int, int, int]
    patch: np.ndarray


def most_activating_samples(
    model: Any,
    data: Any,
    layer: Any = None,
    count: int = 9,
    channels: int | Sequence[int] | None = 8,
    *,
    scan: int | None = None,
    score: Any = None,
    **known: Any,
) -> dict[int, list[Driver]]:
    """The samples of a data set that drive each channel of a layer most, and which part of them does.

    The data is read once, batch by batch, and left as it was; only the best so far are kept.

    Args:
        model: a built keras.Model. It is left exactly as it was.
        data: arrays, `(x, y)`, a tf.data.Dataset, a keras PyDataset or a torch DataLoader, as in `Samples.from_data`.
        layer: as in `GradCAM`, one layer; None for the automatic choice.
        count: how many samples for each channel.
        channels: how many channels, spread evenly over the layer's width; or a list of channel numbers; None for all.
        scan: look at so many samples at most; None for all.
        score: see `keras_xai.scores`; it only decides which output's past the automatic choice looks at.
        **known: arguments of `Samples` such as image_input.

    Returns:
        {channel: at most `count` `Driver`s, strongest first}; a sample is named once for a channel, with its strongest cell.

    Raises:
        TypeError, ValueError: an argument is not as stated here.

    Example:
        >>> keras_xai.most_activating_samples(model, (x_test, y_test), "conv5", count=9, channels=[3, 17])
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise ValueError(f"count must be an int of at least 1; it is {count!r}.")
    engine = engine_for(model)
    best: dict[int, list[Driver]] = {}
    with reading(data, sys.maxsize if scan is None else scan) as batches:
        for batch in batches:
            samples = Samples(batch.x, **known)
            (seen,) = engine.answer(samples, [Queries(observe=activations_at(layer, reduce=highest))], score)
            if len(seen.layers) != 1:
                raise ValueError(f"layer={layer!r} means several layers, {list(seen.layers)}; name one.")
            ((path, (peaks, places)),) = seen.layers.items()
            call = seen.calls[path]
            for channel in _chosen(channels, call.shape[-1]):
                new = _drivers(samples, batch.positions, peaks[:, channel], places[:, channel], call, count)
                best[channel] = sorted([*best.get(channel, []), *new], key=lambda one: -one.value)[:count]
    return best


def _chosen(channels: int | Sequence[int] | None, width: int) -> list[int]:
    if channels is None:
        return list(range(width))
    return Look(channels if isinstance(channels, (int, np.integer)) else tuple(channels)).chosen(width)


def _drivers(
    samples: Samples, positions: np.ndarray, peaks: np.ndarray, places: np.ndarray, call: Call, count: int
) -> list[Driver]:
    """The best of one batch."""
    peaks = np.where(np.isfinite(peaks), peaks, -np.inf)
    found = []
    for index in np.argsort(-peaks, kind="stable")[:count]:
        if np.isfinite(peaks[index]):
            top, left, height, width = box = crop(int(places[index]), call, samples.size)
            patch = samples.images[index, top : top + height, left : left + width].copy()
            found.append(Driver(int(positions[index]), float(peaks[index]), box, patch))
    return found
