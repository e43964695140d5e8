"""What Score-CAM and Ablation-CAM have in common: channels weighted by asking about each of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from keras_xai.explainers.cam import CAM, fused
from keras_xai.explainers.checks import check_count
from keras_xai.explainers.explainer import Result
from keras_xai.queries import Answers, Queries, activations_at
from keras_xai.samples import Samples


class ChannelCAM(CAM):
    """The base of both; each says in its own `weigh` what a channel is worth.

    Args:
        layer, score, grid: as in `GradCAM`.
        channels: how many channels to ask about, those that vary most over space in the sample; None for all of them.
    """

    passes = "1 forward per channel"

    def __init__(self, layer: Any = None, score: Any = None, grid: Any = None, channels: int | None = None):
        super().__init__(layer, score, grid)
        check_count("channels", channels, default="all of them")
        self.channels = channels

    def explain(self, samples, plan):
        seen = yield Queries(observe=activations_at(self.layer, grid=self.grid))
        maps, weights = {}, {}
        for path, activations in seen.layers.items():
            chosen = most_varied(activations, self.channels)
            found = yield from self.weigh(samples, seen, path, chosen)
            weights[path] = np.zeros((len(chosen), activations.shape[-1]), np.float32)
            np.put_along_axis(weights[path], chosen, found, axis=1)
            maps[path] = weighted_map(activations, weights[path])
        raw, details = fused(maps)
        return Result(raw, {**details, "weights": weights})

    def weigh(
        self, samples: Samples, seen: Answers, path: str, chosen: np.ndarray
    ) -> Generator[Queries, Answers, np.ndarray]:
        """Yield `Queries`, get `Answers` back; return the weights (n, k) of the chosen channels (n, k) of a layer."""
        raise NotImplementedError


def most_varied(activations: np.ndarray, count: int | None) -> np.ndarray:
    """Which channels vary most over space in each sample.

    Args:
        activations: (n, h, w, channels). count: how many; None for all.

    Returns:
        (n, count) int, in ascending order.
    """
    channels = activations.shape[-1]
    if count is None or count >= channels:
        return np.tile(np.arange(channels), (len(activations), 1))
    spread = np.nan_to_num(activations.std(axis=(1, 2), dtype=np.float64))
    return np.sort(np.argsort(-spread, axis=1, kind="stable")[:, :count], axis=1)


def weighted_map(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """ReLU of the sum over channels of weight × activation: (n, h, w, channels), (n, channels) -> (n, h, w)."""
    with np.errstate(invalid="ignore"):
        return np.maximum(np.einsum("nhwc,nc->nhw", activations, weights, optimize=True), 0)
