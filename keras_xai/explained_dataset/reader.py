"""Reading an explained data set back, shard by shard."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_xai.explained_dataset.manifest import Manifest
from keras_xai.explained_dataset.shards import Shard, read_shard


class ExplainedDataset:
    """The maps and scores that `explain_dataset` wrote, read shard by shard as they are asked for.

    Each shard's checksum is verified when it is read. A run that has not ended can be read, too: what is there so far.

    Args:
        out: the directory.

    Attributes:
        method: the explainer's name. signed: True where negative values mean evidence against.
        config: the explainer's, with arrays and functions by name or checksum.
        layer: the layer or layers that were looked at, or None. score: what was explained, by name.
        size: (height, width) of the images.
        complete: whether all of the data set is there.

    Raises:
        FileNotFoundError: no explained data set is there.
        ValueError: it is damaged or of an unknown version.

    Example:
        >>> explained = keras_xai.ExplainedDataset("maps")
        >>> len(explained)
        >>> for shard in explained:
        ...     print(shard.start, shard.scores.mean(), shard.maps.shape)
    """

    def __init__(self, out: str | os.PathLike):
        self.folder = Path(os.path.expanduser(out))
        self._manifest = Manifest.load(self.folder)
        about: dict[str, Any] = self._manifest.explanation
        self.method: str = self._manifest.identity["explainer"]["method"]
        self.config: dict[str, Any] = self._manifest.identity["explainer"]["config"]
        self.signed: bool = about["signed"]
        self.layer: str | list[str] | None = about["layer"]
        self.score: str = about["score"]
        self.size: tuple[int, int] = tuple(about["size"])
        self.complete = self._manifest.complete

    @property
    def num_shards(self) -> int:
        return len(self._manifest.shards)

    def __len__(self) -> int:
        """How many samples are there."""
        return self._manifest.count

    def __iter__(self) -> Iterator[Shard]:
        return map(self.shard, range(self.num_shards))

    def shard(self, number: int) -> Shard:
        """One shard.

        Raises:
            IndexError: there are fewer.
            ValueError: its file is missing or damaged.
        """
        if not 0 <= number < self.num_shards:
            raise IndexError(f"There is no shard {number}; there are {self.num_shards}, 0 to {self.num_shards - 1}.")
        entry = self._manifest.shards[number]
        path = self.folder / entry["file"]
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise ValueError(
                f"{str(path)!r} is {'damaged' if content else 'missing'}: its checksum is not the one in the manifest. "
                "keras_xai.explain_dataset, called as before, makes it again."
            )
        return read_shard(content, number * self._manifest.identity["settings"]["shard_size"], self.size)

    def __repr__(self) -> str:
        height, width = self.size
        state = "" if self.complete else ", not complete"
        return (
            f"ExplainedDataset({str(self.folder)!r}: {self.method!r} of {len(self)} images of {height}×{width} in "
            f"{self.num_shards} shards{state})"
        )
