"""The plugin: which route answers what."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from tensorboard import context as request_context
from tensorboard.backend import experiment_id, http_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from keras_xai.dashboard.framing import frame
from keras_xai.dashboard.get_only import get_only
from keras_xai.dashboard.index import Index
from keras_xai.dashboard.refusal import Refusal
from keras_xai.dashboard.series import SeriesReader
from keras_xai.dashboard.source import PLUGIN, Source, read_manifest
from keras_xai.dashboard.static_files import read_static

FOR_EVER = 365 * 24 * 3600  # seconds
PATIENCE = 1.0  # seconds that an answer about all epochs may take; the page asks again for the rest


class ExplanationsPlugin(base_plugin.TBPlugin):
    """The Explanations tab. All routes only read, and only what the data provider gives: it works with either loader.

    Args:
        context: TensorBoard's; of it the data provider is used alone.

    Raises:
        ValueError: there is no data provider.
    """

    plugin_name = PLUGIN

    def __init__(self, context: base_plugin.TBContext):
        if context.data_provider is None:
            raise ValueError("TensorBoard runs without a data provider (--generic_data=false)")
        self._provider = context.data_provider
        self._index = Index()
        self._series = SeriesReader()

    def get_plugin_apps(self) -> Mapping[str, Any]:
        """Route -> WSGI application, below `data/plugin/keras_xai`."""
        return {
            "/static/index.js": get_only(_static),
            "/static/*": get_only(_static),
            "/index": self._route(self._answer_index),
            "/record": self._route(self._answer_record),
            "/series": self._route(self._answer_series),
        }

    def is_active(self) -> bool:
        """TensorBoard itself knows whether there are records of ours; without any the tab is not active."""
        return False

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """The tab's name and its first module."""
        return base_plugin.FrontendMetadata(es_module_path="/static/index.js", tab_name="Explanations")

    def _route(self, answer: Callable[[wrappers.Request, Source], wrappers.Response]) -> Any:
        def respond(request: wrappers.Request) -> wrappers.Response:
            experiment = request.environ.get(experiment_id.WSGI_ENVIRON_KEY, "")
            context = request_context.from_environ(request.environ)
            return answer(request, Source(self._provider, context, experiment))

        return get_only(respond)

    def _answer_index(self, request: wrappers.Request, source: Source) -> wrappers.Response:
        return _json(request, json.dumps(self._index.read(source)))

    def _answer_record(self, request: wrappers.Request, source: Source) -> wrappers.Response:
        run, tag, wall = _argument(request, "run"), _argument(request, "tag"), _wall(request)
        blobs = source.blobs(run, tag, wall)
        read_manifest(b"".join(blobs[:1]), run, tag)
        expires = 0 if wall is None else FOR_EVER
        return http_util.Respond(request, frame(blobs), "application/octet-stream", expires=expires)

    def _answer_series(self, request: wrappers.Request, source: Source) -> wrappers.Response:
        run, name, session = (_argument(request, field) for field in ("run", "name", "session"))
        measures = request.args.get("measures") != "0"
        index = self._index.read(source)
        return _json(request, self._series.read(source, index, run, name, session, measures, PATIENCE))


def _static(request: wrappers.Request) -> wrappers.Response:
    content, mime = read_static(request.path.partition(f"/{PLUGIN}/static/")[2])
    return http_util.Respond(request, content, mime)


def _json(request: wrappers.Request, text: str) -> wrappers.Response:
    return http_util.Respond(request, text, "application/json")


def _argument(request: wrappers.Request, name: str) -> str:
    value = request.args.get(name)
    if value is None:
        raise Refusal(400, f"The request lacks the argument {name!r}.")
    return value


def _wall(request: wrappers.Request) -> float | None:
    text = request.args.get("wall")
    try:
        wall = None if text is None else float(text)
    except ValueError:
        wall = math.nan
    if wall is not None and not math.isfinite(wall):
        raise Refusal(400, "The argument 'wall' must be a time in seconds.")
    return wall
