"""What each layer sees: feature maps, and the samples that drive a channel most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.calls import Call
from keras_xai.explainers.explainer import Explainer, Result
from keras_xai.queries import Queries, activations_at, activations_over_depth


class Activations(Explainer):
    """Deep visualisation: what goes in, what each layer makes of it, what comes out.

    Feature maps of a few layers, for channels that stay the same over epochs and runs, so that what changes is the
    network; and for each layer's most active channels the samples, cropped at the receptive field, that drive them most.

    Args:
        layers: as `layer` in `GradCAM` (a list for several); None for up to `depth` layers spread evenly over the model,
            looking through nested models, the one that Grad-CAM takes among them.
        channels: how many channels of each layer, spread evenly over its width; or a list of channel numbers.
        depth: how many layers where `layers` is None.
        drivers: how many channels, and how many samples for each, "drivers" lists.
        score: see `keras_xai.scores`; it only decides the targets and which output's past is looked at.

    Maps: (n, height, width) float32 ≥ 0: the energy of the deepest chosen layer, the mean of its squared activations over
    channels. `details`: "layer" the paths; "feature_maps" {path: (n, h', w', k) float32}; "channels" {path: k ints};
    "drivers" {path: [{"channel", "samples": [{"index", "crop": (top, left, height, width) in image pixels, "value"}]}]},
    strongest first.

    Example:
        >>> keras_xai.Activations(layers=["conv1", "conv5"], channels=8)(model, images).details["feature_maps"]["conv1"]
    """

    name = "activations"
    needs = "feature maps of a few layers"
    passes = "1 forward"
    per_class = False
    divisible = False
    sensitive = True

    def __init__(
        self,
        layers: Any = None,
        channels: int | Sequence[int] = 8,
        depth: int = 4,
        drivers: int = 4,
        score: Any = None,
    ):
        whole = (int, np.integer)
        if not isinstance(channels, whole) and not (
            len(channels) and all(isinstance(c, whole) and c >= 0 for c in channels)
        ):
            raise ValueError(f"channels must be how many, or a list of channel numbers from 0 on; it is {channels!r}.")
        counts = {"channels": channels} if isinstance(channels, whole) else {}
        for name, value in {**counts, "depth": depth, "drivers": drivers}.items():
            if not isinstance(value, whole) or value < (name != "drivers"):
                raise ValueError(f"{name} must be an int of at least {int(name != 'drivers')}; it is {value!r}.")
        self.layers = layers
        self.channels = channels
        self.depth = depth
        self.drivers = drivers
        self.score = score

    def explain(self, samples, plan):
        look = Look(self.channels if isinstance(self.channels, (int, np.integer)) else tuple(self.channels))
        with_energy = replace(look, energy=True)
        if self.layers is None:
            seen = yield Queries(observe=activations_over_depth(self.depth, reduce=look, reduce_last=with_energy))
        else:
            seen = yield Queries(observe=activations_at(self.layers, reduce=look, reduce_last=with_energy))
        details: dict[str, Any] = {"layer": list(seen.layers), "feature_maps": {}, "channels": {}, "drivers": {}}
        for path, (feature_maps, peaks, places, *_) in seen.layers.items():
            call = seen.calls[path]
            details["feature_maps"][path] = feature_maps
            details["channels"][path] = look.chosen(call.shape[-1])
            details["drivers"][path] = drivers(peaks, places, call, samples.size, self.drivers)
        *_, energy = list(seen.layers.values())[-1]
        return Result(energy, details)


@dataclass(frozen=True)
class Look:
    """The reduction that runs on the device, so that whole layers are never read back.

    Args:
        channels: how many, or which.
        energy: whether the energy is wanted.
    """

    channels: int | tuple[int, ...]
    energy: bool = False

    def chosen(self, count: int) -> list[int]:
        """Which of `count` channels."""
        if isinstance(self.channels, tuple):
            if max(self.channels) >= count:
                raise ValueError(
                    f"channels={list(self.channels)}: a chosen layer has {count} channels, 0 to {count - 1}."
                )
            return [int(channel) for channel in self.channels]
        return sorted({round(place) for place in np.linspace(0, count - 1, min(self.channels, count))})

    def __call__(self, activations: Any) -> tuple:
        """(n, h, w, channels) -> chosen maps (n, h, w, k), peaks (n, channels), their flat places[, energy (n, h, w)]."""
        from keras import ops

        chosen = ops.take(activations, np.array(self.chosen(activations.shape[-1]), np.int32), axis=-1)
        energy = (ops.mean(ops.square(activations), axis=-1),) if self.energy else ()
        return chosen, *highest(activations), *energy


def highest(activations: Any) -> tuple[Any, Any]:
    """Each channel's largest activation and the first place that has it, row after row, by rows before columns: fast.

    Args:
        activations: (n, h, w, channels) tensor.

    Returns:
        (n, channels) peaks, and (n, channels) int32 flat places.
    """
    from keras import ops

    height, width, count = activations.shape[1:]
    of_rows = ops.max(activations, axis=2)
    peaks = ops.max(of_rows, axis=1)
    row = _first(of_rows, peaks)
    samples = ops.arange(ops.shape(activations)[0], dtype="int32")[:, None]
    begin = (samples * height + row) * (width * count) + ops.arange(count, dtype="int32")
    cells = begin[:, None] + ops.arange(0, width * count, count, dtype="int32")[:, None]
    rows = backend.looked_up(ops.reshape(activations, (-1,)), cells)
    return peaks, row * width + _first(rows, peaks)


def _first(values: Any, peaks: Any) -> Any:
    """Where each peak (n, channels) comes first in (n, length, channels): (n, channels) int32; the end if nowhere (NaN).

    Several times as fast as `ops.argmax`, which on TensorFlow first looks for negative zeros.
    """
    from keras import ops

    length = values.shape[1]
    from_end = ops.arange(length - 1, -1, -1, dtype="int32")[:, None]
    found = ops.cast(ops.equal(values, peaks[:, None]), "int32")
    return length - 1 - ops.max(found * from_end, axis=1)


def drivers(
    peaks: np.ndarray, places: np.ndarray, call: Call, size: tuple[int, int], count: int
) -> list[dict[str, Any]]:
    """The most active channels, and for each the samples that drive it most.

    Args:
        peaks: (n, channels) each channel's largest activation. places: (n, channels) where, as a flat index.
        call: the layer. size: (height, width) of the image in pixels. count: of channels, and of samples for each.

    Returns:
        At most `count` entries {"channel", "samples": [{"index", "crop", "value"}]}, strongest first.
    """
    peaks = np.where(np.isfinite(peaks), peaks, -np.inf)
    channels = np.argsort(-peaks.max(axis=0), kind="stable")[:count]
    order = np.argsort(-peaks[:, channels], axis=0, kind="stable")[:count]
    found = []
    for channel, best in zip(channels.tolist(), order.T, strict=True):
        values, cells = peaks[best, channel].tolist(), places[best, channel].tolist()
        shown = [
            {"index": index, "crop": crop(cell, call, size), "value": value}
            for index, cell, value in zip(best.tolist(), cells, values, strict=True)
            if value > -math.inf
        ]
        if shown:
            found.append({"channel": channel, "samples": shown})
    return found


def crop(place: int, call: Call, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The receptive field of one cell as (top, left, height, width) in image pixels, moved inside the image."""
    row, column = divmod(place, call.shape[1])
    top, height = call.windows[0].pixels(row, size[0])
    left, width = call.windows[1].pixels(column, size[1])
    return top, left, height, width
