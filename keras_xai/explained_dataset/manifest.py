"""The list of what is in the directory of an explained data set, and how it came about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keras_xai.explained_dataset import lock
from keras_xai.explained_dataset.durable import remove_unfinished, sha256_of, write_durably
from keras_xai.explained_dataset.identity import differences

NAME = "manifest.json"
_FORMAT, _VERSION = "keras_xai.ExplainedDataset", 1


class Manifest:
    """What `manifest.json` says.

    Attributes:
        folder: the directory it is of.
        identity: what must be the same when a run is resumed: the explainer, the model's weights, the data's shapes, the
            settings.
        explanation: what holds for all samples: the method, the layer, the score, the size of the image.
        shards: for each shard its file, how many samples it holds, its SHA-256, and checksums of its first and last sample.
        element_size: how many samples the data's batches have, so that a later run can begin in the middle; None where they
            differ, and where every sample has a number.
        complete: whether the data end with the last shard.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]):
        self.folder = folder
        self.identity = identity
        self.explanation: dict[str, Any] = {}
        self.shards: list[dict[str, Any]] = []
        self.element_size: int | None = None
        self.complete = False

    @property
    def count(self) -> int:
        """How many samples are there."""
        return sum(shard["count"] for shard in self.shards)

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, or of an unknown version.
        """
        path = folder / NAME
        try:
            read = json.loads(path.read_bytes())
            if (read["format"], read["version"]) != (_FORMAT, _VERSION):
                raise ValueError(f"it is {read['format']} version {read['version']}, not {_FORMAT} version {_VERSION}")
            manifest = cls(folder, read["identity"])
            manifest.explanation, manifest.shards = read["explanation"], read["shards"]
            manifest.element_size, manifest.complete = read.get("element_size"), read["complete"]
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{str(folder)!r} holds no explained data set: there is no {NAME}. keras_xai.explain_dataset(model, data, "
                "explainer, out) makes one."
            ) from None
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{str(path)!r} cannot be read: {error}. Delete the directory and begin anew.") from error
        return manifest

    @classmethod
    def begun(cls, folder: Path, identity: dict[str, Any]) -> Manifest:
        """That of a directory to write to: an empty one, or what an earlier run got done.

        Args:
            folder: locked; see `lock.locked`.
            identity: of the run that begins; what the data look like is not known yet.

        Raises:
            ValueError: the earlier run was another one, or the directory holds something else.
        """
        if not (folder / NAME).exists():
            remove_unfinished(folder)
            if any(path.name != lock.NAME for path in folder.iterdir()):
                raise ValueError(
                    f"{str(folder)!r} is not empty and holds no explained data set. Give out= a directory of its own."
                )
            return cls(folder, identity)
        manifest = cls.load(folder)
        remove_unfinished(folder)
        manifest.check({key: manifest.identity.get(key) for key in identity}, identity)
        return manifest

    def check(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Refuses to mix what does not belong together.

        Raises:
            ValueError: with what differs.
        """
        found = list(differences(before, now))
        if found:
            raise ValueError(
                f"{str(self.folder)!r} was begun in another way, and what is there cannot be gone on with: "
                f"{'; '.join(found)}. Give another out=, or delete the directory to begin anew."
            )

    def damaged(self) -> list[int]:
        """The numbers of the shards whose file is missing, or is not what was written."""
        return [number for number in range(len(self.shards)) if not self.is_intact(number)]

    def is_intact(self, number: int) -> bool:
        """Whether a shard's file is what was written."""
        shard = self.shards[number]
        path = self.folder / shard["file"]
        return path.is_file() and sha256_of(path) == shard["sha256"]

    def put(self, number: int, shard: dict[str, Any]) -> None:
        """Notes a shard that was written, and saves."""
        self.shards[number : number + 1] = [shard]
        self.save()

    def save(self) -> None:
        """Replaces `manifest.json` in one step."""
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "complete": self.complete,
            "identity": self.identity,
            "explanation": self.explanation,
            "element_size": self.element_size,
            "shards": self.shards,
        }
        text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
        write_durably(self.folder / NAME, lambda file: file.write(text.encode()))
