"""The table that the benchmarks print, and keep for the README and the plot."""

import dataclasses
import itertools
import json
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: was measured. value: the figure. goal: what it should be.
        library, task, ratio: for the plot of comparisons, who does what at how many times its floor.
    """

    what: str
    value: str
    goal: str = ""
    library: str = ""
    task: str = ""
    ratio: float | None = None


ROWS: list[Row] = []


def row(what: str, value: str, goal: str = "", **known: object) -> None:
    """Prints a line and keeps it; `known` are the other attributes of a `Row`."""
    print(f"{what:<84} {value:>12}   {goal}", flush=True)
    ROWS.append(Row(what, value, goal, **known))  # type: ignore[arg-type]


def ratio(task: str, library: str, seconds: float, floor: float, goal: str = "") -> None:
    """A row of a comparison: what a library takes for a task, in times of its floor."""
    times = seconds / floor
    value = f"{times:.2f} ×" if times < 10 else f"{times:.0f} ×"
    row(f"{task}: {library}", value, goal, library=library, task=task, ratio=times)


def save(path: Path) -> None:
    """Write all rows so far to a file, for the process that started this one."""
    path.write_text(json.dumps([dataclasses.asdict(one) for one in ROWS]))


def take(path: Path) -> None:
    """Print and keep the rows that another process saved."""
    for one in json.loads(path.read_text()):
        row(**one)


def markdown() -> str:
    """All rows so far as a table, a comparison in one line."""
    lines = ["| what | measured | goal |", "|---|---|---|"]
    for task, group in itertools.groupby(ROWS, key=lambda one: one.task or one):
        members = list(group)
        if isinstance(task, Row) or len(members) == 1:
            what, value = members[0].task or members[0].what, members[0].value
        else:
            what, value = task, ", ".join(f"{one.library} {one.value}" for one in members)
        lines.append(f"| {what.strip()} | {value} | {members[0].goal} |")
    return "\n".join(lines) + "\n"
