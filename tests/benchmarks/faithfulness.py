"""How faithful every method is on a real network, and what it costs: `python -m tests.benchmarks.faithfulness`.

Deletion (lower is better), insertion and μ-Fidelity (higher is better) of EfficientNet-Lite0 on photographs, beside two
baselines that know nothing of the network: random maps, as coarse as a class activation map or as fine as a gradient, and
a Gaussian in the middle, where photographers put things. A map is to be compared with chance of its own fineness: scattered
pixels that disappear hurt a network, and scattered pixels that appear say little to it, whichever they are.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import keras_xai as kx
from examples.efficientnet_lite0 import SIZE, collage, load_network, photographs, preprocess
from keras_xai.explainers.explainer import Explainer
from keras_xai.queries import Queries
from tests.benchmarks.floors import compiled_forward

# Those with 1,280 channels or more questions than an afternoon allows; what is printed says so.
SETTINGS = {"score_cam": {"channels": 64}, "ablation_cam": {"channels": 64}}
# Not for convolutional networks.
LEFT_OUT = ["attention_rollout"]


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=4, choices=range(1, 5))
    parser.add_argument("--steps", type=int, default=16, help="of deletion and insertion")
    parser.add_argument("--subsets", type=int, default=128, help="of μ-Fidelity")
    parser.add_argument("--methods", nargs="*", help="default: all")
    options = parser.parse_args()
    chosen = [*photographs(), *collage()][: options.photographs]
    x = preprocess(np.stack([one.image for one in chosen]))
    samples = kx.Samples(x, targets=[one.label for one in chosen])
    model = load_network()
    forward = compiled_forward(model)
    forward(x)
    metrics = [
        kx.metrics.Deletion(steps=options.steps),
        kx.metrics.Insertion(steps=options.steps),
        kx.metrics.MuFidelity(num_subsets=options.subsets),
    ]
    print(f"EfficientNet-Lite0, {', '.join(one.name for one in chosen)}, {SIZE} px, fill: blur\n")
    print(f"{'':<34}{'deletion':>10}{'insertion':>10}{'mu-fidelity':>12}{'x forward':>11}")
    methods = [name for name in kx.explainers() if name not in LEFT_OUT]
    explainers = {f"random {kind} {seed}": Baseline(kind, seed) for kind in ("coarse", "fine") for seed in range(3)}
    explainers["centre"] = Baseline("centre")
    for name in methods if options.methods is None else options.methods:
        settings = SETTINGS.get(name, {})
        label = f"{name}{''.join(f' {key}={value}' for key, value in settings.items())}"
        explainers[label] = kx.explainers()[name](**settings)
    for label, explainer in explainers.items():
        explainer(model, kx.Samples(x[:1], targets=samples.targets[:1]))  # compiles
        start = time.perf_counter()
        forward(x)
        middle = time.perf_counter()
        found = explainer(model, samples)
        cost = (time.perf_counter() - middle) / (middle - start)
        values = [float(np.nanmean(metric(found, model, samples))) for metric in metrics]
        cost_shown = "" if isinstance(explainer, Baseline) else f"{cost:11.1f}"
        print(f"{label:<34}{values[0]:>10.3f}{values[1]:>10.3f}{values[2]:>12.3f}{cost_shown}", flush=True)


if __name__ == "__main__":
    main()
