"""Sanity checks: a map must depend on what the model has learned, and on the class it explains."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from keras_xai.engine import engine_for
from keras_xai.explanation import Explanation
from keras_xai.interception import named_operations
from keras_xai.metrics.metric import Metric, changed, check_count, explained_score
from keras_xai.metrics.similarity import similarity
from keras_xai.samples import Samples


class SanityCheck(Metric):
    """The base of the two: a map compared with what it should not resemble."""

    needs = ("model", "samples", "explainer")
    higher_is_better = False

    def __init__(self, measure: str | Callable = "spearman", seed: int = 0):
        similarity(measure)
        check_count("seed", seed, least=0)
        self.compared_by = measure
        self.seed = seed


class ParameterRandomisation(SanityCheck):
    """How much of the map is left when nothing the model has learned is: lower is better.

    The weights are shuffled in the model itself and put back bit for bit, whatever happens meanwhile.

    Args:
        measure: how maps are compared: "spearman", "ssim", "cosine", "top_iou" or a callable.
        seed: of the shuffling.

    Returns (n,) float64: the similarity to the map of the model with all its weights shuffled; see `cascade` for the
    layers one after the other. NaN where that map is blank, which is not a sign of independence.

    Reference: Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, https://arxiv.org/abs/1810.03292

    Example:
        >>> keras_xai.metrics.ParameterRandomisation()(explanation, model, samples, explainer)
    """

    name = "parameter_randomisation"

    def measure(self, explanation, model, samples, explainer, previous):
        compare = similarity(self.compared_by)
        (left,) = _cascade(explanation, model, samples, explainer, compare, 1, self.seed).values()
        return left


class RandomLogit(SanityCheck):
    """How alike the map is to that of another class: lower is better; 1 says that it does not depend on the class.

    Args:
        measure: as in `ParameterRandomisation`. seed: of which class; a fixed number of classes further on.

    Returns (n,) float64; NaN where the other map is blank, as of a method with a ReLU where all evidence is against a class.

    Raises:
        ValueError: there is no other class: one output unit, whose second class is the first with its sign changed, or a
            score that looks at no class.

    Reference: Sixt, Granz and Landgraf, "When explanations lie", ICML 2020, https://arxiv.org/abs/1912.09818
    """

    name = "random_logit"

    def measure(self, explanation, model, samples, explainer, previous):
        count, score = explanation.predictions.shape[-1], explained_score(explanation)
        if count < 2 or not getattr(score, "needs_target", True):
            reason = "the explained output has one unit" if count < 2 else f"{score!r} looks at no class"
            raise ValueError(
                f"RandomLogit compares the maps of two classes, and {reason}. Use ParameterRandomisation instead."
            )
        further = np.random.default_rng(self.seed).integers(1, count)
        other = explainer(model, changed(samples, targets=(explanation.targets + further) % count))
        return similarity(self.compared_by)(explanation.maps, other.maps)


def cascade(
    model: Any,
    samples: Any,
    explainer: Any,
    measure: str | Callable = "spearman",
    steps: int | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Cascading parameter randomisation: the similarity of maps as layer after layer loses its weights, the top one first.

    Args:
        model: a built keras.Model; its weights are shuffled in place and put back bit for bit, also after an error.
        samples: `Samples` or an array of images; the targets are those of the model as it is.
        explainer: the method to check.
        measure: as in `ParameterRandomisation`.
        steps: at how many depths, evenly spread, the maps are compared; the last is the whole model. None for each layer.
        seed: of the shuffling.

    Returns:
        {path of the layer down to which the weights are shuffled: (n,) float64}, from the top to the first layer.

    Raises:
        ValueError: the model has no weights.

    Reference: Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, https://arxiv.org/abs/1810.03292

    Example:
        >>> curve = keras_xai.metrics.cascade(model, samples, keras_xai.GradCAM(), steps=5)
    """
    check_count("seed", seed, least=0)
    if steps is not None:
        check_count("steps", steps)
    compare = similarity(measure)
    samples = samples if isinstance(samples, Samples) else Samples(samples)
    return _cascade(explainer(model, samples), model, samples, explainer, compare, steps, seed)


def _cascade(
    before: Explanation, model: Any, samples: Samples, explainer: Any, compare: Callable, steps: int | None, seed: int
) -> dict[str, np.ndarray]:
    aimed = changed(samples, targets=before.targets)
    layers = _from_the_top(model, samples)
    if not layers:
        raise ValueError(f"The model {model.name!r} has no layer with weights to shuffle.")
    count = min(steps or len(layers), len(layers))
    depths = {round((step + 1) * len(layers) / count) - 1 for step in range(count)}
    found = {}
    with _put_back(model):
        for depth, (path, layer) in enumerate(layers):
            _shuffle(layer, path, seed)
            if depth in depths:
                after = explainer(model, aimed)
                found[path] = np.where(before.valid & after.valid, compare(before.maps, after.maps), np.nan)
    return found


def _from_the_top(model: Any, samples: Samples) -> list[tuple[str, Any]]:
    """The layers with weights of their own by path, the last one that runs first."""
    place = {call.path: index for index, call in enumerate(engine_for(model).topology(samples).calls)}
    own = [(path, layer) for path, layer in named_operations(model) if _own_weights(layer)]
    return sorted(own, key=lambda one: -place.get(one[0], -1))


def _own_weights(layer: Any) -> list[Any]:
    """The weights of a layer itself, without those of layers inside and the states of random generators."""
    held = [*getattr(layer, "_trainable_variables", []), *getattr(layer, "_non_trainable_variables", [])]
    weights = {id(weight) for weight in getattr(layer, "weights", [])}
    return [variable for variable in held if id(variable) in weights]


def _shuffle(layer: Any, path: str, seed: int) -> None:
    """Each weight's own values in a random order, kernels' with random signs: no sense is left, and the scale stays."""
    import keras

    for position, variable in enumerate(_own_weights(layer)):
        generator = np.random.default_rng([seed, zlib.crc32(path.encode()), position])
        values = _read(variable)
        mixed = generator.permutation(values.ravel()).reshape(values.shape)
        if values.ndim > 1 and "float" in keras.backend.standardize_dtype(variable.dtype):
            mixed = mixed * generator.choice([-1, 1], values.shape).astype(values.dtype)
        variable.assign(mixed)


@contextlib.contextmanager
def _put_back(model: Any) -> Iterator[None]:
    kept = [(variable, np.array(_read(variable))) for variable in model.variables]
    try:
        yield
    finally:
        for variable, values in kept:
            variable.assign(values)


def _read(variable: Any) -> np.ndarray:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(variable.value))
