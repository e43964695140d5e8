"""Find a layer, look at what it computes, and leave the model as it was."""

from __future__ import annotations

import contextlib
import difflib
import functools
import math
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from keras_xai import backend
from keras_xai.receptive_field import Window, joined, window_after

# What merely moves or thins out the evidence of the layer before it.
_PASSES_EVIDENCE_ON = ("pool", "dropout", "zeropadding", "cropping", "identity", "reshape", "permute")


@dataclass(frozen=True)
class Call:
    """One call of one layer in one forward pass, as seen by a trace.

    Attributes:
        path: names from the model down to the layer, joined by "/": "vgg16/block5_conv3".
        index: which of this layer's calls, from 0.
        shape: of the output without the batch axis; rank 3 as (height, width, channels) in either data format.
        dtype: of the output.
        channels_first: True where the tensor itself is (batch, channels, height, width).
        windows: which pixels each cell of the output looks at, along height and width; more than it does where the path
            cannot be followed.
        learned: True when a kernel (a weight of rank 2 or more) has been applied up to here.
        in_attention: True inside an attention layer, where tensors of rank 4 hold heads and tokens, not places.
    """

    path: str
    index: int
    kind: str
    shape: tuple[int, ...]
    dtype: str
    channels_first: bool
    windows: tuple[Window, Window]
    learned: bool
    in_attention: bool

    @property
    def is_spatial(self) -> bool:
        """True for a map: (height, width, channels) with more than one cell."""
        return len(self.shape) == 3 and None not in self.shape and self.shape[0] * self.shape[1] > 1

    @property
    def receptive_field(self) -> tuple[int, int]:
        """(height, width) in pixels of what one cell looks at, padding around the image included."""
        return math.ceil(self.windows[0].size), math.ceil(self.windows[1].size)

    @property
    def is_evidence(self) -> bool:
        """True for a map that learned layers made: what may be chosen automatically."""
        passes_on = any(word in self.kind.lower() for word in _PASSES_EVIDENCE_ON)
        return self.is_spatial and self.learned and not passes_on and not self.in_attention


@dataclass(frozen=True)
class Head:
    """One output of the model, and where its logits can be intercepted.

    Attributes:
        name: the output's key, name or position.
        shape: without the batch axis.
        activation: "softmax", "sigmoid" or None.
        path, attribute: the layer and which of its attributes ("activation" or "call") receives the logits; None, None
            where nothing can be intercepted.
        index: which of the calls of that attribute.
    """

    name: str | int
    shape: tuple[int, ...]
    activation: str | None = None
    path: str | None = None
    attribute: str | None = None
    index: int = 0

    @property
    def num_classes(self) -> int:
        """The length of the last axis; 2 for one unit, which is a binary classifier."""
        return max(2, self.shape[-1]) if self.shape else 2


@dataclass
class _Trace:
    """What a forward pass left behind, by identity of its tensors."""

    images: set[int] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    makers: dict[int, Call] = field(default_factory=dict)
    widest: Call | None = None
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    alive: list[Any] = field(default_factory=list)  # keeps identities unique until the trace has been read

    def add(self, call: Call, sources: list, output: Any) -> None:
        self.calls.append(call)
        self.makers.setdefault(id(output), call)
        if call.is_spatial and (self.widest is None or call.receptive_field > self.widest.receptive_field):
            self.widest = call
        self.inputs.append(tuple(map(id, sources)))
        self.outputs.append(id(output))
        self.alive += [output, *sources]


class Topology:
    """The calls of a model's layers in the order they finish, from one symbolic forward pass.

    Works for any model that can be called, since it watches the layers run instead of reading a graph.

    Args:
        model: a built keras.Model.
        inputs: nested NumPy arrays as the model takes them, with a leading batch axis.
        image: the array among `inputs` that is the image; its height and width scale the receptive fields.
        channels_first: the image's layout.
    """

    def __init__(self, model: Any, inputs: Any, image: Any, channels_first: bool):
        self._operations = dict(named_operations(model))
        self._references = {path: weakref.ref(operation) for path, operation in self._operations.items()}
        self._top_level = [getattr(layer, "name", None) for layer in getattr(model, "layers", [])]
        self._size = tuple(image.shape[2:4] if channels_first else image.shape[1:3])
        self._channels_first = channels_first
        trace = _Trace()
        with contextlib.ExitStack() as undo:
            for path, operation in self._operations.items():
                for attribute in _call_attributes(operation):
                    undo.enter_context(_replaced(operation, attribute, self._recorder(trace, path, operation)))
            backend.trace(lambda tensors: self._finish(trace, self._run(trace, model, tensors), model), inputs)
        del self._operations
        self.calls = tuple(trace.calls)

    @staticmethod
    def _run(trace: _Trace, model: Any, inputs: Any) -> Any:
        import keras

        trace.images = set(map(id, keras.tree.flatten(inputs)))
        return run(model, inputs)

    def _recorder(self, trace: _Trace, path: str, operation: Any) -> Callable:
        import keras

        def wrap(original):
            def call(*args, **kwargs):
                outputs = original(*args, **kwargs)
                if keras.ops.is_tensor(outputs) and len(outputs.shape) > 1:
                    sources = [t for t in keras.tree.flatten((args, kwargs)) if keras.ops.is_tensor(t)]
                    self._record(trace, path, operation, sources, outputs)
                return outputs

            return call

        return wrap

    def _record(self, trace: _Trace, path: str, operation: Any, sources: list, output: Any) -> None:
        import keras

        shape = tuple(output.shape[1:])
        channels_first = self._layout(trace, operation) and len(shape) == 3
        if channels_first:
            shape = (shape[1], shape[2], shape[0])
        call = Call(
            path=path,
            index=sum(call.path == path for call in trace.calls),
            kind=type(operation).__name__,
            shape=shape,
            dtype=keras.backend.standardize_dtype(output.dtype),
            channels_first=channels_first,
            windows=self._windows(trace, operation, path, sources, output, shape),
            learned=_has_kernel(operation) or any(call.learned for call in trace.calls[-1:]),
            in_attention=any("attention" in type(outer).__name__.lower() for outer in self._around(path)),
        )
        trace.add(call, sources, output)

    def _around(self, path: str) -> list:
        """The layers that hold the one at this path, outermost first."""
        names = path.split("/")
        return [self._operations["/".join(names[:depth])] for depth in range(1, len(names))]

    def _layout(self, trace: _Trace, operation: Any) -> bool:
        """True for channels_first: as the layer says, else as the tensor before it, else as the image."""
        said = getattr(operation, "data_format", None)
        if said is not None:
            return said == "channels_first"
        spatial = [call for call in trace.calls if len(call.shape) == 3]
        return spatial[-1].channels_first if spatial else self._channels_first

    def _windows(
        self, trace: _Trace, operation: Any, path: str, sources: list, output: Any, shape: tuple
    ) -> tuple[Window, Window]:
        """What an output's cells look at; where a path is not seen, the widest of all so far stands for it."""
        whole = Window(self._size[0], 0), Window(self._size[1], 0)
        if len(shape) != 3 or None in shape:
            return whole
        if id(output) in trace.makers:
            return trace.makers[id(output)].windows
        widest = trace.widest
        if widest is not None and any(call.path.startswith(f"{path}/") for call in trace.calls):
            return widest.windows
        seen = []
        for source in map(id, sources):
            call = trace.makers.get(source, None if source in trace.images else widest)
            if call is None:
                seen.append((self._size, (Window(), Window())))
            elif call.is_spatial:
                seen.append((call.shape[:2], call.windows))
        if not seen:  # made of numbers that belong to no place
            return whole
        cells = max(cells for cells, _ in seen)
        rows, columns = (joined([windows[axis] for count, windows in seen if count == cells]) for axis in (0, 1))
        return (
            window_after(operation, 0, rows, cells[0], shape[0]),
            window_after(operation, 1, columns, cells[1], shape[1]),
        )

    def _finish(self, trace: _Trace, outputs: Any, model: Any) -> None:
        import keras

        self._output_ids = [id(tensor) for tensor in keras.tree.flatten(outputs)]
        self._links = (list(trace.inputs), list(trace.outputs))
        self._model_inputs = set(trace.images)
        self.heads = tuple(
            self._head(trace, name, tensor)
            for name, tensor in zip(_output_names(model, outputs), keras.tree.flatten(outputs), strict=True)
        )

    def _head(self, trace: _Trace, name: str | int, tensor: Any) -> Head:
        shape = tuple(tensor.shape[1:])
        for call, output in zip(trace.calls, trace.outputs, strict=True):
            if output != id(tensor):
                continue
            operation = self._operations[call.path]
            activation = getattr(operation, "activation", None)
            kind = getattr(activation, "__name__", "").removesuffix("_v2")
            if kind in ("softmax", "sigmoid"):
                return Head(name, shape, kind, call.path, "activation", call.index)
            if call.kind == "Softmax" and _is_layer(operation):
                return Head(name, shape, "softmax", call.path, "call", call.index)
        return Head(name, shape)

    def head(self, output: str | int | None) -> Head:
        """The output to explain.

        Raises:
            ValueError: the model has several outputs and none was named, or the name is unknown.
        """
        names = [head.name for head in self.heads]
        if output is None:
            if len(self.heads) == 1:
                return self.heads[0]
            raise ValueError(
                f"The model has {len(names)} outputs, {names}, and the score does not say which one to explain. "
                f"Name it: score=keras_xai.scores.Logit(output={names[0]!r})."
            )
        if output in names:
            return self.heads[names.index(output)]
        if isinstance(output, int) and -len(names) <= output < len(names):
            return self.heads[output]
        raise ValueError(f"The score asks for output {output!r}, but the model's outputs are {names}.")

    def position(self, head: Head) -> int:
        return self.heads.index(head)

    def feeds(self, call: Call, head: Head) -> bool:
        """Whether `head` may depend on what `call` puts out."""
        return self.calls.index(call) in self._ancestors(self._output_ids[self.position(head)])

    def resolve(self, layer: Any, head: Head) -> tuple[Call, ...]:
        """The calls that `layer` means.

        Args:
            layer: None for the automatic choice, a name, a path through nested models, an index into `model.layers`, a
                layer object, or a list of these.
            head: the output to explain; the automatic choice is among what it depends on.

        Raises:
            ValueError: unknown, ambiguous, not run, or without spatial extent.
        """
        if isinstance(layer, (list, tuple)):
            if not layer:
                raise ValueError("layer=[] names no layer; give at least one, or None for the automatic choice.")
            return tuple(dict.fromkeys(call for one in layer for call in self.resolve(one, head)))
        call = self.automatic(head) if layer is None else self._only_call(self._path(layer))
        if not call.is_spatial:
            raise ValueError(
                f"The output of layer {call.path!r} has shape {('batch', *call.shape)}, but a map needs (batch, height, "
                f"width, channels) with more than one cell. Layers that fit: {self._spatial_paths()}."
            )
        return (call,)

    def automatic(self, head: Head) -> Call:
        """The last map before pooling or flattening, after its activation, looking through nested models."""
        final = self._output_ids[self.position(head)]
        ancestors, outputs = self._ancestors(final), self._links[1]
        seen_later: Call | None = None
        for position in reversed(range(len(self.calls))):
            call = self.calls[position]
            first_of_its_tensor = outputs.index(outputs[position]) == position
            if position in ancestors and first_of_its_tensor and outputs[position] != final and call.is_evidence:
                seen_later = call
                break
        if seen_later is None:
            raise ValueError(
                "No layer of this model computes a map with learned kernels before its output, so there is nothing for a "
                "class activation map to look at. Name a layer with layer=..., or use an explainer that looks at the "
                "input only, such as keras_xai.LIME()."
            )
        chosen = outputs.index(outputs[self.calls.index(seen_later)])
        others = [p for p, call in enumerate(self.calls) if call.path == seen_later.path and p != chosen]
        parallel = [p for p in others if p in ancestors and p not in self._ancestors(outputs[chosen])]
        if parallel:
            raise ValueError(self._ambiguous(seen_later.path, len(others) + 1))
        return seen_later

    def spread(self, count: int, head: Head) -> tuple[Call, ...]:
        """About `count` maps spread evenly over the depth of what `head` depends on, the automatic choice last."""
        last = self.automatic(head)
        ancestors, outputs = self._ancestors(self._output_ids[self.position(head)]), self._links[1]
        runs = {call.path: sum(other.path == call.path for other in self.calls) for call in self.calls}
        eligible = [
            call
            for position, call in enumerate(self.calls[: self.calls.index(last) + 1])
            if position in ancestors
            and outputs.index(outputs[position]) == position
            and call.is_evidence
            and (runs[call.path] == 1 or call is last)
        ]
        count = min(count, len(eligible))
        steps = [round(i * (len(eligible) - 1) / max(count - 1, 1)) for i in range(count)]
        return tuple(eligible[step] for step in steps) if count > 1 else (last,)

    def _ancestors(self, tensor: int) -> set[int]:
        """Positions of the calls that `tensor` may depend on; all earlier ones where its origin was not seen."""
        inputs, outputs = self._links
        found: set[int] = set()
        waiting = [(tensor, len(outputs))]
        while waiting:
            wanted, before = waiting.pop()
            if wanted in self._model_inputs:
                continue
            makers = [position for position in range(before) if outputs[position] == wanted]
            for position in makers or range(before):
                if position not in found:
                    found.add(position)
                    if makers:
                        waiting += [(source, position) for source in inputs[position]]
        return found

    def _path(self, layer: Any) -> str:
        if isinstance(layer, bool) or not isinstance(layer, (str, int)) and not hasattr(layer, "call"):
            raise TypeError(
                f"layer must be None, a name, a path such as 'vgg16/block5_conv3', an index, a layer object or a list of "
                f"these; it is {layer!r} of type {type(layer).__name__}."
            )
        if isinstance(layer, int):
            if not -len(self._top_level) <= layer < len(self._top_level):
                raise ValueError(f"layer={layer} is out of range: the model has {len(self._top_level)} layers.")
            layer = self._top_level[layer]
        if not isinstance(layer, str):
            for path, reference in self._references.items():
                if reference() is layer:
                    return path
            raise ValueError(
                f"The layer object {layer.name!r} is not part of this model. Take it from the model that is explained, "
                "or give its name."
            )
        if layer in self._references:
            return layer
        named = [path for path in self._references if path.rsplit("/", 1)[-1] == layer]
        if len(named) == 1:
            return named[0]
        if named:
            raise ValueError(f"Several layers are called {layer!r}: {named}. Give the whole path of one of them.")
        paths = {path.rsplit("/", 1)[-1]: path for path in self._references} | {path: path for path in self._references}
        close = difflib.get_close_matches(layer, paths, n=3, cutoff=0.5)
        hint = f"Did you mean {sorted({paths[name] for name in close})}? " if close else ""
        raise ValueError(f"The model has no layer {layer!r}. {hint}Layers with maps: {self._spatial_paths()}.")

    def _only_call(self, path: str) -> Call:
        calls = [call for call in self.calls if call.path == path]
        if not calls:
            raise ValueError(
                f"Layer {path!r} does not run in a forward pass in inference mode, or does not return one tensor. "
                f"Layers with maps: {self._spatial_paths()}."
            )
        if len(calls) > 1:
            raise ValueError(self._ambiguous(path, len(calls)))
        return calls[0]

    def _ambiguous(self, path: str, count: int) -> str:
        return (
            f"Layer {path!r} is shared: it runs {count} times in one forward pass, so its output is ambiguous. "
            f"Choose a layer that runs once with layer=...: {self._spatial_paths()}."
        )

    def _spatial_paths(self) -> str:
        runs = [call.path for call in self.calls]
        paths = [call.path for call in self.calls if call.is_spatial and runs.count(call.path) == 1]
        shown = ", ".join(repr(path) for path in paths[-6:]) or "none"
        return shown if len(paths) <= 6 else f"…, {shown}"

    @contextlib.contextmanager
    def intercept(self, model: Any, hooks: dict[Call, Callable], head: Head) -> Iterator[list]:
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
                for attribute in _call_attributes(operations[path]):
                    undo.enter_context(_replaced(operations[path], attribute, _hooked(indexed)))
            if head.path is not None and head.attribute is not None:
                operation = operations[head.path]
                undo.enter_context(_replaced(operation, head.attribute, _catching(logits, head.index)))
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
def _replaced(operation: Any, attribute: str, wrap: Callable) -> Iterator[None]:
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


def _call_attributes(operation: Any) -> list[str]:
    return ["call", "quantized_call"] if getattr(operation, "quantization_mode", None) else ["call"]


def _is_layer(operation: Any) -> bool:
    import keras

    return isinstance(operation, keras.layers.Layer)


def _has_kernel(operation: Any) -> bool:
    return any(len(weight.shape) > 1 for weight in getattr(operation, "weights", []))


def _pair(value: Any) -> tuple[int, int]:
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return values if len(values) == 2 else (values[0], values[0])


def _output_names(model: Any, outputs: Any) -> list[str | int]:
    import keras

    if isinstance(outputs, dict):
        return sorted(outputs)
    count = len(keras.tree.flatten(outputs))
    names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == count else list(range(count))
