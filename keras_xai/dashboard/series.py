"""Everything about one fit that is a number per epoch, as one JSON answer."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from keras_xai.dashboard.cache import BoundedCache
from keras_xai.dashboard.facts import OUTCOMES, Facts, compact, facts, number
from keras_xai.dashboard.merging import by_name, largest, per_epoch, widest
from keras_xai.dashboard.peaks import Peaks, peaks
from keras_xai.dashboard.refusal import Refusal, quoted, some
from keras_xai.dashboard.source import BATCH, READERS, Source, Writings, place

MEMORY = 128 * 2**20  # bytes of facts kept, about 5,000 epochs of 64 samples and 6 methods
SIBLINGS = ("train", "validation")  # the runs of keras.callbacks.TensorBoard beside ours
MAX_SAMPLES = 10_000

Record = dict[str, Any]
Content = Facts | Peaks | Refusal


class SeriesReader:
    """Answers `series`. A record is read once, and again only if it was written again."""

    def __init__(self) -> None:
        self._known = BoundedCache(MEMORY, _size)

    def read(
        self,
        source: Source,
        index: dict[str, Any],
        run: str,
        name: str,
        session: str,
        measures: bool = True,
        patience: float = math.inf,
    ) -> str:
        """Collects the numbers of one fit.

        Args:
            source: the experiment.
            index: what `Index.read` gives of it.
            run: the run's name.
            name: the log's name.
            session: which fit.
            measures: whether the numbers of each sample are wanted, by far the most of it.
            patience: seconds after which the answer is given with what has been read by then. It is spread over the
                whole fit, and the next answer begins where this one ended.

        Returns:
            JSON: `{"epochs": [...], "missing": number of records not read yet, "logs": {key: [...]}, "samples": [{"id",
            "name", "label"}], "means": {method: {measure: [per epoch]}}, "ranges": {method: [[smallest, largest] per
            sample]}, "peaks": {layer: {channel: [largest per sample]}}, "scalars": {tag: [[step, value], ...]},
            "problems": [sentence, ...]}`, and with measures also `{"outcomes": {"predicted" | "confidence" | "valid" |
            "flagged": [[per sample] per epoch]}, "measures": {method: {measure: [[per sample] per epoch]}}}`; null for
            what is missing or not finite. Epoch -1 is the untrained network.

        Raises:
            Refusal: 404, there is no such fit.
        """
        deadline = time.monotonic() + patience
        of_log = [record for record in _records(index, run) if record["name"] == name]
        records = [record for record in of_log if record["session"] == session]
        if not records:
            raise Refusal(
                404,
                f"There are no records of the fit {quoted(session)} of the log {quoted(name)} in run {quoted(run)}.",
            )
        problems: list[str] = []
        maps = [record for record in records if record["kind"] in ("epoch", "baseline")]
        samples = _samples(source, run, of_log, session, maps, problems)
        identifiers = tuple(sample["id"] for sample in samples)
        tiles = [record for record in records if record["kind"] == "activations"]
        wanted = [*coarse_to_fine(maps), *coarse_to_fine(tiles)]
        read = self._read(source, run, wanted, identifiers, deadline)
        found: dict[int, Facts] = {}
        for record in maps:  # sorted by time: what was written later takes the place
            of_epoch = read.get(record["tag"])
            if isinstance(of_epoch, Facts):
                found[of_epoch.epoch] = of_epoch
        problems += [str(problem) for problem in read.values() if isinstance(problem, Refusal)]
        epochs = [found[epoch] for epoch in sorted(found)]
        answer = {
            "epochs": [epoch.epoch for epoch in epochs],
            "missing": len(wanted) - len(read),
            "logs": by_name([epoch.logs for epoch in epochs]),
            "samples": samples,
            "means": by_name([epoch.means for epoch in epochs], by_name),
            "ranges": widest([epoch.ranges for epoch in epochs]),
            "peaks": largest([content.layers for content in read.values() if isinstance(content, Peaks)]),
            "scalars": _scalars(source, run, of_log, session),
            "problems": some(problems),
        }
        if measures:
            answer["outcomes"] = {name: [epoch.outcomes[name] for epoch in epochs] for name in OUTCOMES}
            answer["measures"] = per_epoch([epoch.measures for epoch in epochs], len(samples))
        return compact(answer)

    def _read(
        self, source: Source, run: str, records: Sequence[Record], identifiers: Sequence[str], deadline: float
    ) -> dict[str, Content]:
        """Tag -> what is in it, of all that was read before and of what can be read until it is time."""

        def key(record: Record) -> tuple[Any, ...]:
            return source.experiment, run, record["tag"], record["wall_time"], identifiers

        known = {record["tag"]: self._known.peek(key(record)) for record in records}
        done: dict[str, Content] = {tag: of_epoch for tag, of_epoch in known.items() if of_epoch}
        new = [record for record in records if record["tag"] not in done]
        if not new:
            return done
        writings = source.writings(run, [record["tag"] for record in new])

        def read(record: Record) -> Content:
            try:
                return self._known.get(key(record), partial(_content, source, run, record, identifiers, writings))
            except Refusal as gone:
                return gone

        with ThreadPoolExecutor(READERS) as readers:
            for start in range(0, len(new), BATCH):
                batch = new[start : start + BATCH]
                done |= zip((record["tag"] for record in batch), readers.map(read, batch), strict=True)
                if time.monotonic() > deadline:
                    break
        return done


def coarse_to_fine(records: Sequence[Record]) -> list[Record]:
    """Puts records in an order in which any first part is spread over all of them: the newest, then halves, quarters…

    Args:
        records: sorted by time.
    """
    newest_first = records[::-1]
    places = sorted(range(len(records)), key=lambda place: (place & -place) or len(records), reverse=True)
    return [newest_first[place] for place in places]


def _records(index: dict[str, Any], run: str) -> list[Record]:
    return next((entry["records"] for entry in index["runs"] if entry["run"] == run), [])


def _content(source: Source, run: str, record: Record, identifiers: Sequence[str], writings: Writings) -> Content:
    """What a record says, or that it is damaged, which it will be next time too."""
    try:
        manifest = source.manifest(run, record["tag"], record["wall_time"], writings)
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        return refusal
    try:
        return peaks(manifest, identifiers) if record["kind"] == "activations" else facts(manifest, identifiers)
    except Refusal as refusal:
        return Refusal(422, f"The {place(run, record['tag'])} is damaged: {refusal}.")


def _size(content: Content) -> int:
    return 500 if isinstance(content, Refusal) else content.size()


def _samples(
    source: Source, run: str, of_log: list[Record], session: str, maps: list[Record], problems: list[str]
) -> list[dict[str, Any]]:
    """The samples as the inputs record lists them; where it is lost, as an epoch does.

    A restarted fit writes its inputs in the place of the older fit's, for the same samples as a rule.
    """
    inputs = [record for record in of_log if record["kind"] == "inputs"]
    inputs.sort(key=lambda record: (record["session"] == session, record["wall_time"]))
    for record in [*inputs[-1:], *maps[:1]]:
        try:
            rows = source.manifest(run, record["tag"], record["wall_time"]).get("samples")
        except Refusal as problem:
            problems.append(str(problem))
            continue
        samples = [_sample(row) for row in rows[:MAX_SAMPLES]] if isinstance(rows, list) else []
        by_id = {sample["id"]: sample for sample in samples if sample}
        if by_id:
            return list(by_id.values())
    return []


def _sample(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        return {}
    label = row.get("label")
    several = isinstance(label, list) and all(number(one) is not None for one in label)
    name = row["name"] if isinstance(row.get("name"), str) else row["id"]
    return {"id": row["id"], "name": name, "label": label if several or number(label) is not None else None}


def _scalars(source: Source, run: str, of_log: list[Record], session: str) -> dict[str, list[list[float | None]]]:
    """Curves of ours, and of keras.callbacks.TensorBoard beside us, written while this fit went on."""
    start = min(record["wall_time"] for record in of_log if record["session"] == session)
    later = [record["wall_time"] for record in of_log if record["session"] != session and record["wall_time"] > start]
    end = min(later, default=float("inf"))
    # The first curves of an epoch are written before our first record of it.
    curves = {tag: (points, start) for tag, points in source.scalars(run, "xai/").items()}
    folder = run.rpartition("/")[0]
    for sibling in SIBLINGS:
        beside = source.scalars(f"{folder}/{sibling}" if folder else sibling, "epoch_")
        curves |= {f"{sibling}/{tag}": (points, 0.0) for tag, points in beside.items()}
    rows = {
        tag: [[point.step, number(point.value)] for point in points if since <= point.wall_time < end]
        for tag, (points, since) in curves.items()
    }
    return {tag: points for tag, points in rows.items() if points}
