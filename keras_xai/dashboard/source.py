"""Our records in one experiment, through TensorBoard's data provider."""

import json
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from tensorboard import errors
from tensorboard.data import provider

from keras_xai.dashboard.refusal import Refusal, quoted

PLUGIN = "keras_xai"
VERSION = 1
MAX_BLOBS = 20_000
MAX_BYTES = 256 * 2**20
READERS = 8  # TensorBoard's fast loader is another process, and slow to answer: several questions are asked at a time
BATCH = 16  # questions between two looks at how much came, or at the clock

Manifest = dict[str, Any]
Writings = dict[str, list[Any]]  # tag -> its writings, by reference


@dataclass(frozen=True)
class Source:
    """Reads an experiment; reading is lazy and nothing is kept.

    Args:
        provider: TensorBoard's data provider, or anything with the methods used below.
        context: TensorBoard's request context.
        experiment: TensorBoard's experiment id.
    """

    provider: Any
    context: Any = None
    experiment: str = ""

    def records(self) -> dict[str, dict[str, Any]]:
        """Run -> tag -> what TensorBoard knows of a record without reading it."""
        return self.provider.list_blob_sequences(self.context, experiment_id=self.experiment, plugin_name=PLUGIN)

    def blobs(self, run: str, tag: str, wall: float | None = None) -> list[bytes]:
        """Reads all blobs of a record.

        Args:
            run: the run's name.
            tag: the record's tag.
            wall: which writing of it, by wall time in seconds; None for the newest.

        Raises:
            Refusal: 404 there is no such record, 413 it is too large, 422 TensorBoard cannot read it.
        """
        keys = self._keys(run, tag, wall)
        if len(keys) > MAX_BLOBS:
            raise Refusal(413, f"The {place(run, tag)} has {len(keys)} blobs; more than {MAX_BLOBS} are not shown.")
        blobs: list[bytes] = []
        with ThreadPoolExecutor(READERS) as readers:
            for start in range(0, len(keys), BATCH):
                blobs += readers.map(partial(self._blob, run, tag), keys[start : start + BATCH])
                if sum(map(len, blobs)) > MAX_BYTES:
                    raise Refusal(413, f"The {place(run, tag)} is larger than the {MAX_BYTES >> 20} MB that are shown.")
        return blobs

    def writings(self, run: str, tags: Collection[str]) -> Writings:
        """Finds records without reading them: one question for all, where each alone would cost as much."""
        found = self.provider.read_blob_sequences(
            self.context,
            experiment_id=self.experiment,
            plugin_name=PLUGIN,
            downsample=1000,
            run_tag_filter=provider.RunTagFilter(runs=[run], tags=list(tags)),
        )
        return found.get(run, {})

    def manifest(self, run: str, tag: str, wall: float | None = None, writings: Writings | None = None) -> Manifest:
        """Reads the first blob of a record only.

        Args:
            run: the run's name.
            tag: the record's tag.
            wall: which writing of it, by wall time in seconds; None for the newest.
            writings: what `writings` found, if that is known already.

        Raises:
            Refusal: as `blobs`; 422 it is no manifest of a version that is known here.
        """
        keys = self._keys(run, tag, wall, writings)
        return read_manifest(self._blob(run, tag, keys[0]) if keys else b"", run, tag)

    def scalars(self, run: str, prefix: str) -> dict[str, list[Any]]:
        """Tag -> points (`step`, `wall_time`, `value`) of a run's curves whose tags begin with a prefix."""
        about = {"experiment_id": self.experiment, "plugin_name": "scalars"}
        of_run = provider.RunTagFilter(runs=[run])
        listed = self.provider.list_scalars(self.context, run_tag_filter=of_run, **about).get(run, {})
        tags = [tag for tag in listed if tag.startswith(prefix)]
        if not tags:
            return {}
        wanted = provider.RunTagFilter(runs=[run], tags=tags)
        return self.provider.read_scalars(self.context, downsample=10_000, run_tag_filter=wanted, **about).get(run, {})

    def _blob(self, run: str, tag: str, key: Any) -> bytes:
        try:
            return self.provider.read_blob(self.context, blob_key=key)
        except errors.NotFoundError as error:
            raise Refusal(404, f"TensorBoard does not have the {place(run, tag)} any more.") from error
        except errors.PublicError as error:  # the fast loader stumbles over names with quotation marks
            said = f"TensorBoard cannot read the {place(run, tag)}; --load_fast=false may help. It said: {error}"
            raise Refusal(422, said[:500]) from error

    def _keys(self, run: str, tag: str, wall: float | None, known: Writings | None = None) -> list[str]:
        writings = (self.writings(run, [tag]) if known is None else known).get(tag, [])
        if not writings:
            raise Refusal(404, f"There is no {place(run, tag)}.")
        if wall is None:
            wall = max(writing.wall_time for writing in writings)
        same = [writing for writing in writings if writing.wall_time == wall]
        if not same:
            raise Refusal(404, f"The {place(run, tag)} was written again since; reload the list of records.")
        return [reference.blob_key for reference in same[-1].values]


def read_manifest(blob: bytes, run: str, tag: str) -> Manifest:
    """Decodes the manifest of a record.

    Args:
        blob: the record's first blob.
        run: for the message.
        tag: for the message.

    Raises:
        Refusal: 422, it is no manifest of a version that is known here.
    """
    try:
        manifest = json.loads(blob)
    except (ValueError, RecursionError) as error:
        raise Refusal(422, f"The {place(run, tag)} is damaged: its manifest is no JSON ({error}).") from error
    if not isinstance(manifest, dict):
        raise Refusal(422, f"The {place(run, tag)} is damaged: its manifest is a {type(manifest).__name__}, no object.")
    refuse_other_versions(manifest, run, tag)
    return manifest


def refuse_other_versions(about: dict[str, Any], run: str, tag: str) -> None:
    """Refuses what another version of the format says; 422 with its number."""
    version = about.get("version")
    if version != VERSION or isinstance(version, bool):
        raise Refusal(
            422,
            f"The {place(run, tag)} has format version {quoted(version, 20)}, but this keras_xai reads version {VERSION}. "
            "Look at it with the keras_xai that wrote it, or a newer one.",
        )


def place(run: str, tag: str) -> str:
    """Names a record in a sentence."""
    return f"record {quoted(tag)} in run {quoted(run)}"
