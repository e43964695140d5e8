"""What there is to see: all records of an experiment, from what TensorBoard knows about them without reading them."""

import json
import math
from collections.abc import Callable
from typing import Any

from keras_xai.dashboard.cache import BoundedCache
from keras_xai.dashboard.facts import is_epoch
from keras_xai.dashboard.refusal import Refusal, quoted, some
from keras_xai.dashboard.sessions import true_sessions
from keras_xai.dashboard.source import VERSION, Source, place, refuse_other_versions

KINDS = ("inputs", "baseline", "epoch", "activations", "alert")
MAX_SESSIONS = 10_000  # remembered
MAX_CONTENT = 10_000  # bytes; ours have about 150


class Index:
    """Lists the records of all runs. Remembers what few manifests it had to read; see `sessions`."""

    def __init__(self) -> None:
        self._sessions = BoundedCache(MAX_SESSIONS)

    def read(self, source: Source) -> dict[str, Any]:
        """Lists what there is now.

        Args:
            source: the experiment.

        Returns:
            `{"version", "runs": [{"run", "records": [{"tag", "kind", "name", "session", "epoch", "flagged",
            "wall_time"}]}], "problems": [sentence, ...]}`; records by time, not more than twenty problems. That of an alert
            has a "severity", "notice" or "alert", where the log says which.
        """
        runs, problems = [], []
        for run, tags in sorted(source.records().items()):
            records = []
            for tag, series in tags.items():
                try:
                    records.append(_entry(run, tag, series))
                except Refusal as problem:
                    problems.append(str(problem))
            if records:
                records.sort(key=lambda record: (record["wall_time"], record["tag"]))
                self._correct_sessions(source, run, records)
                runs.append({"run": run, "records": records})
        return {"version": VERSION, "runs": runs, "problems": some(problems)}

    def _correct_sessions(self, source: Source, run: str, records: list[dict[str, Any]]) -> None:
        def session_of(record: dict[str, Any]) -> str:
            key = (source.experiment, run, record["tag"], record["wall_time"])
            return self._sessions.get(key, lambda: _session_of(source, run, record))

        by_name: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            by_name.setdefault(record["name"], []).append(record)
        for log in by_name.values():
            for record, session in zip(log, true_sessions(log, session_of), strict=True):
                record["session"] = session


def _session_of(source: Source, run: str, record: dict[str, Any]) -> str:
    """What the manifest says; where it says nothing, what TensorBoard does."""
    try:
        session = source.manifest(run, record["tag"], record["wall_time"]).get("session")
    except Refusal:
        session = None
    return session if isinstance(session, str) else record["session"]


def _entry(run: str, tag: str, series: Any) -> dict[str, Any]:
    content = _content(run, tag, series.plugin_content)
    wall = series.max_wall_time
    if not isinstance(wall, float) or not math.isfinite(wall):
        raise Refusal(422, f"The {place(run, tag)} has no time.")
    return {"tag": tag, **content, "wall_time": wall}


def _content(run: str, tag: str, raw: bytes) -> dict[str, Any]:
    try:
        about = json.loads(raw[:MAX_CONTENT])
    except (ValueError, RecursionError) as error:
        raise Refusal(422, f"The {place(run, tag)} does not say what it is: its plugin_content is no JSON.") from error
    if not isinstance(about, dict):
        raise Refusal(422, f"The {place(run, tag)} does not say what it is: its plugin_content is no object.")
    refuse_other_versions(about, run, tag)
    for field, holds in _FIELDS.items():
        if not holds(value := about.get(field)):
            raise Refusal(422, f"The {place(run, tag)} does not say what it is: its {field} is {quoted(value)}.")
    if about["kind"] not in KINDS:
        raise Refusal(
            422, f"The {place(run, tag)} is of the unknown kind {quoted(about['kind'])}; known: {', '.join(KINDS)}."
        )
    found = {field: about[field] for field in _FIELDS}
    if about["kind"] == "alert" and about.get("severity") in ("notice", "alert"):
        found["severity"] = about["severity"]
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "kind": _is_text,
    "name": _is_text,
    "session": _is_text,
    "epoch": lambda value: value is None or is_epoch(value),
    "flagged": lambda value: isinstance(value, bool),
}
