"""Whether cost grows in proportion, over two decades of samples and of queries."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import keras_xai as kx
from keras_xai.explainers.explainer import explain
from tests.benchmarks.floors import small_cnn
from tests.benchmarks.networks import images
from tests.benchmarks.rows import row


class Series(NamedTuple):
    """Seconds over counts, and the line through them.

    Attributes:
        name: of what is counted. counts: (k,). seconds: (k,). constant, each: the line is constant + each · count.
    """

    name: str
    counts: np.ndarray
    seconds: np.ndarray
    constant: float
    each: float

    def line(self) -> np.ndarray:
        return self.constant + self.each * self.counts


SERIES: list[Series] = []


def fitted(name: str, counts: np.ndarray, seconds: np.ndarray) -> Series:
    """The line with the least squares of relative errors."""
    weights = 1 / seconds
    columns = np.stack([np.ones(len(counts)), counts], axis=1) * weights[:, None]
    constant, each = np.linalg.lstsq(columns, seconds * weights, rcond=None)[0]
    return Series(name, counts, seconds, float(constant), float(each))


def measured(name: str, task: Callable[[int], Callable[[], object]], counts: list[int], repeats: int = 3) -> None:
    """Time a task for every count in turns, and say how far the line is off."""
    tasks = [task(count) for count in counts]
    for one in tasks:
        one()
    taken = []
    for _ in range(repeats):
        for one in tasks:
            start = time.perf_counter()
            one()
            taken.append(time.perf_counter() - start)
    found = fitted(name, np.array(counts), np.median(np.reshape(taken, (repeats, -1)), axis=0))
    SERIES.append(found)
    off = np.abs(found.line() / found.seconds - 1).max()
    what = f"cost over {counts[0]} to {counts[-1]:,} {name}: a line of {found.each * 1e3:.3g} ms each is off by at most"
    row(what, f"{off:.0%}", "linear")


def linearity() -> None:
    model, one = small_cnn(), kx.GradCAM()

    def over_samples(count: int) -> Callable[[], object]:
        samples = kx.Samples(images(count, 32))
        return lambda: explain(model, [one], samples, [None])

    def over_queries(count: int) -> Callable[[], object]:
        samples, lime = kx.Samples(images(1, 32)), kx.LIME(num_samples=count, design="random", segments="grid")
        plan = lime.prepare(samples)
        return lambda: explain(model, [lime], samples, [plan])

    measured("samples of Grad-CAM", over_samples, [32, 100, 320, 1000, 3200])
    measured("queries of LIME", over_queries, [32, 100, 320, 1000, 3200])


ROWS = (linearity,)
