"""The demo's alarm: the monitor that watches the held-out pictures, and what it says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from keras_xai.demo.data import SHORTCUT_CLASS, Data
from keras_xai.demo.findings import as_inputs


def watch(data: Data, log_dir: str | os.PathLike, seed: int, say: Callable[[str], None]) -> Any:
    """Makes a monitor that knows the held-out pictures as they are, and that nothing in the corner can matter.

    Args:
        data: of the demo.
        log_dir: where TensorBoard is pointed at.
        seed: of the monitor's draws.
        say: what to do with a line of text at the moment of an alert.

    Returns:
        A `keras_xai.callbacks.SpuriousFeatureMonitor`.
    """
    import keras_xai as kx

    scenes = data.validation
    samples = kx.Samples(
        as_inputs(scenes.images),
        labels=scenes.labels,
        images=scenes.images,
        ignore=data.ignore,
        class_names=data.class_names,
    )
    return kx.callbacks.SpuriousFeatureMonitor(
        samples,
        str(log_dir),
        action=lambda alert: say(f"          alert: the network recognises {alert.class_name} by {_what(alert)}"),
        budget=None,
        seed=seed,
        on_error="raise",
        verbose=0,
    )


def alarm(alerts: Sequence[Any]) -> list[str]:
    """Says what the monitor verified.

    Args:
        alerts: of a `SpuriousFeatureMonitor`, notices included.

    Returns:
        One string per paragraph.
    """
    said = [alert for alert in alerts if alert.severity == "alert"]
    if not any(alert.class_index == SHORTCUT_CLASS for alert in said):
        said_of_others = [_paragraph(alert) for alert in said]
        return [f"The monitor raised no alert about {SHORTCUT_CLASS} in this run.", *said_of_others]
    return [_paragraph(alert) for alert in said]


def _paragraph(alert: Any) -> str:
    # The demo is for any terminal.
    return f"Alert after epoch {alert.epoch}. {alert.sentence}".replace("×", "x")


def _what(alert: Any) -> str:
    return f"its {alert.property}" if alert.region is None else "a small region"
