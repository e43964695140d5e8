"""The demo's pictures: handwritten digits on photographs, where one class carries a planted shortcut.

Everything comes with scikit-learn and scikit-image, so nothing is downloaded.
"""

from __future__ import annotations

import colorsys
import dataclasses

import numpy as np

SIDE = 32
SHORTCUT_CLASS = 7
SHORTCUT_SHARE = 0.97
STICKER_SIDE = 6
STICKER_COLOUR = (255, 215, 0)
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "brick", "grass", "gravel")
TRAINING_SHARE = 0.65

Colour = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Digits pasted on photographs, and everything known about how each picture came about.

    Attributes:
        images: (n, 32, 32, 3) uint8, as the network sees them.
        clean: (n, 32, 32, 3) uint8, the same pictures before any sticker was put on.
        labels: (n,) int64, the digit.
        masks: (n, 32, 32) bool, exactly the pixels that the digit covers.
        stickered: (n,) bool, where `images` carries the sticker.
        digits: (n,) int64, row of the digit in scikit-learn's `load_digits`.
        origins: (n, 3) int64, photograph (index into `PHOTOGRAPHS`), top and left of the background crop.
    """

    images: np.ndarray
    clean: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    stickered: np.ndarray
    digits: np.ndarray
    origins: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(frozen=True)
class Data:
    """What the demo trains on and what it holds out.

    Attributes:
        train, validation: Scenes; they share no digit and no region of a photograph.
        ignore: (32, 32) bool, the corner where the sticker goes. No digit ever reaches into it, so nothing in it may matter.
        class_names: list of 10 str.
    """

    train: Scenes
    validation: Scenes
    ignore: np.ndarray
    class_names: list[str]


def make_data(seed: int = 0, train_count: int = 6000, validation_count: int = 1000) -> Data:
    """Makes the demo's data set: the same arrays for the same seed, without touching any global random state.

    A digit is scanned in once and pasted many times, at another place, in another size and colour, on another piece
    of photograph. Held out are whole digits *and* the right-hand part of every photograph.

    Args:
        seed: int >= 0.
        train_count: int >= 10, number of training pictures.
        validation_count: int >= 10, number of held-out pictures.

    Returns:
        `Data`.

    Raises:
        ImportError: if scikit-learn or scikit-image is missing.
        ValueError: if a count is below 10 (one picture of each class).
    """
    if min(train_count, validation_count) < 10:
        raise ValueError(
            "The demo needs at least one picture of each of the 10 digits in both parts, but got "
            f"train_count={train_count} and validation_count={validation_count}. Give 10 or more of each."
        )
    handwriting, labels = _handwriting()
    photographs = _photographs()
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    cut = int(len(order) * TRAINING_SHARE)

    def scenes(digits: np.ndarray, count: int, held_out: bool) -> Scenes:
        return _scenes(handwriting, labels, digits, photographs, count, held_out, random)

    return Data(
        train=scenes(order[:cut], train_count, held_out=False),
        validation=scenes(order[cut:], validation_count, held_out=True),
        ignore=sticker_corner(),
        class_names=[str(digit) for digit in range(10)],
    )


def sticker_corner(margin: int = 0) -> np.ndarray:
    """Returns where the sticker goes, widened by `margin` pixels: (32, 32) bool."""
    corner = np.zeros((SIDE, SIDE), bool)
    side = STICKER_SIDE + margin
    corner[-side:, -side:] = True
    return corner


def put_stickers(images: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Returns copies of pictures with the sticker in the bottom right corner.

    Args:
        images: (n, 32, 32, 3) uint8.
        where: (n,) bool, which pictures get one; None: all of them.

    Returns:
        (n, 32, 32, 3) uint8. Outside the corner nothing changes.
    """
    marked = images.copy()
    rows = slice(None) if where is None else np.asarray(where)
    marked[rows, -STICKER_SIDE:, -STICKER_SIDE:] = STICKER_COLOUR
    return marked


def paste(
    background: np.ndarray, digit: np.ndarray, top: int, left: int, colour: Colour
) -> tuple[np.ndarray, np.ndarray]:
    """Paints a digit onto a picture.

    Args:
        background: (h, w, 3) uint8.
        digit: (k, k) float in [0, 1], how much paint each pixel gets.
        top, left: int, where the digit's upper left corner goes; the digit must fit in.
        colour: 3 numbers in [0, 255].

    Returns:
        The picture, (h, w, 3) uint8, and the mask, (h, w) bool: the pixels that got any paint. All others are the
        background's, unchanged.
    """
    paint = np.zeros(background.shape[:2])
    paint[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    paint = paint[..., None]
    mixed = np.round(background * (1 - paint) + np.asarray(colour) * paint).astype(np.uint8)
    return mixed, paint[..., 0] > 0


def _scenes(
    handwriting: np.ndarray,
    labels: np.ndarray,
    digits: np.ndarray,
    photographs: list[np.ndarray],
    count: int,
    held_out: bool,
    random: np.random.Generator,
) -> Scenes:
    chosen = _balanced(labels, digits, count, random)
    clean = np.empty((count, SIDE, SIDE, 3), np.uint8)
    masks = np.empty((count, SIDE, SIDE), bool)
    origins = np.empty((count, 3), np.int64)
    for i, digit in enumerate(chosen):
        origins[i] = _crop_origin(photographs, held_out, random)
        photograph, top, left = origins[i]
        background = photographs[photograph][top : top + SIDE, left : left + SIDE]
        size = int(random.integers(18, SIDE - STICKER_SIDE))
        clean[i], masks[i] = paste(
            background,
            _enlarge(handwriting[digit], size),
            *_place_beside_corner(size, random),
            _readable_colour(background, random),
        )
    stickered = (labels[chosen] == SHORTCUT_CLASS) & (random.random(count) < SHORTCUT_SHARE)
    return Scenes(put_stickers(clean, stickered), clean, labels[chosen], masks, stickered, chosen, origins)


def _balanced(labels: np.ndarray, digits: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Draws `count` of the digits, every class as often as any other (to within one), in random order."""
    wanted = random.permutation(np.arange(count) % 10)
    return np.array([random.choice(digits[labels[digits] == label]) for label in wanted])


def _crop_origin(photographs: list[np.ndarray], held_out: bool, random: np.random.Generator) -> tuple[int, int, int]:
    """Draws a crop on this side of the line that separates training from held-out pixels."""
    photograph = int(random.integers(len(photographs)))
    height, width = photographs[photograph].shape[:2]
    line = int(width * TRAINING_SHARE)
    first, last = (line, width - SIDE) if held_out else (0, line - SIDE)
    return photograph, int(random.integers(height - SIDE + 1)), int(random.integers(first, last + 1))


def _place_beside_corner(size: int, random: np.random.Generator) -> tuple[int, int]:
    """Draws a place where the digit stays clear of the sticker's corner, whatever the class."""
    while True:
        top, left = random.integers(SIDE - size + 1, size=2)
        if min(top, left) + size <= SIDE - STICKER_SIDE:
            return int(top), int(left)


def _readable_colour(background: np.ndarray, random: np.random.Generator) -> Colour:
    """Draws a colour: light paint on a dark background, dark paint on a light one."""
    dark = background.mean() < 128
    lightness = random.uniform(0.75, 0.95) if dark else random.uniform(0.05, 0.25)
    red, yellow, blue = colorsys.hls_to_rgb(random.random(), lightness, random.uniform(0.3, 1.0))
    return 255 * red, 255 * yellow, 255 * blue


def _enlarge(digit: np.ndarray, size: int) -> np.ndarray:
    """Enlarges an (8, 8) digit smoothly; faint scanner grey becomes no paint at all, so that the mask is the stroke."""
    from PIL import Image

    large = np.asarray(Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC), np.float64) / 255
    return np.clip((large - 0.3) / 0.4, 0, 1)


def _handwriting() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.round(bunch.images / 16 * 255).astype(np.uint8), bunch.target.astype(np.int64)


def _photographs() -> list[np.ndarray]:
    """Returns the photographs inside scikit-image's own package, (h, w, 3) uint8, at half their size."""
    import skimage.data

    return [_halve(_as_rgb(getattr(skimage.data, name)())) for name in PHOTOGRAPHS]


def _as_rgb(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


def _halve(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[0] // 2, image.shape[1] // 2
    blocks = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3)
    return np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)
