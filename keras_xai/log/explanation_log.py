"""What the callbacks write to."""

import os
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from tensorboard.compat.proto import event_pb2

from keras_xai import render
from keras_xai.log.events import blobs_event, image_event, scalar_event
from keras_xai.log.gallery import Draw, Gallery
from keras_xai.log.records import (
    Blobs,
    activations_record,
    alert_record,
    describe_method,
    epoch_record,
    inputs_record,
    mean_measures,
)
from keras_xai.log.tags import BASELINE_EPOCH, RUN, plugin_content, tag
from keras_xai.log.thinning import Thinning
from keras_xai.log.writer import EventWriter

QUALITY = 80  # of the pictures for the Images tab: a third smaller than at 90, and captions stay clear
MOST_TILES = 50  # epochs of a run with feature maps: of one epoch they take as much room as all other maps

Explanations = Mapping[str, Any]
Measures = Mapping[str, Mapping[str, Any]]


class ExplanationLog:
    """Writes the explanations of one fit to `<log_dir>/explanations`, for the stock tabs of TensorBoard and our own.

    Encoding and writing happen on another thread, so arrays handed over must not be changed afterwards. A full disk
    or a removed directory costs a warning, never the training.

    Args:
        log_dir: the local directory that TensorBoard is pointed at.
        name: the log's name; where another open log of the directory has it, this one gets `name-2`. See `.name`.
        samples: a `Samples`.
        session: marks what belongs to one fit; by default a new random one.
        enabled: False makes every method do nothing: only the main process writes.
        resolution: the most cells a side of a stored map.
        epochs: how many the fit will have, to spread the pictures over it; None where unknown.

    Raises:
        ValueError: a name that cannot be part of a tag, or a log_dir that is no local directory.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        name: str,
        samples: Any,
        *,
        session: str | None = None,
        enabled: bool = True,
        resolution: int = 14,
        epochs: int | None = None,
    ):
        if not name or "/" in name:
            raise ValueError(f"name is part of a TensorBoard tag: it must not be empty nor contain '/', got {name!r}.")
        if resolution < 1:
            raise ValueError(f"resolution is the most cells a side of a stored map, at least 1, got {resolution}.")
        self.name = name
        self.session = session or uuid.uuid4().hex
        self.filmstrips: dict[str, np.ndarray] = {}
        self._samples = samples
        self._resolution = resolution
        self._gallery = Gallery(samples, epochs)
        self._tile_epochs = Thinning(epochs, most=MOST_TILES)
        self._late_tiles: tuple[Callable[[], Blobs], int] | None = None
        self._methods: dict[str, dict[str, Any]] = {}
        self._segments: np.ndarray | None = None
        self._inputs_written = False
        self._stock_names: dict[str, str] = {}
        self._alerts: dict[int, int] = {}
        self._writer: EventWriter | None = None
        if enabled:
            self._writer = EventWriter.open(os.path.join(log_dir, RUN))
            self.name = self._writer.claim("log", name)
            self._claims = [("log", self.name)]
            self._close = weakref.finalize(self, _close, self._writer, self._claims)
            self._close.atexit = False  # at exit the writer's thread is drained anyway

    def inputs(self, explanations: Explanations) -> None:
        """Writes what stays the same over a fit. The other methods call it when they meet a new method of explanation.

        Args:
            explanations: method -> `Explanation`.
        """
        if self._open() is None:
            return
        for method, explanation in explanations.items():
            self._methods[method] = describe_method(method, explanation)
            if self._segments is None and "coefficients" in explanation.details:
                self._segments = explanation.details.get("segments")
        self._inputs_written = True
        methods = list(self._methods.values())
        record = partial(inputs_record, self.session, self._samples, methods, self._segments)
        self._write("inputs", record, keep=f"{self.name}/inputs")

    def baseline(self, explanations: Explanations, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the explanations of the untrained network.

        Args:
            explanations: method -> `Explanation`.
            logs: numbers to go with them.
        """
        if self._open() is None or not explanations:
            return
        self._ensure_inputs(explanations)
        self._write("baseline", self._maps(BASELINE_EPOCH, explanations, logs=dict(logs or {})), BASELINE_EPOCH)
        self._gallery.add(BASELINE_EPOCH, explanations)

    def epoch(
        self,
        epoch: int,
        explanations: Explanations,
        measures: Measures | None = None,
        logs: Mapping[str, Any] | None = None,
        flagged: Sequence[bool] | None = None,
        rows: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Writes the explanations of one epoch: records, curves, and on some epochs pictures.

        First waits until the epoch before is in the file: a process that is killed loses one epoch at most.

        Args:
            epoch: 0-based.
            explanations: method -> `Explanation`.
            measures: method -> measure -> (n,) numbers, or one number for the whole set.
            logs: the logs of Keras.
            flagged: (n,) samples worth a second look.
            rows: method -> (m,) int, the samples that were explained at this epoch, where it was not all of them; the
                others are of earlier epochs and are not written again.

        Raises:
            ValueError: measures or flags that do not fit the explanations.
        """
        writer = self._open()
        if writer is None or not explanations:
            return
        measures = measures or {}
        _check(measures, explanations, flagged, len(self._samples))
        writer.flush()
        self._ensure_inputs(explanations)
        # Keras goes on changing its one dict of logs.
        maps = self._maps(epoch, explanations, logs=dict(logs or {}), measures=measures, flagged=flagged, rows=rows)
        self._write("epoch", maps, epoch, flagged=flagged is not None and bool(np.any(flagged)))
        for explanation in [one for one in explanations.values() if "feature_maps" in one.details][:1]:
            tiles = partial(activations_record, self.session, self._samples, epoch, explanation, self._resolution)
            self._late_tiles = (tiles, epoch)
            if self._tile_epochs.due(epoch):
                self._write_late_tiles()
        curves = {
            f"xai/{measure}/{self._stock_name(method)}": value
            for method, means in mean_measures(measures, explanations).items()
            for measure, value in means.items()
        }
        if curves:
            writer.submit(lambda: [scalar_event(tag, epoch, value) for tag, value in curves.items()])
        if self._gallery.add(epoch, explanations):
            self._draw("explanations", self._gallery.montages(), {})

    def alert(self, record: Mapping[str, Any], pictures: Sequence[np.ndarray] = ()) -> None:
        """Writes one alert.

        Args:
            record: see `alert_record`.
            pictures: uint8 arrays, numbered from 1 in the record's pairs.

        Raises:
            ValueError: a field is missing, or a pair names a picture that is not there.
        """
        if self._open() is None:
            return
        blobs = alert_record(self.session, record, pictures)
        self._ensure_inputs({})
        epoch = int(record["epoch"])
        index = self._alerts.get(epoch, 0)
        self._alerts[epoch] = index + 1
        self._write("alert", lambda: blobs, epoch, index, flagged=True, severity=str(record["severity"]))

    def scalar(self, tag: str, epoch: int, value: float) -> None:
        """Writes one point of a curve for the Scalars tab; what is not finite is left out."""
        writer = self._open()
        if writer is not None and np.isfinite(value):
            writer.scalar(tag, epoch, value)

    def picture(self, tag: str, epoch: int, picture: np.ndarray) -> None:
        """Writes a picture, uint8 (height, width, 3), for the Images tab."""
        writer = self._open()
        if writer is not None:
            size = picture.shape[:2]
            writer.submit(lambda: [image_event(tag, epoch, render.jpeg(picture, QUALITY), *size)])

    def text(self, tag: str, epoch: int, markdown: str) -> None:
        """Writes an entry for the Text tab."""
        writer = self._open()
        if writer is not None:
            writer.text(tag, epoch, markdown)

    def finish(self) -> None:
        """Writes the last montages and the filmstrips, waits until all is in the file, and closes; once is enough."""
        if self._writer is None or not self._close.alive:
            return
        self._write_late_tiles()
        if self._gallery.unseen():
            self._draw("explanations", self._gallery.montages(), {})
        self._draw("filmstrip", self._gallery.filmstrips(), self.filmstrips)
        self._writer.flush()
        self._close()

    def _open(self) -> EventWriter | None:
        """The writer; None where this process does not write."""
        if self._writer is not None and not self._close.alive:
            raise RuntimeError(f"The log {self.name!r} is finished. Make a new ExplanationLog for another fit.")
        return self._writer

    def _ensure_inputs(self, explanations: Explanations) -> None:
        if not self._inputs_written or explanations.keys() - self._methods.keys():
            self.inputs(explanations)

    def _write_late_tiles(self) -> None:
        """Writes the feature maps of the latest epoch, unless they are written."""
        if self._late_tiles is not None:
            self._write("activations", *self._late_tiles)
            self._late_tiles = None

    def _maps(self, epoch: int, explanations: Explanations, **about: Any) -> Callable[[], Blobs]:
        about |= {"segments": self._segments, "resolution": self._resolution}
        return partial(epoch_record, self.session, self._samples, epoch, dict(explanations), **about)

    def _stock_name(self, method: str) -> str:
        """The method's name in the stock tabs, which all logs of the directory share."""
        if method not in self._stock_names and self._writer is not None:
            self._stock_names[method] = self._writer.claim("method", method)
            self._claims.append(("method", self._stock_names[method]))
        return self._stock_names[method]

    def _write(
        self,
        kind: str,
        record: Callable[[], Blobs],
        epoch: int | None = None,
        index: int | None = None,
        flagged: bool = False,
        keep: str | None = None,
        severity: str | None = None,
    ) -> None:
        writer = self._open()
        if writer is None:
            return
        name, step = tag(self.name, kind, epoch, index), max(epoch or 0, 0)
        content = plugin_content(kind, self.name, self.session, epoch, flagged, severity)
        writer.submit(lambda: [blobs_event(name, step, record(), content)], keep)

    def _draw(self, group: str, pictures: Mapping[str, Draw], drawn: dict[str, np.ndarray]) -> None:
        """Queues pictures for the Images tab; `drawn` receives them, once they are drawn."""
        writer, step = self._open(), self._gallery.latest_epoch
        if writer is None or step is None:
            return
        for method, draw in pictures.items():
            name = f"{group}/{self._stock_name(method)}"
            writer.submit(partial(_picture_events, name, step, method, draw, drawn))


def _picture_events(
    name: str, step: int, method: str, draw: Draw, drawn: dict[str, np.ndarray]
) -> Iterator[event_pb2.Event]:
    picture = draw()
    drawn[method] = picture
    yield image_event(name, step, render.jpeg(picture, QUALITY), *picture.shape[:2])


def _close(writer: EventWriter, claims: list[tuple[str, str]]) -> None:
    """Does not wait: it may run in the garbage collection of any thread, the writer's own too."""
    for group, name in claims:
        writer.release(group, name)
    writer.close(wait=False)


def _check(measures: Measures, explanations: Explanations, flagged: Sequence[bool] | None, count: int) -> None:
    unknown = measures.keys() - explanations.keys()
    if unknown:
        raise ValueError(f"There are measures for {sorted(unknown)}, but explanations only for {sorted(explanations)}.")
    for method, by_name in measures.items():
        for name, values in by_name.items():
            if np.shape(values) not in ((), (count,)):
                raise ValueError(
                    f"measures[{method!r}][{name!r}] must be one number, or one per sample ({count}), "
                    f"got the shape {np.shape(values)}."
                )
    if flagged is not None and np.shape(flagged) != (count,):
        raise ValueError(f"flagged must be one bool per sample ({count}), got the shape {np.shape(flagged)}.")
