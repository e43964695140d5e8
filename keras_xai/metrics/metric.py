"""What a measure is that needs more than maps, and how it asks the model."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from keras_xai import backend
from keras_xai.engine import engine_for
from keras_xai.explainers.fills import filled
from keras_xai.explanation import Explanation
from keras_xai.queries import Queries
from keras_xai.samples import Samples
from keras_xai.scores import Probability


class Metric:
    """The base of measures that need the model, the samples, the explainer or the epoch before beside the maps.

    A measure of maps alone is a plain function. A subclass has a `name`, says what it `needs` and writes `measure`; the
    constructor takes keywords, stores and checks them. All are called alike, also by `ExplanationCallback(metrics=[...])`.

    Attributes:
        name: what it is called in scalars and logs.
        needs: which of "model", "samples", "masks" (of the samples), "explainer" and "previous" it cannot do without.
        higher_is_better: None where neither is.

    Example:
        >>> keras_xai.metrics.Deletion()(explanation, model, samples)
        >>> keras_xai.callbacks.ExplanationCallback(samples, metrics=[keras_xai.metrics.Deletion()])
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ("model", "samples")
    higher_is_better: ClassVar[bool | None] = None

    def __call__(
        self,
        explanation: Explanation,
        model: Any = None,
        samples: Any = None,
        explainer: Any = None,
        previous: Explanation | None = None,
    ) -> np.ndarray:
        """Measure an explanation.

        Args:
            explanation: of `samples` by `explainer` on `model`.
            model, samples, explainer: what made it; those that the measure `needs`. The model is left as it was.
            previous: an explanation to compare with: of an epoch before, in the callback.

        Returns:
            (n,) float64, NaN for invalid samples and where the measure is undefined, as for a zero map.

        Raises:
            ValueError: something is missing, or does not belong to the explanation.
        """
        if samples is not None and not isinstance(samples, Samples):
            samples = Samples(samples)
        given = {"model": model, "samples": samples, "explainer": explainer, "previous": previous}
        given["masks"] = None if samples is None else samples.masks
        missing = [what for what in self.needs if given[what] is None]
        if missing:
            hint = " Give the masks to the samples: keras_xai.Samples(x, masks=...)." if "masks" in missing else ""
            raise ValueError(
                f"{type(self).__name__} needs {' and '.join(missing)}: call it as metric(explanation, model, samples, "
                f"explainer, previous).{hint}"
            )
        if samples is not None and (len(samples) != len(explanation) or samples.size != explanation.images.shape[1:3]):
            raise ValueError(
                f"The samples are not those that were explained: {len(samples)} images of {samples.size} pixels, and the "
                f"explanation has {len(explanation)} of {explanation.images.shape[1:3]}."
            )
        with backend.preserved_random_states():
            values = np.asarray(self.measure(explanation, model, samples, explainer, previous), np.float64)
        return np.where(explanation.valid, values, np.nan)

    def measure(
        self, explanation: Explanation, model: Any, samples: Any, explainer: Any, previous: Explanation | None
    ) -> Any:
        """What `__call__` returns, before invalid samples are taken out."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it measures: write its measure().")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def ask(model: Any, samples: Samples, targets: np.ndarray, queries: Queries, score: Any) -> np.ndarray:
    """The scores (n, r) of perturbed samples at the explained targets."""
    return engine_for(model).answer(changed(samples, targets=targets), [queries], score)[0].scores


def falls(explanation: Explanation, model: Any, samples: Samples, queries: Queries, score: Any = None) -> np.ndarray:
    """How far the score falls at each question after the first, which has to leave the image as it is.

    Args:
        score: None for the one that was explained.

    Returns:
        (n, r − 1) float64.
    """
    score = explained_score(explanation) if score is None else score
    scores = ask(model, samples, explanation.targets, queries, score).astype(np.float64)
    return scores[:, :1] - scores[:, 1:]


def behind(samples: Samples, fill: str | float) -> np.ndarray:
    """What is seen where pixels are taken out, "blur", "mean" (of the image) or a number: images as the model eats them."""
    return filled(samples, fill).astype(samples.image.dtype)


def changed(samples: Samples, image: np.ndarray | None = None, targets: np.ndarray | None = None) -> Samples:
    """The same samples with another image array as the model eats it, or with other targets."""
    other = copy.copy(samples)
    if image is not None:
        other.x = samples.with_image(image.astype(samples.image.dtype))
    if targets is not None:
        other.targets = targets
    return other


def part_of(samples: Samples, chosen: slice) -> Samples:
    """Some of the samples, without labels: their targets have to be given."""
    import keras

    x = keras.tree.map_structure(lambda array: array[chosen], samples.x)
    layout = "channels_first" if samples.channels_first else "channels_last"
    return Samples(x, images=samples.images[chosen], image_input=samples.image_key, data_format=layout)


def explained_score(explanation: Explanation) -> Any:
    """The score that was explained; None, the logit, where it was saved to a file and read back."""
    score = explanation.details.get("config", {}).get("score")
    return score if callable(score) else None


def confidence(explanation: Explanation) -> Any:
    """The target's probability, which curves and drops are defined with; else the score that was explained."""
    score = explained_score(explanation)
    classifies = explanation.predictions.ndim == 2 and explanation.details.get("score") in (
        "logit",
        "probability",
        "log_probability",
        "contrast",
    )
    if explanation.details.get("probabilities") and classifies:
        return Probability(output=getattr(score, "output", None))
    return score


def per_pixel(values: np.ndarray, samples: Samples) -> np.ndarray:
    """(n, h, w) values with a channel axis where the image has it."""
    return values[:, None] if samples.channels_first else values[..., None]


def as_the_model_eats(images: np.ndarray, samples: Samples, axis: int = 1) -> np.ndarray:
    """Images (..., h, w, channels) in the samples' layout; `axis` is that of the height."""
    return np.moveaxis(images, -1, axis) if samples.channels_first else images


def check_count(name: str, value: Any, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be an int of at least {least}; it is {value!r}.")


def check_share(name: str, value: Any) -> None:
    """In (0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value <= 1:
        raise ValueError(f"{name} must be a share in (0, 1]; it is {value!r}.")
