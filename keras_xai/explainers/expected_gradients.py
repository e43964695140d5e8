"""Expected gradients: Erion et al., Nature Machine Intelligence 2021, arXiv 1906.10670; also known as GradientSHAP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.explainers.checks import check_count
from keras_xai.explainers.explainer import Explainer, Paper, Result
from keras_xai.explainers.fills import channels_last
from keras_xai.explainers.seeds import generator_for, seed_of
from keras_xai.queries import Queries, gradient_at_input
from keras_xai.samples import Samples


class ExpectedGradients(Explainer):
    """Integrated gradients averaged over many baselines: a background set of images in place of one blank.

    No pixel value is "nothing" by decree: a pixel counts as far as it differs from what the background shows there. The
    map sums, up to sampling noise, to the score less the background's mean score.

    Args:
        background: (m, height, width, channels) images as the model eats them, some 50 of the training set; None for
            uniform noise in each image's own range, where no data are at hand.
        num_samples: pairs of a background image and a point on the line to it; both are spread evenly.
        score: see `keras_xai.scores`; None for the target's logit.
        seed: of the pairs; each sample draws its own from the seed and its pixels, wherever it stands.

    Maps: (n, height, width) float32, signed, in units of the score, summed over channels.

    Reference: Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and expected
    gradients", Nature Machine Intelligence 2021, https://arxiv.org/abs/1906.10670

    Example:
        >>> keras_xai.ExpectedGradients(background=x_train[:50])(model, images).maps
    """

    name = "expected_gradients"
    signed = True
    needs = "gradient at the input, background images"
    passes = "100 forward, 100 backward"
    sensitive = True
    paper = Paper(
        "Erion et al.", "Axiomatic attribution priors and expected gradients", 2021, "https://arxiv.org/abs/1906.10670"
    )

    def __init__(self, background: Any = None, num_samples: int = 100, score: Any = None, seed: int = 0):
        if background is not None and (np.ndim(background) != 4 or not len(background)):
            raise ValueError(
                "background must be images (m, height, width, channels) as the model eats them, or None for noise; it has "
                f"shape {np.shape(background)}."
            )
        check_count("num_samples", num_samples, least=2)
        check_count("seed", seed, least=0)
        self.background = background
        self.num_samples = num_samples
        self.score = score
        self.seed = seed

    def prepare(self, samples: Samples) -> Queries:
        image, count = samples.image, self.num_samples
        alphas = (np.arange(count) + 0.5) / count
        background: Any
        if self.background is None:
            background = UniformNoise(
                [seed_of(self.seed, one) for one in image], image, (len(image), count, *image.shape[1:])
            )
        else:
            known = np.asarray(self.background, np.float32)
            if known.shape[1:] != image.shape[1:]:
                raise ValueError(f"background images have shape {known.shape[1:]}; the samples have {image.shape[1:]}.")
            background = Chosen(known, np.stack([self._order(one, len(known)) for one in image]))
        return Queries(
            observe=gradient_at_input(reduce=gradient_and_product),
            perturb=towards,
            rows={"background": background, "alpha": np.tile(alphas.astype(np.float32), (len(image), 1))},
            accumulate="weighted_sum",
            weights=np.tile(1 / (count * (1 - alphas)), (len(image), 1)),
        )

    def explain(self, samples, plan):
        seen = yield plan
        gradients, products = seen.input
        return Result((channels_last(samples).astype(np.float32) * gradients - products).sum(axis=-1))

    def _order(self, image: np.ndarray, count: int) -> np.ndarray:
        """Which background image comes with which point: each as often as the others, in random order."""
        generator = generator_for(self.seed, image)
        rounds = -(-self.num_samples // count)
        return np.concatenate([generator.permutation(count) for _ in range(rounds)])[: self.num_samples]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Images by number for every question, so that none is held more than once.

    Args:
        images: (m, …) float32. index: (n, r) int.
    """

    images: np.ndarray
    index: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.index.shape, *self.images.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.images.dtype

    def __getitem__(self, place: Any) -> np.ndarray:
        return self.images[self.index[place]]


@dataclass(frozen=True, eq=False)
class UniformNoise:
    """Uniform noise in each image's range for every question, made when a batch needs it.

    Args:
        seeds: for each sample. images: (n, …). shape: (n, r, …).
    """

    seeds: list[list[int]]
    images: np.ndarray
    shape: tuple[int, ...]
    dtype = np.dtype(np.float32)

    def __getitem__(self, place: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.stack([self._one(i, int(row)) for i, row in zip(*place, strict=True)])

    def _one(self, i: int, row: int) -> np.ndarray:
        low, high = float(self.images[i].min()), float(self.images[i].max())
        noise = np.random.default_rng([*self.seeds[i], row]).random(self.shape[2:], np.float32)
        return low + noise * np.float32(high - low)


def towards(image: Any, row: Any, tables: Any) -> Any:
    """On the device: background + α (image − background), float32."""
    from keras import ops

    alpha = ops.reshape(row["alpha"], (-1, 1, 1, 1))
    return row["background"] + alpha * (ops.cast(image, "float32") - row["background"])


def gradient_and_product(images: Any, gradients: Any) -> tuple:
    """What `ExpectedGradients` sums with weights 1 / (r (1 − α)): the gradient and the point on the line × gradient.

    As image − point = (1 − α) (image − background), the first sum × image less the second is the mean over questions of
    (image − background) × gradient.
    """
    return gradients, images * gradients
