"""Ablation-CAM: Desai and Ramaswamy, WACV 2020."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.channel_cam import ChannelCAM
from keras_xai.explainers.explainer import Paper
from keras_xai.queries import Queries


class AblationCAM(ChannelCAM):
    """Channels weighted by how much the score falls without them: Grad-CAM without gradients.

    Where the gradient saturates, taking a channel away still tells what it was worth. It costs a forward pass per channel:
    limit them with `channels` on wide layers.

    Args:
        layer, score, grid: as in `GradCAM`.
        channels: how many to take away, those that vary most over space in the sample; None for all of them.

    Maps: (n, height, width) float32 ≥ 0 in units of the score × the activations. The paper divides every weight of a
    sample by its score y; that is left out, since a logit may be 0 or negative. `details` as in `GradCAM`, and "weights"
    {path: (n, channels) float32}, the fall of the score, 0 for channels left out.

    Reference: Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
    Localization", WACV 2020, https://doi.org/10.1109/WACV45572.2020.9093360

    Example:
        >>> keras_xai.AblationCAM(channels=64)(model, images).maps
    """

    name = "ablation_cam"
    needs = "activations at a layer, scores without each channel"
    sensitive = True
    paper = Paper("Desai and Ramaswamy", "Ablation-CAM", 2020, "https://doi.org/10.1109/WACV45572.2020.9093360")

    def weigh(self, samples, seen, path, chosen):
        without = yield Queries(perturb=ablate, at=path, grid=self.grid, rows=chosen.astype(np.int32))
        with np.errstate(invalid="ignore"):  # infinite scores
            return seen.scores[:, None] - without.scores


def ablate(activations: Any, channel: Any, tables: Any) -> Any:
    """Set one channel per query to 0, on the device: (b, h, w, channels), (b,) int."""
    from keras import ops

    kept = ops.not_equal(ops.arange(activations.shape[-1], dtype="int32"), channel[:, None])
    return activations * ops.cast(kept, activations.dtype)[:, None, None, :]
