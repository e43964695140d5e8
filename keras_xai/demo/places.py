"""Where the demo may write and listen, checked before a minute is spent on training."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

DEFAULT_NAME = "keras-xai-demo"


def log_directory(wanted: str | os.PathLike | None = None) -> Path:
    """Creates the directory for a run's results.

    Args:
        wanted: a new or empty directory; None: the first of keras-xai-demo, keras-xai-demo-2, … that is.

    Returns:
        Its path.

    Raises:
        ValueError: it holds something already, is a file, or cannot be created.
    """
    path = Path(wanted) if wanted is not None else _first_free(Path(DEFAULT_NAME))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"The log directory {str(path)!r} cannot be created: {error.strerror}. Give another one with --log-dir."
        ) from error
    if not _is_free(path):
        raise ValueError(
            f"The log directory {str(path)!r} is not empty, and TensorBoard would mix two runs in it. "
            "Delete it, or give another one with --log-dir."
        )
    if not os.access(path, os.W_OK):
        raise ValueError(f"The log directory {str(path)!r} is read-only. Give another one with --log-dir.")
    return path


def check_port(port: int) -> None:
    """Makes sure that TensorBoard will be able to listen.

    Raises:
        ValueError: the port is out of range or taken.
    """
    if not 1 <= port <= 65535:
        raise ValueError(f"A port lies between 1 and 65535, but --port is {port}. TensorBoard's usual one is 6006.")
    with socket.socket() as probe:
        # As TensorBoard does: a port that was in use a moment ago may be taken again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("localhost", port))
        except OSError as error:
            raise ValueError(
                f"Port {port} is taken ({error.strerror}), perhaps by another TensorBoard. Give another one with --port."
            ) from error


def _first_free(name: Path) -> Path:
    return next(path for path in _numbered(name) if not path.exists() or _is_free(path))


def _numbered(name: Path) -> Iterator[Path]:
    yield name
    for number in count(2):
        yield name.with_name(f"{name.name}-{number}")


def _is_free(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
