"""Score-CAM: Wang et al., CVPR workshops 2020, arXiv 1910.01279."""

from __future__ import annotations

import numpy as np

from keras_xai.explainers.channel_cam import ChannelCAM
from keras_xai.explainers.explainer import Paper
from keras_xai.explainers.masking import Masked
from keras_xai.queries import Queries


class ScoreCAM(ChannelCAM):
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
    sensitive = True
    paper = Paper("Wang et al.", "Score-CAM", 2020, "https://arxiv.org/abs/1910.01279")

    def weigh(self, samples, seen, path, chosen):
        masks = channel_masks(seen.layers[path], chosen)
        masked = yield Queries(perturb=Masked(samples.channels_first), rows={"mask": masks})
        return softmax(masked.scores)


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


def softmax(scores: np.ndarray) -> np.ndarray:
    """Over the last axis: (n, k) -> (n, k) float64 that sum to 1."""
    with np.errstate(invalid="ignore"):  # infinite scores
        powers = np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
