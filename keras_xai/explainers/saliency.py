"""Gradients at the input: Simonyan et al., arXiv 1312.6034, and Shrikumar et al., arXiv 1605.01713."""

from __future__ import annotations

from typing import Any

from keras_xai.explainers.checks import check_choice
from keras_xai.explainers.explainer import Explainer, Paper, Result
from keras_xai.queries import Queries, gradient_at_input

CHANNELS = ("max", "sum")


class Saliency(Explainer):
    """How much the score moves with each pixel: the size of its gradient.

    Sharp and noisy: neighbouring pixels may differ wildly, since a ReLU network's gradient does. `SmoothGrad` averages
    that out; `IntegratedGradients` says how much of the score a pixel accounts for. On photographs taking its pixels out
    (deletion) cost EfficientNet-Lite0 no more than taking random ones: a steep pixel is not one that the score rests on.

    Args:
        channels: a pixel's value is the "max" (as in the paper) or the "sum" of |gradient| over its channels.
        score: see `keras_xai.scores`; None for the target's logit.

    Maps: (n, height, width) float32 ≥ 0 in units of the score per unit of the input.

    Reference: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013,
    https://arxiv.org/abs/1312.6034

    Example:
        >>> keras_xai.Saliency()(model, images, targets=[3, 1]).maps
    """

    name = "saliency"
    needs = "gradient at the input"
    passes = "1 forward, 1 backward"
    sensitive = True
    paper = Paper("Simonyan et al.", "Deep Inside Convolutional Networks", 2013, "https://arxiv.org/abs/1312.6034")

    def __init__(self, channels: str = "max", score: Any = None):
        check_choice("channels", channels, CHANNELS)
        self.channels = channels
        self.score = score

    def explain(self, samples, plan):
        seen = yield Queries(observe=gradient_at_input(reduce=_largest if self.channels == "max" else _total))
        return Result(seen.input)


class GradientInput(Explainer):
    """Gradient × input: what each pixel adds to the score of a linear model.

    A first-order account of the score against a black (zero) image; exact where the model is linear in between, and then
    equal to `IntegratedGradients`. Pixels that are 0 in the model's own range get nothing. On photographs its pixels told
    EfficientNet-Lite0 no more than random ones when shown alone (insertion): scattered pixels look like noise.

    Args:
        score: see `keras_xai.scores`; None for the target's logit.

    Maps: (n, height, width) float32, signed, in units of the score, summed over channels.

    Reference: Shrikumar et al., "Not Just a Black Box: Learning Important Features Through Propagating Activation
    Differences", 2016, https://arxiv.org/abs/1605.01713

    Example:
        >>> keras_xai.GradientInput()(model, images).maps.sum(axis=(1, 2))
    """

    name = "gradient_input"
    signed = True
    needs = "gradient at the input"
    passes = "1 forward, 1 backward"
    sensitive = True
    paper = Paper("Shrikumar et al.", "Not Just a Black Box", 2016, "https://arxiv.org/abs/1605.01713")

    def __init__(self, score: Any = None):
        self.score = score

    def explain(self, samples, plan):
        seen = yield Queries(observe=gradient_at_input(reduce=gradient_input))
        return Result(seen.input)


def saliency(gradients: Any, channels: str = "max") -> Any:
    """The "max" or "sum" over channels of |gradient|: (n, h, w, channels) -> (n, h, w), NumPy or backend tensors."""
    from keras import ops

    return (ops.max if channels == "max" else ops.sum)(ops.abs(gradients), axis=-1)


def gradient_input(images: Any, gradients: Any) -> Any:
    """The sum over channels of image × gradient: twice (n, h, w, channels) -> (n, h, w), NumPy or backend tensors."""
    from keras import ops

    return ops.sum(ops.multiply(ops.cast(images, "float32"), gradients), axis=-1)


def _largest(images: Any, gradients: Any) -> Any:
    return saliency(gradients, "max")


def _total(images: Any, gradients: Any) -> Any:
    return saliency(gradients, "sum")
