"""The values that an image is made of, and those of its detail, made those of another image at the places they have.

Every function takes image and donor (b, height, width, channels) in [0, 1], and matches channel by channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Pixels that have exactly the usual value of the edge are background from this share of an image on.
_BACKGROUND, _SAME = 0.15, 2e-3
# What breaks ties, of the range of values.
_TIES = 1e-5


def match_histogram(image: Any, donor: Any) -> Any:
    """The donor's values by rank: brightness, contrast, gamma and tint, whatever curve made them.

    A background of one value gets the donor's, where both have one, and does not count otherwise: how much there is of it
    is a matter of the object's shape.
    """
    from keras import ops

    value, covered = _background(image)
    given, there = _background(donor)
    both = ops.max(covered, axis=(1, 2), keepdims=True) * ops.max(there, axis=(1, 2), keepdims=True)
    covered, there = covered * both, there * both
    pixels = image.shape[1] * image.shape[2]
    # The background comes last, and is not drawn from.
    ranks = _ranks(_rows(image + 10 * covered))
    values = ops.sort(_rows(donor + 10 * there), axis=-1)
    own = pixels - ops.sum(_rows(covered), axis=-1, keepdims=True)
    others = pixels - ops.sum(_rows(there), axis=-1, keepdims=True)
    places = ops.clip(ops.floor((ranks + 0.5) / ops.maximum(own, 1.0) * others), 0, pixels - 1)
    matched = ops.take_along_axis(values, ops.cast(places, "int32"), axis=-1)
    # A donor that is nothing but background has no other values.
    matched = ops.where(others > 0, matched, ops.reshape(given, (-1, image.shape[-1], 1)))
    return ops.where(covered > 0, given, _images(matched, image.shape))


def match_detail(image: Any, donor: Any) -> Any:
    """The donor's histograms of three bands of detail and of values, twice: blur, sharpening, noise, haloes.

    Equal values are ranked by chance, so that an empty background takes the donor's noise.

    Reference: Heeger and Bergen, "Pyramid-based texture analysis/synthesis", SIGGRAPH 1995.
    """
    from keras import ops

    values, *wanted = [ops.sort(_rows(one), axis=-1) for one in (donor, *_bands(donor)[1:])]
    for _ in range(2):
        coarse, *details = _bands(image)
        matched = [_matched(one, other) for one, other in zip(details, wanted, strict=True)]
        image = _matched(coarse + sum(matched), values)
    return image


def blurred(image: Any) -> Any:
    """A binomial blur of 5 × 5 with mirrored edges."""
    from keras import ops

    height, width = image.shape[1:3]
    padded = ops.pad(image, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    rows = sum(weight * padded[:, k : k + height] for k, weight in enumerate(_BINOMIAL))
    return sum(weight * rows[:, :, k : k + width] for k, weight in enumerate(_BINOMIAL))


_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def _bands(image: Any) -> list[Any]:
    """What is left after four blurs, then the detail that the last two, the second and the first took."""
    once = blurred(image)
    twice = blurred(once)
    coarse = blurred(blurred(twice))
    return [coarse, twice - coarse, once - twice, image - once]


def _matched(image: Any, values: Any) -> Any:
    """A donor's sorted values (b, channels, pixels) by rank; equal ones in an order that is always the same."""
    from keras import ops

    ranks = ops.cast(_ranks(_rows(image)), "int32")
    return _images(ops.take_along_axis(values, ranks, axis=-1), image.shape)


def _ranks(rows: Any) -> Any:
    """(b, channels, pixels) float32 ranks from 0 on."""
    from keras import ops

    ties = np.random.default_rng(0).uniform(-_TIES, _TIES, rows.shape[1:]).astype(np.float32)
    order = ops.argsort(rows + ops.convert_to_tensor(ties), axis=-1)
    # Ranks are the inverse of the order. Writing them where they belong is far cheaper than sorting again.
    pixels = rows.shape[-1]
    order = ops.reshape(ops.cast(order, "int32"), (-1, pixels))
    places = ops.reshape(order + pixels * ops.arange(ops.shape(order)[0], dtype="int32")[:, None], (-1, 1))
    ranks = ops.reshape(ops.zeros_like(order, "float32") + ops.arange(pixels, dtype="float32"), (-1,))
    return ops.reshape(ops.scatter_update(ops.zeros_like(ranks), places, ranks), (-1, *rows.shape[1:]))


def _rows(image: Any) -> Any:
    """(b, channels, pixels)."""
    from keras import ops

    height, width, channels = image.shape[1:]
    return ops.transpose(ops.reshape(image, (-1, height * width, channels)), (0, 2, 1))


def _images(rows: Any, shape: Any) -> Any:
    from keras import ops

    return ops.reshape(ops.transpose(rows, (0, 2, 1)), (-1, *(int(length) for length in shape[1:])))


def _background(image: Any) -> tuple[Any, Any]:
    """The usual value of the edge, (b, 1, 1, channels), and where it is background: (b, height, width, channels) 0 or 1."""
    from keras import ops

    edge = ops.concatenate([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], axis=1)
    value = ops.reshape(ops.median(edge, axis=1), (-1, 1, 1, image.shape[-1]))
    same = ops.cast(ops.abs(image - value) < _SAME, "float32")
    share = ops.mean(same, axis=(1, 2), keepdims=True)
    return value, same * ops.cast(share >= _BACKGROUND, "float32")
