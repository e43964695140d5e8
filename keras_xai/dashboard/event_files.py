"""A log directory with the methods of TensorBoard's data provider that the tab needs, without a TensorBoard."""

import os
from pathlib import Path
from typing import Any

from tensorboard.data import provider
from tensorboard.util import tensor_util

from keras_xai.dashboard.source import PLUGIN
from keras_xai.event_files import events

SCALARS = "scalars"


class EventFiles:
    """Reads all event files below a directory, each folder with some being a run, as TensorBoard has it.

    Of a record that was written several times the newest is kept; of curves all points.

    Args:
        log_dir: the directory.

    Raises:
        FileNotFoundError: there are no explanations below it.
    """

    def __init__(self, log_dir: str | os.PathLike[str]):
        self._records: dict[str, dict[str, tuple[float, int, bytes, list[bytes]]]] = {}
        self._curves: dict[str, dict[str, list[provider.ScalarDatum]]] = {}
        for folder, _, names in os.walk(log_dir):
            files = sorted(name for name in names if "tfevents" in name)
            run = Path(folder).relative_to(log_dir).as_posix()
            for name in files:
                self._read(run, Path(folder, name))
        if not self._records:
            raise FileNotFoundError(
                f"There are no explanations in {log_dir}: expected event files that a callback of keras_xai wrote."
            )

    def list_blob_sequences(self, ctx: Any = None, *, experiment_id: str, plugin_name: str) -> dict[str, Any]:
        """Run -> tag -> what is known of a record without reading it."""
        return {
            run: {
                tag: provider.BlobSequenceTimeSeries(
                    max_step=step,
                    max_wall_time=wall,
                    plugin_content=content,
                    description="",
                    display_name="",
                    max_length=len(blobs),
                )
                for tag, (wall, step, content, blobs) in tags.items()
            }
            for run, tags in self._records.items()
        }

    def read_blob_sequences(
        self,
        ctx: Any = None,
        *,
        experiment_id: str,
        plugin_name: str,
        run_tag_filter: provider.RunTagFilter,
        downsample: int = 1,
    ) -> dict[str, Any]:
        """Run -> tag -> its one value, by reference."""
        found: dict[str, Any] = {}
        for run in run_tag_filter.runs:
            for tag in run_tag_filter.tags:
                if tag in self._records.get(run, {}):
                    wall, step, _, blobs = self._records[run][tag]
                    references = tuple(provider.BlobReference((run, tag, number)) for number in range(len(blobs)))
                    found.setdefault(run, {})[tag] = [provider.BlobSequenceDatum(step, wall, references)]
        return found

    def read_blob(self, ctx: Any = None, *, blob_key: tuple[str, str, int]) -> bytes:
        """The bytes behind a reference."""
        run, tag, number = blob_key
        return self._records[run][tag][3][number]

    def list_scalars(
        self, ctx: Any = None, *, experiment_id: str, plugin_name: str, run_tag_filter: provider.RunTagFilter
    ) -> dict[str, Any]:
        """Run -> tag -> anything: only the names are of use."""
        return {run: self._curves.get(run, {}) for run in run_tag_filter.runs}

    def read_scalars(
        self,
        ctx: Any = None,
        *,
        experiment_id: str,
        plugin_name: str,
        run_tag_filter: provider.RunTagFilter,
        downsample: int = 1,
    ) -> dict[str, dict[str, list[provider.ScalarDatum]]]:
        """Run -> tag -> points, in the order they were written."""
        return {
            run: {tag: points for tag, points in self._curves.get(run, {}).items() if tag in run_tag_filter.tags}
            for run in run_tag_filter.runs
        }

    def _read(self, run: str, file: Path) -> None:
        plugins: dict[str, str] = {}  # only the first value of a tag in a file has to say whose it is
        for event in events(file, check=False):
            for value in event.summary.value:
                plugin = plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
                if plugin == PLUGIN:
                    tags = self._records.setdefault(run, {})
                    if value.tag not in tags or tags[value.tag][0] <= event.wall_time:
                        content, blobs = value.metadata.plugin_data.content, list(value.tensor.string_val)
                        tags[value.tag] = (event.wall_time, event.step, content, blobs)
                elif plugin == SCALARS and value.HasField("tensor"):
                    points = self._curves.setdefault(run, {}).setdefault(value.tag, [])
                    number = float(tensor_util.make_ndarray(value.tensor).item())
                    points.append(provider.ScalarDatum(event.step, event.wall_time, number))
