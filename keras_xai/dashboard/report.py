"""A log directory as one HTML file: the Explanations tab without a TensorBoard."""

import base64
import datetime
import gzip
import html
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_xai.dashboard.bundle import START, content_security_policy, import_map, style_sheets
from keras_xai.dashboard.event_files import EventFiles
from keras_xai.dashboard.framing import frame
from keras_xai.dashboard.index import Index
from keras_xai.dashboard.refusal import Refusal, some
from keras_xai.dashboard.series import SeriesReader
from keras_xai.dashboard.source import Source, read_manifest

# Data stand in the head: what is in the body is replaced when the front end starts.
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style id="keras-xai-style">
{style}
</style>
<script type="importmap">{import_map}</script>
<script type="application/json" id="keras-xai-report">{report}</script>
"""
RECORD = '<script type="application/gzip;base64" id="{identifier}">{content}</script>\n'
END = f"""\
</head>
<body>
<noscript>This report needs JavaScript, which is part of the file; it loads nothing else.</noscript>
<script type="module">{START}</script>
</body>
</html>
"""
THINNED = ("epoch", "activations")


@dataclass(frozen=True)
class Written:
    """What a report holds.

    Attributes:
        path: the file.
        size: in bytes.
        runs: how many runs.
        epochs: how many explained epochs are in it, and `of`: how many there are in the log.
        every: the distance of the epochs kept; 1: all.
        problems: what could not be read, in sentences.
    """

    path: Path
    size: int
    runs: int
    epochs: int
    of: int
    every: int
    problems: list[str] = field(default_factory=list)


def write_report(
    log_dir: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    every: int = 1,
    max_size: float | None = None,
    title: str | None = None,
) -> Written:
    """Writes all explanations below a directory to one HTML file that opens with no server and loads nothing.

    Args:
        log_dir: what TensorBoard would be pointed at.
        path: the file to write; one that is there is replaced.
        every: keeps every nth epoch, the last of each fit, and those with an alert.
        max_size: in MB. Where the file would be larger, `every` is doubled until it is not.
        title: of the page; None: after the directory.

    Returns:
        What was written.

    Raises:
        FileNotFoundError: there are no explanations below the directory.
        ValueError: `every` is below 1, or the file is larger than `max_size` even with the last epoch alone.

    Example:
        >>> write_report("logs", "report.html", max_size=20).size
    """
    if every < 1:
        raise ValueError(f"every=n keeps each nth epoch: it must be 1 or more, got {every}.")
    source = Source(EventFiles(log_dir))
    index = Index().read(source)
    pages = _Pages(source, title or f"Explanations of {Path(log_dir).resolve().name}")
    longest = max((record["epoch"] or 0 for run in index["runs"] for record in run["records"]), default=0)
    while True:
        thinned = _thin(index, every)
        pieces = pages.pieces(thinned)
        size = sum(map(len, pieces))
        if max_size is None or size <= max_size * 1e6:
            break
        if every > longest:
            raise ValueError(
                f"The report of {log_dir} takes {size / 1e6:.1f} MB even with the last epoch alone, more than the "
                f"{max_size:g} MB of max_size. Allow more, or report a directory with fewer runs."
            )
        every *= 2
    _replace(Path(path), pieces)
    return Written(Path(path), size, len(index["runs"]), _epochs(thinned), _epochs(index), every, thinned["problems"])


def _thin(index: dict[str, Any], every: int) -> dict[str, Any]:
    """The index with the epochs that are kept."""
    runs = [{**run, "records": _kept(run["records"], every)} for run in index["runs"]]
    return {**index, "runs": runs, "problems": list(index["problems"])}


def _kept(records: list[dict[str, Any]], every: int) -> list[dict[str, Any]]:
    last: dict[tuple[str, str], int] = {}
    alerts = set()
    for record in records:
        fit = (record["name"], record["session"])
        if record["kind"] in THINNED:
            last[fit] = max(record["epoch"] or 0, last.get(fit, 0))
        elif record["kind"] == "alert":
            alerts.add((fit, record["epoch"]))

    def keep(record: dict[str, Any]) -> bool:
        fit, epoch = (record["name"], record["session"]), record["epoch"] or 0
        return record["kind"] not in THINNED or epoch % every == 0 or epoch == last[fit] or (fit, epoch) in alerts

    return [record for record in records if keep(record)]


def _epochs(index: dict[str, Any]) -> int:
    return sum(record["kind"] == "epoch" for run in index["runs"] for record in run["records"])


class _Pages:
    """Puts pages together; however often, every record is compressed once and every manifest read once."""

    def __init__(self, source: Source, title: str):
        self._source, self._title = source, title
        self._series = SeriesReader()
        self._packed: dict[tuple[str, str], str] = {}

    def pieces(self, index: dict[str, Any]) -> list[bytes]:
        """The page in pieces. What is damaged is left out of it, and out of the index, which says so."""
        blocks: dict[str, str] = {}
        problems: list[str] = index["problems"]
        for run in index["runs"]:
            for record in list(run["records"]):
                try:
                    blocks["\n".join([run["run"], record["tag"], _as_javascript(record["wall_time"])])] = self._pack(
                        run["run"], record
                    )
                except Refusal as problem:
                    run["records"].remove(record)
                    problems.append(str(problem))
        index["problems"] = some(problems)
        identifiers = {key: f"keras-xai-record-{number}" for number, key in enumerate(blocks)}
        records = [
            RECORD.format(identifier=identifiers[key], content=content).encode() for key, content in blocks.items()
        ]
        return [self._head(index, identifiers).encode(), *records, END.encode()]

    def _pack(self, run: str, record: dict[str, Any]) -> str:
        place = (run, record["tag"])
        if place not in self._packed:
            blobs = self._source.blobs(run, record["tag"], record["wall_time"])
            read_manifest(b"".join(blobs[:1]), run, record["tag"])
            self._packed[place] = base64.b64encode(gzip.compress(frame(blobs), 6, mtime=0)).decode()
        return self._packed[place]

    def _head(self, index: dict[str, Any], identifiers: dict[str, str]) -> str:
        fits = dict.fromkeys(
            (run["run"], record["name"], record["session"]) for run in index["runs"] for record in run["records"]
        )
        report = {
            "title": self._title,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "index": index,
            "series": {"\n".join(fit): json.loads(self._series.read(self._source, index, *fit)) for fit in fits},
            "records": identifiers,
        }
        modules = import_map()
        return PAGE.format(
            policy=html.escape(content_security_policy(modules, START)),
            title=html.escape(self._title),
            style=style_sheets(),
            import_map=modules,
            report=_harmless(report),
        )


def _harmless(value: Any) -> str:
    """JSON in which nothing can end the script element it stands in, or begin a comment."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _as_javascript(number: float) -> str:
    """A number as JSON.stringify writes it."""
    return str(int(number)) if number.is_integer() else repr(number)


def _replace(path: Path, pieces: list[bytes]) -> None:
    """Writes a file at once: a report that is open in a browser is never half a report."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.writelines(pieces)
            file.close()
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
