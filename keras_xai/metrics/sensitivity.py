"""Max-sensitivity: Yeh et al., NeurIPS 2019, arXiv 1901.09392."""

from __future__ import annotations

import numpy as np

from keras_xai.metrics.metric import Metric, changed, check_count, check_share


class MaxSensitivity(Metric):
    """How much the map changes at most when the image hardly does: lower is better.

    Args:
        radius: uniform noise on every input value, as a share of the image's own range, in (0, 1].
        num_samples: how often the explainer is run anew.
        seed: of the noise, the same for every sample.

    Returns (n,) float64 ≥ 0: the largest Euclidean distance between a map of the noisy image and the map, divided by the
    length of the map; NaN for a zero map.

    Reference: Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019,
        https://arxiv.org/abs/1901.09392

    Example:
        >>> keras_xai.metrics.MaxSensitivity()(explanation, model, samples, explainer)
    """

    name = "max_sensitivity"
    needs = ("model", "samples", "explainer")
    higher_is_better = False

    def __init__(self, radius: float = 0.02, num_samples: int = 10, seed: int = 0):
        check_share("radius", radius)
        check_count("num_samples", num_samples)
        self.radius = radius
        self.num_samples = num_samples
        self.seed = seed

    def measure(self, explanation, model, samples, explainer, previous):
        image = samples.image.astype(np.float32)
        reach = self.radius * np.ptp(image, axis=(1, 2, 3), keepdims=True)
        lowest, highest = (edge(image, axis=(1, 2, 3), keepdims=True) for edge in (np.min, np.max))
        generator = np.random.default_rng(self.seed)
        found = []
        for _ in range(self.num_samples):
            noisy = image + reach * generator.uniform(-1, 1, image.shape[1:]).astype(np.float32)
            if samples.image.dtype.kind != "f":
                noisy = np.clip(np.round(noisy), lowest, highest)
            found.append(explainer(model, changed(samples, noisy, explanation.targets)).raw)
        return max_sensitivity(explanation.raw, np.stack(found))


def max_sensitivity(maps: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """The largest relative distance: maps (n, h, w), maps of noisy images (r, n, h, w) -> (n,) float64."""
    maps, noisy = np.asarray(maps, np.float64), np.asarray(noisy, np.float64)
    length = np.sqrt((maps**2).sum(axis=(1, 2)))
    distance = np.sqrt(((noisy - maps) ** 2).sum(axis=(2, 3))).max(axis=0)
    return distance / np.where(length > 0, length, np.nan)
