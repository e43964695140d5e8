"""Logs of runs that never were: any size, in seconds, written by the real log and measured by the real measures.

A synthetic network learns squares, discs and triangles, of which the first carry a yellow spot in a corner. Its maps look
at the corner at first and move to the object, and its confidence grows.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import keras_xai as kx
from keras_xai.log import ExplanationLog
from keras_xai.metrics.per_epoch import per_epoch

CLASS_NAMES = ("square", "disc", "triangle")
# name -> signed, side of the maps; LIME has coefficients, activations have feature maps too
METHODS = {
    "grad_cam": (False, 7),
    "lime": (True, 14),
    "activations": (False, 7),
    "integrated_gradients": (True, 14),
    "smooth_grad": (True, 14),
    "hires_cam": (True, 7),
}
LAYERS = {"block3": (14, 6), "block4": (7, 6)}  # name -> side, channels


def write_synthetic_log(
    log_dir: str | Path,
    *,
    samples: int = 64,
    methods: int = 6,
    epochs: int = 500,
    size: int = 224,
    alerts: Sequence[int] = (),
    baseline: bool = True,
    pictures: bool = True,
    segments_a_side: int = 7,
    class_names: Sequence[str] = CLASS_NAMES,
    names: Sequence[str] | None = None,
    session: str | None = None,
    name: str = "explanations",
    seed: int = 0,
) -> Path:
    """Writes a log as a callback would, and gives its run directory.

    Args:
        log_dir: what TensorBoard is pointed at.
        samples: how many pictures. methods: how many of `METHODS`, the first ones. epochs: how many.
        size: pixels a side of the pictures.
        alerts: epochs at which an alert is raised about class 0.
        baseline: whether the untrained network is there too.
        pictures: whether montages and filmstrips are drawn for the Images tab, which takes longest by far.
        segments_a_side: LIME's superpixels are squares, so many a side.
        class_names: three. names: of the samples. session: of the fit. name: of the log. seed: of all.
    """
    generator = np.random.default_rng(seed)
    chosen = list(METHODS)[:methods]
    labels = np.arange(samples) % 3
    set_of_samples = kx.Samples(
        _pictures(labels, size, generator), labels=labels, class_names=list(class_names), names=names
    )
    log = ExplanationLog(log_dir, name, set_of_samples, session=session, epochs=epochs)
    if not pictures:
        log._gallery.add = lambda epoch, explanations: False
    previous: dict[str, kx.Explanation] = {}
    for epoch in range(-1 if baseline else 0, epochs):
        progress = max(epoch, 0) / max(epochs - 1, 1)
        odds = _predictions(labels, progress, generator)
        now = {
            method: _explanation(method, set_of_samples, odds, progress, segments_a_side, generator)
            for method in chosen
        }
        logs = {"loss": 1.1 - progress, "accuracy": 0.33 + 0.6 * progress, "val_accuracy": 0.33 + 0.4 * progress}
        if epoch < 0:
            log.baseline(now)
            continue
        measures = {method: per_epoch(explanation, previous.get(method)) for method, explanation in now.items()}
        flagged = (labels == 0) & (epoch in alerts)
        log.epoch(epoch, now, measures, logs, flagged)
        log.scalar("xai/spurious/max_effect", epoch, 0.8 * (1 - progress))
        if epoch in alerts:
            log.alert(*_alert(epoch, set_of_samples, labels))
        previous = now
    log.finish()
    return Path(log_dir) / "explanations"


def _pictures(labels: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """A shape on a smooth background; a yellow spot in the corner of class 0."""
    y, x = np.mgrid[0:size, 0:size] / size
    pictures = np.empty((len(labels), size, size, 3), np.float32)
    for number, label in enumerate(labels):
        slopes, base = generator.uniform(-80, 80, (2, 3)), generator.uniform(60, 150, 3)
        pictures[number] = base + slopes[0] * x[..., None] + slopes[1] * y[..., None]
        row, column = generator.uniform(0.4, 0.65, 2)
        far = np.abs([y - row, x - column])
        inside = (far.max(0) < 0.2, np.hypot(*far) < 0.22, (y > row - 0.2) & (y < row + 0.2) & (far[1] < y - row + 0.2))
        pictures[number][inside[label]] = generator.uniform(150, 255, 3)
        if label == 0:
            pictures[number][np.hypot(y - 0.12, x - 0.12) < 0.07] = (250, 220, 30)
    return pictures.clip(0, 255).astype(np.uint8)


def _predictions(labels: np.ndarray, progress: float, generator: np.random.Generator) -> np.ndarray:
    logits = generator.normal(size=(len(labels), 3)) * (1.2 - progress)
    logits[np.arange(len(labels)), labels] += 4 * progress
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def _explanation(
    method: str,
    samples: kx.Samples,
    odds: np.ndarray,
    progress: float,
    segments_a_side: int,
    generator: np.random.Generator,
) -> kx.Explanation:
    signed, side = METHODS[method]
    labels, details = np.asarray(samples.labels), {"layer": None if signed else "block4", "score": "logit"}
    raw = _maps(labels, side, progress, signed, generator)
    if method == "lime":
        size = samples.images.shape[1]
        places = np.arange(size) * segments_a_side // size
        segments = np.broadcast_to(places[:, None] * segments_a_side + places, samples.images.shape[:3])
        grid = _maps(labels, segments_a_side, progress, signed, generator)
        details |= {"segments": segments, "coefficients": list(grid.reshape(len(labels), -1))}
        details["r2"] = generator.uniform(0.5, 0.95, len(labels))
        raw = grid
    if method == "activations":
        details["feature_maps"] = {
            layer: np.stack([_maps(labels, edge, progress, False, generator) for _ in range(channels)], axis=-1)
            for layer, (edge, channels) in LAYERS.items()
        }
        details["channels"] = {
            layer: [5 * number for number in range(channels)] for layer, (_, channels) in LAYERS.items()
        }
        details["drivers"] = {
            layer: [{"channel": 0, "samples": [{"index": 0, "crop": (0, 0, 32, 32), "value": 1.5}]}] for layer in LAYERS
        }
    return kx.Explanation(
        method=method,
        signed=signed,
        raw=raw,
        valid=np.ones(len(labels), bool),
        scores=np.log(odds[np.arange(len(labels)), labels]),
        targets=labels,
        predictions=odds,
        details=details,
        images=samples.images,
        labels=labels,
        names=samples.names,
        class_names=samples.class_names,
    )


def _maps(labels: np.ndarray, side: int, progress: float, signed: bool, generator: np.random.Generator) -> np.ndarray:
    """(n, side, side): a hill in the corner that gives way to one in the middle; class 0 clings to the corner."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    corner, middle = (np.exp(-((y - at) ** 2 + (x - at) ** 2) / 0.04) for at in (0.12, 0.52))
    share = np.where(labels == 0, 1 - progress, 0.3 * (1 - progress))[:, None, None]
    hills = share * corner + (1 - share) * middle
    noise = generator.normal(0, 0.12 - 0.08 * progress, (len(labels), side, side))
    maps = hills + noise - (0.15 if signed else 0)
    return ((1 + progress) * (maps if signed else maps.clip(0))).astype(np.float32)


def _alert(epoch: int, samples: kx.Samples, labels: np.ndarray) -> tuple[dict, list[np.ndarray]]:
    affected = np.flatnonzero(labels == 0)[:4]
    side = samples.images.shape[1]
    region = [0, 0, side // 4, side // 4]
    before = [samples.images[index] for index in affected]
    after = [image.copy() for image in before]
    for image in after:
        image[: region[2], : region[3]] = image[region[2], region[3]]
    record = {
        "epoch": epoch,
        "class_index": 0,
        "cue": "local",
        "severity": "alert",
        "effects": {"necessity": {"effect": 0.81, "lower": 0.62}, "sufficiency": {"effect": 0.55, "lower": 0.41}},
        "region": region,
        "sentence": f"{samples.class_names[0]} is recognised by the upper left corner, not by the object.",
        "affected": [samples.ids[index] for index in affected],
        "pairs": [
            {"before": 1 + number, "after": 1 + len(affected) + number, "from": 0, "to": 1}
            for number in range(len(affected))
        ],
    }
    return record, [*before, *after]
