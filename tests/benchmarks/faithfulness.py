"""How faithful every method is on a real network, and what it costs: `python -m tests.benchmarks.faithfulness`.

Deletion (lower is better), insertion and μ-Fidelity (higher is better) of EfficientNet-Lite0 on photographs, beside
baselines that know nothing of the network: random maps, as coarse as a class activation map or as fine as a gradient, and
a Gaussian in the middle, where photographers put things. A map is to be compared with chance of its own fineness: scattered
pixels that disappear hurt a network, and scattered pixels that appear say little to it, whichever they are.

Prints a table in Markdown. Bold is what is no better than the best of three such random maps.
"""

import argparse
import os
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import keras_xai as kx
from examples.efficientnet_lite0 import SIZE, collage, load_network, photographs, preprocess
from keras_xai.explainers.explainer import Explainer
from keras_xai.queries import Queries
from tests.benchmarks.floors import compiled_forward

# Of 1,280 channels; what is printed says so.
SETTINGS = {"score_cam": "channels=64", "ablation_cam": "channels=64"}
# Not for convolutional networks.
LEFT_OUT = ["attention_rollout"]
FINE = ["saliency", "gradient_input", "smooth_grad", "var_grad", "integrated_gradients", "expected_gradients"]
# The sign with which more is better.
SIGNS = np.array([-1, 1, 1])


class Baseline(Explainer):
    """Maps that do not look at the model; not an explainer of the package, so that nobody finds it by name.

    Args:
        kind: "coarse" or "fine", which are random, or "centre".
    """

    name = "baseline"

    def __init__(self, kind: str, seed: int = 0):
        self.kind = kind
        self.seed = seed

    def explain(self, samples, plan):
        yield Queries()
        height, width = samples.size
        if self.kind == "centre":
            rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
            one = np.exp(-(rows**2 + columns**2) / (2 * 0.5**2))
            return np.broadcast_to(one, (len(samples), height, width))
        cells = (7, 7) if self.kind == "coarse" else (height, width)
        return np.random.default_rng(self.seed).random((len(samples), *cells))


class Judge:
    """Measures explainers of one network on the same photographs."""

    def __init__(self, count: int, metrics: list[kx.metrics.Metric]):
        self.photographs = [*photographs(), *collage()][:count]
        self.metrics = metrics
        self.model = load_network()
        self.x = preprocess(np.stack([one.image for one in self.photographs]))
        self.samples = kx.Samples(self.x, targets=[one.label for one in self.photographs])
        self._forward = compiled_forward(self.model)

    def values(self, explainer: Explainer) -> np.ndarray:
        """(3,) means over the photographs."""
        found = explainer(self.model, self.samples)
        return np.array([np.nanmean(metric(found, self.model, self.samples)) for metric in self.metrics])

    def cost(self, explainer: Explainer) -> float:
        """What it takes, in forward passes over the photographs; compiled before."""
        self._forward(self.x)
        start = time.perf_counter()
        self._forward(self.x)
        middle = time.perf_counter()
        explainer(self.model, self.samples)
        return (time.perf_counter() - middle) / (middle - start)


def cells(values: np.ndarray, best: np.ndarray | None = None) -> Iterator[str]:
    """Numbers as text, in bold what is not better than the best of chance."""
    for index, value in enumerate(values):
        lost = best is not None and SIGNS[index] * value <= SIGNS[index] * best[index]
        yield f"**{value:.3f}**" if lost else f"{value:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=4, choices=range(1, 5))
    parser.add_argument("--steps", type=int, default=16, help="of deletion and insertion")
    parser.add_argument("--subsets", type=int, default=64, help="of μ-Fidelity")
    parser.add_argument("--fill", default="blur", help="of the measures: blur, mean or a number")
    parser.add_argument("--methods", nargs="*", help="default: all; with settings as in occlusion:fill=blur,patch=32")
    options = parser.parse_args()
    fill = number_or_word(options.fill)
    removals = [cls(fill, options.steps) for cls in (kx.metrics.Deletion, kx.metrics.Insertion)]
    judge = Judge(options.photographs, [*removals, kx.metrics.MuFidelity(num_subsets=options.subsets, fill=fill)])
    names = ", ".join(one.name for one in judge.photographs)
    print(f"EfficientNet-Lite0, {SIZE} px, {names}; what is hidden shows: {fill}\n")
    print("| method | deletion ↓ | insertion ↑ | μ-Fidelity ↑ | time ÷ forward |\n|---|---|---|---|---|")
    chance = {}
    for kind in ("coarse", "fine"):
        found = np.array([judge.values(Baseline(kind, seed)) for seed in range(3)])
        chance[kind] = (SIGNS * (SIGNS * found).max(axis=0)).astype(float)
        texts = [f"{low:.3f}–{high:.3f}" for low, high in zip(found.min(axis=0), found.max(axis=0), strict=True)]
        print(f"| *three random maps, {kind}* | {' | '.join(texts)} | |", flush=True)
    print(f"| *Gaussian in the middle* | {' | '.join(cells(judge.values(Baseline('centre'))))} | |", flush=True)
    everything = [name for name in kx.explainers() if name not in LEFT_OUT]
    for asked in everything if options.methods is None else options.methods:
        name, _, settings = asked.partition(":")
        explainer = kx.explainers()[name](**parsed(settings or SETTINGS.get(name, "")))
        values = judge.values(explainer)  # compiles
        texts = cells(values, chance["fine" if name in FINE else "coarse"])
        print(f"| `{explainer!r}` | {' | '.join(texts)} | {judge.cost(explainer):.0f} × |", flush=True)


def parsed(settings: str) -> dict[str, object]:
    """'fill=blur,patch=32' -> {"fill": "blur", "patch": 32}."""
    pairs = (one.split("=") for one in settings.split(",") if one)
    return {key: number_or_word(value) for key, value in pairs}


def number_or_word(text: str) -> object:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
