"""Runs a slice of the benchmark, or reports what has been run: `python -m tests.benchmarks.shortcuts --help`."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

EPILOG = """\
Every run has a number; even ones may be tuned on. Odd ones may not: they have other cues, other seeds, another data set
and other networks. Results are appended to
the file as lines of JSON, and numbers that are in it already are not run again: stop and go on as you like. It needs
Fashion-MNIST (apt-get install dataset-fashion-mnist) and MNIST (pip install keras-xai[benchmarks]).

  python -m tests.benchmarks.shortcuts --count 400
  python -m tests.benchmarks.shortcuts --first 16 --count 1 --again
  python -m tests.benchmarks.shortcuts --count 60 --kind clean
  python -m tests.benchmarks.shortcuts --report
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.shortcuts",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, default=Path("shortcuts.jsonl"), help="default: shortcuts.jsonl")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first run")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="how many numbers to go through")
    parser.add_argument("--kind", choices=("clean", "local", "global", "decoy"), help="only runs of this kind")
    parser.add_argument(
        "--data", nargs="+", choices=("fashion", "digits", "scenes", "shapes"), help="only runs on these"
    )
    parser.add_argument("--part", choices=("tuning", "validation"), help="only runs of this part")
    parser.add_argument("--budget", type=float, help="the monitor's share of an epoch; default: no limit")
    parser.add_argument("--again", action="store_true", help="run also what is in the results already")
    parser.add_argument("--report", action="store_true", help="print the tables")
    parser.add_argument("--misses", action="store_true", help="print every miss and every false alarm")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw all runs")
    parser.add_argument(
        "--baselines", action="store_true", help="print what other proposers find in --first and --count"
    )
    arguments = parser.parse_args()
    if arguments.baselines:
        _compare(arguments)
        return
    _run(arguments)
    records = _records(arguments.results)
    from tests.benchmarks.shortcuts import report

    if arguments.report:
        print("\n".join(report.tables(records)))
    if arguments.misses:
        print("\n".join(report.misses(records)))
    if arguments.plot:
        from tests.benchmarks.shortcuts.plot import plot

        plot(records, arguments.plot)


def _run(arguments: argparse.Namespace) -> None:
    done = set() if arguments.again else {record["run"]["number"] for record in _records(arguments.results)}
    wanted = [number for number in range(arguments.first, arguments.first + arguments.count) if number not in done]
    if not wanted:
        return
    from tests.benchmarks.shortcuts.runs import execute, numbered

    for run in map(numbered, wanted):
        part = "validation" if run.validation else "tuning"
        data = arguments.data or [run.data]
        if arguments.kind in (None, run.kind) and arguments.part in (None, part) and run.data in data:
            record = execute(run, _monitor(arguments.budget))
            with arguments.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            print(run, "alerts:", record["alerts"], flush=True)


def _compare(arguments: argparse.Namespace) -> None:
    """Trains the local runs of the slice and asks every proposer about the trained networks."""
    from tests.benchmarks.shortcuts.baselines import Comparison
    from tests.benchmarks.shortcuts.runs import execute, numbered

    for run in map(numbered, range(arguments.first, arguments.first + arguments.count)):
        if run.kind == "local":
            comparisons: list[Comparison] = []

            def compare(samples: Any, log_dir: str, seed: int) -> Comparison:
                comparisons.append(Comparison(samples, seed))  # noqa: B023
                return comparisons[-1]  # noqa: B023

            record = execute(run, compare)
            relied = f"reliance {record['reliance'][-1]}, of the class {record['class_reliance'][-1]}"
            print(run, relied, "local findings in classes:", comparisons[0].found, flush=True)


def _monitor(budget: float | None) -> Any:
    import keras_xai as kx

    def make(samples: kx.Samples, log_dir: str, seed: int) -> Any:
        return kx.callbacks.SpuriousFeatureMonitor(samples, log_dir=log_dir, budget=budget, seed=seed, on_error="raise")

    return make


def _records(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
