"""`ExplanationCallback` with one method."""

from __future__ import annotations

from typing import Any

from keras_xai.callbacks.explanation_callback import ExplanationCallback
from keras_xai.explainers.activations import Activations
from keras_xai.explainers.grad_cam import GradCAM
from keras_xai.explainers.lime import LIME


class GradCAMCallback(ExplanationCallback):
    """Grad-CAM of held-out samples after every epoch.

    Args:
        samples: `Samples`, or an array of images.
        layer, score: as in `GradCAM`.
        options: as in `ExplanationCallback`.
    """

    def __init__(self, samples: Any, layer: Any = None, score: Any = None, name: str = "grad_cam", **options: Any):
        super().__init__(samples, [GradCAM(layer=layer, score=score)], name=name, **options)


class LIMECallback(ExplanationCallback):
    """LIME of held-out samples after every epoch.

    Args:
        samples: `Samples`, or an array of images.
        num_samples, segments, fill, score: as in `LIME`.
        options: as in `ExplanationCallback`.
    """

    def __init__(
        self,
        samples: Any,
        num_samples: int | None = None,
        segments: Any = "auto",
        fill: str | float = "blur",
        score: Any = None,
        name: str = "lime",
        **options: Any,
    ):
        explainer = LIME(num_samples=num_samples, segments=segments, fill=fill, score=score)
        super().__init__(samples, [explainer], name=name, **options)


class ActivationsCallback(ExplanationCallback):
    """What each layer makes of held-out samples after every epoch.

    Args:
        samples: `Samples`, or an array of images.
        layers, channels: as in `Activations`.
        options: as in `ExplanationCallback`.
    """

    def __init__(self, samples: Any, layers: Any = None, channels: Any = 8, name: str = "activations", **options: Any):
        super().__init__(samples, [Activations(layers=layers, channels=channels)], name=name, **options)
