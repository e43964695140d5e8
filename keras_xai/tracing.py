"""Watch a model's layers run once: which, in what order, and what they make of what."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from keras_xai import backend
from keras_xai.calls import Attention, Call, Head, token_grid
from keras_xai.interception import call_attributes, named_operations, replaced, run
from keras_xai.receptive_field import Window, joined, window_after


class Trace:
    """The calls of a model's layers in the order they finish, from one symbolic forward pass.

    Works for any model that can be called, since it watches the layers instead of reading a graph. Tensors are known by
    their identity; the trace keeps neither them nor the model.

    Args:
        model: a built keras.Model.
        inputs: nested NumPy arrays as the model takes them, with a leading batch axis.
        size: (height, width) of the image.
        channels_first: the image's layout.

    Attributes:
        calls: every call that returned one tensor. inputs: for each, the tensors that went in. outputs: what came out.
        attentions: the calls of attention layers, each with the tensors that went in and how many calls came before.
        images: the tensors that the model was given. finals: those it returned. heads: one for each of these.
    """

    def __init__(self, model: Any, inputs: Any, size: tuple[int, int], channels_first: bool):
        self.calls: list[Call] = []
        self.inputs: list[tuple[int, ...]] = []
        self.outputs: list[int] = []
        self.attentions: list[tuple[Attention, tuple[int, ...], int]] = []
        self.images: set[int] = set()
        self.finals: list[int] = []
        self.heads: tuple[Head, ...] = ()
        self._size = size
        self._channels_first = channels_first
        self._makers: dict[int, Call] = {}
        self._widest: Call | None = None
        self._alive: list[Any] = []  # identities are unique as long as the tensors live
        self._operations = dict(named_operations(model))
        with contextlib.ExitStack() as undo:
            for path, operation in self._operations.items():
                for attribute in call_attributes(operation):
                    undo.enter_context(replaced(operation, attribute, self._recorder(path, operation)))
            backend.trace(lambda tensors: self._watch(model, tensors), inputs)
        self._operations, self._alive = {}, []

    def _watch(self, model: Any, inputs: Any) -> None:
        import keras

        self.images = set(map(id, keras.tree.flatten(inputs)))
        outputs = run(model, inputs)
        tensors = keras.tree.flatten(outputs)
        self.finals = [id(tensor) for tensor in tensors]
        self.heads = tuple(map(self._head, _output_names(model, outputs), tensors))

    def _recorder(self, path: str, operation: Any) -> Callable:
        import keras

        def wrap(original):
            def call(*args, **kwargs):
                outputs = original(*args, **kwargs)
                if hasattr(operation, "_compute_attention"):
                    self._record_attention(
                        path, [t for t in keras.tree.flatten((args, kwargs)) if keras.ops.is_tensor(t)]
                    )
                if keras.ops.is_tensor(outputs) and len(outputs.shape) > 1:
                    sources = [t for t in keras.tree.flatten((args, kwargs)) if keras.ops.is_tensor(t)]
                    self._record(path, operation, sources, outputs)
                return outputs

            return call

        return wrap

    def _record_attention(self, path: str, sources: list) -> None:
        if len(sources[0].shape) == 3:
            index = sum(attention.path == path for attention, _, _ in self.attentions)
            attention = Attention(path, index, sources[0].shape[1])
            self.attentions.append((attention, tuple(map(id, sources)), len(self.calls)))
            self._alive += sources

    def _record(self, path: str, operation: Any, sources: list, output: Any) -> None:
        import keras

        shape = tuple(output.shape[1:])
        channels_first = self._layout(operation) and len(shape) == 3
        if channels_first:
            shape = (shape[1], shape[2], shape[0])
        windows = self._windows(operation, path, sources, output, shape)
        grid = token_grid(shape[0], self._size) if len(shape) == 2 and None not in shape else None
        class_tokens = None
        if grid is not None:
            class_tokens = shape[0] - grid[0] * grid[1]
            shape = (*grid, shape[1])
        call = Call(
            path=path,
            index=sum(call.path == path for call in self.calls),
            kind=type(operation).__name__,
            shape=shape,
            dtype=keras.backend.standardize_dtype(output.dtype),
            channels_first=channels_first,
            windows=windows,
            learned=_has_kernel(operation) or any(call.learned for call in self.calls[-1:]),
            in_attention=any("attention" in type(outer).__name__.lower() for outer in self._around(path)),
            class_tokens=class_tokens,
        )
        self.calls.append(call)
        self.inputs.append(tuple(map(id, sources)))
        self.outputs.append(id(output))
        self._makers.setdefault(id(output), call)
        if (
            call.is_spatial
            and grid is None
            and (self._widest is None or call.receptive_field > self._widest.receptive_field)
        ):
            self._widest = call
        self._alive += [output, *sources]

    def _around(self, path: str) -> list:
        """The layers that hold the one at this path, outermost first."""
        names = path.split("/")
        return [self._operations["/".join(names[:depth])] for depth in range(1, len(names))]

    def _layout(self, operation: Any) -> bool:
        """True for channels_first: as the layer says, else as the tensor before it, else as the image."""
        said = getattr(operation, "data_format", None)
        if said is not None:
            return said == "channels_first"
        spatial = [call for call in self.calls if len(call.shape) == 3 and call.class_tokens is None]
        return spatial[-1].channels_first if spatial else self._channels_first

    def _windows(self, operation: Any, path: str, sources: list, output: Any, shape: tuple) -> tuple[Window, Window]:
        """What an output's cells look at; where a path is not seen, the widest of all so far stands for it."""
        whole = Window(self._size[0], 0), Window(self._size[1], 0)
        if len(shape) != 3 or None in shape:
            return whole
        if id(output) in self._makers:
            return self._makers[id(output)].windows
        widest = self._widest
        if widest is not None and any(call.path.startswith(f"{path}/") for call in self.calls):
            return widest.windows
        seen: list[tuple[tuple[int, ...], tuple[Window, Window]]] = []
        for source in map(id, sources):
            call = self._makers.get(source, None if source in self.images else widest)
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

    def _head(self, name: str | int, tensor: Any) -> Head:
        shape = tuple(tensor.shape[1:])
        for call, output in zip(self.calls, self.outputs, strict=True):
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


def _is_layer(operation: Any) -> bool:
    import keras

    return isinstance(operation, keras.layers.Layer)


def _has_kernel(operation: Any) -> bool:
    return any(len(weight.shape) > 1 for weight in getattr(operation, "weights", []))


def _output_names(model: Any, outputs: Any) -> list[str | int]:
    import keras

    if isinstance(outputs, dict):
        return sorted(outputs)
    count = len(keras.tree.flatten(outputs))
    names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == count else list(range(count))
