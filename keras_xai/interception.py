"""Look into a model while it runs, and leave it as it was."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from keras_xai.calls import Call, Head


@contextlib.contextmanager
def intercept(model: Any, hooks: dict[Call, Callable], head: Head) -> Iterator[list]:
    """Run `hooks` on the outputs of their calls while inside, and catch the logits of `head`.

    Args:
        model: the model that was traced.
        hooks: for a call, a function from its output tensor to the tensor that goes on in its place.
        head: whose logits to catch.

    Yields:
        A list that holds the logits once the model has run; empty where `head` has nothing to intercept.
    """
    operations = dict(named_operations(model))
    logits: list = []
    by_path: dict[str, dict[int, Callable]] = {}
    for call, hook in hooks.items():
        by_path.setdefault(call.path, {})[call.index] = hook
    with contextlib.ExitStack() as undo:
        for path, indexed in by_path.items():
            for attribute in call_attributes(operations[path]):
                undo.enter_context(replaced(operations[path], attribute, _hooked(indexed)))
        if head.path is not None and head.attribute is not None:
            operation = operations[head.path]
            undo.enter_context(replaced(operation, head.attribute, _catching(logits, head.index)))
        yield logits


def run(model: Any, inputs: Any) -> Any:
    """The model's outputs in inference mode; its layers keep the losses of the last training step."""
    with _notes_kept(model):
        return model(inputs, training=False) if model._call_has_training_arg else model(inputs)


@contextlib.contextmanager
def _notes_kept(model: Any) -> Iterator[None]:
    """Put back what a call writes on layers past every scope: it clears their losses and marks them as called."""
    kept = [(one, list(one._losses), set(one._loss_ids), one._called) for one in model._flatten_layers()]
    try:
        yield
    finally:
        for layer, losses, loss_ids, called in kept:
            layer._losses.clear()
            layer._losses.extend(losses)
            layer._loss_ids.clear()
            layer._loss_ids.update(loss_ids)
            object.__setattr__(layer, "_called", called)


def named_operations(model: Any) -> Iterator[tuple[str, Any]]:
    """Every layer and graph operation below `model` with its path, outer ones first, shared ones once."""
    seen = {id(model)}

    def visit(container: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        children = list(getattr(container, "operations", None) or [])
        children += [layer for layer in getattr(container, "_layers", []) if layer not in children]
        taken: set[str] = set()
        for child in children:
            if id(child) in seen or type(child).__name__ == "InputLayer":
                continue
            seen.add(id(child))
            name = child.name
            while name in taken:  # subclassed models may give two layers one name
                name += "'"
            taken.add(name)
            yield prefix + name, child
            yield from visit(child, f"{prefix}{name}/")

    yield from visit(model, "")


def _hooked(indexed: dict[int, Callable]) -> Callable:
    def wrap(original):
        count = 0

        def call(*args, **kwargs):
            nonlocal count
            outputs = original(*args, **kwargs)
            hook = indexed.get(count)
            count += 1
            return outputs if hook is None else hook(outputs)

        return call

    return wrap


def _catching(logits: list, index: int) -> Callable:
    def wrap(original):
        count = 0

        def call(inputs, *args, **kwargs):
            nonlocal count
            if count == index:
                logits.append(inputs)
            count += 1
            return original(inputs, *args, **kwargs)

        return call

    return wrap


@contextlib.contextmanager
def replaced(operation: Any, attribute: str, wrap: Callable) -> Iterator[None]:
    """Replace an attribute past Keras's and torch's tracking, and put it back whatever happens."""
    original = getattr(operation, attribute)
    own = vars(operation).get(attribute)
    object.__setattr__(operation, attribute, functools.wraps(original)(wrap(original)))
    try:
        yield
    finally:
        if own is None:
            object.__delattr__(operation, attribute)
        else:
            object.__setattr__(operation, attribute, own)


def call_attributes(operation: Any) -> list[str]:
    return ["call", "quantized_call"] if getattr(operation, "quantization_mode", None) else ["call"]
