"""Samples and explanations as the log sees them: inputs of the tests, made of numbers known in advance."""

from types import SimpleNamespace

import numpy as np


class StandInSamples(SimpleNamespace):
    def __len__(self):
        return len(self.images)


def make_samples(count=3, size=(28, 28), channels=3, class_names=("cat", "dog", "owl"), labels="some", seed=0):
    generator = np.random.default_rng(seed)
    return StandInSamples(
        images=generator.integers(0, 256, (count, *size, channels)).astype(np.uint8),
        names=[f"picture {index}" for index in range(count)],
        labels=np.arange(count) % 3 if isinstance(labels, str) else labels,
        class_names=None if class_names is None else list(class_names),
        ids=[f"s{index:02d}" for index in range(count)],
    )


def make_explanation(samples, method="grad_cam", raw=None, size=(7, 7), signed=False, seed=0, **details):
    generator = np.random.default_rng(seed)
    count, (height, width) = len(samples), samples.images.shape[1:3]
    if raw is None:
        raw = generator.normal(size=(count, *size)) if signed else generator.random((count, *size))
    raw = np.asarray(raw, np.float32)
    rows, columns = (
        np.arange(side) * cells // side for side, cells in zip((height, width), raw.shape[1:], strict=True)
    )
    odds = generator.random((count, 3)) + 0.1
    return SimpleNamespace(
        method=method,
        signed=signed,
        raw=raw,
        maps=raw[:, rows][:, :, columns],
        valid=np.ones(count, bool),
        scores=generator.normal(size=count).astype(np.float32),
        targets=np.arange(count) % 3,
        predictions=(odds / odds.sum(axis=1, keepdims=True)).astype(np.float32),
        details={"layer": "conv", "score": "logit", "config": {"layer": None, "score": None}, **details},
    )


def make_lime(samples, segments_a_side=4, seed=0):
    """Superpixels in a square grid; the map is the coefficient of the superpixel."""
    generator = np.random.default_rng(seed)
    count, (height, width) = len(samples), samples.images.shape[1:3]
    rows, columns = (np.arange(side) * segments_a_side // side for side in (height, width))
    segments = np.broadcast_to(rows[:, None] * segments_a_side + columns, (count, height, width))
    coefficients = [generator.normal(size=segments_a_side**2).astype(np.float32) for _ in range(count)]
    raw = np.stack([row[labels] for row, labels in zip(coefficients, segments, strict=True)])
    fits = np.linspace(0.5, 0.9, count)
    explanation = make_explanation(
        samples, "lime", raw, signed=True, seed=seed, segments=segments, coefficients=coefficients, r2=fits
    )
    explanation.details |= {"layer": None, "config": {"num_samples": 200}}
    return explanation


def make_activations(samples, layers=(("conv1", 14, 4), ("conv2", 7, 3)), seed=0):
    generator = np.random.default_rng(seed)
    maps = {name: generator.random((len(samples), side, side, k)).astype(np.float32) for name, side, k in layers}
    channels = {name: [3 * channel + 1 for channel in range(k)] for name, _, k in layers}
    drivers = {
        name: [{"channel": channels[name][0], "samples": [{"index": 1, "crop": (0, 4, 8, 8), "value": 3.5}]}]
        for name, _, _ in layers
    }
    last = maps[layers[-1][0]]
    explanation = make_explanation(samples, "activations", last.mean(axis=-1), seed=seed)
    explanation.details |= {
        "layer": [name for name, _, _ in layers],
        "feature_maps": maps,
        "channels": channels,
        "drivers": drivers,
    }
    return explanation
