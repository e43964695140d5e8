"""XGrad-CAM: Fu et al., BMVC 2020, arXiv 2008.02312."""

from __future__ import annotations

from typing import Any

from keras_xai.explainers.cam import CAM, layer_maps
from keras_xai.explainers.explainer import Paper
from keras_xai.queries import Queries, gradient_at


class XGradCAM(CAM):
    """Grad-CAM whose weights are the gradient averaged where the channel is active, not over all cells.

    Chosen so that the map, before its ReLU, sums to activation × gradient: on ReLU networks it conserves the score better
    than Grad-CAM. Channels with a sum near zero (SiLU, GELU) get large weights; use `HiResCAM` there. It asks for the
    same evidence as Grad-CAM.

    Args:
        layer, score, grid: as in `GradCAM`.

    Maps: (n, height, width) float32 ≥ 0 in units of the score. `details` as in `GradCAM`.

    Reference: Fu et al., "Axiom-based Grad-CAM", BMVC 2020, https://arxiv.org/abs/2008.02312

    Example:
        >>> keras_xai.XGradCAM()(model, images).maps
    """

    name = "x_grad_cam"
    needs = "activations and gradient at a layer"
    passes = "1 forward, 1 backward down to the layer"
    sensitive = True
    paper = Paper("Fu et al.", "Axiom-based Grad-CAM", 2020, "https://arxiv.org/abs/2008.02312")

    def explain(self, samples, plan):
        seen = yield Queries(observe=gradient_at(self.layer, reduce=x_grad_cam, grid=self.grid))
        return layer_maps(seen)


def x_grad_cam(activations: Any, gradients: Any) -> Any:
    """ReLU of the sum over channels of activation × mean gradient, each cell's weighted by its share of the activation.

    Args:
        activations, gradients: (n, h, w, channels), NumPy or backend tensors.

    Returns:
        (n, h, w), ≥ 0. A channel that sums to zero weighs nothing.
    """
    from keras import ops

    total = ops.sum(activations, axis=(1, 2), keepdims=True)
    nothing = ops.abs(total) <= 1e-6 * ops.sum(ops.abs(activations), axis=(1, 2), keepdims=True)
    products = ops.sum(ops.multiply(activations, gradients), axis=(1, 2), keepdims=True)
    weights = ops.where(nothing, 0.0, products / ops.where(nothing, 1.0, total))
    return ops.relu(ops.sum(ops.multiply(weights, activations), axis=-1))
