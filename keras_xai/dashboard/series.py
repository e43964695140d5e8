"""Everything about one fit that is a number per epoch, as one JSON answer."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from keras_xai.dashboard.cache import BoundedCache
from keras_xai.dashboard.facts import OUTCOMES, Facts, Range, compact, facts, number
from keras_xai.dashboard.refusal import Refusal, quoted, some
from keras_xai.dashboard.source import Source, place

MEMORY = 128 * 2**20  # bytes of facts kept, about 5,000 epochs of 64 samples and 6 methods
SIBLINGS = ("train", "validation")  # the runs of keras.callbacks.TensorBoard beside ours
MAX_SAMPLES = 10_000

Record = dict[str, Any]


class SeriesReader:
    """Answers `series`. An epoch is read once, and again only if it was written again."""

    def __init__(self) -> None:
        self._facts = BoundedCache(MEMORY, Facts.size)

    def read(
        self, source: Source, index: dict[str, Any], run: str, name: str, session: str, measures: bool = True
    ) -> str:
        """Collects the numbers of one fit.

        Args:
            source: the experiment.
            index: what `Index.read` gives of it.
            run: the run's name.
            name: the log's name.
            session: which fit.
            measures: whether the measures of each sample are wanted, by far the most of it.

        Returns:
            JSON: `{"epochs": [...], "logs": {key: [...]}, "samples": [{"id", "name", "label"}], "outcomes":
            {"predicted" | "confidence" | "valid" | "flagged": [[per sample] per epoch]}, "means": {method: {measure:
            [per epoch]}}, "measures": {method: {measure: [[per sample] per epoch]}}, "ranges": {method: [[smallest,
            largest] per sample]}, "scalars": {tag: [[step, value], ...]}, "problems": [sentence, ...]}`; null for what is
            missing or not finite. Epoch -1 is the untrained network.

        Raises:
            Refusal: 404, there is no such fit.
        """
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
        found: dict[int, Facts] = {}
        for record in maps:  # sorted by time: what was written later takes the place
            key = (source.experiment, run, record["tag"], record["wall_time"], identifiers)
            try:
                of_epoch = self._facts.get(key, partial(_facts, source, run, record, identifiers))
                found[of_epoch.epoch] = of_epoch
            except Refusal as problem:
                problems.append(str(problem))
        epochs = [found[epoch] for epoch in sorted(found)]
        answer = {
            "epochs": compact([epoch.epoch for epoch in epochs]),
            "logs": compact(_by_name([epoch.logs for epoch in epochs])),
            "samples": compact(samples),
            "outcomes": _object({name: _list(epoch.outcomes[name] for epoch in epochs) for name in OUTCOMES}),
            "means": compact(_by_name([epoch.means for epoch in epochs], _by_name)),
            "measures": _measures(epochs, len(samples)) if measures else None,
            "ranges": compact(_ranges(epochs, len(samples))),
            "scalars": compact(_scalars(source, run, of_log, session)),
            "problems": compact(some(problems)),
        }
        return _object({name: text for name, text in answer.items() if text is not None})


def _records(index: dict[str, Any], run: str) -> list[Record]:
    return next((entry["records"] for entry in index["runs"] if entry["run"] == run), [])


def _facts(source: Source, run: str, record: Record, identifiers: Sequence[str]) -> Facts:
    manifest = source.manifest(run, record["tag"], record["wall_time"])
    try:
        return facts(manifest, identifiers)
    except Refusal as refusal:
        raise Refusal(422, f"The {place(run, record['tag'])} is damaged: {refusal}.") from refusal


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


def _by_name(epochs: list[Any], gather: Callable[[list[Any]], Any] = list) -> dict[str, Any]:
    """Turns dictionaries, one per epoch, into a dictionary of lists; None where a name is missing.

    Args:
        epochs: the dictionaries, or None.
        gather: what is made of the list of a name's values, by default the list.
    """
    names = dict.fromkeys(name for epoch in epochs for name in epoch or {})
    return {name: gather([(epoch or {}).get(name) for epoch in epochs]) for name in names}


def _measures(epochs: list[Facts], count: int) -> str:
    nothing = compact([None] * count)
    by_method = _by_name([epoch.measures for epoch in epochs], _by_name)
    return _object(
        {
            method: _object({name: _list(row or nothing for row in rows) for name, rows in measures.items()})
            for method, measures in by_method.items()
        }
    )


def _ranges(epochs: list[Facts], count: int) -> dict[str, list[Range]]:
    """Of each method's map of each sample the smallest and the largest value of all epochs."""
    widest: dict[str, list[Range]] = {}
    for epoch in epochs:
        for method, ranges in epoch.ranges.items():
            row = widest.setdefault(method, [None] * count)
            row[:] = [_wider(before, ends) for before, ends in zip(row, ranges, strict=True)]
    return widest


def _wider(before: Range, ends: Range) -> Range:
    if before is None or ends is None:
        return before or ends
    return min(before[0], ends[0]), max(before[1], ends[1])


def _object(members: dict[str, str]) -> str:
    """A JSON object of values that are JSON already."""
    return "{" + ",".join(f"{compact(key)}:{value}" for key, value in members.items()) + "}"


def _list(items: Iterable[str]) -> str:
    return f"[{','.join(items)}]"
