"""Gradient ascent on images: one compiled step, run many times."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.calls import Call, Head
from keras_xai.features.canvas import Motion, moved, painted
from keras_xai.forward import as_column
from keras_xai.interception import intercept, run
from keras_xai.samples import Samples, replace_image
from keras_xai.scores import Outputs, Score

# Of Adam (Kingma and Ba, 2015).
_RATE, _KEEP_MEAN, _KEEP_SQUARE, _TINY = 0.05, 0.9, 0.999, 1e-8


class Ascent:
    """Optimises images so that each drives one channel, or class, as far as it goes.

    Args:
        model: a built keras.Model; it is left as it was.
        call: the layer whose channels are driven; None for classes, whose score is.
        cell: (row, column) of one neuron of the layer; None for the mean over all.
        score, head: what is explained, for classes. position: of the head among the outputs.
        samples: for the place, layout and type of the image and the other inputs.
        value_range: what black and white are for the model.
        total_variation: what the mean difference between neighbouring pixels costs.
    """

    def __init__(
        self,
        model: Any,
        call: Call | None,
        cell: tuple[int, int] | None,
        score: Any,
        head: Head,
        position: int,
        samples: Samples,
        value_range: tuple[float, float],
        total_variation: float,
    ):
        self._model = model
        self._call = call
        self._cell = cell
        self._score = score
        self._head = head
        self._position = position
        self._samples = samples
        self._low, self._high = value_range
        self._total_variation = total_variation
        self._step = backend.Compiled(self._run, lambda: model.variables)

    def __call__(self, targets: np.ndarray, motions: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Optimise.

        Args:
            targets: (n,) channels or classes. motions: (steps, 4). start: (n, channels, height, width) amplitudes.

        Returns:
            (n, height, width, channels) float32 images in (0, 1), and the (n,) values they drive their targets to.
        """
        state = {"spectrum": start, "mean": np.zeros_like(start), "square": np.zeros_like(start)}
        others = _map(lambda array: np.repeat(array[:1], len(targets), axis=0), self._samples.x)
        known = {"x": others, "targets": targets.astype(np.int32)}
        for number, motion in enumerate([*motions, np.array(Motion(), np.float32)], start=1):
            found = self._step({**state, **known, "motion": motion, "number": np.float32(number)})
            state = {name: found[name] for name in state}
        return backend.to_numpy(found["image"]), backend.to_numpy(found["values"])

    def _run(self, arguments: dict[str, Any]) -> dict[str, Any]:
        from keras import ops

        spectrum, number = arguments["spectrum"], arguments["number"]

        def forward(watch):
            image = painted(watch("spectrum", spectrum))
            values = self._values(moved(image, arguments["motion"]), arguments)
            total = ops.sum(values) - self._total_variation * ops.sum(variation(image))
            return total, {"image": image, "values": values}

        shape = {"spectrum": (tuple(spectrum.shape[1:]), "float32")}
        answers, gradients = backend.differentiate(forward, shape, ops.shape(spectrum)[0])
        gradient = gradients["spectrum"]
        if gradient is None:
            raise ValueError("What is to be driven does not depend on the image through differentiable operations.")
        gradient = ops.where(ops.isfinite(gradient), gradient, 0.0)
        mean = _KEEP_MEAN * arguments["mean"] + (1 - _KEEP_MEAN) * gradient
        square = _KEEP_SQUARE * arguments["square"] + (1 - _KEEP_SQUARE) * ops.square(gradient)
        unbiased = mean / (1 - _KEEP_MEAN**number)
        spread = ops.sqrt(square / (1 - _KEEP_SQUARE**number)) + _TINY
        return {"spectrum": spectrum + _RATE * unbiased / spread, "mean": mean, "square": square, **answers}

    def _values(self, image: Any, arguments: dict[str, Any]) -> Any:
        """(n,): how far each image drives its target."""
        import keras
        from keras import ops

        seen: list[Any] = []

        def look(output):
            seen.append(output)
            return output

        eaten = ops.cast(self._low + image * (self._high - self._low), self._float_type())
        eaten = ops.transpose(eaten, (0, 3, 1, 2)) if self._samples.channels_first else eaten
        hooks = {} if self._call is None else {self._call: look}
        with intercept(self._model, hooks, self._head) as caught:
            raw = run(self._model, replace_image(arguments["x"], eaten, self._samples.image_key))
        if self._call is not None:
            return self._channel(ops.cast(seen[0], "float32"), arguments["targets"])
        raw = keras.tree.map_structure(lambda tensor: ops.cast(tensor, "float32"), raw)
        if not isinstance(self._score, Score):
            return ops.cast(self._score(raw, arguments["targets"]), "float32")
        predictions = as_column(keras.tree.flatten(raw)[self._position])
        logits = as_column(ops.cast(caught[0], "float32")) if caught else predictions
        return self._score.evaluate(Outputs(raw, predictions, logits, self._head.activation), arguments["targets"])

    def _channel(self, output: Any, targets: Any) -> Any:
        from keras import ops

        output = self._call.to_map(output)  # type: ignore[union-attr]
        chosen = ops.reshape(ops.one_hot(targets, output.shape[-1]), (-1, 1, 1, output.shape[-1]))
        maps = ops.sum(output * ops.cast(chosen, "float32"), axis=-1)
        return ops.mean(maps, axis=(1, 2)) if self._cell is None else maps[:, self._cell[0], self._cell[1]]

    def _float_type(self) -> str:
        kind = str(self._samples.image.dtype)
        return kind if "float" in kind else "float32"


def variation(images: Any) -> Any:
    """Mean absolute difference between neighbouring pixels: (n, h, w, channels) tensor -> (n,)."""
    from keras import ops

    down = ops.mean(ops.abs(images[:, 1:] - images[:, :-1]), axis=(1, 2, 3))
    return down + ops.mean(ops.abs(images[:, :, 1:] - images[:, :, :-1]), axis=(1, 2, 3))


def _map(function: Any, structure: Any) -> Any:
    import keras

    return keras.tree.map_structure(function, structure)
