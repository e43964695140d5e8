"""A log in which every name and every sentence is an attack."""

import json

from keras_xai.event_files import events
from keras_xai.log import EventWriter

EVIL = """'"><img src=x onerror="window.hacked=1"><svg onload="window.hacked=1"><a href="javascript:window.hacked=1">"""
FREE_KEYS = {"logs", "measures", "means", "effects", "config"}  # objects whose keys are names too


def poison(clean, target):
    """Copies the records and curves of a log with an attack in every string.

    Args:
        clean: the run directory of an honest log. target: the run directory to write.
    """
    writer = EventWriter.open(target)
    for file in sorted(clean.iterdir()):
        for event in events(file, check=False):
            for value in event.summary.value:
                plugin, tensor = value.metadata.plugin_data, value.tensor
                if plugin.plugin_name == "keras_xai":
                    manifest, *blobs = tensor.string_val
                    tag = value.tag.replace("/explanations/", f"/explanations{_for_a_tag(EVIL)}/")
                    content = json.dumps(_poisoned(json.loads(plugin.content)), allow_nan=False).encode()
                    record = json.dumps(_poisoned(json.loads(manifest))).encode()
                    writer.blobs(tag, event.step, [record, *blobs], content)
                elif plugin.plugin_name == "scalars":
                    writer.scalar(value.tag + EVIL, event.step, tensor.float_val[0])
    writer.flush()
    writer.close()


def _poisoned(value, free=False):
    """The same string becomes the same attack everywhere, so that references still fit."""
    if isinstance(value, str):
        return value + EVIL
    if isinstance(value, list):
        return [_poisoned(item) for item in value]
    if isinstance(value, dict):
        return {
            key + EVIL if free else key: item if key == "kind" else _poisoned(item, key in FREE_KEYS or free)
            for key, item in value.items()
        }
    return value


def _for_a_tag(text):
    """A slash would end the log's name, and TensorBoard's fast loader reads no tag with quotation marks."""
    return text.replace("/", "|").replace('"', "'")
