"""HiResCAM: Draelos and Carin, arXiv 2011.08891."""

from __future__ import annotations

from typing import Any

from keras_xai.explainers.cam import CAM, layer_maps
from keras_xai.explainers.explainer import Paper
from keras_xai.queries import Queries, gradient_at


class HiResCAM(CAM):
    """Grad-CAM without averaging gradients over space: each cell's own activation × gradient.

    Faithful for any head that is linear above the layer, flatten + dense included, where Grad-CAM may point to places the
    model did not use. It asks for the same evidence as Grad-CAM, so that both together cost one of them.

    Args:
        layer, score, grid: as in `GradCAM`.

    Maps: (n, height, width) float32 ≥ 0 in units of the score: without the ReLU the cells of a linear head sum to the
    logit less its bias. `details` as in `GradCAM`.

    Reference: Draelos and Carin, "Use HiResCAM instead of Grad-CAM", 2020, https://arxiv.org/abs/2011.08891
    """

    name = "hires_cam"
    needs = "activations and gradient at a layer"
    passes = "1 forward, 1 backward down to the layer"
    sensitive = True
    paper = Paper("Draelos and Carin", "Use HiResCAM instead of Grad-CAM", 2020, "https://arxiv.org/abs/2011.08891")

    def explain(self, samples, plan):
        seen = yield Queries(observe=gradient_at(self.layer, reduce=hires_cam, grid=self.grid))
        return layer_maps(seen)


def hires_cam(activations: Any, gradients: Any) -> Any:
    """ReLU of the sum over channels of activation × gradient.

    Args:
        activations, gradients: (n, h, w, channels), NumPy or backend tensors.

    Returns:
        (n, h, w), ≥ 0.
    """
    from keras import ops

    return ops.relu(ops.sum(ops.multiply(activations, gradients), axis=-1))
