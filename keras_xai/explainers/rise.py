"""RISE: Petsiuk, Das and Saenko, BMVC 2018, arXiv 1806.07421."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.explainers.checks import check_count, check_fill, check_pair, is_number, pair
from keras_xai.explainers.explainer import Explainer, Paper, Result
from keras_xai.explainers.fills import filled
from keras_xai.explainers.masking import blend
from keras_xai.explainers.seeds import generator_for
from keras_xai.queries import Queries
from keras_xai.samples import Samples


class RISE(Explainer):
    """How much higher the score is, on average, when a pixel is visible: random soft masks, no gradient, no segments.

    Works on any model. Masks are small random grids stretched to the image with a random shift, made on the device from a
    few bytes each. It is noisy: with few masks compare two seeds before you believe a detail. Memory, beside the model's
    own: no more than `LIME`.

    Args:
        num_samples: masked images per sample; the paper takes 4,000 to 8,000.
        grid: cells of a mask, int or (rows, columns); None for 7 × 7 (less on images under 28 pixels).
        visible: probability that a cell is shown, in (0, 1).
        fill: what hidden pixels show: "mean" (of the image, per channel), "blur", or a number in the model's input range;
            the paper's is 0.
        score: see `keras_xai.scores`; None for the logit. The paper explains `scores.Probability()`.
        seed: of the masks; each sample draws its own from the seed and its pixels, wherever it stands.

    Maps: (n, height, width) float32, signed, in units of the score: the paper's map, Σ score × mask / (num_samples ×
    visible), with the mean score taken off every score, which takes a constant and its noise off the map.

    Reference: Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018,
    https://arxiv.org/abs/1806.07421

    Example:
        >>> keras_xai.RISE(num_samples=4000, score=keras_xai.scores.Probability())(model, images).maps
    """

    name = "rise"
    signed = True
    needs = "scores of randomly masked images"
    passes = "1000 forward"
    sensitive = True
    paper = Paper("Petsiuk et al.", "RISE", 2018, "https://arxiv.org/abs/1806.07421")

    def __init__(
        self,
        num_samples: int = 1000,
        grid: Any = None,
        visible: float = 0.5,
        fill: str | float = 0.0,
        score: Any = None,
        seed: int = 0,
    ):
        check_count("num_samples", num_samples, least=2)
        check_pair("grid", grid, "7 × 7")
        check_count("seed", seed, least=0)
        check_fill(fill)
        if not is_number(visible) or not 0 < visible < 1:
            raise ValueError(f"visible must be a probability between 0 and 1; it is {visible!r}.")
        self.num_samples = num_samples
        self.grid = grid
        self.visible = visible
        self.fill = fill
        self.score = score
        self.seed = seed

    def prepare(self, samples: Samples) -> Queries:
        height, width = samples.size
        cells = (min(7, -(-height // 4)), min(7, -(-width // 4))) if self.grid is None else pair(self.grid)
        if cells[0] > height or cells[1] > width:
            raise ValueError(f"grid={cells} has more cells than images of {height}×{width} have pixels.")
        grids, shifts = [], []
        for image in samples.image:
            generator = generator_for(self.seed, image)
            grids.append(generator.random((self.num_samples, *cells)) < self.visible)
            shifts.append(generator.random((self.num_samples, 2)))
        rows = {"grid": np.stack(grids).astype(np.float32), "shift": np.stack(shifts).astype(np.float32)}
        tables = {} if is_number(self.fill) and self.fill == 0 else {"fill": filled(samples, self.fill)}
        return Queries(perturb=BehindGrid(samples.channels_first), rows=rows, tables=tables)

    def explain(self, samples, plan):
        seen = yield plan
        grids, shifts = plan.rows["grid"], plan.rows["shift"]
        maps = [
            weighted_masks(scores, *masks, samples.size) / (self.num_samples * self.visible)
            for scores, *masks in zip(seen.scores, grids, shifts, strict=True)
        ]
        return Result(np.stack(maps))


def weighted_masks(scores: np.ndarray, grids: np.ndarray, shifts: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The sum over masks of (score − mean score) × mask, without making the masks.

    Args:
        scores: (r,). grids: (r, rows, columns) 0 or 1. shifts: (r, 2) in cells, from 0 to 1. size: (height, width).

    Returns:
        (height, width) float64; NaN where a score is not finite.
    """
    if not np.isfinite(scores).all():
        return np.full(size, np.nan)
    weights = scores.astype(np.float64) - scores.mean(dtype=np.float64)
    rows, columns = (stretch(shifts[:, axis], grids.shape[1 + axis], size[axis]) for axis in (0, 1))
    across = np.matmul(weights[:, None, None] * grids, columns.transpose(0, 2, 1))
    return np.tensordot(rows, across, axes=((0, 2), (0, 1)))


def stretch(shifts: Any, cells: int, pixels: int) -> Any:
    """Weights of a bilinear stretch of `cells` values to one cell more than the pixels, begun at a random place in it.

    Args:
        shifts: (b,) from 0 to 1, how far into the first cell; NumPy or backend tensor.

    Returns:
        (b, pixels, cells), NumPy for NumPy; every row sums to 1.
    """
    import keras

    library: Any = np if isinstance(shifts, np.ndarray) else keras.ops
    # The cells are stretched over one more cell than fits: pixels · (cells + 1) / cells.
    begin = (np.arange(pixels, dtype=np.float32)[None] + 0.5) / pixels * cells
    place = library.add(begin, shifts[:, None]) * (cells / (cells + 1)) - 0.5
    place = library.clip(place, 0, cells - 1)
    distance = library.abs(library.subtract(place[..., None], np.arange(cells, dtype=np.float32)))
    return library.maximum(1 - distance, 0)


@dataclass(frozen=True)
class BehindGrid:
    """`perturb` for rows {"grid": (b, rows, columns), "shift": (b, 2)}: the image behind the stretched grid.

    Args:
        channels_first: the image's layout.
    """

    channels_first: bool

    def __call__(self, image: Any, row: Any, tables: Any) -> Any:
        from keras import ops

        size = image.shape[2:4] if self.channels_first else image.shape[1:3]
        rows, columns = (stretch(row["shift"][:, axis], row["grid"].shape[1 + axis], size[axis]) for axis in (0, 1))
        mask = ops.matmul(ops.matmul(rows, row["grid"]), ops.transpose(columns, (0, 2, 1)))
        return blend(image, mask, tables.get("fill"), self.channels_first)
