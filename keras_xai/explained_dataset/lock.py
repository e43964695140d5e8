"""One run at a time in a directory."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

NAME = "lock"
# Far behind what the file says, since Windows lets nobody read what is locked.
_LOCKED_BYTE = 1 << 30


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Inside, no other run has the directory; the file `lock` says which one has it, and is gone afterwards.

    The operating system holds the lock and gives it up with the process, however that ends: a file that a killed run left
    behind stops nobody. Where a file system knows no locks, nothing is locked.

    Args:
        folder: of the data set; made where there is none.

    Raises:
        RuntimeError: another run is at work there.
        OSError: the directory cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    descriptor = _opened(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        if sys.platform == "win32":
            os.close(descriptor)
            with contextlib.suppress(OSError):  # another run has opened it meanwhile
                path.unlink()
        else:
            path.unlink(missing_ok=True)  # while nobody else can lock it
            _unlock(descriptor)
            os.close(descriptor)


def _opened(path: Path) -> int:
    """The file, open and locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError):
            holder = os.read(descriptor, 200).decode(errors="replace")
            os.close(descriptor)
            raise RuntimeError(
                f"Another run of keras_xai.explain_dataset is writing to {str(path.parent)!r}: {holder}. Wait for it or end "
                "it, and call this again: it goes on from there. Or give another out=."
            ) from None
        except OSError:
            return descriptor
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)  # of a run that ended just now, and took its file away


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        """Also what worker processes have inherited."""
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
