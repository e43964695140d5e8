"""TensorBoard events, made without TensorFlow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.util import tensor_util

from keras_xai.log.tags import PLUGIN


def blobs_event(tag: str, step: int, blobs: Sequence[bytes], content: bytes) -> event_pb2.Event:
    """A record of ours: a sequence of blobs, with `content` readable without loading them."""
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=PLUGIN, content=content),
        data_class=summary_pb2.DATA_CLASS_BLOB_SEQUENCE,
    )
    return _event(tag, step, metadata, np.array(list(blobs), dtype=object))


def scalar_event(tag: str, step: int, value: float) -> event_pb2.Event:
    """One point of a curve in the Scalars tab."""
    metadata = scalar_metadata.create_summary_metadata(display_name="", description="")
    metadata.data_class = summary_pb2.DATA_CLASS_SCALAR
    return _event(tag, step, metadata, np.float32(value))


def text_event(tag: str, step: int, markdown: str) -> event_pb2.Event:
    """One entry of the Text tab."""
    metadata = text_metadata.create_summary_metadata(display_name="", description="")
    metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
    return _event(tag, step, metadata, np.array(markdown.encode("utf-8", "replace"), dtype=object))


def image_event(tag: str, step: int, encoded: bytes, height: int, width: int) -> event_pb2.Event:
    """One picture of the Images tab, already encoded as JPEG or PNG."""
    metadata = image_metadata.create_summary_metadata(display_name="", description="")
    metadata.data_class = summary_pb2.DATA_CLASS_BLOB_SEQUENCE
    size_and_picture = [str(width).encode(), str(height).encode(), encoded]
    return _event(tag, step, metadata, np.array(size_and_picture, dtype=object))


def _event(tag: str, step: int, metadata: summary_pb2.SummaryMetadata, values: Any) -> event_pb2.Event:
    value = summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=tensor_util.make_tensor_proto(values))
    return event_pb2.Event(step=step, summary=summary_pb2.Summary(value=[value]))
