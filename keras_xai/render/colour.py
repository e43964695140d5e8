"""From numbers to colours: two short tables, one for evidence and one for evidence for and against."""

import numpy as np

# Lightness rises in equal steps, so that twice the evidence looks twice as bright, also in grey print.
SEQUENTIAL = (
    (8, 9, 45),
    (31, 12, 81),
    (62, 6, 116),
    (94, 18, 133),
    (140, 19, 131),
    (185, 20, 114),
    (225, 34, 81),
    (248, 78, 55),
    (255, 126, 51),
    (255, 168, 66),
    (255, 205, 69),
)

# Both arms have the same lightness at the same distance from the neutral middle: neither sign looks stronger.
DIVERGING = (
    (0, 80, 169),
    (37, 111, 207),
    (74, 144, 240),
    (128, 178, 248),
    (181, 212, 254),
    (243, 243, 243),
    (254, 192, 179),
    (252, 139, 122),
    (238, 85, 75),
    (204, 38, 47),
    (159, 2, 34),
)

BLANK = (228, 228, 230)

# Divisible by the ten intervals between anchors and by two: every anchor and the neutral middle are met exactly.
STEPS = 1000


def colour(values: np.ndarray, vmin: float | np.ndarray, vmax: float | np.ndarray, signed: bool = False) -> np.ndarray:
    """Colour numbers on an explicit scale.

    Nothing is normalised here: the scale is what the caller says it is, so two pictures on one scale can be compared.

    Args:
        values: float array of any shape. Values outside the scale take the colour of its end; NaN takes `BLANK`.
        vmin: the value of the first colour; a number, or an array that broadcasts against `values`. Not used if signed.
        vmax: the value of the last colour; as `vmin`.
        signed: use the blue - neutral - red table from `-vmax` to `vmax`, with 0 at the neutral middle.

    Returns:
        uint8 `(..., 3)`. Where there is no scale (a non-finite end, or `vmax <= vmin`) the colour is `BLANK`.

    Example:
        >>> colour([0.0, 1.0], vmin=0.0, vmax=1.0).tolist()
        [[8, 9, 45], [255, 205, 69]]
    """
    values = np.asarray(values, np.float32)
    high = np.asarray(vmax, np.float32)
    low = -high if signed else np.asarray(vmin, np.float32)
    usable = np.isfinite(low) & np.isfinite(high) & (high > low)
    low, high = np.where(usable, low, np.float32(0)), np.where(usable, high, np.float32(1))
    with np.errstate(invalid="ignore", over="ignore"):
        position = (values - low) / (high - low)
    blank = np.isnan(position) | ~usable
    steps = np.rint(np.clip(position, 0, 1) * STEPS)
    rows = np.where(blank, STEPS + 1, steps).astype(np.intp)
    return np.take(_DIVERGING_TABLE if signed else _SEQUENTIAL_TABLE, rows, axis=0)


def _table(anchors: tuple) -> np.ndarray:
    """Interpolate anchors into `STEPS + 1` colours and append the blank one. Returns uint8 `(STEPS + 2, 3)`."""
    where = np.linspace(0, STEPS, len(anchors))
    channels = [np.interp(np.arange(STEPS + 1), where, channel) for channel in zip(*anchors, strict=True)]
    return np.rint(np.concatenate([np.stack(channels, axis=-1), [BLANK]])).astype(np.uint8)


_SEQUENTIAL_TABLE = _table(SEQUENTIAL)
_DIVERGING_TABLE = _table(DIVERGING)
