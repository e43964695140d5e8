"""The table that the benchmarks print."""


def row(what: str, value: str, goal: str) -> None:
    """Prints a line: what was measured, the figure, what it should be."""
    print(f"{what:<66} {value:>10}   {goal}", flush=True)
