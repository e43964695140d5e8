"""Which layers a user means, and which are best to look at."""

from __future__ import annotations

import dataclasses
import difflib
import weakref
from collections import Counter
from typing import Any

from keras_xai.calls import Attention, Call, Head
from keras_xai.interception import named_operations
from keras_xai.tracing import Trace


class Topology:
    """The calls of a model's layers and what leads to its outputs, for inputs of one kind.

    Args:
        model: a built keras.Model.
        inputs: nested NumPy arrays as the model takes them, with a leading batch axis.
        size: (height, width) of the image.
        channels_first: the image's layout.

    Attributes:
        calls: in the order they finish. heads: one for each output.
    """

    def __init__(self, model: Any, inputs: Any, size: tuple[int, int], channels_first: bool):
        self._references = {path: weakref.ref(operation) for path, operation in named_operations(model)}
        self._top_level = [getattr(layer, "name", None) for layer in getattr(model, "layers", [])]
        self._trace = Trace(model, inputs, size, channels_first)
        self._automatic: dict[Head, Call] = {}
        self._spread: dict[tuple[int, Head], tuple[Call, ...]] = {}
        self.calls = tuple(self._trace.calls)
        self.heads = self._trace.heads

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

    def feeds(self, call: Call, head: Head) -> bool:
        """Whether `head` may depend on what `call` puts out."""
        return self._position(call) in self._ancestors(self._trace.finals[self.heads.index(head)])

    def resolve(self, layer: Any, head: Head, grid: tuple[int, int] | None = None) -> tuple[Call, ...]:
        """The calls that `layer` means.

        Args:
            layer: None for the automatic choice, a name, a path through nested models, an index into `model.layers`, a
                layer object, or a list of these.
            head: the output to explain; the automatic choice is among what it depends on.
            grid: (rows, columns) of the last tokens, for layers of tokens; None for `token_grid`.

        Raises:
            ValueError: unknown, ambiguous, not run, or without spatial extent.
        """
        if isinstance(layer, (list, tuple)):
            if not layer:
                raise ValueError("layer=[] names no layer; give at least one, or None for the automatic choice.")
            return tuple(dict.fromkeys(call for one in layer for call in self.resolve(one, head, grid)))
        call = self.automatic(head) if layer is None else self._only_call(self._path(layer))
        if grid is not None:
            call = _on_grid(call, grid)
        if not call.is_spatial:
            raise ValueError(
                f"The output of layer {call.path!r} has shape {('batch', *call.tensor_shape)}, but a map needs (batch, "
                "height, width, channels) with more than one cell, or tokens that fill a grid (give grid=(rows, columns) "
                f"if it is not square). Layers that fit: {self._spatial_paths()}."
            )
        return (call,)

    def attentions(self, layer: Any = None) -> tuple[Attention, ...]:
        """The calls of the attention layers, in order: all, or those of the layers that `layer` means.

        Raises:
            ValueError: there are none, or a layer is no attention layer.
        """
        found = tuple(attention for attention, _, _ in self._trace.attentions)
        if not found:
            raise ValueError(
                "This model has no attention layer whose scores can be observed: no keras.layers.MultiHeadAttention or "
                "GroupQueryAttention over (batch, tokens, channels) runs in it. Use keras_xai.GradCAM() or "
                "keras_xai.IntegratedGradients() here."
            )
        if layer is None:
            return found
        paths = [self._path(one) for one in (layer if isinstance(layer, (list, tuple)) else [layer])]
        other = [path for path in paths if path not in {attention.path for attention in found}]
        if other or not paths:
            raise ValueError(f"layers={other} are no attention layers; those are {[one.path for one in found]}.")
        return tuple(attention for attention in found if attention.path in paths)

    def automatic(self, head: Head) -> Call:
        """The last map before pooling or flattening, after its activation, looking through nested models.

        Tokens count as a map where attention layers look at as many. With a class token it is the last map that still
        reaches the score through an attention layer: later on only the class token does.
        """
        if head not in self._automatic:
            self._automatic[head] = self._last_map(head)
        return self._automatic[head]

    def _last_map(self, head: Head) -> Call:
        final = self._trace.finals[self.heads.index(head)]
        ancestors, outputs = self._ancestors(final), self._trace.outputs
        seen_later = self._last_evidence(ancestors, final)
        if seen_later is not None and seen_later.class_tokens:
            _, sources, before = self._trace.attentions[-1]
            earlier = set().union(*(self._ancestors(source, before) for source in sources))
            seen_later = self._last_evidence(ancestors & earlier, final) or seen_later
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

    def _last_evidence(self, positions: set[int], final: int) -> Call | None:
        outputs = self._trace.outputs
        for position in sorted(positions, reverse=True):
            first_of_its_tensor = outputs.index(outputs[position]) == position
            if first_of_its_tensor and outputs[position] != final and self._is_evidence(self.calls[position]):
                return self.calls[position]
        return None

    def _is_evidence(self, call: Call) -> bool:
        attended = {attention.tokens for attention, _, _ in self._trace.attentions}
        return call.is_evidence and (call.class_tokens is None or call.tokens in attended)

    def spread(self, count: int, head: Head) -> tuple[Call, ...]:
        """About `count` finished maps spread evenly over the depth below `head`, the automatic choice last."""
        if (count, head) not in self._spread:
            self._spread[count, head] = self._over_depth(count, head)
        return self._spread[count, head]

    def _over_depth(self, count: int, head: Head) -> tuple[Call, ...]:
        last = self.automatic(head)
        ancestors, outputs = self._ancestors(self._trace.finals[self.heads.index(head)]), self._trace.outputs
        runs = Counter(call.path for call in self.calls)
        unfinished = {
            source
            for call, made_of in zip(self.calls, self._trace.inputs, strict=True)
            if call.finishes
            for source in made_of
        }
        eligible = [
            call
            for position, call in enumerate(self.calls[: self.calls.index(last) + 1])
            if position in ancestors
            and outputs.index(outputs[position]) == position
            and self._is_evidence(call)
            and (call is last or (runs[call.path] == 1 and outputs[position] not in unfinished))
        ]
        count = min(count, len(eligible))
        steps = [round(i * (len(eligible) - 1) / max(count - 1, 1)) for i in range(count)]
        return tuple(eligible[step] for step in steps) if count > 1 else (last,)

    def _position(self, call: Call) -> int:
        return next(i for i, one in enumerate(self.calls) if (one.path, one.index) == (call.path, call.index))

    def _ancestors(self, tensor: int, before: int | None = None) -> set[int]:
        """Positions of the calls that `tensor` may depend on; all earlier ones where its origin was not seen."""
        inputs, outputs = self._trace.inputs, self._trace.outputs
        found: set[int] = set()
        waiting = [(tensor, len(outputs) if before is None else before)]
        while waiting:
            wanted, before = waiting.pop()
            if wanted in self._trace.images:
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


def _on_grid(call: Call, grid: tuple[int, int]) -> Call:
    """Tokens as a grid of another shape: the last rows × columns of them."""
    tokens = call.tokens
    if tokens is None:
        raise ValueError(
            f"grid={grid} lays out tokens, but the output of layer {call.path!r} has shape "
            f"{('batch', *call.tensor_shape)}, a map already. Leave grid out."
        )
    if grid[0] * grid[1] > tokens:
        raise ValueError(f"grid={grid} needs {grid[0] * grid[1]} tokens; layer {call.path!r} has {tokens}.")
    return dataclasses.replace(call, shape=(*grid, call.shape[-1]), class_tokens=tokens - grid[0] * grid[1])
