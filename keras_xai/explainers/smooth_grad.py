"""SmoothGrad: Smilkov et al., arXiv 1706.03825; VarGrad: Adebayo et al., arXiv 1810.03307."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.explainers.checks import check_choice, check_count, is_number
from keras_xai.explainers.explainer import Explainer, Paper, Result
from keras_xai.explainers.saliency import CHANNELS, saliency
from keras_xai.explainers.seeds import seed_of
from keras_xai.queries import Queries, gradient_at_input
from keras_xai.samples import Samples


class _Noisy(Explainer):
    """What SmoothGrad and VarGrad share: gradients at noisy copies of the image, gathered on the device."""

    needs = "gradient at the input"
    passes = "50 forward, 50 backward"
    sensitive = True

    def __init__(
        self, num_samples: int = 50, noise: float = 0.15, channels: str = "max", score: Any = None, seed: int = 0
    ):
        check_count("num_samples", num_samples, least=2)
        check_count("seed", seed, least=0)
        check_choice("channels", channels, CHANNELS)
        if not is_number(noise) or noise <= 0:
            raise ValueError(f"noise must be a share of the image's range above 0, such as 0.15; it is {noise!r}.")
        self.num_samples = num_samples
        self.noise = noise
        self.channels = channels
        self.score = score
        self.seed = seed

    def prepare(self, samples: Samples) -> Queries:
        noise = Noise.of(samples.image, self.num_samples, self.seed)
        return Queries(
            gradient_at_input(gradient_alone),
            perturb=add_noise,
            rows={"noise": noise},
            tables={"size": noise_size(samples.image, self.noise)},
            **self._statistics(noise.shape[:2]),
        )

    def _statistics(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """What is kept of the gradients at (n, r) noisy copies, as arguments of `Queries`."""
        raise NotImplementedError


class SmoothGrad(_Noisy):
    """The gradient averaged over noisy copies of the image: saliency without most of its noise.

    Args:
        num_samples: noisy copies.
        noise: standard deviation of the noise as a share of the image's own range (its largest value less its smallest).
        channels: a pixel's value is the "max" or the "sum" over its channels of |mean gradient|.
        score: see `keras_xai.scores`; None for the target's logit.
        seed: of the noise; each sample draws its own from the seed and its pixels, wherever it stands.

    Maps: (n, height, width) float32 ≥ 0 in units of the score per unit of the input. `details`: "gradient" (n, height,
    width, channels) float32, the mean with its sign.

    Reference: Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, https://arxiv.org/abs/1706.03825

    Example:
        >>> keras_xai.SmoothGrad(num_samples=25, noise=0.1)(model, images).maps
    """

    name = "smooth_grad"
    paper = Paper("Smilkov et al.", "SmoothGrad", 2017, "https://arxiv.org/abs/1706.03825")

    def _statistics(self, shape):
        return {"accumulate": "weighted_sum", "weights": np.full(shape, 1 / self.num_samples, np.float32)}

    def explain(self, samples, plan):
        seen = yield plan
        return Result(saliency(seen.input, self.channels), {"gradient": seen.input})


class VarGrad(_Noisy):
    """The variance of the gradient over noisy copies of the image: where small changes alter what the model looks at.

    Args:
        num_samples, noise, score, seed: as in `SmoothGrad`.
        channels: a pixel's value is the "max" or the "sum" of its channels' variances.

    Maps: (n, height, width) float32 ≥ 0 in units of the square of the gradient.

    Reference: Adebayo et al., "Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values",
    2018, https://arxiv.org/abs/1810.03307

    Example:
        >>> keras_xai.VarGrad(num_samples=25)(model, images).maps
    """

    name = "var_grad"
    paper = Paper("Adebayo et al.", "Local Explanation Methods", 2018, "https://arxiv.org/abs/1810.03307")

    def _statistics(self, shape):
        return {"accumulate": "moments"}

    def explain(self, samples, plan):
        seen = yield plan
        _, variance = seen.input
        return Result(saliency(variance, self.channels))


@dataclass(frozen=True)
class Noise:
    """Standard normal noise for every question, made when a batch needs it, so that memory does not grow with them.

    NumPy makes it, since every backend would make other noise from the same seed.

    Args:
        seeds: for each sample. shape: (n, r, …), that of all noise together.
    """

    seeds: list[list[int]]
    shape: tuple[int, ...]
    dtype = np.dtype(np.float32)

    @classmethod
    def of(cls, images: np.ndarray, num_samples: int, seed: int) -> Noise:
        """For (n, …) images, `num_samples` each."""
        return cls([seed_of(seed, image) for image in images], (len(images), num_samples, *images.shape[1:]))

    def __getitem__(self, place: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        which, row = place
        generators = [np.random.default_rng([*self.seeds[i], int(j)]) for i, j in zip(which, row, strict=True)]
        return np.stack([generator.standard_normal(self.shape[2:], np.float32) for generator in generators])


def noise_size(images: np.ndarray, share: float) -> np.ndarray:
    """A share of each image's range, (n, 1, 1, 1) float32."""
    axes = tuple(range(1, images.ndim))
    extent = images.max(axis=axes, keepdims=True).astype(np.float32) - images.min(axis=axes, keepdims=True)
    return (share * extent).astype(np.float32)


def add_noise(image: Any, row: Any, tables: Any) -> Any:
    """On the device: image + size × noise."""
    from keras import ops

    return ops.cast(image, "float32") + tables["size"] * row["noise"]


def gradient_alone(images: Any, gradients: Any) -> Any:
    """A reduction that keeps the gradient and not the image."""
    return gradients
