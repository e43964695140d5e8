"""A model that explains itself while it trains."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_xai.engine import engine_for
from keras_xai.explainers.discovery import chosen
from keras_xai.explainers.explainer import Explainer
from keras_xai.explanation import Explanation
from keras_xai.samples import Samples

# What is the wrapper's own; everything else that is read, called or set is the plain model's.
_OWN = frozenset(
    ["model", "samples", "explainers", "log_dir", "fit", "explain", "export_with_explanations"]
    + ["_plain_model", "_samples_are_given", "_explainer"]
)


class ExplainedModel(keras.Model):
    """Any Keras model, which from now on explains held-out samples after every epoch of `fit`.

    It is the plain model in everything else: `compile`, `evaluate`, `predict`, `summary`, `save`, `weights`, `optimizer`
    and the rest are the plain model's own, and `fit` runs the plain model's `fit`, with a custom `train_step` too, and an
    `ExplanationCallback` behind the user's callbacks. What is saved or copied is the plain model: it needs no keras_xai.

    Args:
        model: any keras.Model, compiled or not, built or not.
        samples: `Samples`, or an array of images (n, height, width, channels); held out. None lets every `fit` choose 16
            of its `validation_data` or `validation_split` by `Samples.from_data`.
        explainers: explainers or their names; None for Grad-CAM, LIME and activations.
        log_dir: where TensorBoard is pointed at.

    Attributes:
        model: the plain model. samples: what is explained; after a `fit` those that were chosen.

    Raises:
        TypeError, ValueError: an argument is not as stated here.

    Example:
        >>> model = keras_xai.ExplainedModel(model)
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> history = model.fit(x, y, validation_data=(x_validation, y_validation), epochs=5)
        >>> history.explanations["grad_cam"].maps
    """

    def __new__(cls, *arguments: Any, **keywords: Any) -> ExplainedModel:
        return object.__new__(cls)  # not Keras's, which would set up a layer

    def __init__(
        self,
        model: Any,
        samples: Any = None,
        explainers: Sequence[Explainer | str] | None = None,
        log_dir: str | os.PathLike = "logs",
    ):
        engine_for(model)  # refuses what is no model
        if isinstance(model, ExplainedModel):
            raise TypeError(
                "model is an ExplainedModel already; wrap model.model to give it other samples or explainers."
            )
        if samples is not None and not isinstance(samples, Samples):
            samples = Samples(samples)
        chosen(explainers)
        self.model = model
        self.samples = samples
        self._samples_are_given = samples is not None
        self.explainers = explainers
        self.log_dir = log_dir

    def fit(self, *arguments: Any, **keywords: Any) -> Any:
        """Train the plain model and explain it after every epoch.

        Args:
            arguments, keywords: as the plain model's `fit` takes them.

        Returns:
            What the plain model's `fit` returns, its `History`, with {method: `Explanation`} of the last explained epoch as
            `history.explanations`.

        Raises:
            ValueError: there are no samples, and no validation data to choose them from.
            TypeError: reading samples would change the validation data.
        """
        from keras_xai.callbacks import ExplanationCallback

        given = _by_name(self.model.fit, arguments, keywords)
        if not self._samples_are_given:
            self.samples = _held_out(given)
        callback = ExplanationCallback(self.samples, self.explainers, self.log_dir)
        callbacks = given.get("callbacks")
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks.callbacks.append(callback)
            callback.set_model(self.model)
            callback.set_params(callbacks.params)
        else:
            callbacks = [*keras.tree.flatten(callbacks or []), callback]
        try:
            history = self.model.fit(**{**given, "callbacks": callbacks})
        finally:
            if isinstance(callbacks, keras.callbacks.CallbackList):
                callbacks.callbacks.remove(callback)
        history.explanations = callback.explanations
        return history

    def explain(self, images: Any = None, method: str | Explainer = "grad_cam", targets: Any = None) -> Explanation:
        """Explain what the model does on images.

        Args:
            images: (n, height, width, channels) array as the model eats it, or `Samples`; None for `samples`.
            method: the name of one of this model's explainers, or of any explainer, or an explainer.
            targets: which class to explain, for an array: (n,) int; None for the prediction.

        Returns:
            An `Explanation`.

        Raises:
            TypeError, ValueError: images, method or targets do not fit the model.
        """
        if images is None and self.samples is None:
            raise ValueError("There is nothing to explain: give images, or ExplainedModel(model, samples=...).")
        return self._explainer(method)(self.model, self.samples if images is None else images, targets)

    def export_with_explanations(self, path: str | os.PathLike, method: str | Explainer = "grad_cam") -> None:
        """Write a TensorFlow SavedModel that explains its predictions; it needs neither keras nor keras_xai to run.

        Its signatures take the model's inputs. `serve` predicts. `explain` returns, in one call, `predictions`, `targets`
        (what was explained: the prediction) and `maps`, (n, height, width) float32 at the size of the image, un-normalised:
        what the method gives in Python. `explain_targets` does so for `targets`, (n,) int32, of which −1 means the
        prediction.

        Args:
            path: the directory to write.
            method: as in `explain`; one that answers from a single pass, such as "grad_cam" and "hires_cam".

        Raises:
            ValueError: the method cannot be exported, the sizes of the model's inputs are not known, or the backend is not
                tensorflow.

        Example:
            >>> model.export_with_explanations("exported")
            >>> tf.saved_model.load("exported").signatures["explain"](images)["maps"]
        """
        from keras_xai.export import export

        export(self.model, path, self._explainer(method), self.samples)

    def _explainer(self, method: Any) -> Explainer:
        own = chosen(self.explainers)
        return own[method] if isinstance(method, str) and method in own else next(iter(chosen([method]).values()))

    @property
    def _plain_model(self) -> Any:
        return self.model

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.model(*arguments, **keywords)

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "model"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self.model, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.model, name)

    def __dir__(self) -> list[str]:
        # Not "model": Keras would save it as a part of itself.
        return sorted({*dir(self.model), *_OWN} - {"model"})

    def __str__(self) -> str:
        return f"ExplainedModel({self.model})"

    __repr__ = __str__


def _by_name(function: Any, arguments: tuple, keywords: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call to `fit` by their names; Keras's where a `fit` of its own takes them as they come."""
    bound = inspect.signature(function).bind(*arguments, **keywords)
    given: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            given |= value
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            rest = list(inspect.signature(keras.Model.fit).parameters)[1 + len(given) :]
            given |= dict(zip(rest, value, strict=False))
        else:
            given[name] = value
    return given


def _held_out(given: dict[str, Any]) -> Samples:
    """Samples of the data that a call to `fit` validates on."""
    data, split = given.get("validation_data"), given.get("validation_split")
    if data is None and split and given.get("x") is not None:
        parts = tuple(given.get(name) for name in ("x", "y", "sample_weight"))
        length = len(keras.tree.flatten(parts[0])[0])
        start = math.floor(length * (1 - split))  # where Keras splits
        data = keras.tree.map_structure(lambda array: None if array is None else array[start:], parts)
    if data is None:
        raise ValueError(
            "There are no held-out samples to explain: give ExplainedModel(model, samples=keras_xai.Samples(x, labels=y)), "
            "or validation_data= or validation_split= to fit."
        )
    return Samples.from_data(data)
