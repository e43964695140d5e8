"""From the blobs of a record back to values."""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_xai.log.packing import unpack_map
from keras_xai.log.tags import VERSION

Record = dict[str, Any]


def parse(blobs: Sequence[bytes]) -> Record:
    """Decodes one record. Fields it does not know are handed through.

    Args:
        blobs: the manifest and the blobs it speaks of.

    Returns:
        The manifest, completed by what the blobs hold. inputs: each sample gets `jpeg` (bytes) and `segmentation`
        (h, w) int or None. epoch and baseline: each map gets `values` (h, w) float32, or None where it has coefficients
        instead. activations: each tile gets `values`. alert: `pictures`, a list of JPEG bytes.

    Raises:
        ValueError: not a record, a version or kind this reader does not know, or a manifest that does not fit its
            blobs; the message names the piece.
    """
    manifest = _manifest(blobs)
    version = manifest.get("version")
    if version != VERSION:
        raise ValueError(
            f"The record has format version {version!r}, but this keras_xai reads version {VERSION}. "
            "Read it with the keras_xai that wrote it, or a newer one."
        )
    kind = manifest.get("kind")
    decode = _DECODERS.get(kind)  # type: ignore[arg-type]
    if decode is None:
        raise ValueError(f"The record is of the unknown kind {kind!r}; known are {', '.join(_DECODERS)}.")
    try:
        decode(manifest, blobs)
    except KeyError as error:
        raise ValueError(f"The manifest of the {kind} record lacks the field {error}.") from error
    except TypeError as error:
        raise ValueError(f"The manifest of the {kind} record has a field of the wrong type: {error}.") from error
    return manifest


def _manifest(blobs: Sequence[bytes]) -> Record:
    try:
        manifest = json.loads(bytes(blobs[0]))
    except (IndexError, ValueError) as error:
        raise ValueError(f"Not a keras_xai record: its first blob is no JSON manifest ({error}).") from error
    if not isinstance(manifest, dict):
        raise ValueError(f"Not a keras_xai record: its manifest is a {type(manifest).__name__}, expected an object.")
    return manifest


def _decode_inputs(manifest: Record, blobs: Sequence[bytes]) -> None:
    for number, sample in enumerate(manifest["samples"]):
        where = f"samples[{number}] ({sample['id']})"
        sample["jpeg"] = _blob(blobs, sample["blob"], f"the picture of {where}")
        place = sample.get("segments")
        sample["segmentation"] = None if place is None else _labels(sample, blobs, f"the superpixels of {where}")


def _decode_maps(manifest: Record, blobs: Sequence[bytes]) -> None:
    for number, entry in enumerate(manifest["maps"]):
        where = f"maps[{number}] (sample {entry['sample']}, method {entry['method']})"
        entry["values"] = None if "coefficients" in entry else _values(entry, entry, blobs, where)


def _decode_activations(manifest: Record, blobs: Sequence[bytes]) -> None:
    for layer in manifest["layers"]:
        for number, tile in enumerate(layer["tiles"]):
            where = f"tiles[{number}] of layer {layer['name']} (sample {tile['sample']}, channel {tile['channel']})"
            tile["values"] = _values(layer, tile, blobs, where)


def _decode_alert(manifest: Record, blobs: Sequence[bytes]) -> None:
    for number, pair in enumerate(manifest["pairs"]):
        for side in ("before", "after"):
            _blob(blobs, pair[side], f"the picture {side!r} of pairs[{number}]")
    manifest["pictures"] = list(blobs[1:])


def _values(size: Record, place: Record, blobs: Sequence[bytes], where: str) -> np.ndarray:
    packed = _blob(blobs, 1, where)
    height, width, offset = size["height"], size["width"], place["offset"]
    for field, value in {"height": height, "width": width, "offset": offset}.items():
        if type(value) is not int:
            raise ValueError(f"The record is damaged: {where}: {field} must be a whole number, got {value!r}.")
    try:
        return unpack_map(packed, height, width, offset, place["vmin"], place["vmax"])
    except ValueError as error:
        raise ValueError(f"The record is damaged: {where}: {error}.") from error


def _labels(sample: Record, blobs: Sequence[bytes], where: str) -> np.ndarray:
    png = _blob(blobs, sample["segments"], where)
    try:
        labels = np.asarray(Image.open(io.BytesIO(png))).astype(np.int32)
    except OSError as error:
        raise ValueError(f"The record is damaged: {where}: {error}.") from error
    if labels.shape != (sample["height"], sample["width"]):
        raise ValueError(
            f"The record is damaged: {where}: the manifest says {sample['height']}x{sample['width']}, "
            f"the label map is {'x'.join(map(str, labels.shape))}."
        )
    return labels


def _blob(blobs: Sequence[bytes], number: Any, where: str) -> bytes:
    if type(number) is not int or not 1 <= number < len(blobs):
        raise ValueError(f"The record is damaged: {where} should be blob {number!r}, but there are {len(blobs)} blobs.")
    return blobs[number]


_DECODERS: dict[str, Callable[[Record, Sequence[bytes]], None]] = {
    "inputs": _decode_inputs,
    "baseline": _decode_maps,
    "epoch": _decode_maps,
    "activations": _decode_activations,
    "alert": _decode_alert,
}
