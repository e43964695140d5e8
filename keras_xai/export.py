"""Write a model that explains its predictions as a TensorFlow SavedModel."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.engine import engine_for
from keras_xai.explainers.explainer import Explainer, Result
from keras_xai.explanation import interpolation
from keras_xai.forward import Forward, places_of
from keras_xai.queries import Answers, Queries
from keras_xai.samples import Samples


def export(model: Any, path: str | os.PathLike, explainer: Explainer, samples: Samples | None) -> None:
    """See `ExplainedModel.export_with_explanations`.

    Args:
        model: a built keras.Model.
        path: the directory to write.
        explainer: what explains.
        samples: for the shapes of the inputs; None takes the model's own.

    Raises:
        ValueError: the backend, the explainer or the shapes do not allow it.
    """
    import keras

    if backend.name() != "tensorflow":
        raise ValueError(
            f"A TensorFlow SavedModel can be written on the tensorflow backend only; this is {backend.name()!r}. Save the "
            "model, load it in a process with KERAS_BACKEND=tensorflow, and export it there."
        )
    example = _example(model, samples)
    inputs = keras.tree.map_structure(
        lambda array: keras.InputSpec(shape=(None, *array.shape[1:]), dtype=array.dtype.name), example.x
    )
    targets = keras.InputSpec(shape=(None,), dtype="int32")
    with backend.preserved_random_states():
        explain = single_pass(model, explainer, example)
        _check(model, explainer, explain, example)
        archive = keras.export.ExportArchive()
        archive.track_and_add_endpoint("serve", model, [inputs])
        archive.add_endpoint("explain", lambda inputs: explain(inputs, None), [inputs])
        archive.add_endpoint("explain_targets", explain, [inputs, targets])
        archive.write_out(os.fspath(path), verbose=False)


def single_pass(model: Any, explainer: Explainer, example: Samples) -> Callable[[Any, Any], dict[str, Any]]:
    """An explainer as a function of tensors, to become part of another graph.

    Args:
        model: a built keras.Model. explainer: what explains; it may ask once, about the images as they are.
        example: inputs of the right shapes.

    Returns:
        `(inputs, targets) -> {"predictions", "targets", "maps"}`; targets (n,) int or None, −1 and None for the prediction.

    Raises:
        ValueError: the explainer needs more than one pass.
    """
    import keras
    from keras import ops

    engine = engine_for(model)
    topology = engine.topology(example)
    score, head = engine.score(explainer.score, example)
    plan = explainer.prepare(example)
    table = next(explainer.explain(example, plan))
    if plan is not None or not isinstance(table, Queries) or table.rows is not None:
        raise _refused(explainer, "it asks about changed images")
    places = tuple(dict.fromkeys(place for one in table.observe for place in places_of(one, topology, head)))
    probabilities = bool(engine.gives_probabilities(example, head))
    forward = Forward(lambda: model, topology, places, score, head, example, probabilities=probabilities)

    def explain(inputs: Any, targets: Any = None) -> dict[str, Any]:
        count = ops.shape(keras.tree.flatten(inputs)[0])[0]
        asked = ops.full((count,), -1, "int32") if targets is None else targets
        candidates = ops.logical_or(ops.arange(head.num_classes) == asked[:, None], asked[:, None] < 0)
        with keras.StatelessScope():
            answers = forward.inside({"x": inputs, "candidates": candidates})
            observed = dict(zip(places, answers.pop("observed"), strict=True))
            at_input = [value for place, value in observed.items() if place[0] == "input"]
            seen = Answers(
                **answers,
                input=at_input[0] if at_input else None,
                layers={place[0].path: value for place, value in observed.items() if place[0] != "input"},
                calls={place[0].path: place[0] for place in places if place[0] != "input"},
                score=score,
                head=head,
                probabilities=probabilities,
            )
            raw = ops.cast(_reduced(explainer, example, plan, seen), "float32")
            valid = ops.logical_and(ops.isfinite(answers["scores"]), ops.all(ops.isfinite(raw), axis=(1, 2)))
            maps = _resized(ops.where(valid[:, None, None], raw, 0.0), example.size)
        return {"predictions": answers["predictions"], "targets": answers["targets"], "maps": maps}

    return explain


def _reduced(explainer: Explainer, example: Samples, plan: Any, seen: Answers) -> Any:
    generator = explainer.explain(example, plan)
    next(generator)
    try:
        generator.send(seen)
    except StopIteration as stop:
        return stop.value.raw if isinstance(stop.value, Result) else stop.value
    except (NotImplementedError, TypeError, ValueError, AttributeError) as error:
        raise _refused(explainer, "it computes in NumPy") from error
    raise _refused(explainer, "it asks more than once")


def _resized(raw: Any, size: tuple[int, int]) -> Any:
    """`keras_xai.explanation.resize` for tensors."""
    from keras import ops

    if tuple(raw.shape[1:]) == tuple(size):
        return raw
    rows, columns = (interpolation(cells, pixels) for cells, pixels in zip(raw.shape[1:], size, strict=True))
    return ops.matmul(ops.matmul(rows[None], raw), columns.T[None])


def _check(model: Any, explainer: Explainer, explain: Callable, example: Samples) -> None:
    """What is written must say what the explainer says, on images that it has not been made with."""
    import keras

    generator = np.random.default_rng(0)
    noise = keras.tree.map_structure(
        lambda array: generator.uniform(0, 1, (3, *array.shape[1:])).astype(array.dtype), example.x
    )
    samples = Samples(noise, image_input=example.image_key, data_format=_data_format(example))
    expected = explainer(model, samples)
    if isinstance(expected, Exception):
        raise expected
    found = backend.to_numpy(explain(keras.tree.map_structure(keras.ops.convert_to_tensor, noise)))["maps"]
    if not np.allclose(found, expected.maps, rtol=1e-3, atol=1e-4 * max(float(np.abs(expected.maps).max()), 1e-30)):
        raise _refused(explainer, "as a single function of tensors it gives other maps")


def _example(model: Any, samples: Samples | None) -> Samples:
    """One sample of the shapes and types that the model takes."""
    import keras

    if samples is not None:
        one = keras.tree.map_structure(lambda array: array[:1], samples.x)
        return Samples(one, image_input=samples.image_key, data_format=_data_format(samples))
    try:
        tensors = (getattr(model, "_functional", None) or model).input  # a Sequential keeps them there
        shapes = [tuple(tensor.shape[1:]) for tensor in keras.tree.flatten(tensors)]
    except (AttributeError, ValueError):
        shapes = [(None,)]
    if any(None in shape for shape in shapes):
        raise ValueError(
            f"The sizes of the inputs of {model.name!r} are not fixed by the model. Give an image of the size to export: "
            "ExplainedModel(model, samples=...)."
        )
    zeros = keras.tree.map_structure(lambda tensor: np.zeros((1, *tensor.shape[1:]), tensor.dtype), tensors)
    return Samples(zeros)


def _data_format(samples: Samples) -> str:
    return "channels_first" if samples.channels_first else "channels_last"


def _refused(explainer: Explainer, reason: str) -> ValueError:
    return ValueError(
        f"{explainer.name!r} cannot be exported: {reason}. Export a method that answers from a single pass, such as "
        "'grad_cam', 'hires_cam' or 'saliency'."
    )
