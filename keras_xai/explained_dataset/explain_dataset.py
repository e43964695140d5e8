"""Explain a whole data set: stream it through an explainer into shards on disk, and go on after an interruption."""

from __future__ import annotations

import contextlib
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai import backend
from keras_xai.data.in_order import InOrder
from keras_xai.data.sampling import as_labels
from keras_xai.engine import engine_for
from keras_xai.explained_dataset import identity
from keras_xai.explained_dataset.lock import locked
from keras_xai.explained_dataset.manifest import Manifest
from keras_xai.explained_dataset.portions import Portion, portions
from keras_xai.explained_dataset.reader import ExplainedDataset
from keras_xai.explained_dataset.shards import arrays_of
from keras_xai.explained_dataset.writer import Writer
from keras_xai.explainers.discovery import chosen
from keras_xai.explainers.explainer import Explainer
from keras_xai.explanation import Explanation
from keras_xai.fitting_batch import batch_size, padded
from keras_xai.samples import Samples

# So many of the engine's batches are asked about at once: the device has work while the last one is read back.
_BATCHES = 2


def explain_dataset(
    model: Any,
    data: Any,
    explainer: Explainer | str,
    out: str | os.PathLike,
    *,
    targets: str | int | None = None,
    shard_size: int = 512,
    dtype: str = "float32",
    image_input: str | int | None = None,
    data_format: str | None = None,
    verbose: str | int = "auto",
) -> ExplainedDataset:
    """Writes the maps and scores of every sample of a data set to shards in a directory; an interrupted run goes on.

    The data are read once, in the order in which they are stored, whatever their shuffling, and never held as a whole:
    memory holds two batches of the engine, two shards of results, and a line about each shard. A shard appears under its
    name when the disk has all of it, and `manifest.json` has its SHA-256. Called again with the same arguments after an
    interruption, or a power failure, it goes on behind the last shard; the result has the same bytes as one of a single run.
    Shards that were damaged since are made again, with a warning. Data whose samples are others at every pass (shuffled or
    augmented at random) are noticed when a run is resumed, by the checksums of single samples. What is done is not read
    again: arrays, a PyDataset, a DataLoader and a list of batches are begun at the number, and a tf.data pipeline leaves
    out what goes into its maps and batches. Only a plain iterator, or a Python generator inside of a pipeline, is read from
    its beginning.
    One run at a time has the directory. In a job of several processes, each with a model of its own, call it in one of them.

    Args:
        model: a built keras.Model. It is left exactly as it was.
        data: what Keras predicts on: arrays, `(x, y)` or `(x, y, sample_weight)`; a tf.data.Dataset, a keras PyDataset, a
            torch DataLoader; a sequence or an iterator of such batches. y is kept where it holds class numbers, one-hot or
            multi-label rows; other y is ignored.
        explainer: an explainer or its name.
        out: a directory of its own, made where there is none.
        targets: as in `Samples`: None for the label where there is one, else the prediction; "label"; "predicted"; or one
            class number for all samples.
        shard_size: samples per shard. A killed run loses at most the shard it was making, and the one being written.
        dtype: of the maps on disk: "float32", or "float16", half as large, with three significant digits.
        image_input, data_format: as in `Samples`.
        verbose: 0 is silent; 1 and "auto" show a bar.

    Returns:
        The reader of what was written. See `ExplainedDataset`.

    Raises:
        TypeError, ValueError: an argument is not as stated here; `out` holds something else, or was begun with another
            model, explainer, setting or other data: the message says what differs.
        RuntimeError: another run is writing to `out` at this time; or the model is spread over several processes.
        OSError: the disk is full, or `out` cannot be written to. What was finished stays; make room and call it again.

    Example:
        >>> explained = keras_xai.explain_dataset(model, dataset, "grad_cam", "maps")
        >>> for shard in explained:
        ...     print(shard.start, shard.scores.mean(), shard.maps.shape)
    """
    engine_for(model)  # something else is refused
    model = getattr(model, "_plain_model", model)  # of an ExplainedModel
    if backend.spans_processes(model.variables):
        raise RuntimeError(
            f"The weights of {model.name!r} are spread over {backend.num_processes()} processes, and explain_dataset works "
            "in one. Save the model, and explain the data in a process of its own that loads it."
        )
    (explainer,) = chosen([explainer]).values()
    _check(targets, shard_size, dtype, verbose)
    about = {
        "model": identity.of_model(model),
        "explainer": identity.of_explainer(explainer),
        "settings": identity.written({"targets": targets, "shard_size": shard_size, "dtype": dtype}),
    }
    folder = Path(os.path.expanduser(out))
    with locked(folder), backend.preserved_random_states():
        manifest = Manifest.begun(folder, about)
        run = _Run(model, explainer, manifest, {"image_input": image_input, "data_format": data_format}, verbose)
        run.through(data)
    return ExplainedDataset(folder)


def _check(targets: Any, shard_size: Any, dtype: Any, verbose: Any) -> None:
    known = targets is None or targets in ("label", "predicted")
    if not known and (isinstance(targets, (bool, str)) or not isinstance(targets, (int, np.integer))):
        raise ValueError(f'targets must be None, "label", "predicted" or one class number; it is {targets!r}.')
    if isinstance(shard_size, bool) or not isinstance(shard_size, int) or shard_size < 1:
        raise ValueError(f"shard_size must be a number of samples, at least 1; it is {shard_size!r}.")
    if dtype not in ("float32", "float16"):
        raise ValueError(f'dtype must be "float32" or "float16"; it is {dtype!r}.')
    if verbose not in ("auto", 0, 1):
        raise ValueError(f'verbose must be 0, 1 or "auto"; it is {verbose!r}.')


class _Run:
    """One pass over a data set."""

    def __init__(self, model: Any, explainer: Explainer, manifest: Manifest, layout: dict[str, Any], verbose: Any):
        self._model = model
        self._explainer = explainer
        self._manifest = manifest
        self._layout = layout
        self._verbose = verbose
        self._settings = manifest.identity["settings"]
        self._shard_size: int = self._settings["shard_size"]
        damaged = set(manifest.damaged())
        self._intact = set(range(len(manifest.shards))) - damaged
        if damaged:
            names = ", ".join(manifest.shards[number]["file"] for number in sorted(damaged))
            warnings.warn(
                f"keras_xai: in {str(manifest.folder)!r} these shards are missing or damaged, and are made again: {names}.",
                stacklevel=3,
            )

    def through(self, data: Any) -> None:
        """Makes what is not there yet."""
        size = self._shard_size
        missing = next(number for number in itertools.count() if number not in self._intact)
        finished = self._manifest.complete and missing == len(self._manifest.shards)
        # One sample earlier, to see whether the data are the same.
        start = max(0, (self._manifest.count if finished else missing * size) - 1)
        source = InOrder(data, start, self._manifest.element_size)
        if finished and not source.counts:
            start, source = 0, InOrder(data)
        batches = iter(source)
        first = next(batches, None)
        if first is None:
            raise ValueError(_too_few(self._manifest.count))
        if finished and source.counts and source.total != self._manifest.count:
            raise ValueError(_too_many(self._manifest))
        devices = backend.num_parts(self._model.variables)
        largest = min(size, _BATCHES * devices * _images_at_once(first[0]))
        pieces = portions(itertools.chain([first], batches), start, largest, size)
        end = 0
        with Writer(self._manifest) as writer, self._progress(source, missing * size) as report:
            for portion in pieces:
                number, end = portion.start // size, portion.start + len(portion)
                labels = self._recognised(portion, number)
                self._manifest.element_size = source.element_size
                if number not in self._intact:
                    writer.add(portion, self._explained(portion, labels, largest))
                    report(end)
                elif finished:
                    return
                if end % size == 0:
                    writer.end_shard(number)
            writer.end_shard(end // size)
        if end < self._manifest.count:
            raise ValueError(_too_few(self._manifest.count))
        self._manifest.complete = True
        self._manifest.save()

    def _recognised(self, portion: Portion, number: int) -> np.ndarray | None:
        """A portion's labels, after it was compared with what is known of the data."""
        labels = as_labels(portion.y)
        now = {"data": identity.of_data(portion.x, labels)}
        self._manifest.check({"data": self._manifest.identity.setdefault("data", now["data"])}, now)
        if number < len(self._manifest.shards):
            shard = self._manifest.shards[number]
            begin, end = number * self._shard_size, number * self._shard_size + shard["count"]
            known = {begin: shard["first"], end - 1: shard["last"]}
            for place, index in ((portion.start, 0), (portion.start + len(portion) - 1, -1)):
                if place in known and identity.of_sample(portion.x, index) != known[place]:
                    raise ValueError(
                        f"Sample {place} of the data is not the one that {str(self._manifest.folder)!r} was begun with. "
                        "Data that are shuffled anew or augmented at random at every pass cannot be gone on with: leave "
                        "that out, or delete the directory to begin anew."
                    )
            if number in self._intact and portion.start + len(portion) > end:
                raise ValueError(_too_many(self._manifest))
        return labels

    def _explained(self, portion: Portion, labels: np.ndarray | None, largest: int) -> dict[str, np.ndarray]:
        """What the shard keeps of a portion."""
        count, x = len(portion), portion.x
        if backend.needs_full_batches():
            x, labels = padded(x, largest), padded(labels, largest)
        try:
            explanation = self._explainer(self._model, self._samples(x, labels))
        except Exception as error:
            error.add_note(f"This was at samples {portion.start} to {portion.start + count - 1} of the data.")
            raise
        if not self._manifest.explanation:
            self._manifest.explanation = _about(explanation)
            self._manifest.save()
        return arrays_of(explanation, self._settings["dtype"], count)

    def _samples(self, x: Any, labels: np.ndarray | None) -> Samples:
        import keras

        targets = self._settings["targets"]
        length = len(keras.tree.flatten(x)[0])
        images = None
        if type(self._explainer).prepare is Explainer.prepare:  # what people see does not matter, and takes time
            one = Samples(keras.tree.map_structure(lambda array: array[:1], x), **self._layout)
            images = np.broadcast_to(np.uint8(0), (length, *one.size, 1))
        if isinstance(targets, int):
            targets = np.full(length, targets)
        return Samples(x, labels=labels, targets=targets, images=images, **self._layout)

    @contextlib.contextmanager
    def _progress(self, source: InOrder, done: int) -> Iterator[Callable[[int], None]]:
        """Gives what is told how many samples are done, and shows a bar of those that were not at the beginning."""
        import keras

        if self._verbose == 0:
            yield lambda end: None
            return
        if done:
            print(f"keras_xai: {done} samples are there already; the others follow.", flush=True)
        bar = keras.utils.Progbar(None if source.total is None else source.total - done, unit_name="sample")
        shown = 0

        def report(end: int) -> None:
            nonlocal shown
            shown = end - done
            bar.update(shown)

        yield report
        if shown:
            bar.update(shown, finalize=True)


def _about(explanation: Explanation) -> dict[str, Any]:
    """What holds for all samples, for the manifest."""
    return {
        "signed": explanation.signed,
        "layer": identity.written(explanation.details.get("layer")),
        "score": explanation.details["score"],
        "size": list(explanation.images.shape[1:3]),
    }


def _images_at_once(x: Any) -> int:
    import keras

    return batch_size((sum(int(np.prod(array.shape[1:])) for array in keras.tree.flatten(x)),))


def _too_many(manifest: Manifest) -> str:
    return (
        f"The data hold more than the {manifest.count} samples that {str(manifest.folder)!r} was completed with. Give "
        "another out=, or delete the directory to begin anew."
    )


def _too_few(count: int) -> str:
    if count == 0:
        return "data hold no sample."
    return f"The data hold fewer than the {count} samples that are explained already: they are not the data of before."
