"""Numbers about maps: pure functions of NumPy arrays."""

from keras_xai.metrics.complexity import entropy
from keras_xai.metrics.drift import drift
from keras_xai.metrics.placement import border_share, centre_share

__all__ = ["border_share", "centre_share", "drift", "entropy"]
