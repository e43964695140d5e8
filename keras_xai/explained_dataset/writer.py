"""Shards are written while the next one is explained."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_xai.explained_dataset import identity
from keras_xai.explained_dataset.manifest import Manifest
from keras_xai.explained_dataset.portions import Portion
from keras_xai.explained_dataset.shards import write_shard


class Writer:
    """Writes shards off the caller's thread, one at a time: memory holds one that is written and one that grows."""

    def __init__(self, manifest: Manifest):
        self._manifest = manifest
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keras_xai-shards")
        self._pending: Future | None = None
        self._parts: list[dict[str, np.ndarray]] = []
        self._ends: list[str] = []

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self._executor.shutdown(wait=True)
        if kind is None:
            self._wait()

    def add(self, portion: Portion, arrays: dict[str, np.ndarray]) -> None:
        """A part of the shard that grows: some of its samples, and what is kept of them."""
        self._parts.append(arrays)
        self._ends += [identity.of_sample(portion.x, 0), identity.of_sample(portion.x, -1)]

    def end_shard(self, number: int) -> None:
        """Waits for the shard before, and begins to write this one, if anything was added."""
        self._wait()
        if self._parts:
            first, *_, last = self._ends
            self._pending = self._executor.submit(self._write, number, self._parts, first, last)
        self._parts, self._ends = [], []

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def _write(self, number: int, parts: list[dict[str, np.ndarray]], first: str, last: str) -> None:
        name = f"shard-{number:06d}.npz"
        count = sum(len(part["raw"]) for part in parts)
        try:
            checksum = write_shard(self._manifest.folder / name, parts)
            shard = {"file": name, "count": count, "sha256": checksum, "first": first, "last": last}
            self._manifest.put(number, shard)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{name} could not be written to {str(self._manifest.folder)!r}: {error.strerror}. The shards before it are "
                "complete; make room, and call keras_xai.explain_dataset as before: it goes on from there",
            ) from error
