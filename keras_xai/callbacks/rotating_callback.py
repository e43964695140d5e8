"""Look, after every epoch, at the images that are worth a look now."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from keras_xai import backend, render
from keras_xai.engine import engine_for
from keras_xai.explainers.discovery import chosen
from keras_xai.explainers.explainer import Explainer
from keras_xai.explanation import Explanation
from keras_xai.log.events import image_event
from keras_xai.log.outcome import class_rows, is_wrong, prediction, truth
from keras_xai.log.pictures import page
from keras_xai.log.tags import RUN
from keras_xai.log.thinning import Thinning
from keras_xai.log.writer import EventWriter
from keras_xai.queries import Queries
from keras_xai.samples import Samples


class RotatingCallback(keras.callbacks.Callback):
    """Explains a handful of held-out images, after every epoch those that are worth a look now.

    Half of them the network gets wrong with the most confidence; the others have just changed their class, from right to
    wrong first. Where there are too few of these, those that it is least certain of fill up. Explained is what the network
    says, not what is true. They change from epoch to epoch: to compare epochs use `ExplanationCallback`, beside this one.

    TensorBoard's Images tab shows `rotating/<method>`, and its Text tab `xai/rotating`: which images, and why they are
    there. Training is not touched, and no failure in here ends the run.

    Args:
        data: held-out images with labels to choose from: `Samples`, or data as `Samples.from_data` takes it.
        explainer: an explainer or its name, one that asks about the images as they are, such as "grad_cam".
        count: how many images to explain.
        pool: how many images to take from data; all of them are predicted after every explained epoch.
        log_dir: where TensorBoard is pointed at.
        every: look after every so many epochs.
        on_error: "warn" warns once and switches this callback off for the run; "raise" raises.

    Attributes:
        explanation: the latest `Explanation`. reasons: why each of its images is there.

    Raises:
        TypeError, ValueError: an argument is not as stated here.

    Example:
        >>> look = keras_xai.callbacks.RotatingCallback((x_validation, y_validation), log_dir="logs")
        >>> model.fit(x, y, epochs=10, callbacks=[look])
    """

    def __init__(
        self,
        data: Any,
        explainer: str | Explainer = "grad_cam",
        count: int = 4,
        pool: int = 256,
        log_dir: str | os.PathLike = "logs",
        every: int = 1,
        on_error: str = "warn",
    ):
        super().__init__()
        (self.explainer,) = chosen([explainer]).values()
        if type(self.explainer).prepare is not Explainer.prepare:
            raise ValueError(
                f"{self.explainer.name!r} prepares every image before it is explained, which would be done anew after every "
                "epoch. Choose an explainer that asks about the images as they are, such as 'grad_cam'."
            )
        for name, value in (("count", count), ("every", every)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} must be an int of at least 1; it is {value!r}.")
        if on_error not in ("warn", "raise"):
            raise ValueError(f'on_error must be "warn" or "raise"; it is {on_error!r}.')
        self.pool = data if isinstance(data, Samples) else Samples.from_data(data, count=pool)
        labels = self.pool.labels
        if labels is None:
            raise ValueError("data has no labels, so nobody knows which predictions are wrong; give (x, y).")
        if len(self.pool) < count:
            raise ValueError(f"data has {len(self.pool)} images to choose from, fewer than count={count}.")
        self.labels = labels
        self.count = count
        self.log_dir = os.path.expanduser(log_dir)
        self.every = every
        self.on_error = on_error
        self.explanation: Explanation | None = None
        self.reasons: list[str] = []
        self._writer: EventWriter | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.on_train_end()  # of a fit that was interrupted
        self._active = True
        self._before: list[int | None] | None = None
        self._thinning = Thinning(self.params.get("epochs"))
        self._unseen: int | None = None
        if backend.is_main_process():
            self._writer = EventWriter.open(Path(self.log_dir) / RUN)
            self._tag = f"rotating/{self._writer.claim('rotating', self.explainer.name)}"

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not self._active or (epoch + 1) % self.every:
            return
        try:
            with backend.preserved_random_states():
                self._look()
            self._unseen = epoch
            if self._thinning.due(epoch):
                self._show()
        except Exception as error:
            self._active = False
            if self.on_error == "raise":
                raise
            warnings.warn(
                f"keras_xai: looking at wrong predictions failed at epoch {epoch}. Switched off for the rest of this run; "
                f"training goes on. {type(error).__name__}: {error}",
                stacklevel=2,
            )

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._writer is not None:
            self._show()
            self._writer.release("rotating", self._tag.removeprefix("rotating/"))
            self._writer.flush()
            self._writer.close()
            self._writer = None

    def _look(self) -> None:
        engine = engine_for(self.model)
        (seen,) = engine.answer(self.pool, [Queries()], self.explainer.score)
        about = {"score": getattr(seen.score, "name", ""), "probabilities": seen.probabilities}
        rows = class_rows(SimpleNamespace(predictions=seen.predictions, details=about))
        found = handful(rows, self.labels, self._before, self.count)
        self._before = [prediction(row)[0] for row in rows]
        self.reasons = [reason for _, reason in found]
        self.explanation = self.explainer(self.model, self._some([index for index, _ in found]))

    def _some(self, indices: list[int]) -> Samples:
        pool = self.pool
        return Samples(
            keras.tree.map_structure(lambda array: array[indices], pool.x),
            labels=self.labels[indices],
            targets="predicted",
            images=pool.images[indices],
            names=[f"{pool.names[index]}\n{reason}" for index, reason in zip(indices, self.reasons, strict=True)],
            class_names=pool.class_names,
            image_input=pool.image_key,
            data_format="channels_first" if pool.channels_first else "channels_last",
        )

    def _show(self) -> None:
        """Queues the picture and the text of the latest look, if they are not there yet."""
        if self._writer is None or self._unseen is None or self.explanation is None:
            return
        epoch, explanation, self._unseen = self._unseen, self.explanation, None
        title = f"{explanation.method}, epoch {epoch}, what the network says"
        self._writer.submit(partial(_picture_events, self._tag, epoch, explanation, title))
        self._writer.text("xai/rotating", epoch, _listed(explanation))


def handful(
    rows: np.ndarray, labels: np.ndarray, before: Sequence[int | None] | None, count: int
) -> list[tuple[int, str]]:
    """The images that are worth a look, and why.

    Args:
        rows: (n, classes), what the network says, as `keras_xai.log.outcome.class_rows` gives it.
        labels: (n,) int or (n, classes). before: the n predicted classes of the last look, or None.
        count: how many images.

    Returns:
        `count` pairs of index and reason, each index once.
    """
    verdicts = [prediction(row) for row in rows]
    now = [predicted for predicted, _ in verdicts]
    certainty = [_certainty(row) for row in rows]
    wrong = [is_wrong(truth(labels, index), predicted) for index, predicted in enumerate(now)]
    surest = sorted(range(len(rows)), key=lambda index: -certainty[index])
    worst = [(index, "confidently wrong") for index in surest if wrong[index]]
    flipped = []
    for index in surest:
        last = now[index] if before is None else before[index]
        if None not in (last, now[index]) and last != now[index]:
            was_wrong = is_wrong(truth(labels, index), last)
            flipped.append((index, _FLIPS[was_wrong, wrong[index]]))
    flipped.sort(key=lambda one: one[1] != _FLIPS[False, True])
    first = worst[: count - count // 2]
    fresh = [one for one in flipped if one[0] not in dict(first)][: count // 2]
    others = [*worst, *((index, "least certain") for index in reversed(surest))]
    found = dict([*first, *fresh])
    for index, reason in others:
        if len(found) < count:
            found.setdefault(index, reason)
    return list(found.items())


# By whether it was wrong and whether it is.
_FLIPS = {
    (False, True): "was right, now wrong",
    (True, False): "was wrong, now right",
    (True, True): "wrong in another way",
    (False, False): "right in another way",
}


def _certainty(row: np.ndarray) -> float:
    """How far the best class is above the second; −∞ where the network says nothing."""
    if prediction(row)[0] is None:
        return -np.inf
    row = np.array([1 - row[0], row[0]]) if row.size == 1 else np.asarray(row)
    second, best = np.sort(row)[-2:]
    return float(best - second)


def _listed(explanation: Explanation) -> str:
    """Markdown, one line per image."""
    return "\n".join("- " + name.replace("\n", ": ") for name in explanation.names)


def _picture_events(tag: str, epoch: int, explanation: Explanation, title: str) -> Any:
    picture = page(explanation, title)
    yield image_event(tag, epoch, render.jpeg(picture), *picture.shape[:2])
