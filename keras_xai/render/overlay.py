"""A map laid over its image."""

import numpy as np

from keras_xai.render.checks import as_maps, as_pictures, as_scales
from keras_xai.render.colour import colour


def overlay(
    images: np.ndarray,
    maps: np.ndarray,
    alpha: float = 0.5,
    vmin: float = 0.0,
    vmax: float | np.ndarray | None = None,
    signed: bool = False,
) -> np.ndarray:
    """Lay maps over images, as opaque as there is evidence.

    The opacity is `alpha * |value| / vmax`, so the image shows through untouched where the map is 0. A constant opacity
    would tint the whole image with the colour of "nothing", which reads as evidence.

    Args:
        images: uint8 `(n, h, w, 1 | 3)`.
        maps: float `(n, h, w)`; NaN counts as no evidence.
        alpha: the opacity of the strongest evidence, 0 to 1.
        vmin: the value of the first colour. Ignored if `signed`.
        vmax: the value of the last colour, a number or `(n,)`; None takes each sample's own largest |value|.
        signed: colour on a scale symmetric about 0.

    Returns:
        uint8 `(n, h, w, 3)`. A sample with a scale that is not finite and positive is its plain image.

    Raises:
        TypeError: the images are not uint8, or the maps are not numbers.
        ValueError: a wrong shape, or an `alpha` outside 0 to 1.
    """
    pictures = as_pictures(images)
    maps = as_maps(maps, pictures.shape[:3])
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is an opacity from 0 (image only) to 1 (strongest evidence covers it), got {alpha!r}.")
    scales = as_scales(vmax, maps)[:, None, None]
    opacity = (alpha * _share(maps, scales, None if signed else vmin))[..., None]
    tint = colour(maps, vmin, scales, signed).astype(np.float32)
    # One temporary less than the obvious formula: this is the hot loop of a montage.
    tint -= pictures
    tint *= opacity
    tint += pictures
    return np.rint(tint, out=tint).astype(np.uint8)


def muted(pictures: np.ndarray) -> np.ndarray:
    """Grey and low in contrast, so that every colour of a map laid over it stands out, on photographs too.

    Args:
        pictures: uint8 `(n, h, w, 3)`.

    Returns:
        uint8 `(n, h, w, 3)` within 80 to 220.
    """
    luminance = pictures @ np.array([0.299, 0.587, 0.114], np.float32)
    grey = np.rint(80 + luminance * np.float32(140 / 255)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _share(maps: np.ndarray, scales: np.ndarray, vmin: float | None) -> np.ndarray:
    """`|value| / vmax` clipped to 0..1, float32; 0 where there is no value or no scale."""
    usable = np.isfinite(scales) & (scales > 0)
    if vmin is not None:
        usable &= scales > vmin
    with np.errstate(invalid="ignore", over="ignore"):
        share = np.abs(maps) / np.where(usable, scales, np.float32(1))
    return np.clip(np.where(usable & ~np.isnan(share), share, np.float32(0)), 0, 1)
