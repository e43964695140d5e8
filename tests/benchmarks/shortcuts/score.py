"""From records of runs to numbers: what was found, when, where, and what was cried in vain."""

from collections.abc import Sequence
from typing import Any

import numpy as np

OVERALL, ON_CLASS = 0.03, 0.2
STRONG = 0.05
WITHIN = 2
HIT = 0.5

Record = dict[str, Any]


def clopper_pearson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact confidence interval of a share: (lower, upper)."""
    from scipy.stats import beta

    tail = (1 - level) / 2
    lower = beta.ppf(tail, hits, trials - hits + 1) if hits else 0.0
    upper = beta.ppf(1 - tail, hits + 1, trials - hits) if hits < trials else 1.0
    return float(lower), float(upper)


def appears(record: Record, overall: float = OVERALL, on_class: float = ON_CLASS) -> int | None:
    """The first epoch at whose end the network measurably relies on the cue; None if it never does."""
    pairs = zip(record["reliance"], record["class_reliance"], strict=True)
    return next((epoch for epoch, (all_, own) in enumerate(pairs) if all_ >= overall or own >= on_class), None)


def true_alerts(record: Record) -> list[dict]:
    """Alerts (not notices) about the class that carries the cue; about any class, for a decoy."""
    run = record["run"]
    return [one for one in _alerts(record) if run["kind"] == "decoy" or one["class"] == run["label"]]


def false_classes(record: Record) -> list[int]:
    """Classes that alerts name though no cue was planted in them."""
    right = [id(one) for one in true_alerts(record)] if record["run"]["cue"] else []
    return sorted({one["class"] for one in _alerts(record) if id(one) not in right})


def delay(record: Record) -> int | None:
    """Epochs from the appearance of reliance to the first true alert; None if there is none. Negative: alerted before."""
    found = true_alerts(record)
    start = appears(record)
    return None if not found or start is None else min(one["epoch"] for one in found) - start


def in_time(record: Record) -> bool:
    late = delay(record)
    return late is not None and late <= WITHIN


def observed(record: Record) -> bool:
    """Whether the run relies on its cue, and went on long enough afterwards for an alert to be due."""
    start = appears(record)
    return record["run"]["cue"] is not None and start is not None and start + WITHIN < len(record["reliance"])


def strong(record: Record) -> bool:
    """Whether the overall reliance reaches 0.05 at an epoch that leaves time for an alert."""
    return max(record["reliance"][:-WITHIN], default=0.0) >= STRONG


def unused(record: Record) -> bool:
    """Whether a cue was planted and is never relied on: every epoch stays below a third of the thresholds."""
    return record["run"]["cue"] is not None and appears(record, OVERALL / 3, ON_CLASS / 3) is None


def first_window(record: Record) -> dict | None:
    """The first true alert that names a region, where the cue has a place."""
    return next((one for one in true_alerts(record) if "overlap" in one), None)


def share(records: Sequence[Record], condition: Any) -> str:
    """ "9/10 90% [55, 100]": how many records fulfil a condition, with the exact 95 % interval."""
    hits, trials = sum(bool(condition(one)) for one in records), len(records)
    if not trials:
        return "–"
    lower, upper = clopper_pearson(hits, trials)
    return f"{hits}/{trials} {hits / trials:.0%} [{100 * lower:.0f}, {100 * upper:.0f}]"


def median(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.median(known):.2g}" if known else "–"


def _alerts(record: Record) -> list[dict]:
    return [one for one in record["alerts"] if one["severity"] == "alert"]
