"""Grad-CAM: Selvaraju et al., ICCV 2017, arXiv 1610.02391."""

from __future__ import annotations

from typing import Any

from keras_xai.explainers.cam import CAM, layer_maps
from keras_xai.explainers.explainer import Paper
from keras_xai.queries import Queries, gradient_at


class GradCAM(CAM):
    """Where a layer's channels, weighted by how much the score depends on them, are active.

    The evidence for the target at the layer's resolution, from one forward pass and a backward pass that ends at the
    layer. On a global-average-pooling head it equals CAM. On flatten + dense heads its spatial averaging of gradients
    cancels position-specific weights; use `HiResCAM` there.

    Args:
        layer: None for the last map before pooling or flattening, a name, a path through nested models
            ("vgg16/block5_conv3"), an index, a layer object, or a list of these, whose maps are averaged. In a vision
            transformer the tokens (batch, tokens, channels) are the map, class tokens left out.
        score: see `keras_xai.scores`; None for the target's logit.
        grid: (rows, columns) of the tokens; None where they are square patches of the image or a square.

    Maps: (n, height, width) float32 ≥ 0 in units of the score per cell. `details["layer"]`: the path used, or a list of
    them; with several layers `details["maps"]` holds each one's own (n, h', w') array by path.

    Reference: Selvaraju et al., "Grad-CAM", ICCV 2017, https://arxiv.org/abs/1610.02391

    Example:
        >>> keras_xai.GradCAM(layer="conv5")(model, images, targets=[3, 1]).maps
    """

    name = "grad_cam"
    needs = "activations and gradient at a layer"
    passes = "1 forward, 1 backward down to the layer"
    sensitive = True
    paper = Paper("Selvaraju et al.", "Grad-CAM", 2017, "https://arxiv.org/abs/1610.02391")

    def explain(self, samples, plan):
        seen = yield Queries(observe=gradient_at(self.layer, reduce=grad_cam, grid=self.grid))
        return layer_maps(seen)


def grad_cam(activations: Any, gradients: Any) -> Any:
    """ReLU of the sum over channels of activation × spatial mean of the gradient.

    Args:
        activations, gradients: (n, h, w, channels), NumPy or backend tensors.

    Returns:
        (n, h, w), ≥ 0.
    """
    from keras import ops

    weights = ops.mean(gradients, axis=(1, 2), keepdims=True)
    return ops.relu(ops.sum(ops.multiply(weights, activations), axis=-1))
