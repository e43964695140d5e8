"""Reading TensorBoard's event files, without TensorFlow."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from typing import Any


def events(file: str | os.PathLike[str], check: bool = True) -> Iterator[Any]:
    """Reads a file event by event (`event_pb2.Event`).

    An event cut short at the end of the file, as a killed process leaves it, is passed over in silence; a damaged one
    ends the reading with a warning.

    Args:
        file: the path of an event file.
        check: whether the checksum of each event is computed, at about 2 MB a second.
    """
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto import event_pb2

    try:
        for data in _frames(file, check):
            yield event_pb2.Event.FromString(data)
    except (_DamageError, DecodeError) as error:
        warnings.warn(f"{file} is damaged, what follows in it is not read: {error}", RuntimeWarning, stacklevel=2)


class _DamageError(Exception):
    pass


def _frames(file: str | os.PathLike[str], check: bool) -> Iterator[bytes]:
    """A frame is a length (8 bytes), its checksum (4), so many bytes, their checksum (4)."""
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    with open(file, "rb") as stream:
        left = os.fstat(stream.fileno()).st_size
        while left >= 12:
            head = stream.read(12)
            length, checksum = struct.unpack("<QI", head)
            if masked_crc32c(head[:8]) != checksum:
                raise _DamageError("the length of an event does not fit its checksum")
            left -= 12 + length + 4
            if left < 0:
                return
            data = stream.read(length)
            (checksum,) = struct.unpack("<I", stream.read(4))
            if check and masked_crc32c(data) != checksum:
                raise _DamageError("an event does not fit its checksum")
            yield data
