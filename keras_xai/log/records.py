"""The records of the event format, version 1: each a JSON manifest followed by the blobs it speaks of."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_xai import render
from keras_xai.log.outcome import class_rows, prediction, truth
from keras_xai.log.packing import pack_maps
from keras_xai.log.strict_json import strict_json
from keras_xai.log.tags import BASELINE_EPOCH, VERSION

Blobs = list[bytes]


def inputs_record(
    session: str, samples: Any, methods: Sequence[Mapping[str, Any]], segments: np.ndarray | None = None
) -> Blobs:
    """What stays the same over a fit: the pictures, their labels and superpixels, and how the methods are set.

    Args:
        session: which fit this is.
        samples: a `Samples`.
        methods: as `describe_method` gives them.
        segments: (n, h, w) the superpixels that coefficients will refer to.

    Returns:
        The manifest, one JPEG per sample, then the label maps (PNG, 8 or 16 bit) where there are superpixels.
    """
    images = [render.jpeg(_without_grey_axis(image)) for image in samples.images]
    label_maps = [] if segments is None else [_label_png(labels) for labels in segments]
    rows = [
        {
            "id": samples.ids[index],
            "name": samples.names[index],
            "label": truth(samples.labels, index),
            "height": image.shape[0],
            "width": image.shape[1],
            "blob": 1 + index,
            "segments": 1 + len(images) + index if label_maps else None,
        }
        for index, image in enumerate(samples.images)
    ]
    manifest = {
        **_head("inputs", session),
        "class_names": None if samples.class_names is None else [str(name) for name in samples.class_names],
        "samples": rows,
        "methods": list(methods),
    }
    return [strict_json(manifest), *images, *label_maps]


def describe_method(name: str, explanation: Any) -> dict[str, Any]:
    """How a method is set, for the inputs record.

    Args:
        name: what the log calls it.
        explanation: an `Explanation` it made.
    """
    details = explanation.details
    config = {key: _setting(value) for key, value in (details.get("config") or {}).items()}
    layer, score = details.get("layer"), details.get("score")
    return {"name": name, "signed": bool(explanation.signed), "layer": layer, "score": score, "config": config}


def epoch_record(
    session: str,
    samples: Any,
    epoch: int,
    explanations: Mapping[str, Any],
    *,
    measures: Mapping[str, Mapping[str, Any]] | None = None,
    logs: Mapping[str, Any] | None = None,
    flagged: Sequence[bool] | None = None,
    segments: np.ndarray | None = None,
    resolution: int = 14,
    rows: Mapping[str, np.ndarray] | None = None,
) -> Blobs:
    """The maps of all methods after one epoch, or of the untrained network.

    Args:
        session: which fit this is.
        samples: a `Samples`.
        epoch: 0-based; -1 for the baseline.
        explanations: method name -> `Explanation`, at least one.
        measures: method -> measure -> (n,) numbers, or one number for the whole set.
        logs: the logs of Keras; what is no number is left out.
        flagged: (n,) samples worth a second look.
        segments: (n, h, w) the label maps in the inputs record; methods with these superpixels store coefficients.
        resolution: the most cells a side of a stored map.
        rows: method -> (m,) int, the samples it explained at this epoch; all where a method is left out.

    Returns:
        The manifest and one packed blob.
    """
    measures = measures or {}
    fresh = {method: list((rows or {}).get(method, range(len(samples)))) for method in explanations}
    entries, packed = [], b""
    for method, explanation in explanations.items():
        if segments is not None and np.array_equal(explanation.details.get("segments"), segments):
            places = [{"coefficients": _short(explanation.details["coefficients"][row])} for row in fresh[method]]
        else:
            blob, places = pack_maps(_finite_maps(explanation)[fresh[method]], resolution, offset=len(packed))
            packed += blob
        fits = explanation.details.get("r2")
        own = measures.get(method, {})
        per_sample = {name: values for name, values in own.items() if np.ndim(values) and name != "r2"}
        for index, place in zip(fresh[method], places, strict=True):
            of_sample = {name: _brief(values[index]) for name, values in per_sample.items()}
            fit = None if fits is None else _brief(fits[index])
            entries.append({"sample": samples.ids[index], "method": method, **place, "r2": fit, "measures": of_sample})
    manifest = {
        **_head("baseline" if epoch == BASELINE_EPOCH else "epoch", session),
        "epoch": epoch,
        "logs": _numbers(logs or {}),
        "samples": _outcomes(samples, explanations, fresh, flagged),
        "means": mean_measures(measures, explanations),
        "maps": entries,
    }
    return [strict_json(manifest), packed]


def activations_record(session: str, samples: Any, epoch: int, explanation: Any, resolution: int = 14) -> Blobs:
    """The feature maps of the chosen channels after one epoch.

    Args:
        session: which fit this is.
        samples: a `Samples`.
        epoch: 0-based.
        explanation: an `Explanation` with `feature_maps`, `channels` and perhaps `drivers` in its details.
        resolution: the most cells a side of a stored tile.

    Returns:
        The manifest and one packed blob.
    """
    details, layers, packed = explanation.details, [], b""
    for layer, maps in details["feature_maps"].items():
        maps = np.asarray(maps)
        count, height, width, _ = maps.shape
        channels = [int(channel) for channel in details["channels"][layer]]
        flat = np.moveaxis(maps, -1, 1).reshape(-1, height, width)
        blob, places = pack_maps(np.where(np.isfinite(flat), flat, 0), resolution, offset=len(packed))
        owners = [(samples.ids[index], channel) for index in range(count) for channel in channels]
        tiles = [
            {"sample": owner, "channel": channel, **{key: place[key] for key in ("offset", "vmin", "vmax")}}
            for (owner, channel), place in zip(owners, places, strict=True)
        ]
        layers.append(
            {
                "name": layer,
                "height": places[0]["height"],
                "width": places[0]["width"],
                "channels": channels,
                "tiles": tiles,
                "drivers": _drivers(samples, details.get("drivers", {}).get(layer, [])),
            }
        )
        packed += blob
    return [strict_json({**_head("activations", session), "epoch": epoch, "layers": layers}), packed]


def alert_record(session: str, record: Mapping[str, Any], pictures: Sequence[np.ndarray]) -> Blobs:
    """What the network was caught at, with pictures before and after the intervention.

    Args:
        session: which fit this is.
        record: the fields of an alert: epoch, class_index, cue, severity, sentence; and where there are any effects,
            region, property, affected, pairs. A pair names its pictures by number, the first picture being 1.
        pictures: (h, w), (h, w, 1) or (h, w, 3) uint8 each.

    Returns:
        The manifest and the pictures as JPEG.

    Raises:
        ValueError: a field is missing, or a pair names a picture that is not there.
    """
    missing = {"epoch", "class_index", "cue", "severity", "sentence"} - record.keys()
    if missing:
        raise ValueError(f"An alert record needs the fields {sorted(missing)}, got only {sorted(record)}.")
    optional: dict[str, Any] = {"effects": {}, "region": None, "property": None, "affected": [], "pairs": []}
    for number, pair in enumerate(record.get("pairs", [])):
        if not all(1 <= pair[side] <= len(pictures) for side in ("before", "after")):
            raise ValueError(
                f"pairs[{number}] of the alert names the pictures {pair['before']} and {pair['after']}, "
                f"but there are {len(pictures)}; the first is number 1."
            )
    manifest = strict_json({**_head("alert", session), **optional, **record})
    return [manifest, *(render.jpeg(_without_grey_axis(picture)) for picture in pictures)]


def mean_measures(
    measures: Mapping[str, Mapping[str, Any]], explanations: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """One number per method and measure: the mean over valid samples, what is not finite left out.

    Args:
        measures: method -> measure -> (n,) numbers, or one number for the whole set.
        explanations: method -> `Explanation`, whose `valid` (n,) is heeded.

    Returns:
        method -> measure -> mean; a measure without any finite number is not there.
    """
    means: dict[str, dict[str, float]] = {}
    for method, by_name in measures.items():
        valid = np.asarray(explanations[method].valid, bool)
        for name, values in by_name.items():
            values = np.asarray(values, np.float64)
            kept = values[valid] if values.ndim else values.reshape(1)
            kept = kept[np.isfinite(kept)]
            if kept.size:
                means.setdefault(method, {})[name] = float(kept.mean())
    return means


def _head(kind: str, session: str) -> dict[str, Any]:
    return {"version": VERSION, "kind": kind, "session": session}


def _setting(value: Any) -> Any:
    """A setting as a reader wants to see it: functions by name, arrays by shape."""
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    try:
        strict_json(value)
    except TypeError:
        return getattr(value, "__name__", type(value).__name__)
    return value


def _outcomes(
    samples: Any, explanations: Mapping[str, Any], rows: Mapping[str, Sequence[int]], flagged: Sequence[bool] | None
) -> list[dict[str, Any]]:
    """What the network says about every sample that any method looked at."""
    said = {method: class_rows(explanation) for method, explanation in explanations.items()}
    outcomes = []
    for index, identifier in enumerate(samples.ids):
        methods = [method for method in explanations if index in rows[method]]
        if not methods:
            continue
        predicted, confidence = prediction(said[methods[0]][index])
        outcomes.append(
            {
                "id": identifier,
                "target": int(explanations[methods[0]].targets[index]),
                "predicted": predicted,
                "confidence": None if confidence is None else _brief(confidence),
                "valid": all(bool(explanations[method].valid[index]) for method in methods),
                "flagged": bool(flagged is not None and flagged[index]),
            }
        )
    return outcomes


def _finite_maps(explanation: Any) -> np.ndarray:
    raw = np.asarray(explanation.raw)
    return np.where(np.isfinite(raw), raw, 0)


def _brief(value: float) -> float:
    """Four digits: what there is one of for each map must be cheap, and is read by people."""
    return float(f"{value:.4g}")


def _short(coefficients: np.ndarray) -> list[float]:
    """Rounds to the decimal place that is as fine as bytes from -largest to largest, as of a packed map, or finer."""
    coefficients = np.asarray(coefficients, np.float64)
    largest = np.abs(coefficients[np.isfinite(coefficients)]).max(initial=0)
    if largest == 0:
        return coefficients.tolist()
    return np.round(coefficients, int(np.ceil(np.log10(127 / largest)))).tolist()


def _drivers(samples: Any, drivers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "channel": int(driver["channel"]),
            "samples": [
                {
                    "id": samples.ids[int(sample["index"])],
                    "crop": [int(side) for side in sample["crop"]],
                    "value": float(sample["value"]),
                }
                for sample in driver["samples"]
            ],
        }
        for driver in drivers
    ]


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    numbers = {}
    for key, value in logs.items():
        if np.ndim(value) == 0 and not isinstance(value, (str, bytes, bool, type(None))):
            numbers[key] = float(value)
    return numbers


def _without_grey_axis(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image


def _label_png(labels: np.ndarray) -> bytes:
    labels = np.asarray(labels)
    small = labels.astype(np.uint8 if labels.max() < 256 else np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(small).save(buffer, "PNG")
    return buffer.getvalue()
