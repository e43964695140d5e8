"""From pixels to bytes."""

import io
from typing import Any

import numpy as np
from PIL import Image


def png(image: np.ndarray) -> bytes:
    """Encode a picture without loss.

    Args:
        image: uint8 `(h, w, 3)` or grey `(h, w)`.

    Returns:
        The bytes of a PNG file, compressed fast rather than small.

    Raises:
        TypeError: not uint8.
        ValueError: another shape.
    """
    return _encode(image, format="PNG", compress_level=1)


def jpeg(image: np.ndarray, quality: int = 90) -> bytes:
    """Encode a picture small.

    Args:
        image: uint8 `(h, w, 3)` or grey `(h, w)`.
        quality: 1 (small) to 95 (faithful).

    Returns:
        The bytes of a JPEG file.

    Raises:
        TypeError: not uint8.
        ValueError: another shape, or a quality outside 1 to 95.
    """
    if not 1 <= quality <= 95:
        raise ValueError(f"quality must be from 1 (small) to 95 (faithful), got {quality!r}.")
    return _encode(image, format="JPEG", quality=quality)


def _encode(image: np.ndarray, **options: Any) -> bytes:
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise TypeError(f"A picture to encode must be uint8, got {image.dtype}. Colour numbers first, with colour().")
    if not (image.ndim == 2 or image.ndim == 3 and image.shape[-1] == 3) or 0 in image.shape:
        raise ValueError(
            f"A picture to encode must have shape (height, width, 3) or (height, width), got {image.shape}."
        )
    file = io.BytesIO()
    Image.fromarray(image).save(file, **options)
    return file.getvalue()
