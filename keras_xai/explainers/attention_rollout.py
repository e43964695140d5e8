"""Attention rollout: Abnar and Zuidema, ACL 2020, arXiv 2005.00928."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai.calls import token_grid
from keras_xai.explainers.cam import CAM
from keras_xai.explainers.explainer import Paper, Result
from keras_xai.queries import Queries, attention_scores


class AttentionRollout(CAM):
    """How much of each patch reaches a vision transformer's output through all its attention layers.

    For models of `keras.layers.MultiHeadAttention` (or GroupQueryAttention) over one set of tokens. It knows nothing of
    the values and of the class: it shows where information may have come from, not what it was taken for. `GradCAM`
    explains a class of the same model.

    Args:
        layer: the attention layers, in order; None for all of them.
        score: only decides what `scores` and `targets` report.
        grid: (rows, columns) of the last tokens; None where they are square patches of the image or a square.

    Maps: (n, height, width) float32 ≥ 0, each patch's share: what the class token sees of it, or without a class token
    the mean over all tokens. With the class token's own share they sum to 1. `details`: "layer" the list of paths.

    Reference: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, https://arxiv.org/abs/2005.00928

    Example:
        >>> keras_xai.AttentionRollout()(vision_transformer, images).maps
    """

    name = "attention_rollout"
    needs = "attention scores"
    passes = "1 forward"
    per_class = False
    sensitive = True
    paper = Paper(
        "Abnar and Zuidema", "Quantifying Attention Flow in Transformers", 2020, "https://arxiv.org/abs/2005.00928"
    )

    def explain(self, samples, plan):
        seen = yield Queries(observe=attention_scores(self.layer, reduce=mean_over_heads))
        shapes = {path: scores.shape[1:] for path, scores in seen.layers.items()}
        if len({extent for shape in shapes.values() for extent in shape}) != 1:
            raise ValueError(
                "AttentionRollout follows one set of tokens through self-attention; these layers look at different ones, "
                f"(tokens, tokens read) = {shapes}. Choose those that belong together with layer=[...]."
            )
        tokens = next(iter(shapes.values()))[0]
        grid = token_grid(tokens, samples.size) if self.grid is None else tuple(self.grid)
        if grid is None or grid[0] * grid[1] > tokens:
            wanted = "a square grid" if grid is None else f"grid={grid}"
            raise ValueError(
                f"{tokens} tokens do not fill {wanted}, with or without a class token. Give grid=(rows, columns)."
            )
        flow = rollout(list(seen.layers.values()))
        class_tokens = tokens - grid[0] * grid[1]
        read = flow[:, 0] if class_tokens else flow.mean(axis=1)
        return Result(read[:, class_tokens:].reshape(-1, *grid), {"layer": list(seen.layers)})


def mean_over_heads(scores: Any) -> Any:
    """(n, heads, tokens, tokens) -> (n, tokens, tokens), on the device."""
    from keras import ops

    return ops.mean(scores, axis=1)


def rollout(scores: list[np.ndarray]) -> np.ndarray:
    """The product over layers, from the first on, of ½ attention + ½ identity, which stands for the residual connection.

    Args:
        scores: for each layer (n, tokens, tokens), whose rows sum to 1.

    Returns:
        (n, tokens, tokens) float64: what share of each input token (last axis) is in each output token.
    """
    flow = np.eye(scores[0].shape[-1])[None]
    for one in scores:
        flow = (0.5 * one.astype(np.float64) + 0.5 * np.eye(one.shape[-1])) @ flow
    return flow
