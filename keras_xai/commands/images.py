"""Image files as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def find_images(paths: Iterable[str]) -> list[Path]:
    """The image files among paths and directly inside folders, in the order given; those of a folder by name.

    Raises:
        ValueError: a path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
            if not inside:
                raise ValueError(f"The folder {str(path)!r} holds no images ({', '.join(SUFFIXES)}).")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise ValueError(f"There is no image {str(path)!r}: no such file or folder.")
    return found


def read_images(paths: Sequence[Path], size: tuple[int, int], channels: int) -> np.ndarray:
    """Images at a model's size, turned upright as their cameras noted.

    Args:
        paths: n image files.
        size: (height, width); the whole picture is resized to it, bilinear, without keeping its proportions, as
            `keras.utils.image_dataset_from_directory` does.
        channels: 1 for grey, 3 for RGB.

    Returns:
        (n, height, width, channels) uint8.

    Raises:
        ValueError: a file is no image, or the number of channels is neither 1 nor 3.
    """
    if channels not in (1, 3):
        raise ValueError(
            f"The model takes images of {channels} channels; image files have 1 (grey) or 3 (RGB). Explain it in Python: "
            "keras_xai.GradCAM()(model, array)."
        )
    return np.stack([_read(path, size, channels) for path in paths])


def _read(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as an image: {error}") from error
    resized = upright.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(*size, channels)
