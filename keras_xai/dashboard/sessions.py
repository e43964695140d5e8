"""Which fit wrote a record.

TensorBoard remembers of each tag what was said about it first. A fit that is started again in the same directory writes
its records under the same tags, and what TensorBoard hands out goes on naming the first fit. The manifests are right,
but there may be thousands of them. Of one log, though, one fit writes after another: sorted by time, all records between
two of the same fit are of that fit, so a few manifests tell about all.
"""

from collections.abc import Callable, Sequence
from typing import Any

Record = dict[str, Any]


def true_sessions(records: Sequence[Record], session_of: Callable[[Record], str]) -> list[str]:
    """Finds out which fit wrote each record.

    Args:
        records: those of one log, sorted by wall time.
        session_of: reads the session from a record's manifest. It is called about log2(records) times per fit.

    Returns:
        One session per record.
    """
    sessions = [""] * len(records)

    def settle(first: int, last: int, before: str, after: str) -> None:
        """Fills in what lies strictly between two records whose sessions are known."""
        if last - first < 2:
            return
        if before == after:
            sessions[first + 1 : last] = [before] * (last - first - 1)
            return
        middle = (first + last) // 2
        sessions[middle] = session_of(records[middle])
        settle(first, middle, before, sessions[middle])
        settle(middle, last, sessions[middle], after)

    if records:
        sessions[0] = session_of(records[0])
        sessions[-1] = session_of(records[-1])
        settle(0, len(records) - 1, sessions[0], sessions[-1])
    return sessions
