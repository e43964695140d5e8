"""keras_xai: explanations of held-out samples at the end of every epoch of `model.fit`, in TensorBoard.

Importing it imports neither keras nor a framework nor tensorboard; names are loaded when they are first used.
"""

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

_PLACES = {
    "Samples": "keras_xai.samples",
    "Explanation": "keras_xai.explanation",
    "ExplainedModel": "keras_xai.model",
    "explain_dataset": "keras_xai.explained_dataset.explain_dataset",
    "ExplainedDataset": "keras_xai.explained_dataset.reader",
    "Explainer": "keras_xai.explainers.explainer",
    "GradCAM": "keras_xai.explainers.grad_cam",
    "HiResCAM": "keras_xai.explainers.hires_cam",
    "GradCAMPlusPlus": "keras_xai.explainers.grad_cam_plus_plus",
    "LayerCAM": "keras_xai.explainers.layer_cam",
    "XGradCAM": "keras_xai.explainers.x_grad_cam",
    "EigenCAM": "keras_xai.explainers.eigen_cam",
    "ScoreCAM": "keras_xai.explainers.score_cam",
    "AblationCAM": "keras_xai.explainers.ablation_cam",
    "AttentionRollout": "keras_xai.explainers.attention_rollout",
    "Saliency": "keras_xai.explainers.saliency",
    "GradientInput": "keras_xai.explainers.saliency",
    "SmoothGrad": "keras_xai.explainers.smooth_grad",
    "VarGrad": "keras_xai.explainers.smooth_grad",
    "IntegratedGradients": "keras_xai.explainers.integrated_gradients",
    "ExpectedGradients": "keras_xai.explainers.expected_gradients",
    "Occlusion": "keras_xai.explainers.occlusion",
    "RISE": "keras_xai.explainers.rise",
    "KernelSHAP": "keras_xai.explainers.kernel_shap",
    "LIME": "keras_xai.explainers.lime",
    "Activations": "keras_xai.explainers.activations",
    "Alert": "keras_xai.spurious.alert",
    "audit": "keras_xai.spurious.audit",
    "RightReasons": "keras_xai.spurious.right_reasons",
    "activation_maximization": "keras_xai.features.activation_maximization",
    "most_activating_samples": "keras_xai.features.most_activating_samples",
    "deep_visualization": "keras_xai.features.deep_visualization",
    "explainers": "keras_xai.explainers.discovery",
}
_MODULES = ("callbacks", "metrics", "render", "scores", "testing")

__all__ = ["__version__", *_PLACES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        value: Any = getattr(importlib.import_module(_PLACES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"keras_xai.{name}")
    else:
        raise AttributeError(f"module 'keras_xai' has no attribute {name!r}; it has {sorted(__all__)}.")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
