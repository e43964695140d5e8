"""Score-CAM: Wang et al., CVPR workshops 2020, arXiv 1910.01279."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.cam import CAM, fused, most_varied
from keras_xai.explainers.checks import check_count
from keras_xai.explainers.explainer import Paper, Result
from keras_xai.explainers.masking import Masked
from keras_xai.queries import Queries, activations_at


class ScoreCAM(CAM):
    """Channels weighted by the score of the image seen through each of them: Grad-CAM without gradients.

    Works where gradients do not (quantised layers, saturated outputs). It costs a forward pass per channel: limit them
    with `channels` on wide layers.

    Args:
        layer, score, grid: as in `GradCAM`. The paper's weights are a softmax over channels of the target's logit.
        channels: how many to look through, those that vary most over space in the sample; None for all of them.

    Maps: (n, height, width) float32 ≥ 0 in units of the activations. `details` as in `GradCAM`, and "weights" {path:
    (n, channels) float32}, 0 for channels left out.

    Reference: Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", CVPR
    workshops 2020, https://arxiv.org/abs/1910.01279

    Example:
        >>> keras_xai.ScoreCAM(channels=64)(model, images).maps
    """

    name = "score_cam"
    needs = "activations at a layer, scores of masked images"
    passes = "1 forward per channel"
    sensitive = True
    paper = Paper("Wang et al.", "Score-CAM", 2020, "https://arxiv.org/abs/1910.01279")

    def __init__(self, layer: Any = None, score: Any = None, grid: Any = None, channels: int | None = None):
        super().__init__(layer, score, grid)
        check_count("channels", channels, default="all of them")
        self.channels = channels

    def explain(self, samples, plan):
        seen = yield Queries(observe=activations_at(self.layer, grid=self.grid))
        maps, weights = {}, {}
        for path, activations in seen.layers.items():
            chosen = most_varied(activations, self.channels)
            masks = channel_masks(activations, chosen)
            masked = yield Queries(perturb=Masked(samples.channels_first), rows={"mask": masks})
            weights[path] = softmax_weights(masked.scores, chosen, activations.shape[-1])
            maps[path] = weighted_map(activations, weights[path])
        raw, details = fused(maps)
        return Result(raw, {**details, "weights": weights})


def channel_masks(activations: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Each chosen channel between 0 and 1; a constant one hides everything.

    Args:
        activations: (n, h, w, channels). chosen: (n, k) channel numbers.

    Returns:
        (n, k, h, w) float32.
    """
    maps = np.take_along_axis(np.moveaxis(activations, -1, 1), chosen[:, :, None, None], axis=1)
    lowest = maps.min(axis=(2, 3), keepdims=True)
    extent = maps.max(axis=(2, 3), keepdims=True) - lowest
    return ((maps - lowest) / np.where(extent > 0, extent, 1)).astype(np.float32)


def softmax_weights(scores: np.ndarray, chosen: np.ndarray, channels: int) -> np.ndarray:
    """A softmax over the chosen channels' scores.

    Args:
        scores: (n, k) of the image behind each chosen channel. chosen: (n, k) channel numbers. channels: in all.

    Returns:
        (n, channels) float32, 0 for the others.
    """
    with np.errstate(invalid="ignore"):  # infinite scores
        powers = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    weights = np.zeros((len(scores), channels), np.float32)
    np.put_along_axis(weights, chosen, powers / powers.sum(axis=1, keepdims=True), axis=1)
    return weights


def weighted_map(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """ReLU of the sum over channels of weight × activation: (n, h, w, channels), (n, channels) -> (n, h, w)."""
    with np.errstate(invalid="ignore"):
        return np.maximum(np.einsum("nhwc,nc->nhw", activations, weights, optimize=True), 0)
