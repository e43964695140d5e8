"""The largest values of feature maps, of which nothing is believed: what one scale for all epochs needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_xai.dashboard.facts import MAX_NAMES, number, rows_of

MAX_CHANNELS = 2000  # of a layer


@dataclass
class Peaks:
    """What one record of feature maps adds.

    Attributes:
        layers: layer -> channel -> (n,) float, the largest value of each sample's tile; NaN where there is none.
    """

    layers: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)

    def size(self) -> int:
        """About how many bytes it holds."""
        return 500 + sum(150 + peaks.nbytes for layer in self.layers.values() for peaks in layer.values())


def peaks(manifest: dict[str, Any], identifiers: Sequence[str]) -> Peaks:
    """Reads the largest values; what is missing, of the wrong type or not finite is left out.

    Args:
        manifest: of a record of kind activations.
        identifiers: which samples are wanted, in which order; others are passed over.

    Raises:
        Refusal: 422, there are no layers, or more tiles than anybody can look at.
    """
    places = {identifier: place for place, identifier in enumerate(identifiers)}
    layers = [layer for layer in rows_of(manifest, "layers") if isinstance(layer.get("name"), str)][:MAX_NAMES]
    return Peaks({layer["name"]: _of_layer(rows_of(layer, "tiles"), places) for layer in layers})


def _of_layer(tiles: list[dict[str, Any]], places: dict[str, int]) -> dict[int, np.ndarray]:
    channels: dict[int, np.ndarray] = {}
    for tile in tiles:
        sample, channel, peak = tile.get("sample"), tile.get("channel"), number(tile.get("vmax"))
        if type(channel) is not int or not isinstance(sample, str) or sample not in places or peak is None:
            continue
        if channel in channels or len(channels) < MAX_CHANNELS:
            channels.setdefault(channel, np.full(len(places), np.nan))[places[sample]] = peak
    return channels
