"""The Keras callbacks."""

from keras_xai.callbacks.explanation_callback import ExplanationCallback
from keras_xai.callbacks.rotating_callback import RotatingCallback
from keras_xai.callbacks.single_method import ActivationsCallback, GradCAMCallback, LIMECallback
from keras_xai.callbacks.spurious_feature_monitor import SpuriousFeatureMonitor

__all__ = [
    "ActivationsCallback",
    "ExplanationCallback",
    "GradCAMCallback",
    "LIMECallback",
    "RotatingCallback",
    "SpuriousFeatureMonitor",
]
