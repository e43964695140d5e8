"""What class activation maps have in common: a layer to look at, and how several layers become one map."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.explainers.checks import check_pair
from keras_xai.explainers.explainer import Explainer, Result
from keras_xai.explanation import resize
from keras_xai.queries import Answers


class CAM(Explainer):
    """The base of explainers that look at a layer's map; each says in its own `explain` what it makes of it.

    Args:
        layer: None for the last map before pooling or flattening, a name, a path through nested models
            ("vgg16/block5_conv3"), an index, a layer object, or a list of these, whose maps are averaged. In a vision
            transformer the tokens (batch, tokens, channels) are the map, class tokens left out.
        score: see `keras_xai.scores`; None for the target's logit.
        grid: (rows, columns) of the tokens; None where they are square patches of the image or a square.
    """

    def __init__(self, layer: Any = None, score: Any = None, grid: Any = None):
        check_pair("grid", grid, "the grid that fits the image")
        if isinstance(grid, (int, np.integer)):
            raise ValueError(f"grid must be (rows, columns), or None for the grid that fits the image; it is {grid!r}.")
        self.layer = layer
        self.score = score
        self.grid = grid


def layer_maps(seen: Answers) -> Result:
    """One layer's maps as they are; several layers' averaged at the finest resolution among them."""
    return fused(seen.layers)


def fused(maps: dict[str, np.ndarray]) -> Result:
    """Maps by layer as one: their mean at the finest resolution among them.

    Nothing is normalised, so that the mean keeps the unit of its parts and epochs can be compared: a layer with larger
    values weighs more. `details["maps"]` holds each layer's own, for whoever wants to weigh them otherwise.

    Args:
        maps: path -> (n, h, w), at least one.

    Returns:
        The raw map, and "layer" and "maps" for `details`.
    """
    if len(maps) == 1:
        ((path, raw),) = maps.items()
        return Result(raw, {"layer": path})
    size = max((raw.shape[1:] for raw in maps.values()), key=np.prod)
    raw = np.mean([resize(one, size) for one in maps.values()], axis=0)
    return Result(raw, {"layer": list(maps), "maps": dict(maps)})
