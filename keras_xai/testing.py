"""What every explainer promises, as checks that anyone can run on a method of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np

from keras_xai import fitting_batch
from keras_xai.explainers.explainer import Explainer, explain
from keras_xai.explanation import Explanation
from keras_xai.fingerprint import difference, fingerprint
from keras_xai.samples import Samples
from keras_xai.tampering import ERROR, failing, forget, poisoned, tiny_model

# Batches of another size are summed in another order: more than this share of the largest |value| is no rounding.
_ROUNDING = 1e-4


def check_explainer(explainer: Explainer, model: Any = None, samples: Any = None) -> None:
    """Run every check of `CHECKS` on an explainer: the promises that callbacks, logs and measures rely on.

    It takes seconds: the model is traced anew several times, and explained alone, permuted, failing and with NaN.

    Args:
        explainer: an instance whose settings do not depend on the number of samples.
        model: a built keras.Model; None for a small CNN with batch normalisation, dropout and an activity regulariser.
        samples: at least 2 `Samples`, or an array of images; None for random noise of the model's input shape.

    Raises:
        AssertionError: a promise is broken; says which and how.
        TypeError, ValueError: the explainer, model or samples are no such thing.

    Example:
        >>> keras_xai.testing.check_explainer(MyExplainer(window=5))
    """
    if not isinstance(explainer, Explainer):
        hint = f" Write {explainer.__name__}(), with brackets." if isinstance(explainer, type) else ""
        raise TypeError(f"check_explainer checks an instance of keras_xai.Explainer; it got {explainer!r}.{hint}")
    samples = _samples(model, samples)
    model = tiny_model(samples) if model is None else model
    for check in CHECKS:
        check(explainer, model, samples)


def check_results(explainer: Explainer, model: Any, samples: Samples) -> None:
    """Maps, scores, targets, validity and predictions have the promised shapes and types and are finite."""
    found, n = explainer(model, samples), len(samples)
    expected = {"maps": (n, *samples.size), "scores": (n,), "targets": (n,), "valid": (n,)}
    for name, shape in expected.items():
        array = getattr(found, name)
        _promise(array.shape == shape, explainer, f"{name} has shape {shape}", f"it has {array.shape}")
    _promise(
        found.raw.ndim == 3 and len(found.raw) == n,
        explainer,
        f"raw has shape ({n}, h, w)",
        f"it has {found.raw.shape}",
    )
    predictions = found.predictions
    _promise(
        predictions.ndim >= 2 and len(predictions) == n,
        explainer,
        f"predictions has shape ({n}, …, classes)",
        f"it has {predictions.shape}",
    )
    kinds = {"maps": "float32", "raw": "float32", "scores": "float32", "predictions": "float32", "valid": "bool"}
    for name, dtype in {**kinds, "targets": "int64"}.items():
        array = getattr(found, name)
        _promise(array.dtype == dtype, explainer, f"{name} is {dtype}", f"it is {array.dtype}")
    _promise(np.isfinite(found.maps).all(), explainer, "maps are finite", "they hold NaN or infinity")
    _promise(found.method == explainer.name, explainer, f"method is {explainer.name!r}", f"it is {found.method!r}")
    missing = {"score", "config"} - set(found.details)
    _promise(not missing, explainer, "details name the score and the configuration", f"{missing} is missing")


def check_sign(explainer: Explainer, model: Any, samples: Samples) -> None:
    """A method that does not say `signed = True` gives no negative evidence."""
    found = explainer(model, samples)
    _promise(found.signed == explainer.signed, explainer, f"signed is {explainer.signed}", f"it is {found.signed}")
    lowest = float(found.raw.min())
    _promise(explainer.signed or lowest >= 0, explainer, "unsigned maps are never negative", f"one falls to {lowest}")


def check_repeatable(explainer: Explainer, model: Any, samples: Samples) -> None:
    """The same question has the same answer, also from a plan that was used before, and nothing is kept on `self`."""
    before = _attributes(explainer)
    found = explainer(model, samples)
    _same_maps(explainer, "a second call gives the same maps", found, explainer(model, samples), rounding=1e-6)
    plan = explainer.prepare(samples)
    for use in ("first", "second"):
        (again,) = explain(model, [explainer], samples, [plan])
        if isinstance(again, Exception):
            raise again
        _same_maps(explainer, f"the {use} use of a plan gives the same maps", found, again, rounding=1e-6)
    changed = difference(before, _attributes(explainer))
    _promise(changed is None, explainer, "a call leaves nothing on the explainer", f"it changed {changed}")


def check_batches(explainer: Explainer, model: Any, samples: Samples) -> None:
    """A sample is explained as it is alone, whatever else is in its batch."""
    found = explainer(model, samples)
    for index in (0, len(samples) - 1):
        alone = explainer(model, samples.take([index]))
        _same_maps(explainer, f"sample {index} alone has the map that it has among others", found, alone, [index])
    with mock.patch.object(fitting_batch, "_MAX_BATCH", 2):
        small = explainer(model, samples)
    _same_maps(explainer, "batches of 2 give the same maps as one batch", found, small)


def check_order(explainer: Explainer, model: Any, samples: Samples) -> None:
    """Permuting the samples permutes the maps: randomness belongs to the sample, not to its place."""
    order = [*range(1, len(samples)), 0]
    moved = explainer(model, samples.take(order))
    _same_maps(explainer, "permuted samples have permuted maps", explainer(model, samples), moved, order)


def check_nothing_changes(explainer: Explainer, model: Any, samples: Samples) -> None:
    """Weights, statistics, seeds, losses, layers and random states are after a call what they were before."""
    forget(model)
    before = fingerprint(model)
    for when in ("the first call", "a later call"):
        explainer(model, samples)
        changed = difference(before, fingerprint(model))
        _promise(changed is None, explainer, f"{when} leaves the model as it was", f"it changed {changed}")


def check_nothing_changes_on_errors(explainer: Explainer, model: Any, samples: Samples) -> None:
    """The same when a layer raises in the middle of a forward pass; and the error comes through."""
    with failing(model, at=None) as count:
        forget(model)
        explainer(model, samples)
    for at in sorted({count[0] // 2, count[0]} - {0}):
        with failing(model, at):
            forget(model)
            before = fingerprint(model)
            try:
                explainer(model, samples)
            except Exception as error:
                came_through = ERROR in f"{error!r} {error.__cause__!r}"
            else:
                came_through = False
            changed = difference(before, fingerprint(model))
        where = f"call {at} of {count[0]} of a layer"
        _promise(came_through, explainer, "an error in the model comes through", f"that in {where} did not")
        _promise(changed is None, explainer, f"an error in {where} leaves the model as it was", f"it changed {changed}")
    forget(model)


def check_configuration(explainer: Explainer, model: Any, samples: Samples) -> None:
    """`type(e)(**e.get_config())` is the same explainer; the constructor keeps its arguments as they are, and no more."""
    config = explainer.get_config()
    twin = type(explainer)(**config)
    changed = [name for name, value in config.items() if getattr(twin, name, None) is not value]
    _promise(not changed, explainer, "arguments are stored unchanged under their own names", f"not so {changed}")
    more = sorted(set(vars(twin)) - set(config))
    stored = "the constructor stores its arguments, all of them in get_config, and computes nothing"
    _promise(not more, explainer, stored, f"it also stores {more}")
    again = twin.get_config()
    _promise(again.keys() == config.keys(), explainer, "get_config round-trips", f"it went from {config} to {again}")
    found = explainer(model, samples)
    _same_maps(explainer, "the same configuration gives the same maps", found, twin(model, samples), rounding=1e-6)


def check_invalid_samples(explainer: Explainer, model: Any, samples: Samples) -> None:
    """A sample with a non-finite score has `valid` False and a zero map, and the others do not notice."""
    everyone = list(range(len(samples)))
    image = samples.image.astype(np.float32)
    threshold = float(image.max()) + 1
    bright = image.copy()
    bright[0] = threshold + 1

    def given(values):
        other = samples.take(everyone)
        other.x = samples.with_image(values)  # as float, whatever the type before
        return other

    with poisoned(model, samples.image_key, threshold):
        forget(model)
        found = explainer(model, given(bright))
    forget(model)
    if np.isfinite(found.scores[0]):  # this model turns NaN into numbers
        return
    _promise(not found.valid[0], explainer, "a non-finite score makes a sample invalid", "valid is True")
    _promise(not found.maps[0].any(), explainer, "an invalid sample has a zero map", "its map is not zero")
    _promise(found.valid[1:].all(), explainer, "one invalid sample leaves the others valid", f"valid is {found.valid}")
    whole = explainer(model, given(image))
    _same_maps(explainer, "one invalid sample leaves the other maps as they are", whole, found, everyone, skip=1)


def check_saving(explainer: Explainer, model: Any, samples: Samples) -> None:
    """What is saved is what is loaded."""
    found = explainer(model, samples)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "explanation.npz")
        found.save(path)
        loaded = Explanation.load(path)
    for name in ("raw", "maps", "valid", "scores", "targets", "predictions", "images"):
        same = getattr(loaded, name).tobytes() == getattr(found, name).tobytes()
        _promise(same, explainer, f"{name} is saved and loaded to the last bit", "it came back different")
    changed = {name for name in ("method", "signed", "names") if getattr(loaded, name) != getattr(found, name)}
    _promise(not changed, explainer, "an explanation is saved whole", f"{changed} came back different")
    lost = [key for key, value in found.details.items() if not _came_back(value, loaded.details.get(key))]
    _promise(not lost, explainer, "details are saved and loaded", f"{lost} came back different")


CHECKS: tuple[Callable[[Explainer, Any, Samples], None], ...] = (
    check_nothing_changes,  # first, on a model that was not explained before
    check_nothing_changes_on_errors,
    check_results,
    check_sign,
    check_repeatable,
    check_batches,
    check_order,
    check_configuration,
    check_invalid_samples,
    check_saving,
)


def _promise(kept: Any, explainer: Explainer, promise: str, instead: str) -> None:
    if not kept:
        raise AssertionError(f"{explainer!r} breaks a promise of every explainer: {promise}; {instead}.")


def _same_maps(
    explainer: Explainer,
    promise: str,
    one: Explanation,
    other: Explanation,
    order: Sequence[int] | None = None,
    skip: int = 0,
    rounding: float = _ROUNDING,
) -> None:
    """`other` holds the maps of the samples `order` of `one`; the first `skip` are not compared."""
    expected, found = one.raw if order is None else one.raw[list(order)], other.raw
    _promise(expected.shape == found.shape, explainer, promise, f"raw has shape {found.shape}, not {expected.shape}")
    largest = float(np.abs(one.raw).max())
    error = float(np.abs(found[skip:] - expected[skip:]).max()) / max(largest, 1e-30)
    _promise(error <= rounding, explainer, promise, f"they differ by {error:.2g} of the largest |value|")


def _attributes(explainer: Explainer) -> dict[str, Any]:
    return {f"the attribute {name!r}": value for name, value in vars(explainer).items()}


def _came_back(saved: Any, loaded: Any) -> bool:
    """Whether nested details survived; what is neither array, number nor text comes back as its repr."""
    if isinstance(saved, dict):
        return (
            isinstance(loaded, dict)
            and saved.keys() == loaded.keys()
            and all(_came_back(item, loaded[key]) for key, item in saved.items())
        )
    if type(saved) in (list, tuple):
        return type(saved) is type(loaded) and len(saved) == len(loaded) and all(map(_came_back, saved, loaded))
    if isinstance(saved, np.ndarray):
        return saved.dtype == loaded.dtype and saved.shape == loaded.shape and saved.tobytes() == loaded.tobytes()
    if isinstance(loaded, str):
        return loaded in (saved, repr(saved))
    return bool(saved == loaded or saved != saved)


def _samples(model: Any, samples: Any) -> Samples:
    if samples is None:
        shape = (None, 16, 16, 3) if model is None else getattr(model, "input_shape", None)
        if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
            raise ValueError(f"Give samples: random images cannot be made for a model with inputs of shape {shape}.")
        samples = np.random.default_rng(0).random((4, *shape[1:]), np.float32)
    samples = samples if isinstance(samples, Samples) else Samples(samples)
    if len(samples) < 2:
        raise ValueError(
            "Give at least 2 samples: explained among others, a sample must get the map that it has alone."
        )
    return samples
