"""Reading what the routes answer."""

import gzip
import struct
import urllib.error
import urllib.parse
import urllib.request


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


def get(url, method="GET", **arguments):
    """Asks TensorBoard. Status, headers and body of the answer."""
    query = f"?{urllib.parse.urlencode(arguments)}" if arguments else ""
    request = urllib.request.Request(url + query, headers={"Accept-Encoding": "gzip"}, method=method)
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        response = error
    body = response.read()
    if response.headers["Content-Encoding"] == "gzip" and body:
        body = gzip.decompress(body)
    return response.status, response.headers, body
