"""All runs as one picture: when each network began to rely on its cue, and when the alert came; clean runs in short."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.benchmarks.shortcuts import score
from tests.benchmarks.shortcuts.score import Record

ROW, CELL, SQUARE, LABEL, GAP, MARGIN = 26, 64, 22, 470, 18, 24
INK, FAINT, ALERT, FALSE = (40, 40, 40), (225, 225, 225), (240, 130, 0), (200, 0, 30)
TITLES = (
    ("local", "A mark on one class"),
    ("global", "A property of one class"),
    ("decoy", "A swatch for every class"),
    (None, "No cue: a square for each run"),
)


def plot(records: Sequence[Record], path: Path) -> None:
    """Draws the picture.

    Args:
        records: of runs. path: of a PNG.
    """
    groups = [(title, _sorted([one for one in records if _group(one) == kind])) for kind, title in TITLES]
    groups = [(title, some) for title, some in groups if some]
    epochs = max(len(one["reliance"]) for one in records)
    across = (LABEL - 2 * MARGIN + epochs * CELL) // SQUARE
    rows = sum((len(some) if some[0]["run"]["cue"] else _lines(some, across)) + 1 for _, some in groups)
    height = 2 * MARGIN + (rows + 2) * ROW + len(groups) * GAP
    picture = Image.new("RGB", (LABEL + epochs * CELL + 2 * MARGIN, height), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(19)
    top = MARGIN
    for title, some in groups:
        draw.text((MARGIN, top), title, INK, font)
        if not some[0]["run"]["cue"]:
            _squares(draw, some, top + ROW, across)
            top += (_lines(some, across) + 1) * ROW + GAP
            continue
        for epoch in range(epochs):
            draw.text(
                (LABEL + (epoch + 0.5) * CELL, top), f"epoch {epoch}", INK, ImageFont.load_default(15), anchor="ma"
            )
        for one in some:
            top += ROW
            draw.text((MARGIN + 14, top), _label(one), INK, font)
            _cells(draw, one, top)
        top += ROW + GAP
    _legend(draw, top, font)
    picture.save(path, optimize=True)


def _lines(records: list[Record], across: int) -> int:
    return -(-len(records) // across)


def _squares(draw: ImageDraw.ImageDraw, records: list[Record], top: int, across: int) -> None:
    for number, one in enumerate(records):
        line, place = divmod(number, across)
        left, high = MARGIN + 14 + place * SQUARE, top + line * ROW
        draw.rectangle((left, high, left + SQUARE - 4, high + SQUARE - 4), "white", (150, 150, 150))
        if score.false_classes(one):
            _cross(draw, (left + SQUARE / 2 - 2, high + SQUARE / 2 - 2), FALSE)


def _group(record: Record) -> str | None:
    return None if record["run"]["cue"] is None else record["run"]["kind"]


def _sorted(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda one: (-one["run"]["strength"], str(one["run"]["cue"]), one["run"]["number"]))


def _label(record: Record) -> str:
    run = record["run"]
    cue = f"{run['cue']}, {run['strength']:.0%}, " if run["cue"] else ""
    return f"{cue}{run['data']}, {run['network']}{' *' if record['validation'] else ''}"


def _cells(draw: ImageDraw.ImageDraw, record: Record, top: int) -> None:
    """One cell per epoch, the darker the more accuracy is lost without the cue."""
    lost = record["reliance"] if record["run"]["kind"] == "decoy" else record["class_reliance"]
    true, wrong = score.true_alerts(record), set(score.false_classes(record))
    first = min((one["epoch"] for one in true), default=None) if record["run"]["cue"] else None
    false = {one["epoch"] for one in record["alerts"] if one["severity"] == "alert" and one["class"] in wrong}
    for epoch, share in enumerate(lost):
        left = LABEL + epoch * CELL
        box = (left, top, left + CELL - 3, top + ROW - 3)
        draw.rectangle(box, _shade(share), FAINT)
        middle = (left + CELL / 2, top + ROW / 2 - 1)
        if epoch == first:
            _disc(draw, middle, ALERT)
        if epoch in false:
            _cross(draw, (middle[0] + 18, middle[1]), FALSE)


def _shade(share: float) -> tuple[int, int, int]:
    weight = min(max(share, 0.0), 1.0) ** 0.7
    return tuple(round(255 + (deep - 255) * weight) for deep in (20, 90, 160))  # type: ignore[return-value]


def _disc(draw: ImageDraw.ImageDraw, middle: tuple[float, float], colour: tuple[int, int, int]) -> None:
    x, y = middle
    draw.ellipse((x - 8, y - 8, x + 8, y + 8), colour, "white")


def _cross(draw: ImageDraw.ImageDraw, middle: tuple[float, float], colour: tuple[int, int, int]) -> None:
    x, y = middle
    draw.line((x - 6, y - 6, x + 6, y + 6), colour, 3)
    draw.line((x - 6, y + 6, x + 6, y - 6), colour, 3)


def _legend(draw: ImageDraw.ImageDraw, top: int, font: ImageFont.FreeTypeFont) -> None:
    left = MARGIN
    draw.rectangle((left, top, left + 30, top + ROW - 3), _shade(1.0))
    draw.text((left + 40, top), "accuracy lost without the cue (dark: all)", INK, font)
    _disc(draw, (left + 415, top + ROW / 2), ALERT)
    draw.text((left + 431, top), "first alert", INK, font)
    _cross(draw, (left + 545, top + ROW / 2), FALSE)
    draw.text((left + 561, top), "alert without a cue", INK, font)
    draw.text((left, top + ROW), "% of the class carries the cue; * validation part", INK, font)
