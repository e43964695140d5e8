"""What the renderers accept: arrays are refused early, with a way to mend them."""

from collections.abc import Sequence

import numpy as np


def as_pictures(images: np.ndarray) -> np.ndarray:
    """Check images and show grey ones as RGB.

    Args:
        images: uint8 `(n, h, w, 1 | 3)`, none of the sizes 0.

    Returns:
        uint8 `(n, h, w, 3)`; a read-only view where the images are grey.

    Raises:
        TypeError: not uint8.
        ValueError: another shape.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(
            f"images must be uint8 pictures with values 0..255, got {images.dtype}. "
            "Convert them first, for values in 0..1 with (255 * images).astype('uint8')."
        )
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"images must have shape (n, height, width, 1 or 3) and hold at least one pixel, got {images.shape}. "
            "Add the missing axes with images[None] (one image) or images[..., None] (grey images)."
        )
    return np.broadcast_to(images, (*images.shape[:3], 3))


def as_maps(maps: np.ndarray, shape: tuple[int, ...], name: str = "maps") -> np.ndarray:
    """Check that maps are real numbers of the expected shape. Returns them as float32.

    Raises:
        TypeError: not real numbers.
        ValueError: another shape.
    """
    maps = np.asarray(maps)
    if maps.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must hold real numbers, got {maps.dtype}. Convert them with np.asarray(maps, 'float32')."
        )
    if maps.shape != tuple(shape):
        raise ValueError(
            f"{name} must have shape {tuple(shape)}, one value for each pixel of its image, got {maps.shape}. "
            "Resize them to the size of the images first."
        )
    return maps.astype(np.float32, copy=False)


def as_labels(segments: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Check label maps: integers of the images' shape.

    Raises:
        TypeError: not integers.
        ValueError: another shape.
    """
    segments = np.asarray(segments)
    if segments.dtype.kind not in "iu":
        raise TypeError(f"segments must be integer labels, one for each pixel, got {segments.dtype}.")
    if segments.shape != tuple(shape):
        raise ValueError(f"segments must have shape {tuple(shape)}, as the images have, got {segments.shape}.")
    return segments


def as_scales(vmax: float | np.ndarray | None, maps: np.ndarray) -> np.ndarray:
    """Spread `vmax` over the samples.

    Args:
        vmax: a number for all, `(n,)` for each, or None for the largest |value| of each sample.
        maps: float `(n, ...)`.

    Returns:
        float32 `(n,)`; not necessarily finite or positive.

    Raises:
        ValueError: another shape.
    """
    count = len(maps)
    if vmax is None:
        return np.nanmax(np.abs(maps), axis=tuple(range(1, maps.ndim)), initial=0)
    vmax = np.asarray(vmax, np.float32)
    if vmax.shape not in ((), (count,)):
        raise ValueError(
            f"vmax must be one number or {count} of them, one for each sample, got an array of shape {vmax.shape}."
        )
    return np.broadcast_to(vmax, (count,))


def check_strings(strings: Sequence[str], count: int, name: str, per: str = "sample") -> None:
    """Check that there is one string for each sample or column.

    Raises:
        TypeError: not a sequence of strings.
        ValueError: too many or too few.
    """
    if isinstance(strings, str) or not all(isinstance(string, str) for string in strings):
        raise TypeError(f"{name} must be a list of strings, one for each {per}, got {strings!r}.")
    if len(strings) != count:
        raise ValueError(f"{name} must hold {count} strings, one for each {per}, got {len(strings)}.")
