"""A kind of model with its score and gradient written down in NumPy, for the tests of explainers."""

import numpy as np

import keras_xai as kx
from tests import numpy_layers as slow
from tests.models import COUNT, KINDS, weights


class Network:
    """A model, samples with the targets 0, 1, 2, …, and what the model computes, in float64 and channels last."""

    def __init__(self, kind):
        self.kind = KINDS[kind]
        self.model = self.kind.model()
        self.w = weights(self.model)
        self.targets = np.arange(COUNT) % self.kind.classes
        self.samples = kx.Samples(self.kind.inputs(), targets=self.targets)
        image = self.samples.image.astype(np.float64)
        self.image = np.moveaxis(image, 1, -1) if self.kind.channels_first else image

    def score_of(self, activations, i):
        """(m, h, w, channels) of the automatic layer -> (m,) scores of sample i's target."""
        logits, target = self.kind.logits(self.w, activations), self.targets[i]
        return logits[:, target] if logits.shape[1] > 1 else logits[:, 0] * (1 if target else -1)

    def score(self, images, i):
        """(m, height, width, channels) -> (m,) scores of sample i's target."""
        return self.score_of(self.kind.features(self.w, images), i)

    def gradient(self, image, i):
        return slow.gradient(lambda images: self.score(images, i), image)


def close(found, expected, tolerance=1e-4):
    """Within a tolerance relative to the largest |value|, which is not 0."""
    assert np.abs(expected).max() > 0
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
