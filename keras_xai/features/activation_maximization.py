"""Activation maximisation: what would drive a channel, neuron or class ideally."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_xai import backend
from keras_xai.engine import batch_size, engine_for
from keras_xai.features.ascent import Ascent
from keras_xai.features.canvas import motions
from keras_xai.samples import Samples

# With the layers' outputs kept for the way back, images take more memory than in a forward pass.
_AT_ONCE = 8


class Ideals(NamedTuple):
    """Optimised images.

    Attributes:
        images: (k, height, width, channels) float32 in the model's input range; channels last.
        pictures: (k, height, width, 1 or 3) uint8, to show.
        values: (k,) float32: what they drive their channel, neuron or class to.
        targets: the k channels or classes.
        layer: the path of the layer; None for classes.
    """

    images: np.ndarray
    pictures: np.ndarray
    values: np.ndarray
    targets: list[int]
    layer: str | None


def activation_maximization(
    model: Any,
    layer: Any = None,
    channels: int | Sequence[int] | None = None,
    *,
    classes: int | Sequence[int] | None = None,
    neuron: tuple[int, int] | None = None,
    samples: Any = None,
    value_range: tuple[float, float] | None = None,
    steps: int = 128,
    jitter: float = 8.0,
    rotate: float = 5.0,
    scale: float = 0.1,
    total_variation: float = 0.0,
    score: Any = None,
    seed: int = 0,
) -> Ideals:
    """Images that drive channels of a layer, single neurons or classes as far as they go.

    Gradient ascent with Adam on the amplitudes of waves in decorrelated colours, on an image that is shifted, turned and
    scaled at random at every step: without this, networks are driven by noise that says nothing to people. It runs
    compiled on the device, several channels at a time, and gives the same images for the same seed.

    Args:
        model: a built keras.Model. It is left exactly as it was.
        layer: as in `GradCAM`, one layer; None for the automatic choice. Not used for classes.
        channels: which channels of the layer.
        classes: instead of channels, which classes.
        neuron: (row, column) of the layer's map; None for the mean of the channel over all of it.
        samples: `Samples` or an array of images that the model eats: for shape, value range and other inputs. None for
            one input of a fixed shape.
        value_range: what black and white are for the model; None for the smallest and the largest value of `samples`, or
            (0, 1) without samples.
        steps: of the ascent; each costs a forward and a backward pass.
        jitter: shift at every step in pixels at most; also at most an eighth of the shorter side.
        rotate: turn in degrees at most. scale: enlarge or shrink by this share at most.
        total_variation: what the mean difference between neighbouring pixels costs, in units of the activation.
        score: what is driven for classes, see `keras_xai.scores`; None for the logit.
        seed: of the first image and of the motions.

    Returns:
        `Ideals`.

    Raises:
        TypeError, ValueError: an argument is not as stated here.

    Reference: Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017,
        https://distill.pub/2017/feature-visualization

    Example:
        >>> keras_xai.activation_maximization(model, "conv5", channels=[0, 7], samples=x_validation).pictures
    """
    if (channels is None) == (classes is None):
        raise ValueError("Say what to drive: either channels=[...] of a layer or classes=[...].")
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(f"steps must be an int of at least 1; it is {steps!r}.")
    engine = engine_for(model)
    known, low, high = _like(model, samples, value_range)
    score, head = engine.score(score, known)
    call = engine.topology(known).resolve(layer, head)[0] if classes is None else None
    count = head.num_classes if call is None else call.shape[-1]
    targets = _targets("classes" if call is None else "channels", classes if call is None else channels, count)
    if neuron is not None and (
        call is None or not all(0 <= n < s for n, s in zip(neuron, call.shape[:2], strict=True))
    ):
        where = "there are none for classes" if call is None else f"the map of {call.path!r} has {call.shape[:2]}"
        raise ValueError(f"neuron={neuron} is (row, column) of a layer's map; {where}.")
    height, width = known.size
    depth = known.image.shape[1 if known.channels_first else -1]
    path = motions(steps, min(jitter, min(height, width) / 8), rotate, scale, seed)
    # The same first image for every target: what differs afterwards is theirs.
    first = np.random.default_rng(seed).normal(scale=0.01, size=(1, depth, height, width)).astype(np.float32)
    position = engine.topology(known).heads.index(head)
    ascend = Ascent(model, call, neuron, score, head, position, known, (low, high), total_variation)
    at_once = min(_AT_ONCE, batch_size(known.image.shape[1:]), len(targets))
    images, values = [], []
    with backend.preserved_random_states():
        for begin in range(0, len(targets), at_once):
            some = np.array(targets[begin : begin + at_once])
            padded = np.pad(some, (0, at_once - len(some)), mode="edge")
            found = ascend(padded, path, np.repeat(first, at_once, axis=0))
            images.append(found[0][: len(some)])
            values.append(found[1][: len(some)])
    canvas = np.concatenate(images)
    return Ideals(
        low + canvas * (high - low),
        np.round(255 * canvas[..., : 3 if depth >= 3 else 1]).astype(np.uint8),
        np.concatenate(values),
        targets,
        None if call is None else call.path,
    )


def _like(model: Any, samples: Any, value_range: Any) -> tuple[Samples, float, float]:
    """What the model eats, black and white."""
    if samples is None:
        shape = getattr(model, "input_shape", None)
        if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
            raise ValueError(
                f"The shape of the images cannot be told from the model, whose input shape is {shape}. Show some: "
                "samples=x_validation[:4]."
            )
        known = Samples(np.zeros((1, *shape[1:]), np.float32))
        low, high = 0.0, 1.0
    else:
        known = samples if isinstance(samples, Samples) else Samples(samples)
        low, high = float(known.image.min()), float(known.image.max())
    if value_range is not None:
        low, high = value_range
    if not low < high:
        raise ValueError(
            f"value_range must be (low, high): what black and white are for the model; it is {(low, high)}."
        )
    return known, float(low), float(high)


def _targets(name: str, given: Any, count: int) -> list[int]:
    found = [given] if isinstance(given, (int, np.integer)) else list(given)
    if not found or any(isinstance(one, bool) or not isinstance(one, (int, np.integer)) for one in found):
        raise ValueError(f"{name} must be a number or a list of numbers; it is {given!r}.")
    if min(found) < 0 or max(found) >= count:
        raise ValueError(f"{name}={given}: there are {count} of them, 0 to {count - 1}.")
    return [int(one) for one in found]
