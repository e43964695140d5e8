"""Grad-CAM++: Chattopadhyay et al., WACV 2018, arXiv 1710.11063."""

from __future__ import annotations

from typing import Any

from keras_xai.explainers.cam import CAM, layer_maps
from keras_xai.explainers.explainer import Paper
from keras_xai.queries import Queries, gradient_at


class GradCAMPlusPlus(CAM):
    """Grad-CAM that counts each place's positive gradient by how much it adds, for several objects of one class.

    The paper explains exp(logit), so that all higher derivatives are powers of the logit's gradient; the factor
    exp(logit), the same in every cell, is left out here: it overflows, and the map stays in units of the score. It asks
    for the same evidence as Grad-CAM.

    Args:
        layer, score, grid: as in `GradCAM`.

    Maps: (n, height, width) float32 ≥ 0 in units of the score. `details` as in `GradCAM`.

    Reference: Chattopadhyay et al., "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks", WACV
    2018, https://arxiv.org/abs/1710.11063

    Example:
        >>> keras_xai.GradCAMPlusPlus()(model, images, targets=[3, 1]).maps
    """

    name = "grad_cam_plus_plus"
    needs = "activations and gradient at a layer"
    passes = "1 forward, 1 backward down to the layer"
    sensitive = True
    paper = Paper("Chattopadhyay et al.", "Grad-CAM++", 2018, "https://arxiv.org/abs/1710.11063")

    def explain(self, samples, plan):
        seen = yield Queries(observe=gradient_at(self.layer, reduce=grad_cam_plus_plus, grid=self.grid))
        return layer_maps(seen)


def grad_cam_plus_plus(activations: Any, gradients: Any) -> Any:
    """ReLU of the sum over channels of activation × Σ α ReLU(gradient), with α = g² / (2 g² + g³ Σ activation).

    Args:
        activations, gradients: (n, h, w, channels), NumPy or backend tensors; gradients of the score, not its exponential.

    Returns:
        (n, h, w), ≥ 0.
    """
    from keras import ops

    total = ops.sum(activations, axis=(1, 2), keepdims=True)
    # g² cancels, so that small gradients do not underflow. After a ReLU no sum is negative; where one is (SiLU, GELU)
    # the denominator would pass through zero, so α is kept at ½, its largest value for sums that are not.
    alpha = 1 / ops.maximum(2 + ops.multiply(gradients, total), 2.0)
    weights = ops.sum(alpha * ops.relu(gradients), axis=(1, 2), keepdims=True)
    return ops.relu(ops.sum(ops.multiply(weights, activations), axis=-1))
