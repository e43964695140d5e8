"""Reading what the routes answer."""

import struct


def unframe(answer: bytes) -> list[bytes]:
    """Takes the answer of the route `record` apart."""
    (count,) = struct.unpack_from("<I", answer)
    lengths = struct.unpack_from(f"<{count}I", answer, 4)
    start = 4 * (1 + count)
    assert start + sum(lengths) == len(answer)
    blobs = []
    for length in lengths:
        blobs.append(answer[start : start + length])
        start += length
    return blobs
