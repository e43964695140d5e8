"""How many passes LIME needs, by the design of its masks: `python -m tests.benchmarks.lime_designs [--plot FILE]`.

Two small networks, trained here on Fashion-MNIST and on digits on photographs, and EfficientNet-Lite0 on photographs. The
reference is the `lime` package's definition, solved with very many random masks that are used for nothing else. Compared
are the coefficients of the segments that change when they are hidden: Pearson's and Spearman's correlation with the
reference, and how many of its five largest are among the five largest.

What was tried beside the designs and left out, with EfficientNet-Lite0's Pearson correlation after 192 passes, where random
masks reach 0.943 and a fold-over 0.979:
- The gradient at the image as a control variate: coefficients from the gradient alone correlate −0.04 to 0.76 with the
  reference, averaged over 64 masked images (the price of 192 passes) −0.05 to 0.67, averaged over half-transparent ones 0.64
  to 0.94. As a prior it would have to be better than what it is to correct.
- Neighbours that are alike (a spatially correlated prior on the coefficients): 0.978 at best.
- Interactions between neighbours (a Gaussian process on the masks): 0.967.
- What each place of the last maps adds, explained by nearby segments only: 0.983, where one dense layer follows.
- Masks of other densities: the kernel of the `lime` package weighs masks of 50 segments so evenly that a constant weight
  has the same solution (0.999).

Why 200 passes do not do on EfficientNet-Lite0 what 1,000 random ones do, measured on 1,024 folded-over masks
of each image (two photographs and a collage, 45 to 50 segments; all that follows of this network was in bfloat16). Of
the variance of the logit over masks, single segments explain 0.57, 0.82 and 0.88, sums over pairs, fours, … 0.32, 0.15 and
0.08, over threes, fives, … 0.11, 0.03 and 0.04. Random masks have to average out the last two, a fold-over only the last,
over half as many differences: equal noise takes it 481, 324 and 575 masks, whatever is done with the scores as long as it is
linear and takes all segments alike. To need 200, threes and so on would have to hold a tenth of the rest; they hold 0.17 to
0.30. Few of them can be foreseen: by maximum likelihood 22 to 38 % of their variance is that of threes of neighbours, of
which there are some 360 and to which 64 differences leave 14 to 19 degrees of freedom: too few for any choice of columns
to keep them apart (reasoned).

A second round for the segments that matter: switching one of the five largest in a mask and its complement gives its
coefficient with 0.53 (0.07 to 1.2) of a fold-over's variance for as many passes (mean of 15 segments, 20 masks each). But a
fold-over gives all 45 to 50 at once, and the five in turn take five times the passes, or three if they share what is not
switched: 1.6 times the variance.

Estimators for 128 folded-over masks, mean of 14 designs and the three images, Pearson with the least squares of 2,664 other
masks, divided by what their noise leaves of it; least squares reach 0.9605:
- Ridge regression of any strength: 0.9605. The columns are orthogonal, so it shrinks all coefficients alike.
- Shrinkage by an empirical prior (a mixture of normals): 0.9652, with the same Spearman 0.849 and top 5 of 0.819, since it
  keeps the order. It is worth 12 % of the passes, and a prior is one more thing to explain.
- A Gaussian process of which each segment has its own relevance, by marginal likelihood: 0.9638; with pairs and threes of
  relevant segments: 0.9639.
- A link (the score as a curve over the sum of its segments): a cubic term explains 0.1 to 1.6 % of the rest.

Stopping per sample, `LIME(agreement=...)`, in rounds of a fold-over (EfficientNet-Lite0: of 128, at most 6), mean of 12
orders of rounds; in brackets the sample that agrees least. As many for all: CNN 53 masks 0.9994 (0.9976), 106 0.9997
(0.9989); residual CNN 110 0.9985 (0.9959), 219 0.9993 (0.9980); EfficientNet-Lite0 128 0.958 (0.904), 256 0.979 (0.952), 384
0.987 (0.970), 512 0.991 (0.978). Stopped at 0.98: 59 masks 0.9996 (0.9987); 127 0.9988 (0.9974); 331 0.986 (0.982). On
EfficientNet-Lite0 what is expected is found: 0.969 and 0.973, 0.984 and 0.985, 0.996 and 0.996; on the small networks it is
too careful after one round.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from scipy.stats import spearmanr

import keras_xai as kx
from examples.efficientnet_lite0 import collage, load_network, photographs, preprocess
from keras_xai.engine import engine_for
from keras_xai.explainers.fills import fill
from keras_xai.explainers.lime import changing, kernel, ridge_operator
from keras_xai.explainers.superpixels import superpixels
from tests.benchmarks.shortcuts import networks
from tests.benchmarks.shortcuts.data import pool

PASSES = (32, 64, 128, 200, 256, 500, 1000)
DESIGNS = ("random", "paired", "fold_over")
GOAL = 1000  # random masks
AGREEMENTS = (0.95, 0.98)  # asked of `LIME(agreement=...)`
MEASURES = ("Pearson", "Spearman", "top 5")


def small_network(name: str, body: str, train: int, epochs: int) -> tuple[keras.Model, kx.Samples]:
    """A network trained on one of the data sets of the shortcut benchmark, and 16 images that it recognises."""
    data, held_out = pool(name)
    keras.utils.set_random_seed(0)
    model = networks.build(body, data.images.shape[1:])
    model.fit(data.images[:train] / np.float32(255), data.labels[:train], epochs=epochs, batch_size=64, verbose=0)
    x, labels = held_out.images[:1000] / np.float32(255), held_out.labels[:1000]
    right = np.flatnonzero(model.predict(x, verbose=0).argmax(axis=1) == labels)[:16]
    return model, kx.Samples(x[right], targets=labels[right])


def real_network() -> tuple[keras.Model, kx.Samples]:
    chosen = [*photographs(), collage()[0]]
    images = np.stack([one.image for one in chosen])
    return load_network(), kx.Samples(preprocess(images), targets=[one.label for one in chosen], images=images)


# What it is, where it comes from, masks of the reference, most passes of a balanced design.
NETWORKS: dict[str, tuple[Callable[[], tuple[keras.Model, kx.Samples]], int, int]] = {
    "CNN, Fashion-MNIST": (lambda: small_network("fashion", "plain flat", 12_000, 3), 16_000, 1000),
    "residual CNN, digits on photographs": (lambda: small_network("scenes", "residual gap", 8_000, 6), 16_000, 1000),
    "EfficientNet-Lite0, photographs": (real_network, 4_000, 500),
}


class Asked:
    """A network and samples whose segments are found once."""

    def __init__(self, model: keras.Model, samples: kx.Samples):
        self.model, self.samples = model, samples
        self.segments = superpixels(samples.images, "auto")
        hidden = fill(samples.image, self.segments, "mean")
        self.changing = [changing(*one) for one in zip(samples.image, self.segments, hidden, strict=True)]

    def solve(self, design: str, passes: int, seed: int) -> tuple[list, list, list]:
        """(masks, scores, coefficients), each a list with one array per sample."""
        plan = kx.LIME(num_samples=passes, segments=self.segments, design=design, seed=seed).prepare(self.samples)
        counts = np.full(len(self.samples), passes)
        (seen,) = engine_for(self.model).answer(self.samples, [plan.queries(self.samples, counts, counts)])
        scores = list(seen.scores.astype(np.float64))
        return (
            plan.masks,
            scores,
            [one.operator @ values for (one,), values in zip(plan.regressions, scores, strict=True)],
        )

    def stopped(self, agreement: float) -> tuple[float, list]:
        """(passes per sample on average, coefficients) of `LIME(agreement=...)`, one array per sample."""
        details = kx.LIME(segments=self.segments, agreement=agreement, seed=1)(self.model, self.samples).details
        return np.mean([len(masks) for masks in details["masks"]]), details["coefficients"]


def piece(masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The solution with the settings of the `lime` package."""
    return ridge_operator(masks, kernel(masks, 0.25), 1.0) @ scores


def agreement(found: list[np.ndarray], reference: list[np.ndarray], asked: list[np.ndarray]) -> np.ndarray:
    """The three measures, means over the samples: (3,)."""
    return np.mean(
        [
            _agreement(*(values[which] for values in pair), 5)
            for *pair, which in zip(found, reference, asked, strict=True)
        ],
        axis=0,
    )


def _agreement(one: np.ndarray, other: np.ndarray, count: int) -> tuple[float, float, float]:
    largest = [set(np.argsort(values)[-count:]) for values in (one, other)]
    return np.corrcoef(one, other)[0, 1], spearmanr(one, other)[0], len(set.intersection(*largest)) / count


def measure(
    asked: Asked, reference_masks: int, most: int
) -> tuple[dict[str, dict[int, np.ndarray]], dict[float, tuple]]:
    """Agreement with the reference by design and passes; by the agreement asked for, (passes per sample, found)."""
    _, _, reference = asked.solve("random", reference_masks, seed=0)
    masks, scores, _ = asked.solve("random", GOAL, seed=1)

    def found(design: str, passes: int) -> list[list[np.ndarray]]:
        """Several solutions: of pieces of the random masks, or of designs with other seeds."""
        if design != "random":
            return [asked.solve(design, passes, seed)[2] for seed in range(1, 1 + max(1, 256 // passes))]
        return [
            [piece(one[start:][:passes], values[start:][:passes]) for one, values in zip(masks, scores, strict=True)]
            for start in range(0, GOAL - passes + 1, passes)
        ]

    curves = {
        design: {
            passes: np.mean([agreement(one, reference, asked.changing) for one in found(design, passes)], axis=0)
            for passes in PASSES
            if design == "random" or passes <= most
        }
        for design in DESIGNS
    }
    stopped = {one: asked.stopped(one) for one in AGREEMENTS}
    return curves, {
        one: (passes, agreement(values, reference, asked.changing)) for one, (passes, values) in stopped.items()
    }


def table(name: str, curves: dict[str, dict[int, np.ndarray]], stopped: dict[float, tuple]) -> None:
    print(f"\n{name}: {', '.join(MEASURES)}")
    print(f"{'passes':>8}" + "".join(f"{design:>24}" for design in DESIGNS))
    for passes in PASSES:
        cells = [curves[design].get(passes) for design in DESIGNS]
        shown = ["–" if cell is None else "  ".join(f"{value:.3f}" for value in cell) for cell in cells]
        print(f"{passes:>8}" + "".join(f"{cell:>24}" for cell in shown), flush=True)
    for one, (passes, found) in stopped.items():
        print(f"agreement={one}: {passes:.0f} passes, " + "  ".join(f"{value:.3f}" for value in found), flush=True)


def draw(results: dict[str, dict[str, dict[int, np.ndarray]]], path: Path) -> None:
    """One panel per network and measure; the dashed line is what 1,000 random masks reach."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(MEASURES), len(results), figsize=(3.6 * len(results), 7), sharex=True, squeeze=False, layout="constrained"
    )
    colours = {"random": "#888888", "paired": "#3b7dd8", "fold_over": "#d1495b"}
    for column, (name, curves) in zip(axes.T, results.items(), strict=True):
        column[0].set_title(name, fontsize=11)
        for index, (axis, measure) in enumerate(zip(column, MEASURES, strict=True)):
            axis.axhline(curves["random"][GOAL][index], color="#444444", linestyle="--", linewidth=1)
            for design, points in curves.items():
                label = design.replace("fold_over", "fold-over (ours)")
                axis.plot(
                    list(points), [one[index] for one in points.values()], "o-", color=colours[design], label=label
                )
            axis.axvspan(0, 200, color="#f3f0e6", zorder=0)
            axis.set_xscale("log", base=2)
            axis.set_xlim(28, 1150)
            axis.set_xticks(PASSES, [str(one) if one != 256 else "" for one in PASSES], fontsize=9)
            axis.minorticks_off()
            axis.grid(alpha=0.3)
            axis.set_ylabel(measure)
        column[-1].set_xlabel("forward passes per image")
    axes[0, -1].legend(loc="lower right", fontsize=9)
    figure.suptitle("LIME: agreement with the many-sample solution (dashed: 1,000 random masks; shaded: up to 200)")
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path, help="a PNG to draw")
    parser.add_argument("--networks", type=int, nargs="*", default=range(len(NETWORKS)), help="by number, from 0")
    options = parser.parse_args()
    results = {}
    for name in [list(NETWORKS)[number] for number in options.networks]:
        load, reference_masks, most = NETWORKS[name]
        results[name], stopped = measure(Asked(*load()), reference_masks, most)
        table(f"{name}, reference {reference_masks:,} random masks", results[name], stopped)
    if options.plot:
        draw(results, options.plot)


if __name__ == "__main__":
    main()
