"""Reading explanations back from event files, without TensorFlow."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.event_files import events
from keras_xai.log.parse import Record, parse
from keras_xai.log.tags import BASELINE_EPOCH, PLUGIN, RUN

_TAG = re.compile(rf"{PLUGIN}/(?P<name>[^/]+)/.+")


def read_log(log_dir: str | os.PathLike[str], name: str | None = None) -> list[Record]:
    """Reads all records of a log directory, those of every fit that wrote there.

    A record cut short at the end of a file, as a killed process leaves it, is passed over in silence; a damaged one
    ends the reading of its file with a warning.

    Args:
        log_dir: what the callbacks were given as `log_dir`.
        name: the log to read; None reads all.

    Returns:
        The records as `parse` gives them, oldest first, each with its `name`, `tag`, `step` and `wall_time`. Maps
        stored as coefficients are spread over the superpixels of their session: `values` (h, w) float32.

    Raises:
        FileNotFoundError: no explanations have been written to the directory.
        ValueError: a record has an unknown format version, or does not hold together.
    """
    directory = Path(log_dir) / RUN
    files = sorted(directory.glob("events.out.tfevents.*")) if directory.is_dir() else []
    if not files:
        raise FileNotFoundError(f"There are no explanations in {log_dir}: expected event files in {directory}.")
    records = [record for file in files for record in _records(file) if name in (None, record["name"])]
    records.sort(key=lambda record: record["wall_time"])
    _spread_coefficients(records)
    return records


def latest_fit(records: list[Record]) -> list[Record]:
    """Keeps what belongs to the newest fit of each log, and to the fits that it resumed.

    A fit that begins at epoch 5 continues what was written about epochs before 5, and replaces the rest; one that
    begins with epoch 0 or an untrained network starts afresh.

    Args:
        records: as `read_log` gives them.

    Returns:
        Some of the records, in the same order; of each tag the newest only.
    """
    kept: dict[str, Record] = {}
    horizons: dict[str, float] = {}
    # dict.fromkeys keeps the order in which the sessions began
    for name, session in reversed(dict.fromkeys((record["name"], record["session"]) for record in records)):
        fit = [record for record in records if (record["name"], record["session"]) == (name, session)]
        horizon = horizons.get(name, float("inf"))
        for record in reversed(fit):
            if record["kind"] == "inputs" or record["epoch"] < horizon:
                kept.setdefault(record["tag"], record)
        horizons[name] = min([horizon, *(_first(record["epoch"]) for record in fit if record["kind"] != "inputs")])
    return sorted(kept.values(), key=lambda record: record["wall_time"])


def _first(epoch: int) -> int:
    """A fit that starts at epoch 0 also replaces an older untrained network."""
    return BASELINE_EPOCH if epoch == 0 else epoch


def _records(file: Path) -> Iterator[Record]:
    for event in events(file):
        for value in event.summary.value:
            match = _TAG.fullmatch(value.tag)
            if match and value.metadata.plugin_data.plugin_name == PLUGIN:
                record = parse(list(value.tensor.string_val))
                about: dict[str, Any] = {"tag": value.tag, "step": event.step, "wall_time": event.wall_time}
                yield {**record, "name": match["name"], **about}


def _spread_coefficients(records: list[Record]) -> None:
    superpixels = {
        (record["name"], record["session"], sample["id"]): sample["segmentation"]
        for record in records
        if record["kind"] == "inputs"
        for sample in record["samples"]
    }
    for record in records:
        for entry in record.get("maps", []):
            if entry["values"] is None:
                labels = superpixels.get((record["name"], record["session"], entry["sample"]))
                entry["values"] = _spread(entry, labels, record["tag"])


def _spread(entry: Record, labels: Any, tag: str) -> Any:
    """A map needs its superpixels; without them (the inputs record was lost) the coefficients still stand."""
    if labels is None:
        return None
    coefficients = np.array(entry["coefficients"], np.float32)
    if labels.max() >= len(coefficients):
        raise ValueError(
            f"{tag} is damaged: sample {entry['sample']} has {len(coefficients)} coefficients "
            f"for {labels.max() + 1} superpixels."
        )
    return coefficients[labels]
