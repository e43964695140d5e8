"""What the monitor does to images to find out what a model relies on: functions of tensors, run by the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.spurious.fixed_edits import FIXED_EDITS
from keras_xai.spurious.histograms import blurred, match_detail, match_histogram


def paste(values: Any, row: dict[str, Any], tables: Any) -> Any:
    """Another image's pixels where the mask is set. The fill comes from the data: no grey boxes.

    Args:
        values: (b, …) images as the model eats them.
        row: "donor" (b, …) images, "mask" bool with 1 in place of the channel axis.
        tables: not used.
    """
    from keras import ops

    return ops.where(row["mask"], row["donor"], values)


def replace(values: Any, row: dict[str, Any], tables: Any) -> Any:
    """Another image, row["donor"] (b, …), in place of (b, …) images."""
    from keras import ops

    return ops.cast(row["donor"], values.dtype)


@dataclass(frozen=True)
class GlobalEdit:
    """One property of whole images made that of other images: the images stay what they show, in another look.

    Attributes:
        kind: one of `EDITS`.
        low, high: the values that images of this data have.
        channels_first: the layout of the images.
    """

    kind: str
    low: float
    high: float
    channels_first: bool = False

    def __call__(self, values: Any, row: dict[str, Any], tables: Any) -> Any:
        """(b, …) images with the property of row["donor"] (b, …); same range and type as before."""
        view = _View(self.low, self.high, self.channels_first)
        return view.back(EDITS[self.kind](view.of(values), view.of(row["donor"])), values)


@dataclass(frozen=True)
class Readjust:
    """The look that is usual in one class made that of another; see `UsualLooks.change`.

    An image keeps what distinguishes it from others of its class: it is changed far less than by the look of one donor.

    Attributes:
        low, high: the values that images of this data have.
        channels_first: the layout of the images.
    """

    low: float
    high: float
    channels_first: bool = False

    def __call__(self, values: Any, row: dict[str, Any], tables: Any) -> Any:
        """(b, …) images, as parts of the range (b, height, width, channels), · row["scale"] + row["shift"], which broadcast,
        or their waves · row["gain"] (b, channels, height, width); range and type stay."""
        from keras import ops

        view = _View(self.low, self.high, self.channels_first)
        image, row = view.of(values), {name: ops.cast(one, "float32") for name, one in row.items()}
        if "gain" in row:
            real, imaginary = _waves((image, ops.zeros_like(image)))
            edited = _waves((real * row["gain"], imaginary * row["gain"]), inverse=True)[0]
        else:
            edited = image * row["scale"] + row["shift"]
        return view.back(edited, values)


@dataclass(frozen=True)
class _View:
    """Images as parts of the range of values, channels last, and the way back."""

    low: float
    high: float
    channels_first: bool

    def of(self, values: Any) -> Any:
        from keras import ops

        image = ops.cast(values, "float32")
        image = ops.transpose(image, (0, 2, 3, 1)) if self.channels_first else image
        return (image - self.low) / (self.high - self.low)

    def back(self, edited: Any, values: Any) -> Any:
        """As the model eats them: with the range, the type and the layout of `values`."""
        import keras
        from keras import ops

        kept = keras.backend.standardize_dtype(values.dtype)
        edited = ops.clip(edited, 0.0, 1.0) * (self.high - self.low) + self.low
        edited = edited if "float" in kept else ops.round(edited)
        return ops.cast(ops.transpose(edited, (0, 3, 1, 2)) if self.channels_first else edited, kept)


def match_brightness(image: Any, donor: Any) -> Any:
    """The donor's mean over everything.

    Args, here and below: image, donor: (b, height, width, channels) in [0, 1].
    """
    return image + _mean(donor, (1, 2, 3)) - _mean(image, (1, 2, 3))


def match_contrast(image: Any, donor: Any) -> Any:
    """The donor's mean and standard deviation over everything."""
    return _matched(image, donor, (1, 2, 3))


def match_channels(image: Any, donor: Any) -> Any:
    """The donor's mean and standard deviation in every channel: brightness, contrast and tint."""
    return _matched(image, donor, (1, 2))


def match_hue(image: Any, donor: Any) -> Any:
    """The donor's mean colour at the image's own brightness: the channels move, their mean at every pixel does not."""
    from keras import ops

    shift = _mean(donor, (1, 2)) - _mean(image, (1, 2))
    return image + shift - ops.mean(shift, axis=-1, keepdims=True)


def match_saturation(image: Any, donor: Any) -> Any:
    """The donor's mean distance between the channels, at the image's own brightness and hue."""
    from keras import ops

    grey = ops.mean(image, axis=-1, keepdims=True)
    wanted, had = _saturation(donor), _saturation(image)
    return grey + (image - grey) * ops.clip(wanted / ops.maximum(had, 1e-3), 0.0, 4.0)


def match_sharpness(image: Any, donor: Any) -> Any:
    """The image blurred or sharpened until its finest detail, compared to the next coarser, is like the donor's."""
    from keras import ops

    ladder = [image]
    for steps in (1, 1, 2, 4):
        last = ladder[-1]
        for _ in range(steps):
            last = blurred(last)
        ladder.append(last)
    detail = image - ladder[1]
    ladder = [image + 2 * detail, image + detail, *ladder]
    wanted = _fineness(donor)
    distances = ops.stack([ops.abs(_fineness(one) - wanted) for one in ladder])
    nearest = ops.argmin(distances, axis=0)
    return sum(ops.where(ops.equal(nearest, rung), one, 0.0) for rung, one in enumerate(ladder))


def match_grain(image: Any, donor: Any) -> Any:
    """Noise added until there is as much of it as in the donor.

    How much there is, is told by the median of the absolute finest detail: edges are rare and do not count.
    """
    from keras import ops

    def level(one):
        detail = ops.abs(one - blurred(one))
        return ops.reshape(ops.median(ops.reshape(detail, (-1, int(np.prod(one.shape[1:])))), axis=1), (-1, 1, 1, 1))

    missing = ops.sqrt(ops.maximum(ops.square(level(donor)) - ops.square(level(image)), 0.0))
    return image + missing / _GRAIN_LEVEL * ops.convert_to_tensor(_grain(tuple(image.shape[1:])))


def match_specks(image: Any, donor: Any) -> Any:
    """The donor's single pixels that stick out, at their places, and none of the image's own: dust, noise, dead pixels.

    What sticks out differs in some channel from the median of its 3 × 3 by more than a fifth of the range, and is alone:
    thin strokes stick out too, but beside each other.
    """
    from keras import ops

    def around(one, mode):
        height, width = one.shape[1:3]
        padded = ops.pad(one, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)
        return ops.stack([padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)])

    def median(one):
        return ops.sort(around(one, "symmetric"), axis=0)[4]

    def alone(one, smooth):
        found = ops.cast(ops.any(ops.abs(one - smooth) > _SPECK, axis=-1, keepdims=True), "float32")
        return (found > 0) & (ops.sum(around(found, "constant"), axis=0) < 1.5)

    smooth = median(image)
    cleaned = ops.where(alone(image, smooth), smooth, image)
    return ops.where(alone(donor, median(donor)), donor, cleaned)


def match_spectrum(image: Any, donor: Any) -> Any:
    """The donor's strength of slow waves, up to two per side, at the image's own phases: shading, vignettes, soft light.

    Outlines of objects have slow waves too. On clean Fashion-MNIST it takes up to 53 % of other images along to bags
    (lower bound 0.35), so that it has to exceed the δ of textures.

    Reference: Yang and Soatto, "FDA: Fourier domain adaptation for semantic segmentation", CVPR 2020.
    """
    from keras import ops

    height, width = (int(length) for length in image.shape[1:3])
    slow = np.abs(np.fft.fftfreq(height)[:, None] * height) <= 2
    slow = (slow & (np.abs(np.fft.fftfreq(width) * width) <= 2)).astype(np.float32)

    def strength(wave):
        return ops.sqrt(ops.square(wave[0]) + ops.square(wave[1]) + 1e-8)

    own, given = (_waves((one, ops.zeros_like(one))) for one in (image, donor))
    scale = 1 + ops.convert_to_tensor(slow) * (strength(given) / strength(own) - 1)
    return _waves((own[0] * scale, own[1] * scale), inverse=True)[0]


EDITS = {
    "brightness": match_brightness,
    "contrast": match_contrast,
    "colour": match_channels,
    "hue": match_hue,
    "saturation": match_saturation,
    "sharpness": match_sharpness,
    "grain": match_grain,
    "spectrum": match_spectrum,
    "specks": match_specks,
    "histogram": match_histogram,
    "detail": match_detail,
    **FIXED_EDITS,
}
# Not the look of one image but what is usual in its class, or in the odd part of it: see `UsualLooks`.
TONE = "overall tone"
CORNER_LIGHT = "corner light"
VIGNETTE = "vignette"
CORNER_DETAIL = "corner detail"
OVERALL_DETAIL = "overall detail"
IN_PART = " in part of the class"
# The one property that needs to know where the object is: its inside is pasted, from a donor's (see `silhouettes`).
TEXTURE = "texture"
# What everything is made of in the small: images are made of pieces of images of the donor's class (see `patchwork`).
FINE_TEXTURE = "fine texture"
# And the one that needs masks: the object stands before the donor's background, from which the donor's object is removed.
BACKGROUND = "background"
# With masks too: the object is filled with the colour around it, and the background is all there is to see.
REMOVAL = "object removal"
# These look at the donor's values and not at where they are.
EDITS_OF_VALUES = ("brightness", "contrast", "colour", "hue", "saturation", "histogram")
COLOUR_EDITS = ("colour", "hue", "saturation")


def _mean(image: Any, axes: tuple[int, ...]) -> Any:
    from keras import ops

    return ops.mean(image, axis=axes, keepdims=True)


def _variance(image: Any, axes: tuple[int, ...]) -> Any:
    from keras import ops

    return ops.var(image, axis=axes, keepdims=True)


def _matched(image: Any, donor: Any, axes: tuple[int, ...]) -> Any:
    from keras import ops

    scale = ops.sqrt((_variance(donor, axes) + 1e-6) / (_variance(image, axes) + 1e-6))
    return (image - _mean(image, axes)) * ops.minimum(scale, 4.0) + _mean(donor, axes)


def _waves(one: Any, inverse: bool = False) -> Any:
    """Real and imaginary part, of images (b, height, width, channels) → of waves (b, channels, height, width), or back."""
    from keras import ops

    if inverse:
        return tuple(ops.transpose(part, (0, 2, 3, 1)) for part in ops.ifft2(one))
    return ops.fft2(tuple(ops.transpose(part, (0, 3, 1, 2)) for part in one))


def _saturation(image: Any) -> Any:
    from keras import ops

    spread = ops.max(image, axis=-1, keepdims=True) - ops.min(image, axis=-1, keepdims=True)
    return _mean(spread, (1, 2))


def _fineness(image: Any) -> Any:
    """(b, 1, 1, 1): log of the energy of the finest detail over that of the next coarser. Blur lowers it."""
    from keras import ops

    once = blurred(image)
    fine, coarse = image - once, once - blurred(once)
    energies = [_mean(ops.square(one), (1, 2, 3)) + 1e-8 for one in (fine, coarse)]
    return ops.log(energies[0]) - ops.log(energies[1])


_SPECK = 0.2
# The median of the absolute finest detail of white noise of standard deviation 1.
_GRAIN_LEVEL = 0.6


def _grain(shape: tuple[int, int, int]) -> np.ndarray:
    """White noise (height, width, channels) float32, always the same."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)
