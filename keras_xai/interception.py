"""Look into a model while it runs, and leave it as it was."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from keras_xai.calls import Attention, Call, Head


@contextlib.contextmanager
def intercept(
    model: Any, hooks: dict[Call, Callable], head: Head, attentions: Mapping[Attention, Callable] | None = None
) -> Iterator[list]:
    """Run `hooks` on the outputs of their calls while inside, and catch the logits of `head`.

    Args:
        model: the model that was traced.
        hooks: for a call, a function from its output tensor to the tensor that goes on in its place.
        head: whose logits to catch.
        attentions: for a call of an attention layer, a function that is shown its scores.

    Yields:
        A list that holds the logits once the model has run; empty where `head` has nothing to intercept.
    """
    operations = dict(named_operations(model))
    logits: list = []
    by_path: dict[str, dict[int, Callable]] = {}
    for call, hook in hooks.items():
        indexed = by_path.setdefault(call.path, {})
        indexed[call.index] = _one_after_the_other(indexed.get(call.index), hook)
    shown: dict[str, dict[int, Callable]] = {}
    for attention, show in (attentions or {}).items():
        shown.setdefault(attention.path, {})[attention.index] = show
    with contextlib.ExitStack() as undo:
        for path, indexed in by_path.items():
            for attribute in call_attributes(operations[path]):
                undo.enter_context(replaced(operations[path], attribute, _hooked(indexed)))
        for path, indexed in shown.items():
            undo.enter_context(replaced(operations[path], "_compute_attention", _showing(operations[path], indexed)))
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


def _one_after_the_other(first: Callable | None, then: Callable) -> Callable:
    """Tokens may be looked at on two grids."""
    return then if first is None else lambda output: then(first(output))


def _showing(operation: Any, indexed: dict[int, Callable]) -> Callable:
    """The layer computes as it always does, so that its output stays the same to the last bit; the scores are computed
    beside it, since fused and flash attention know none."""

    def wrap(original):
        count = 0

        def compute_attention(*args, **kwargs):
            nonlocal count
            show = indexed.get(count)
            count += 1
            if show is not None:
                asked = inspect.signature(original).bind(*args, **kwargs)
                if "return_attention_scores" in inspect.signature(original).parameters:
                    asked.arguments["return_attention_scores"] = True
                softmax = operation._softmax.call  # calling the layer itself would leave a trace on it
                with _set(operation, _flash_attention=False, _return_attention_scores=True, _softmax=softmax):
                    show(original(*asked.args, **asked.kwargs)[1])
            return original(*args, **kwargs)

        return compute_attention

    return wrap


@contextlib.contextmanager
def _set(operation: Any, **attributes: Any) -> Iterator[None]:
    """Set the attributes among these that there are past Keras's and torch's tracking, and put them back."""
    own = dict(vars(operation))
    there = [name for name in attributes if hasattr(operation, name)]
    for name in there:
        object.__setattr__(operation, name, attributes[name])
    try:
        yield
    finally:
        for name in there:
            if name in own:
                object.__setattr__(operation, name, own[name])
            else:
                object.__delattr__(operation, name)


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
