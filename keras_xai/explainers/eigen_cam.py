"""Eigen-CAM: Muhammad and Yeasin, IJCNN 2020, arXiv 2008.00299."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.cam import CAM, layer_maps
from keras_xai.explainers.explainer import Paper
from keras_xai.queries import Queries, activations_at


class EigenCAM(CAM):
    """What a layer sees most: its activations projected on their first principal direction.

    Needs no gradient and no class: it shows what the layer reacts to, not why the model decided as it did. Useful where
    the model's output has no score to differentiate, and as a baseline that an explanation of a class has to beat.

    Args:
        layer, score, grid: as in `GradCAM`; the score only decides what `scores` and `targets` report.

    Maps: (n, height, width) float32 ≥ 0 in units of the activations. The sign of a principal direction is arbitrary; it
    is fixed so that cells with high activations are positive, and cannot flip between epochs. `details` as in `GradCAM`.

    Reference: Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020,
    https://arxiv.org/abs/2008.00299

    Example:
        >>> keras_xai.EigenCAM(layer="conv5")(model, images).maps
    """

    name = "eigen_cam"
    needs = "activations at a layer"
    passes = "1 forward"
    per_class = False
    sensitive = True
    paper = Paper("Muhammad and Yeasin", "Eigen-CAM", 2020, "https://arxiv.org/abs/2008.00299")

    def explain(self, samples, plan):
        seen = yield Queries(observe=activations_at(self.layer, reduce=eigen_cam, grid=self.grid))
        return layer_maps(seen)


def eigen_cam(activations: Any) -> Any:
    """ReLU of activations × their first right singular vector, signed so that cells of high energy are positive.

    Args:
        activations: (n, h, w, channels), NumPy or backend tensor; non-finite values count as 0.

    Returns:
        (n, h, w), ≥ 0.
    """
    from keras import ops

    height, width, channels = (int(extent) for extent in activations.shape[1:])
    cells = ops.reshape(activations, (-1, height * width, channels))
    cells = ops.where(ops.isfinite(cells), cells, 0.0)  # torch's eigh raises on others
    scale = ops.maximum(ops.max(ops.abs(cells), axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    cells = cells / scale
    across = ops.transpose(cells, (0, 2, 1))
    if height * width <= channels:  # the smaller of the two Gram matrices
        values, vectors = ops.linalg.eigh(ops.matmul(cells, across))
        projection = vectors[..., -1] * ops.sqrt(ops.maximum(values[..., -1:], 0.0))
    else:
        projection = ops.matmul(cells, ops.linalg.eigh(ops.matmul(across, cells))[1][..., -1:])[..., 0]
    # Not with the sum over channels: after a layer normalisation that is 0 in every cell.
    agreement = ops.sum(projection * ops.sum(ops.square(cells), axis=-1), axis=-1, keepdims=True)
    projection = ops.where(agreement < 0, -projection, projection) * scale[..., 0]
    return ops.relu(ops.reshape(projection, (-1, height, width)))
