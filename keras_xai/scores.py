"""What is explained: one number per sample, computed from the model's output.

A score is any callable `(outputs, targets) -> (n,)` in `keras.ops` that is differentiable. The ones here also know how to
reach the logits behind a final softmax or sigmoid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Outputs(NamedTuple):
    """What a forward pass gave, as tensors.

    Attributes:
        raw: the model's outputs as they are, floats as float32.
        predictions: (n, …, classes) float32, the output that is explained.
        logits: what entered its final softmax or sigmoid; else the predictions, as logarithms if they are probabilities.
        activation: "softmax" or "sigmoid": what turns `logits` into `predictions`; "unknown" for probabilities that come
            from elsewhere; None for outputs that are no probabilities.
    """

    raw: Any
    predictions: Any
    logits: Any
    activation: str | None


def pick(values: Any, targets: Any) -> Any:
    """`values[i, targets[i]]`; one column is a binary classifier, whose target 0 is its negative.

    Args:
        values: (n, classes) tensor.
        targets: (n,) int tensor.

    Returns:
        (n,) tensor.
    """
    from keras import ops

    if values.shape[-1] == 1:
        return ops.where(ops.equal(targets, 0), -values[:, 0], values[:, 0])
    return ops.take_along_axis(values, ops.expand_dims(targets, -1), axis=1)[:, 0]


@dataclass(frozen=True)
class Score:
    """The base of the scores below: `evaluate` reads `Outputs`, calling it reads a plain (n, classes) array.

    Args:
        output: name or position of the output to explain, for models with several.
    """

    output: str | int | None = field(default=None, kw_only=True)

    name = "score"
    needs_target = True

    def evaluate(self, outputs: Outputs, targets: Any) -> Any:
        return self(outputs.logits, targets)

    def __call__(self, outputs: Any, targets: Any) -> Any:
        return pick(_class_matrix(outputs, self), targets)


@dataclass(frozen=True)
class Logit(Score):
    """The target's logit, the default: it does not saturate and does not depend on the other classes.

    One sigmoid unit is a binary classifier: target 1 explains its logit, target 0 the negative.
    """

    name = "logit"


@dataclass(frozen=True)
class Probability(Score):
    """The target's predicted probability. Its gradient vanishes where the model is certain."""

    name = "probability"

    def evaluate(self, outputs: Outputs, targets: Any) -> Any:
        return self(outputs.predictions, targets)

    def __call__(self, outputs: Any, targets: Any) -> Any:
        from keras import ops

        outputs = _class_matrix(outputs, self)
        if outputs.shape[-1] == 1:
            outputs = ops.concatenate([1.0 - outputs, outputs], axis=-1)
        return pick(outputs, targets)


@dataclass(frozen=True)
class LogProbability(Score):
    """The logarithm of the target's predicted probability: what is explained where no logit can be reached."""

    name = "log_probability"

    def evaluate(self, outputs: Outputs, targets: Any) -> Any:
        from keras import ops

        logits = _class_matrix(outputs.logits, self)
        if outputs.activation == "softmax":
            return pick(ops.log_softmax(logits, axis=-1), targets)
        if outputs.activation == "sigmoid":
            return ops.log_sigmoid(pick(logits, targets))
        return self(outputs.predictions, targets)

    def __call__(self, outputs: Any, targets: Any) -> Any:
        from keras import ops

        return ops.log(ops.maximum(Probability()(outputs, targets), np.finfo(np.float32).tiny))


@dataclass(frozen=True)
class Contrast(Score):
    """Why this class and not that one: the target's logit minus another's.

    Args:
        against: the other class; None for the highest of the others, which for a misclassified sample explained at its
            label is what the model predicted.
    """

    against: int | None = None

    name = "contrast"

    def __call__(self, outputs: Any, targets: Any) -> Any:
        from keras import ops

        outputs = _class_matrix(outputs, self)
        if outputs.shape[-1] == 1:
            return pick(outputs, targets)
        if self.against is None:
            is_target = ops.cast(ops.one_hot(targets, outputs.shape[-1]), "bool")
            other = ops.max(ops.where(is_target, -np.inf, outputs), axis=-1)
        elif not 0 <= self.against < outputs.shape[-1]:
            raise ValueError(f"Contrast(against={self.against}): the model has classes 0 to {outputs.shape[-1] - 1}.")
        else:
            other = outputs[:, self.against]
        return ops.subtract(pick(outputs, targets), other)


@dataclass(frozen=True)
class Regression(Score):
    """One value of a regression output, whatever the targets.

    Args:
        index: which value of the output's last axis.
    """

    index: int = 0

    name = "regression"
    needs_target = False

    def evaluate(self, outputs: Outputs, targets: Any) -> Any:
        return self(outputs.predictions, targets)

    def __call__(self, outputs: Any, targets: Any) -> Any:
        if not -outputs.shape[-1] <= self.index < outputs.shape[-1]:
            raise ValueError(f"Regression(index={self.index}): the output has {outputs.shape[-1]} values.")
        values = outputs[..., self.index]
        return values if len(values.shape) == 1 else _flat_mean(values)


@dataclass(frozen=True, eq=False)
class Mean(Score):
    """The mean logit of the target over a region of a dense prediction (segmentation).

    Args:
        mask: (height, width) bool or weights on the output's grid; None for all of it.
    """

    mask: Any = None

    name = "mean"

    def __post_init__(self):
        if self.mask is not None:
            mask = np.asarray(self.mask, np.float32)
            if mask.ndim != 2 or not np.all(np.isfinite(mask)) or mask.sum() <= 0:
                raise ValueError(
                    f"Mean(mask=...) takes a finite (height, width) array with a positive sum; it has shape {mask.shape} "
                    f"and sum {float(mask.sum())}."
                )
            object.__setattr__(self, "mask", mask)

    def __call__(self, outputs: Any, targets: Any) -> Any:
        from keras import ops

        if len(outputs.shape) != 4:
            raise ValueError(f"Mean explains outputs (n, height, width, classes); this one has {tuple(outputs.shape)}.")
        if self.mask is None:
            return pick(ops.mean(outputs, axis=(1, 2)), targets)
        if tuple(outputs.shape[1:3]) != self.mask.shape:
            raise ValueError(f"Mean(mask of {self.mask.shape}): the output's grid is {tuple(outputs.shape[1:3])}.")
        weights = (self.mask / self.mask.sum())[None, :, :, None]
        return pick(ops.sum(ops.multiply(outputs, weights), axis=(1, 2)), targets)


@dataclass(frozen=True, eq=False)
class Similarity(Score):
    """The cosine of the angle between an embedding and a reference: why does this image look like that one?

    Args:
        reference: (values,) the embedding of another image, as the model puts it out.
    """

    reference: Any = None

    name = "similarity"
    needs_target = False

    def __post_init__(self):
        reference = None if self.reference is None else np.asarray(self.reference, np.float32)
        if reference is None or reference.ndim != 1 or not np.isfinite(reference).all() or not reference.any():
            raise ValueError(
                "Similarity(reference=...) takes one embedding, a finite (values,) array that is not all zero; it is "
                f"{'None' if reference is None else f'an array of shape {reference.shape}'}."
            )
        object.__setattr__(self, "reference", reference / np.linalg.norm(reference))

    def evaluate(self, outputs: Outputs, targets: Any) -> Any:
        return self(outputs.predictions, targets)

    def __call__(self, outputs: Any, targets: Any) -> Any:
        from keras import ops

        outputs = _class_matrix(outputs, self)
        if outputs.shape[-1] != len(self.reference):
            raise ValueError(
                f"Similarity(reference of {len(self.reference)} values): the embedding has {outputs.shape[-1]}."
            )
        length = ops.sqrt(ops.maximum(ops.sum(ops.square(outputs), axis=-1), np.finfo(np.float32).tiny))
        return ops.sum(ops.multiply(outputs, self.reference), axis=-1) / length


def _class_matrix(outputs: Any, score: Score) -> Any:
    if len(outputs.shape) != 2:
        raise ValueError(
            f"{type(score).__name__} explains outputs of shape (n, classes); this model's is {tuple(outputs.shape)}. "
            "For dense predictions use keras_xai.scores.Mean(mask), for anything else a callable (outputs, targets) -> (n,)."
        )
    return outputs


def _flat_mean(values: Any) -> Any:
    from keras import ops

    return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), axis=-1)


def name_of(score: Any) -> str:
    """What a score is called in `details` and in the log."""
    return score.name if isinstance(score, Score) else getattr(score, "__name__", type(score).__name__)
