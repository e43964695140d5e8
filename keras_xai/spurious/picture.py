"""The evidence of an alert as one picture."""

from __future__ import annotations

import textwrap

import numpy as np

from keras_xai.render.cells import cell_shape, fit
from keras_xai.render.page import ALARM, GAP, MARGIN, MUTED, Picture, Text, compose
from keras_xai.render.text import SIZE, TITLE_SIZE, line_height, shorten
from keras_xai.samples import Samples
from keras_xai.spurious.alert import Alert

_FEWEST_COLUMNS = 5
_LETTER = 7.2  # pixels, of the text that is wrapped


def evidence_picture(alert: Alert, samples: Samples) -> np.ndarray:
    """Images before and after the intervention, in columns, each with what the model takes it for.

    Args:
        alert: what was found. samples: for the names of the classes.

    Returns:
        uint8 (height, width, 3).
    """
    size = alert.before.shape[1:3]
    high, wide = cell_shape(*size)
    width = 2 * MARGIN + max(_FEWEST_COLUMNS, len(alert.pairs)) * (wide + GAP) - GAP
    title = f"{alert.severity.capitalize()}, epoch {alert.epoch}: class {alert.class_name!r}"
    items: list[Picture | Text] = [
        Text(MARGIN, MARGIN, title, TITLE_SIZE, ALARM if alert.severity == "alert" else MUTED)
    ]
    top = MARGIN + line_height(TITLE_SIZE) + 4
    for line in textwrap.wrap(alert.sentence, int((width - 2 * MARGIN) / _LETTER)):
        items.append(Text(top, MARGIN, line))
        top += line_height(SIZE)
    for said, pictures, key in (("before", alert.before, "from"), ("after", alert.after, "to")):
        top += GAP
        items.append(Text(top, MARGIN, f"{said}: the model says", ink=MUTED))
        top += line_height(SIZE) + 2
        for column, (picture, pair) in enumerate(zip(_colour(fit(pictures, (high, wide))), alert.pairs, strict=True)):
            left = MARGIN + column * (wide + GAP)
            items.append(Picture(top + line_height(SIZE), left, picture))
            items.append(Text(top - 2, left, shorten(samples.class_name(pair[key]), wide)))
        top += line_height(SIZE) + high
    return compose(top + MARGIN, width, items)


def _colour(pictures: np.ndarray) -> np.ndarray:
    return pictures if pictures.shape[-1] == 3 else np.repeat(pictures[..., :1], 3, axis=-1)
