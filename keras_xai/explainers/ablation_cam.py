"""Ablation-CAM: Desai and Ramaswamy, WACV 2020."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.cam import CAM, fused, most_varied
from keras_xai.explainers.checks import check_count
from keras_xai.explainers.explainer import Paper, Result
from keras_xai.explainers.score_cam import weighted_map
from keras_xai.queries import Queries, activations_at


class AblationCAM(CAM):
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
    passes = "1 forward per channel"
    sensitive = True
    paper = Paper("Desai and Ramaswamy", "Ablation-CAM", 2020, "https://doi.org/10.1109/WACV45572.2020.9093360")

    def __init__(self, layer: Any = None, score: Any = None, grid: Any = None, channels: int | None = None):
        super().__init__(layer, score, grid)
        check_count("channels", channels, default="all of them")
        self.channels = channels

    def explain(self, samples, plan):
        seen = yield Queries(observe=activations_at(self.layer, grid=self.grid))
        maps, weights = {}, {}
        for path, activations in seen.layers.items():
            chosen = most_varied(activations, self.channels)
            without = yield Queries(perturb=ablate, at=path, grid=self.grid, rows=chosen.astype(np.int32))
            weights[path] = np.zeros((len(chosen), activations.shape[-1]), np.float32)
            with np.errstate(invalid="ignore"):  # infinite scores
                falls = seen.scores[:, None] - without.scores
            np.put_along_axis(weights[path], chosen, falls, axis=1)
            maps[path] = weighted_map(activations, weights[path])
        raw, details = fused(maps)
        return Result(raw, {**details, "weights": weights})


def ablate(activations: Any, channel: Any, tables: Any) -> Any:
    """Set one channel per query to 0, on the device: (b, h, w, channels), (b,) int."""
    from keras import ops

    kept = ops.not_equal(ops.arange(activations.shape[-1], dtype="int32"), channel[:, None])
    return activations * ops.cast(kept, activations.dtype)[:, None, None, :]
