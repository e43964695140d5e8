"""LayerCAM: Jiang et al., IEEE TIP 2021."""

from __future__ import annotations

from typing import Any

from keras_xai.explainers.cam import CAM, layer_maps
from keras_xai.explainers.explainer import Paper
from keras_xai.queries import Queries, gradient_at


class LayerCAM(CAM):
    """Each cell's activation weighted by its own gradient where that is positive.

    Made for early layers, whose maps are fine: there the spatial mean of the gradient that Grad-CAM takes says little.
    Give several layers to see coarse and fine evidence at once. It asks for the same evidence as Grad-CAM.

    Args:
        layer, score, grid: as in `GradCAM`.

    Maps: (n, height, width) float32 ≥ 0 in units of the score. `details` as in `GradCAM`.

    Reference: Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE Transactions
    on Image Processing 2021, https://doi.org/10.1109/TIP.2021.3089943

    Example:
        >>> keras_xai.LayerCAM(layer=["block3_pool", "block5_conv3"])(model, images).details["maps"]["block3_pool"]
    """

    name = "layer_cam"
    needs = "activations and gradient at a layer"
    passes = "1 forward, 1 backward down to the layer"
    sensitive = True
    paper = Paper("Jiang et al.", "LayerCAM", 2021, "https://doi.org/10.1109/TIP.2021.3089943")

    def explain(self, samples, plan):
        seen = yield Queries(observe=gradient_at(self.layer, reduce=layer_cam, grid=self.grid))
        return layer_maps(seen)


def layer_cam(activations: Any, gradients: Any) -> Any:
    """ReLU of the sum over channels of activation × ReLU(gradient).

    Args:
        activations, gradients: (n, h, w, channels), NumPy or backend tensors.

    Returns:
        (n, h, w), ≥ 0.
    """
    from keras import ops

    return ops.relu(ops.sum(ops.multiply(activations, ops.relu(gradients)), axis=-1))
