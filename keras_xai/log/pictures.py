"""Explanations on a page: what is drawn and what is written beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai import render
from keras_xai.explanation import resize
from keras_xai.log.colour_scale import colour_scale
from keras_xai.log.outcome import class_name, class_rows, is_wrong, prediction, top_classes, truth
from keras_xai.log.tags import BASELINE_EPOCH


def page(explanation: Any, title: str) -> np.ndarray:
    """One explanation on a page, each sample on its own scale.

    Args:
        explanation: an `Explanation`.
        title: what stands above.

    Returns:
        (H, W, 3) uint8.
    """
    if "feature_maps" in explanation.details:
        peaks = {layer: maps.max(axis=(0, 1, 2)) for layer, maps in explanation.details["feature_maps"].items()}
        scales = {layer: colour_scale(np.maximum(peak, 0)) for layer, peak in peaks.items()}
        return activations_picture(explanation, explanation, title, scales)
    return montage_picture(explanation, explanation, title, colour_scale(np.abs(explanation.maps).max(axis=(1, 2))))


@dataclass(frozen=True)
class Frame:
    """What a filmstrip needs of one method at one moment.

    Attributes:
        maps: (n, h', w') float32, at the method's own resolution or a little less.
        predictions: (n, classes) float.
    """

    maps: np.ndarray
    predictions: np.ndarray


def montage_picture(samples: Any, explanation: Any, title: str, vmax: np.ndarray) -> np.ndarray:
    """All samples with their maps on one page.

    Args:
        samples: a `Samples`.
        explanation: an `Explanation`.
        title: what stands above.
        vmax: (n,) the end of each sample's colour scale.

    Returns:
        (H, W, 3) uint8.
    """
    captions = [_caption(samples, explanation, index, vmax[index]) for index in range(len(samples))]
    segments = explanation.details.get("segments")
    maps = np.asarray(explanation.maps)
    return render.montage(samples.images, maps, captions, vmax, explanation.signed, title=title, segments=segments)


def activations_picture(samples: Any, explanation: Any, title: str, vmax: Mapping[str, np.ndarray]) -> np.ndarray:
    """The feature maps of all samples on one page, from input to output.

    Args:
        samples: a `Samples`.
        explanation: an `Explanation` with feature maps in its details.
        title: what stands above.
        vmax: layer -> (channels,) the end of each channel's colour scale.

    Returns:
        (H, W, 3) uint8.
    """
    details = explanation.details
    predictions = [top_classes(row, samples.class_names) for row in class_rows(explanation)]
    captions = [
        f"{samples.names[index]}\n{_verdict(samples, class_rows(explanation), index)}" for index in range(len(samples))
    ]
    return render.feature_map_page(
        samples.images,
        details["feature_maps"],
        details["channels"],
        predictions,
        vmax,
        title=title,
        captions=captions,
        drivers=details.get("drivers"),
    )


def filmstrip_picture(
    samples: Any, frames: Sequence[Frame | None], titles: Sequence[str], title: str, vmax: np.ndarray, signed: bool
) -> np.ndarray:
    """One method over a run, an epoch in each column.

    Args:
        samples: a `Samples`.
        frames: one per column; None where the method gave nothing.
        titles: one per column.
        title: what stands above.
        vmax: (n,) the end of each sample's colour scale.
        signed: whether the maps are.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = samples.images.shape[1:3]
    maps = np.full((len(samples), len(frames), height, width), np.nan, np.float32)
    words = [[""] * len(frames) for _ in range(len(samples))]
    wrong = np.zeros((len(samples), len(frames)), bool)
    for column, frame in enumerate(frames):
        if frame is None:
            continue
        maps[:, column] = resize(frame.maps, (height, width))
        for index, row in enumerate(frame.predictions):
            words[index][column] = _predicted(samples, row)
            wrong[index, column] = is_wrong(truth(samples.labels, index), prediction(row)[0])
    captions = [_short_caption(samples, index, vmax[index]) for index in range(len(samples))]
    return render.filmstrip(
        samples.images, maps, titles, captions, vmax, signed, title=title, cell_captions=words, cell_wrong=wrong
    )


def _caption(samples: Any, explanation: Any, index: int, vmax: float) -> str:
    rows = class_rows(explanation)
    lines = [samples.names[index], _verdict(samples, rows, index)]
    target = int(explanation.targets[index])
    if target != prediction(rows[index])[0]:
        lines.append(f"explained: {class_name(samples.class_names, target)}")
    lines.append(f"scale {vmax:g}" if explanation.valid[index] else "no finite score: no map")
    fits = explanation.details.get("r2")
    if fits is not None and np.isfinite(fits[index]):
        lines.append(f"R2 {fits[index]:.2f}")
    epochs = explanation.details.get("epochs")
    if epochs is not None and epochs[index] < epochs.max():
        lines.append("of the untrained net" if epochs[index] == BASELINE_EPOCH else f"of epoch {epochs[index]}")
    return "\n".join(lines)


def _short_caption(samples: Any, index: int, vmax: float) -> str:
    true = truth(samples.labels, index)
    known = [] if true is None else [f"true: {class_name(samples.class_names, true)}"]
    return "\n".join([samples.names[index], *known, f"scale {vmax:g}"])


def _verdict(samples: Any, predictions: np.ndarray, index: int) -> str:
    """The true class where it is known, and the predicted one with its confidence."""
    true = truth(samples.labels, index)
    known = "" if true is None else f"{class_name(samples.class_names, true)} -> "
    return known + _predicted(samples, predictions[index])


def _predicted(samples: Any, row: np.ndarray) -> str:
    predicted, confidence = prediction(row)
    return class_name(samples.class_names, predicted) + ("" if confidence is None else f"  {confidence:.2f}")
