"""From alarm to cure in the loss: be right for the right reasons."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_xai import backend
from keras_xai.samples import replace_image


class RightReasons(keras.Model):
    """A model that is trained not to look at a part of its images.

    To the loss it adds `strength` times the squared gradient of Σ_k log p_k with respect to the pixels of that part, summed
    over the pixels and averaged over the batch: where nothing may matter, small changes must change nothing. Use it when an
    alert names a region that has nothing to do with the classes, or when you know such a part beforehand. The wrapped model
    is trained in place: use, save and export `.model`, which knows nothing of the wrapper.

    Ross, Hughes and Doshi-Velez, "Right for the Right Reasons", IJCAI 2017 (https://arxiv.org/abs/1703.03717).

    Args:
        model: a keras.Model that puts out one probability per class, or one sigmoid unit; logits with `from_logits`.
        ignore: where nothing may matter: a region (top, left, height, width) in pixels as in `alert.region`, a mask
            (height, width) bool, or a function `(images) -> (n, height, width)` in `keras.ops` for a part that differs.
        strength: ≥ 0, the weight of the penalty. Best is to train anew with it; weights that rely on the part already
            need a small one at first (0.01), or the penalty outweighs everything they learned.
        from_logits: whether the model puts out logits.
        image_input: which of several inputs is the image (key or position).

    Raises:
        TypeError, ValueError: an argument is not as stated here.

    Example:
        >>> careful = RightReasons(model, ignore=alert.region)
        >>> careful.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> careful.fit(x, y, epochs=3)
        >>> model.save("careful.keras")
    """

    def __init__(
        self,
        model: keras.Model,
        ignore: Any,
        strength: float = 1.0,
        from_logits: bool = False,
        image_input: str | int | None = None,
        name: str | None = None,
    ):
        if not isinstance(model, keras.Model):
            raise TypeError(f"model must be a keras.Model; it is {type(model).__name__}.")
        if strength < 0:
            raise ValueError(f"strength must be ≥ 0, the weight of the penalty; it is {strength!r}.")
        super().__init__(name=name or f"right_reasons_{model.name}")
        self.model = model
        self.strength = float(strength)
        self.from_logits = from_logits
        self._ignore = _checked(ignore)
        self._image_input = image_input
        self._penalty = keras.metrics.Mean(name="wrong_reasons")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.model(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        wrong_reasons = ops.mean(self.wrong_reasons(x, training=training))
        self._penalty.update_state(wrong_reasons)
        # Evaluation measures the loss proper, so that runs can be compared.
        return loss + ops.cast(self.strength * wrong_reasons, loss.dtype) if training else loss

    def wrong_reasons(self, inputs: Any, training: bool = False) -> Any:
        """The penalty of every image before weighting: (n,) float32 ≥ 0, differentiable with respect to the weights.

        Args:
            inputs: what the model eats, as tensors.
            training: whether layers behave as in training; what they would update is dropped.
        """
        image = inputs if self._image_input is None else inputs[self._image_input]
        image = ops.cast(image, "float32")
        kept = [(variable, variable.value) for variable in self.model.variables]

        def log_probabilities(watch: Any) -> tuple[Any, Any]:
            watched = replace_image(inputs, watch("image", image), self._image_input)
            # Nothing of this second pass may stick: batch statistics, seeds, losses.
            with keras.StatelessScope(state_mapping=kept):
                outputs = self.model(watched, training=training)
            return ops.sum(log_probability(outputs, self.from_logits)), ()

        shapes = {"image": (tuple(image.shape[1:]), "float32")}
        _, gradients = backend.differentiate(log_probabilities, shapes, ops.shape(image)[0], again=True)
        return penalty(gradients["image"], self._part(image))

    def _part(self, image: Any) -> Any:
        """(n or 1, height, width, 1) float32, 1 where nothing may matter."""
        if callable(self._ignore):
            return ops.cast(self._ignore(image), "float32")[..., None]
        if isinstance(self._ignore, np.ndarray):
            mask = self._ignore
        else:
            mask = np.zeros(image.shape[1:3], bool)
            top, left, height, width = self._ignore
            mask[top : top + height, left : left + width] = True
        if mask.shape != tuple(image.shape[1:3]) or not mask.any():
            raise ValueError(
                f"ignore must mark a part of images of {tuple(image.shape[1:3])} pixels; it has shape {mask.shape} and "
                f"marks {int(mask.sum())} of them."
            )
        return ops.convert_to_tensor(mask[None, ..., None].astype("float32"))


def log_probability(outputs: Any, from_logits: bool) -> Any:
    """Log-probabilities of all classes.

    Args:
        outputs: (n, classes) or (n, 1) float, probabilities or logits; one unit is the second of two classes.

    Returns:
        (n, classes) float32, (n, 2) for one unit.
    """
    outputs = ops.cast(outputs, "float32")
    if from_logits:
        two = ops.concatenate([ops.zeros_like(outputs), outputs], axis=-1) if outputs.shape[-1] == 1 else outputs
        return ops.log_softmax(two, axis=-1)
    two = ops.concatenate([1 - outputs, outputs], axis=-1) if outputs.shape[-1] == 1 else outputs
    return ops.log(ops.maximum(two, 1e-7))


def penalty(gradients: Any, ignore: Any) -> Any:
    """The squared length of the gradients where nothing may matter.

    Args:
        gradients: (n, height, width, channels). ignore: (n or 1, height, width, 1), 1 where nothing may matter, else 0.

    Returns:
        (n,) float.
    """
    return ops.sum(ops.square(gradients) * ignore, axis=(1, 2, 3))


def _checked(ignore: Any) -> Any:
    if callable(ignore):
        return ignore
    array = np.asarray(ignore)
    if array.ndim == 2:
        return array.astype(bool)
    if array.shape != (4,) or array.dtype.kind not in "iu" or (array < 0).any() or (array[2:] == 0).any():
        raise ValueError(
            "ignore must be a region (top, left, height, width) in pixels, a mask (height, width) or a function of the "
            f"images; it is {ignore!r}."
        )
    return tuple(int(edge) for edge in array)
