"""What is known of the layers that run in a forward pass, and of the outputs they lead to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from keras_xai.receptive_field import Window

# What finishes the map of the layer before it: the map to look at is the one after.
_FINISHES = ("activation", "normalization", "relu", "elu", "gelu", "silu", "softplus")
# What merely moves or thins out the evidence of the layer before it.
_PASSES_EVIDENCE_ON = ("pool", "dropout", "zeropadding", "cropping", "identity", "reshape", "permute")


@dataclass(frozen=True)
class Call:
    """One call of one layer in one forward pass, as seen by a trace.

    Attributes:
        path: names from the model down to the layer, joined by "/": "vgg16/block5_conv3".
        index: which of this layer's calls, from 0.
        shape: of the output without the batch axis; rank 3 as (height, width, channels) in either data format, and so
            are tokens (batch, tokens, channels) that fill a grid.
        dtype: of the output.
        channels_first: True where the tensor itself is (batch, channels, height, width).
        windows: which pixels each cell of the output looks at, along height and width; more than it does where the path
            cannot be followed.
        learned: True when a kernel (a weight of rank 2 or more) has been applied up to here.
        in_attention: True inside an attention layer, where tensors of rank 4 hold heads and tokens, not places.
        class_tokens: for tokens that fill a grid, how many others (the class token) come before them; else None.
    """

    path: str
    index: int
    kind: str
    shape: tuple[int, ...]
    dtype: str
    channels_first: bool
    windows: tuple[Window, Window]
    learned: bool
    in_attention: bool
    class_tokens: int | None = None

    @property
    def tokens(self) -> int | None:
        """How many tokens there are in all, where the output holds tokens."""
        if len(self.shape) == 2:
            return self.shape[0]
        return None if self.class_tokens is None else self.class_tokens + self.shape[0] * self.shape[1]

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """The shape of the tensor itself, without the batch axis."""
        if self.class_tokens is not None:
            return self.tokens, self.shape[-1]  # type: ignore[return-value]
        return (self.shape[2], *self.shape[:2]) if self.channels_first else self.shape

    def to_map(self, tensor: Any) -> Any:
        """The output as a map: (batch, height, width, channels), class tokens left out."""
        from keras import ops

        if self.class_tokens is not None:
            return ops.reshape(tensor[:, self.class_tokens :], (-1, *self.shape))
        return ops.transpose(tensor, (0, 2, 3, 1)) if self.channels_first else tensor

    def from_map(self, values: Any, tensor: Any) -> Any:
        """The output with another map in it, in its own layout and type; class tokens stay those of `tensor`."""
        from keras import ops

        if self.class_tokens is not None:
            values = ops.reshape(values, (-1, self.shape[0] * self.shape[1], self.shape[-1]))
            rest = ops.cast(tensor[:, : self.class_tokens], values.dtype)
            values = ops.concatenate([rest, values], axis=1) if self.class_tokens else values
        elif self.channels_first:
            values = ops.transpose(values, (0, 3, 1, 2))
        return ops.cast(values, tensor.dtype)

    @property
    def is_spatial(self) -> bool:
        """True for a map: (height, width, channels) with more than one cell."""
        return len(self.shape) == 3 and None not in self.shape and self.shape[0] * self.shape[1] > 1

    @property
    def receptive_field(self) -> tuple[int, int]:
        """(height, width) in pixels of what one cell looks at, padding around the image included."""
        return math.ceil(self.windows[0].size), math.ceil(self.windows[1].size)

    @property
    def finishes(self) -> bool:
        """True for an activation or a normalisation: the map before it is not yet what goes on."""
        return any(word in self.kind.lower() for word in _FINISHES)

    @property
    def is_evidence(self) -> bool:
        """True for a map that learned layers made: what may be chosen automatically."""
        passes_on = any(word in self.kind.lower() for word in _PASSES_EVIDENCE_ON)
        return self.is_spatial and self.learned and not passes_on and not self.in_attention


@dataclass(frozen=True)
class Attention:
    """One call of an attention layer, whose scores (batch, heads, tokens, tokens) can be observed.

    Attributes:
        path, index: as of a `Call`. tokens: how many there are.
    """

    path: str
    index: int
    tokens: int


def token_grid(tokens: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """How many rows and columns of square patches of the image the tokens are, with or without one class token.

    Args:
        tokens: their number. size: (height, width) of the image in pixels.

    Returns:
        (rows, columns) where square patches fill the image, else a square grid where that fits, else None.
    """
    counts = [count for count in (tokens, tokens - 1) if count > 1]
    for count in counts:
        patch = math.isqrt(size[0] * size[1] // count)
        if patch and not size[0] % patch and not size[1] % patch and size[0] * size[1] == count * patch**2:
            return size[0] // patch, size[1] // patch
    for count in counts:
        if math.isqrt(count) ** 2 == count:
            return math.isqrt(count), math.isqrt(count)
    return None


@dataclass(frozen=True)
class Head:
    """One output of the model, and where its logits can be intercepted.

    Attributes:
        name: the output's key, name or position.
        shape: without the batch axis.
        activation: "softmax", "sigmoid" or None.
        path, attribute: the layer and which of its attributes ("activation" or "call") receives the logits; None, None
            where nothing can be intercepted.
        index: which of the calls of that attribute.
    """

    name: str | int
    shape: tuple[int, ...]
    activation: str | None = None
    path: str | None = None
    attribute: str | None = None
    index: int = 0

    @property
    def num_classes(self) -> int:
        """The length of the last axis; 2 for one unit, which is a binary classifier."""
        return max(2, self.shape[-1]) if self.shape else 2
