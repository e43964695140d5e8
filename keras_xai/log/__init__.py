"""Writing and reading explanations as TensorBoard events, without TensorFlow."""

from keras_xai.log.area_average import area_average
from keras_xai.log.explanation_log import ExplanationLog
from keras_xai.log.packing import pack_maps, unpack_map
from keras_xai.log.parse import parse
from keras_xai.log.reader import latest_fit, read_log
from keras_xai.log.tags import plugin_content, tag
from keras_xai.log.writer import EventWriter

__all__ = [
    "EventWriter",
    "ExplanationLog",
    "area_average",
    "latest_fit",
    "pack_maps",
    "parse",
    "plugin_content",
    "read_log",
    "tag",
    "unpack_map",
]
