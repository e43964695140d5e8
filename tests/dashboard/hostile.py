"""Logs that nobody should write: any record, with any manifest and any public facts."""

import json

from keras_xai.log import EventWriter, plugin_content

RUN = "explanations"


def write_records(log_dir, *records):
    """Writes records as they are: (tag, blobs, plugin_content, step) each; blobs and contents may be dicts.

    The writer's own clock orders them.
    """
    writer = EventWriter.open(log_dir / RUN)
    for tag, blobs, content, step in records:
        writer.blobs(tag, step, [as_bytes(blob) for blob in blobs], as_bytes(content))
    writer.flush()
    writer.close()


def as_bytes(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def epoch_record(manifest, packed=b"", epoch=0, name="log", session="a"):
    """An epoch's record with honest public facts."""
    tag = f"keras_xai/{name}/epoch/{epoch:06d}"
    return tag, [manifest, packed], plugin_content("epoch", name, session, epoch), max(epoch, 0)


def epoch_manifest(epoch=0, session="a", **fields):
    """Two samples, one method; the fields replace what is there."""
    manifest = {
        "version": 1,
        "kind": "epoch",
        "session": session,
        "epoch": epoch,
        "logs": {"loss": 0.5},
        "samples": [
            {"id": "s00", "target": 0, "predicted": 1, "confidence": 0.75, "valid": True, "flagged": False},
            {"id": "s01", "target": 1, "predicted": 1, "confidence": 0.5, "valid": True, "flagged": True},
        ],
        "means": {"grad_cam": {"entropy": 0.25}},
        "maps": [
            {
                "sample": sample,
                "method": "grad_cam",
                "height": 1,
                "width": 2,
                "offset": 2 * place,
                "vmin": -1.0 - place,
                "vmax": 2.0,
                "r2": None,
                "measures": {"entropy": 0.25 * place},
            }
            for place, sample in enumerate(["s00", "s01"])
        ],
    }
    return manifest | fields
