"""The comparisons and the linearity as one picture."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tests.benchmarks.linearity_rows import SERIES
from tests.benchmarks.rows import ROWS

MARKERS = {"keras_xai": ("o", "#d1495b", 60)}
OTHERS = ("s", "D", "^", "v", "P", "X", "<")


def plot(path: Path) -> None:
    """Left, who takes how many times the floor for what; right, cost over counts. What was not measured is left out."""
    libraries: dict[str, set[str]] = {}
    for one in ROWS:
        libraries.setdefault(one.task, set()).add(one.library)
    compared = [one for one in ROWS if one.ratio is not None and len(libraries[one.task]) > 1]
    panels = (bool(compared), bool(SERIES))
    if not any(panels):
        return
    tasks = list(dict.fromkeys(one.task for one in compared))
    figure, axes = pyplot.subplots(
        1,
        sum(panels),
        figsize=(5 + 7 * panels[0], max(4, 0.36 * len(tasks) + 1.5)),
        layout="constrained",
        squeeze=False,
    )
    if panels[0]:
        draw_comparisons(axes[0, 0], compared, tasks)
    if panels[1]:
        draw_series(axes[0, -1])
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def draw_comparisons(axis, compared, tasks) -> None:
    libraries = sorted({one.library for one in compared}, key=lambda name: (name != "keras_xai", name))
    markers = {name: (marker, None, 40) for name, marker in zip(libraries[1:], OTHERS, strict=False)} | MARKERS
    for library in libraries:
        marker, colour, size = markers[library]
        mine = [one for one in compared if one.library == library]
        places = [tasks.index(one.task) for one in mine]
        drawn_last = 3 if library == "keras_xai" else 2
        axis.scatter([one.ratio for one in mine], places, size, colour, marker, label=library, zorder=drawn_last)
    axis.axvline(1, color="#888888", linewidth=1)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ×"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_yticks(range(len(tasks)), tasks, fontsize=8)
    axis.invert_yaxis()
    axis.grid(axis="both", color="#e5e5e5", zorder=0)
    axis.set_axisbelow(True)
    axis.set_xlabel("times of the floor that each name ends with")
    axis.legend(fontsize=8)


def draw_series(axis) -> None:
    for series, colour in zip(SERIES, ("#d1495b", "#30638e", "#3c8d53"), strict=False):
        axis.loglog(series.counts, series.seconds, "o", color=colour, label=series.name)
        dense = np.geomspace(series.counts[0], series.counts[-1], 100)
        axis.loglog(dense, series.constant + series.each * dense, color=colour, linewidth=1)
    axis.set_xlabel("how many")
    axis.set_ylabel("seconds")
    axis.grid(color="#e5e5e5")
    axis.set_title("curves: constant + each · count", fontsize=9)
    axis.legend(fontsize=8)
