"""A directory with one folder of images per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_xai.commands.images import find_images


def find_classes(directory: str) -> list[str]:
    """The names of the folders directly inside a directory, in alphabetical order, hidden ones left out.

    Raises:
        ValueError: the directory does not exist, or holds fewer than two folders.
    """
    path = Path(directory)
    if not path.is_dir():
        raise ValueError(f"There is no directory {directory!r}; expected one with a folder of images for each class.")
    names = sorted(one.name for one in path.iterdir() if one.is_dir() and not one.name.startswith("."))
    if len(names) < 2:
        found = f"the one folder {names[0]!r}" if names else "no folder"
        raise ValueError(
            f"The directory {directory!r} holds {found}; expected a folder of images for each class: "
            f"{directory}/cat/1.jpg, {directory}/dog/2.jpg, ..."
        )
    return names


def numbered_classes(names: Sequence[str], class_names: Sequence[str] | None, num_classes: int) -> dict[str, int]:
    """Which of the model's classes each folder holds.

    Args:
        names: of the folders, in alphabetical order, which is the order that
            `keras.utils.image_dataset_from_directory` numbers them in.
        class_names: the names of the model's classes in its order; None where the folders are all of them.
        num_classes: of the model.

    Returns:
        Name of folder -> class.

    Raises:
        ValueError: folders and classes do not fit.
    """
    if class_names is None:
        if len(names) != num_classes:
            raise ValueError(
                f"There are {len(names)} folders ({_some(names)}), but the model has {num_classes} classes. Give a folder "
                "for each class, or the names of all classes in the model's order with --class-names FILE."
            )
        return {name: number for number, name in enumerate(names)}
    if len(class_names) != num_classes:
        raise ValueError(f"--class-names holds {len(class_names)} names, but the model has {num_classes} classes.")
    unknown = [name for name in names if name not in class_names]
    if unknown:
        raise ValueError(
            f"--class-names lacks the folders {_some(unknown)}; it has {_some(class_names)}. Folders must be named like "
            "the classes."
        )
    return {name: list(class_names).index(name) for name in names}


def choose_images(directory: str, classes: dict[str, int], limit: int, seed: int = 0) -> tuple[list[Path], list[int]]:
    """At most `limit` images of every class, drawn by chance.

    Args:
        directory: holds the folders. classes: name of folder -> class. limit: ≥ 1. seed: of the draw.

    Returns:
        The files and their classes.

    Raises:
        ValueError: a folder holds no image.
    """
    random = np.random.default_rng(seed)
    paths: list[Path] = []
    labels: list[int] = []
    for name, number in classes.items():
        inside = find_images([str(Path(directory) / name)])
        chosen = sorted(random.permutation(len(inside))[:limit])
        paths += [inside[position] for position in chosen]
        labels += [number] * len(chosen)
    return paths, labels


def _some(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
