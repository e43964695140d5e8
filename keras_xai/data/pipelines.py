"""Copies of a tf.data pipeline: one that leaves the original alone when it is read, and one that begins in the middle."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from keras_xai import backend
from keras_xai.data.restoring import GIVE_SAMPLES

# What lasts beyond one reading and leaves the samples what they are: orders, caches, files.
_LASTING = re.compile(r"^(Shuffle|Cache|Repeat|Snapshot|Save)\w*Dataset(V\d)?$")
# What depends on the order, as when one shuffled pipeline is split into training and validation.
_SPLITTING = re.compile(r"^(Take|Skip|Shard)")
# Through these a copy would act on what the original uses.
_PYTHON = re.compile(r"PyFunc|GeneratorDataset|DataService|IteratorGetNext")
_CHANGING = re.compile(r"^(Rng|Stateful|Assign)")
# Through these, leaving out elements is leaving out some of what goes in.
_ONE_BY_ONE = re.compile(r"^((Parallel)?Map|Prefetch|Options)Dataset(V\d)?$")
_BATCHING = re.compile(r"^(Parallel)?BatchDataset(V\d)?$")
_ZIPPING = "ZipDataset"
_INT64 = 9  # TensorFlow's number for the type


def unshuffled(dataset: Any) -> Any:
    """A copy of a tf.data.Dataset without shuffling, caching and repetition.

    What is drawn once and then split by `take` or `skip` stays as it is: shuffling is part of the split there.

    Raises:
        TypeError: the pipeline runs Python code or changes variables, splits what is shuffled anew every time, or cannot
            be copied.
    """
    try:
        graph = backend.pipeline_graph(dataset)
        _skip(graph, _lasting(graph))
        return backend.pipeline_of(graph, dataset.element_spec)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise TypeError(
            f"Samples cannot be chosen from this {type(dataset).__name__} without changing later epochs: {reason}. "
            f"{GIVE_SAMPLES}"
        ) from error


def from_element(dataset: Any, number: int) -> Any:
    """What `dataset.skip(number)` gives, without making what is left out.

    TensorFlow's `skip` runs the maps before it on all that it leaves out; here it is done on what goes into maps, batches
    and zips. A pipeline that cannot be copied is given to `skip`.
    """
    try:
        graph = backend.pipeline_graph(dataset)
        (end,) = (node for node in graph.node if node.op == "_Retval")
        users = Counter(source for node in graph.node for source in node.input)
        end.input[0] = _skipping(graph, end.input[0], number, users)
        return backend.pipeline_of(graph, dataset.element_spec)
    except ValueError:
        return dataset.skip(number)


def _skipping(graph: Any, name: str, number: int, users: Counter) -> str:
    """The node that gives what a node gives from element `number` on: the same one, with less going in, or one behind it."""
    nodes = {node.name: node for node in graph.node}
    node = nodes[name]
    shared = users[name] > 1
    if not shared and _ONE_BY_ONE.match(node.op):
        node.input[0] = _skipping(graph, node.input[0], number, users)
        return name
    if not shared and _BATCHING.match(node.op) and nodes[node.input[1]].op == "Const":
        node.input[0] = _skipping(graph, node.input[0], number * _value(nodes[node.input[1]]), users)
        return name
    if not shared and node.op == _ZIPPING:
        node.input[:] = [_skipping(graph, source, number, users) for source in node.input]
        return name
    count = graph.node.add(name=f"{name}/skipped/count", op="Const")
    count.attr["dtype"].type = count.attr["value"].tensor.dtype = _INT64
    count.attr["value"].tensor.tensor_shape.SetInParent()
    count.attr["value"].tensor.int64_val.append(number)
    skip = graph.node.add(name=f"{name}/skipped", op="SkipDataset", input=[name, count.name])
    for attribute in ("output_types", "output_shapes"):
        skip.attr[attribute].CopyFrom(node.attr[attribute])
    return skip.name


def _value(constant: Any) -> int:
    """The whole number in a Const node."""
    tensor = constant.attr["value"].tensor
    return int.from_bytes(tensor.tensor_content, "little") if tensor.tensor_content else tensor.int64_val[0]


def _lasting(graph: Any) -> dict[str, Any]:
    """The nodes to leave out, by name."""
    inside = [node for function in graph.library.function for node in function.node_def]
    # Outside of functions, an assignment gives a variable that the pipeline reads the value it has.
    changing = {node.op for node in inside if _CHANGING.match(node.op)}
    changing |= {node.op for node in [*graph.node, *inside] if _PYTHON.search(node.op)}
    if changing:
        raise ValueError(f"it runs {', '.join(sorted(changing))}, whose state is outside of the pipeline")
    lasting = {node.name: node for node in graph.node if _LASTING.match(node.op)}
    if any(_SPLITTING.match(node.op) for node in [*graph.node, *inside]):
        orders = {name: node for name, node in lasting.items() if node.op.startswith("Shuffle")}
        if any(node.attr["reshuffle_each_iteration"].b for node in orders.values()):
            raise ValueError("it takes a part of what is shuffled anew every time (reshuffle_each_iteration=True)")
        lasting = {name: node for name, node in lasting.items() if name not in orders}
    return lasting


def _skip(graph: Any, skipped: dict[str, Any]) -> None:
    """Connect what reads these nodes with what they read."""
    for node in graph.node:
        for position, source in enumerate(node.input):
            while source in skipped:
                source = skipped[source].input[0]
            node.input[position] = source
    kept = [node for node in graph.node if node.name not in skipped]
    del graph.node[:]
    graph.node.extend(kept)
