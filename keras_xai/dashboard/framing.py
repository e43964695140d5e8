"""Several blobs as one answer."""

import struct
from collections.abc import Sequence


def frame(blobs: Sequence[bytes]) -> bytes:
    """Joins blobs: their number, their lengths (each a little-endian uint32), then the blobs.

    Args:
        blobs: the manifest first, as in the record.
    """
    return struct.pack(f"<{1 + len(blobs)}I", len(blobs), *map(len, blobs)) + b"".join(blobs)
