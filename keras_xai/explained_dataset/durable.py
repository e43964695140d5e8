"""Files that are there whole or not at all, also after the power fails."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_UNFINISHED = ".unfinished"


def write_durably(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file under another name, waits until the disk has it, and renames it.

    Args:
        path: of the file; an older one of that name is replaced.
        write: given an open binary file.

    Raises:
        OSError: the disk is full, or the directory cannot be written to. Nothing of the attempt stays.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{_UNFINISHED}")
    try:
        with open(unfinished, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # a directory cannot be opened on Windows
        _wait_for_directory(path.parent)


def remove_unfinished(folder: Path) -> None:
    """Takes away what a killed process left half written."""
    for path in folder.glob(f"*{_UNFINISHED}"):
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wait_for_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
