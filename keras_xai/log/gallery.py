"""The pictures of a run: which epochs get one, on which colour scale, and what a filmstrip remembers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from keras_xai.log.area_average import area_average
from keras_xai.log.colour_scale import colour_scale
from keras_xai.log.outcome import class_rows
from keras_xai.log.pictures import Frame, activations_picture, filmstrip_picture, montage_picture
from keras_xai.log.tags import BASELINE_EPOCH
from keras_xai.log.thinning import PICTURES, Thinning

CELLS = 112  # a filmstrip shows no finer detail, so it need not remember any

Draw = Callable[[], np.ndarray]


class Gallery:
    """Keeps what pictures need over epochs: running maxima, a few small maps, the latest explanations.

    Args:
        samples: a `Samples`.
        epochs: how many the run will have; None where unknown.
    """

    def __init__(self, samples: Any, epochs: int | None = None):
        self._samples = samples
        self._thinning = Thinning(epochs)
        self._peaks: dict[tuple[str, ...], np.ndarray] = {}
        self._signed: dict[str, bool] = {}
        self._frames: dict[int, dict[str, Frame]] = {}
        self._latest: Mapping[str, Any] = {}
        self._drawn_epoch: int | None = None
        self.latest_epoch: int | None = None

    def add(self, epoch: int, explanations: Mapping[str, Any]) -> bool:
        """Takes note of what was explained.

        Args:
            epoch: 0-based; -1 for the untrained network, which has a place in the filmstrip only.
            explanations: method -> `Explanation`.

        Returns:
            Whether montages of this epoch are due.
        """
        for method, explanation in explanations.items():
            self._raise_peaks(method, explanation)
        if epoch == BASELINE_EPOCH:
            self._keep(epoch, explanations)
            return False
        self.latest_epoch, self._latest = epoch, dict(explanations)
        due = self._thinning.due(epoch)
        if due:
            self._keep(epoch, explanations)
        return due

    def unseen(self) -> bool:
        """Whether montages of the latest epoch have not been asked for yet."""
        return self.latest_epoch is not None and self.latest_epoch != self._drawn_epoch

    def montages(self) -> dict[str, Draw]:
        """Ways to draw the latest epoch, by method. They may be called later, and on another thread."""
        self._drawn_epoch = self.latest_epoch
        return {method: self._montage(method, explanation) for method, explanation in self._latest.items()}

    def filmstrips(self) -> dict[str, Draw]:
        """Ways to draw the run so far, by method: at most ten columns, the first and the latest among them."""
        if self.latest_epoch is None:
            return {}
        self._keep(self.latest_epoch, self._latest)
        epochs = sorted(self._frames)
        chosen = np.unique(np.linspace(0, len(epochs) - 1, min(PICTURES, len(epochs))).round().astype(int))
        columns = [epochs[position] for position in chosen]
        titles = ["untrained" if epoch == BASELINE_EPOCH else f"epoch {epoch}" for epoch in columns]
        return {
            method: partial(
                filmstrip_picture,
                self._samples,
                [self._frames[epoch].get(method) for epoch in columns],
                titles,
                f"{method}, {titles[0]} to {titles[-1]}" if len(titles) > 1 else f"{method}, {titles[0]}",
                colour_scale(self._peaks[(method,)]),
                signed,
            )
            for method, signed in self._signed.items()
        }

    def _montage(self, method: str, explanation: Any) -> Draw:
        layer = explanation.details.get("layer")
        title = ", ".join([method, f"epoch {self.latest_epoch}", *([layer] if isinstance(layer, str) else [])])
        if "feature_maps" in explanation.details:
            scales = {layer: colour_scale(self._peaks[method, layer]) for layer in explanation.details["feature_maps"]}
            return partial(activations_picture, self._samples, explanation, title, scales)
        return partial(montage_picture, self._samples, explanation, title, colour_scale(self._peaks[(method,)]))

    def _raise_peaks(self, method: str, explanation: Any) -> None:
        self._signed[method] = bool(explanation.signed)
        self._raise((method,), np.abs(explanation.raw).max(axis=(1, 2)))
        for layer, maps in explanation.details.get("feature_maps", {}).items():
            self._raise((method, layer), np.abs(maps).max(axis=(0, 1, 2)))

    def _raise(self, key: tuple[str, ...], values: np.ndarray) -> None:
        values = np.where(np.isfinite(values), values, 0)
        before = self._peaks.get(key)
        self._peaks[key] = values if before is None or before.shape != values.shape else np.maximum(before, values)

    def _keep(self, epoch: int, explanations: Mapping[str, Any]) -> None:
        self._frames[epoch] = {
            method: Frame(area_average(explanation.raw, CELLS), class_rows(explanation))
            for method, explanation in explanations.items()
        }
