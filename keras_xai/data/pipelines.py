"""Copy a tf.data pipeline, so that reading the copy leaves the original alone."""

from __future__ import annotations

import re
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
