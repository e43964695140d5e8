"""Randomness that belongs to a sample: the same for the same image, wherever it stands."""

from __future__ import annotations

import zlib

import numpy as np


def seed_of(seed: int, image: np.ndarray) -> list[int]:
    """An explainer's seed and an image's bytes as a seed for NumPy."""
    return [seed, zlib.crc32(np.ascontiguousarray(image).tobytes())]


def generator_for(seed: int, image: np.ndarray) -> np.random.Generator:
    """A generator of the explainer's seed and the image's pixels."""
    return np.random.default_rng(seed_of(seed, image))
