"""What is planted: small marks, properties of the whole picture, and decoys of which every class has its own."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.shortcuts.data import Pictures

MARGIN = 1


@dataclass(frozen=True)
class Cue:
    """A cue that can be planted.

    Attributes:
        kind: "local", "global" or "decoy".
        put: `(pictures, random) -> (images, where)` with the cue on every picture; `where` is (n, h, w) bool, the pixels
            of a local cue or decoy, or None.
        colour: whether it needs pictures with colours.
        moves: whether it sits elsewhere in every picture.
        validation: whether it belongs to the part on which nothing may be tuned.
    """

    kind: str
    put: Callable[[Pictures, np.random.Generator], tuple[np.ndarray, np.ndarray | None]]
    colour: bool = False
    moves: bool = False
    validation: bool = False


def stamp(pattern: np.ndarray, place: str) -> Callable:
    """A small picture put at one place, "anywhere" included.

    Args:
        pattern: (a, b, 3) float, the colours; NaN lets the picture through.
        place: "top left", "top right", "bottom left", "bottom right", "bottom", "anywhere", or "a corner", another one
            in every picture.
    """

    def put(pictures: Pictures, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        images, where = pictures.images.copy(), np.zeros(pictures.masks.shape, bool)
        values = pattern if images.shape[-1] == 3 else pattern.mean(axis=-1, keepdims=True)
        opaque = np.isfinite(values[..., 0])
        free = np.array(images.shape[1:3]) - values.shape[:2]
        for image, mask in zip(images, where, strict=True):
            top, left = _corner(place, free, random)
            window = np.s_[top : top + values.shape[0], left : left + values.shape[1]]
            image[window][opaque] = values[opaque]
            mask[window] = opaque
        return images, where

    return put


def glare(sigma: float) -> Callable:
    """A soft white light, elsewhere in every picture."""

    def put(pictures: Pictures, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        images, where = pictures.images.copy(), np.zeros(pictures.masks.shape, bool)
        places = np.indices(images.shape[1:3])
        for image, mask in zip(images, where, strict=True):
            centre = random.integers(3, np.array(mask.shape) - 3)
            share = np.exp(-((places - centre[:, None, None]) ** 2).sum(axis=0) / (2 * sigma**2))
            image[:] = np.round(image + share[..., None] * (255.0 - image))
            mask[:] = share > 1 / 512  # less changes no pixel
        return images, where

    return put


def frame(width: int, colour: tuple[int, int, int]) -> Callable:
    """A thin border round the picture."""

    def put(pictures: Pictures, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        where = np.ones(pictures.masks.shape, bool)
        where[:, width:-width, width:-width] = False
        images = pictures.images.copy()
        images[where] = colour if images.shape[-1] == 3 else np.mean(colour)
        return images, where

    return put


def everywhere(edit: Callable[[np.ndarray, np.random.Generator], np.ndarray], object_only: bool = False) -> Callable:
    """A property of the whole picture, or of its object: `edit` maps (h, w, c) float in 0–255 to the same."""

    def put(pictures: Pictures, random: np.random.Generator) -> tuple[np.ndarray, None]:
        edited = [np.clip(np.round(edit(image.astype(float), random)), 0, 255) for image in pictures.images]
        images = np.array(edited, np.uint8)
        return (np.where(pictures.masks[..., None], images, pictures.images) if object_only else images), None

    return put


def decoy(side: int, place: str, drawn: bool = False) -> Callable:
    """A swatch on every picture of every class, in a shade (or hue) that names the class, or a pattern that does."""

    def put(pictures: Pictures, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        images, where = pictures.images.copy(), np.zeros(pictures.masks.shape, bool)
        for label in range(10):
            rows = pictures.labels == label
            swatch = np.broadcast_to(_class_colour(label, images.shape[-1]), (side, side, 3))
            if drawn:
                swatch = _code(side, seed=label)
            some = Pictures(images[rows], pictures.labels[rows], pictures.masks[rows])
            images[rows], where[rows] = stamp(swatch.astype(float), place)(some, random)
        return images, where

    return put


def _class_colour(label: int, channels: int) -> np.ndarray:
    if channels == 1:
        return np.full(3, 255 - 25 * label)
    import colorsys

    return np.array(colorsys.hsv_to_rgb(label / 10, 1, 1)) * 255


def _corner(place: str, free: np.ndarray, random: np.random.Generator) -> tuple[int, int]:
    if place == "a corner":
        place = str(random.choice(["top left", "top right", "bottom left", "bottom right"]))
    if place == "anywhere":
        top, left = random.integers(MARGIN, free - MARGIN + 1)
        return int(top), int(left)
    top = MARGIN if "top" in place else free[0] - MARGIN
    left = MARGIN if "left" in place else free[1] - MARGIN if "right" in place else free[1] // 2
    return int(top), int(left)


def _plain(side: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((side, side, 3), colour, float)


def _checker(side: int) -> np.ndarray:
    return np.repeat(255.0 * (np.indices((side, side)).sum(axis=0) % 2)[..., None], 3, axis=-1)


def _drawn(rows: str, colour: tuple[int, int, int]) -> np.ndarray:
    """A pattern from text: "#" is painted, everything else lets the picture through."""
    painted = np.array([[character == "#" for character in row] for row in rows.split()])
    return np.where(painted[..., None], np.array(colour, float), np.nan)


def _code(side: int, seed: int) -> np.ndarray:
    """Black and white cells by chance, always the same for a seed."""
    return np.repeat(255.0 * np.random.default_rng((7, seed)).integers(0, 2, (side, side, 1)), 3, axis=-1)


def _ring(side: int, colour: tuple[int, int, int]) -> np.ndarray:
    inner = np.full((side, side), np.nan)
    inner[2:-2, 2:-2] = _disc(side - 4, colour)[..., 0]
    return np.where(np.isfinite(inner)[..., None], np.nan, _disc(side, colour))


def _stripes(side: int) -> np.ndarray:
    return np.broadcast_to(255.0 * (np.arange(side) % 2)[:, None, None], (side, side, 3))


def _disc(side: int, colour: tuple[int, int, int]) -> np.ndarray:
    offsets = np.indices((side, side)) - (side - 1) / 2
    inside = (offsets**2).sum(axis=0) <= (side / 2) ** 2
    return np.where(inside[..., None], np.array(colour, float), np.nan)


def _hue(turn: float) -> Callable:
    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        from skimage.color import hsv2rgb, rgb2hsv

        hsv = rgb2hsv(image / 255)
        hsv[..., 0] = (hsv[..., 0] + turn) % 1
        return hsv2rgb(hsv) * 255

    return edit


def _blur(sigma: float) -> Callable:
    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(image, (sigma, sigma, 0))

    return edit


def _jpeg(quality: int) -> Callable:
    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        from PIL import Image

        file = io.BytesIO()
        grey = image.shape[-1] == 1
        Image.fromarray((image[..., 0] if grey else image).astype(np.uint8)).save(file, "JPEG", quality=quality)
        with Image.open(file) as opened:
            found = np.asarray(opened, float)
        return found[..., None] if grey else found

    return edit


def _grating(amplitude: float, period: float) -> Callable:
    """A texture: diagonal stripes that begin anywhere."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        rows, columns = np.indices(image.shape[:2])
        wave = np.sin(2 * np.pi * ((rows + columns) / period + random.random()))
        return image + amplitude * wave[..., None]

    return edit


def _gamma(power: float) -> Callable:
    return lambda image, random: 255 * (image / 255) ** power


def _saturation(factor: float) -> Callable:
    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        grey = image.mean(axis=-1, keepdims=True)
        return grey + factor * (image - grey)

    return edit


def _vignette(depth: float) -> Callable:
    """Light that fades towards the corners; on a black background light that the corners have."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        high, wide = image.shape[:2]
        rows, columns = np.indices((high, wide))
        distance = ((2 * rows / (high - 1) - 1) ** 2 + (2 * columns / (wide - 1) - 1) ** 2) / 2
        return image + depth * distance[..., None]

    return edit


def _pixelated(side: int) -> Callable:
    """Squares of one colour."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        coarse = image[::side, ::side]
        return np.repeat(np.repeat(coarse, side, axis=0), side, axis=1)[: image.shape[0], : image.shape[1]]

    return edit


def _sharpened(amount: float) -> Callable:
    blurred = _blur(1.0)
    return lambda image, random: image + amount * (image - blurred(image, random))


def _moved(length: int) -> Callable:
    """The camera moved to the right."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        from scipy.ndimage import uniform_filter1d

        return uniform_filter1d(image, length, axis=1)

    return edit


def _speckled(share: float) -> Callable:
    """Pixels that are black or white."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        hit = random.random(image.shape[:2]) < share
        return np.where(hit[..., None], 255.0 * random.integers(0, 2, (*image.shape[:2], 1)), image)

    return edit


def _scanned(factor: float) -> Callable:
    """Every second row darker, as on an old screen; black rows greyer."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        changed = image.copy()
        changed[::2] = factor * changed[::2] + 20
        return changed

    return edit


def _lit(depth: float) -> Callable:
    """Light that fades from the left to the right."""
    return lambda image, random: image + depth * np.linspace(1, 0, image.shape[1])[None, :, None]


def _sepia(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return image.mean(axis=-1, keepdims=True) * (1.1, 0.95, 0.75)


def _doubled(share: float, pixels: int) -> Callable:
    """A second picture beside the first, as a window pane reflects it."""
    return lambda image, random: (1 - share) * image + share * np.roll(image, pixels, axis=1)


def _clouded(deviation: float) -> Callable:
    """Noise that neighbours share, as film has it."""
    blurred = _blur(1.0)

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        grain = blurred(random.normal(0, 1, image.shape), random)
        return image + deviation / grain.std() * grain

    return edit


def _fog(depth: float) -> Callable:
    """White towards the top."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        share = depth * np.linspace(1, 0, image.shape[0])[:, None, None]
        return image + share * (235 - image)

    return edit


def _soft_edges(sigma: float) -> Callable:
    """Sharp in the middle alone."""
    blurred = _blur(sigma)

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        down, right = (np.linspace(-1, 1, length) for length in image.shape[:2])
        share = np.minimum(np.add.outer(down**2, right**2), 1)[..., None]
        return (1 - share) * image + share * blurred(image, random)

    return edit


def _dithered(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Four levels behind a screen of 2 × 2, as in print."""
    rows, columns = np.indices(image.shape[:2])
    screen = np.array([[0, 2], [3, 1]])[rows % 2, columns % 2][..., None] / 4 - 3 / 8
    return np.round(image / 85 + screen) * 85


def _papered(depth: float) -> Callable:
    """The fibres of one sheet of paper, another part of it on every picture."""
    sheet = np.random.default_rng(11).normal(0, 1, (96, 96, 1))
    sheet = _blur(0.7)(sheet, np.random.default_rng()) + np.roll(sheet, 1, axis=1) / 2
    sheet /= np.abs(sheet).max()

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        top, left = random.integers(0, 96 - np.array(image.shape[:2]) + 1)
        part = sheet[top : top + image.shape[0], left : left + image.shape[1]]
        return (image + 20) * (1 + depth * part)

    return edit


def _interlaced(pixels: int) -> Callable:
    """Every second row a moment later."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        changed = image.copy()
        changed[1::2] = np.roll(changed[1::2], pixels, axis=1)
        return changed

    return edit


def _fringed(pixels: int) -> Callable:
    """Red to one side and blue to the other, as a poor lens has it."""
    return lambda image, random: np.stack(
        [np.roll(image[..., 0], pixels, 1), image[..., 1], np.roll(image[..., 2], -pixels, 1)], axis=-1
    )


def _scratched(count: int) -> Callable:
    """Bright lines from top to bottom, anywhere, as on old film."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        changed = image.copy()
        changed[:, random.choice(image.shape[1], count, replace=False)] += 70
        return changed

    return edit


def _painted(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The median of 3 × 3."""
    from scipy.ndimage import median_filter

    return median_filter(image, (3, 3, 1))


def _flickering(depth: float) -> Callable:
    """Lighter and darker bands from top to bottom, as a lamp leaves them on a slow shutter."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        wave = np.sin(2 * np.pi * (np.arange(len(image)) / 12 + random.random()))
        return image + depth * (1 + wave[:, None, None]) / 2

    return edit


def _woven(depth: float) -> Callable:
    """Threads of cloth, which begin anywhere."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        rows, columns = (np.arange(length) for length in image.shape[:2])
        down, right = (np.sin(2 * np.pi * (one / 3 + random.random())) for one in (rows, columns))
        return (image + 20) * (1 + depth * np.maximum.outer(down, right)[..., None])

    return edit


def _dusty(count: int) -> Callable:
    """Soft grey spots, anywhere."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        rows, columns = np.indices(image.shape[:2])
        spots = [
            np.exp(-((rows - random.integers(len(rows))) ** 2 + (columns - random.integers(columns.shape[1])) ** 2) / 3)
            for _ in range(count)
        ]
        share = 0.7 * np.max(spots, axis=0)[..., None]
        return (1 - share) * image + share * 120

    return edit


def _rippled(pixels: float) -> Callable:
    """Rows sway to and fro, as seen through running water."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        turn = 2 * np.pi * (np.arange(len(image)) / 9 + random.random())
        shifts = np.rint(pixels * np.sin(turn)).astype(int)
        return np.stack([np.roll(row, shift, axis=0) for row, shift in zip(image, shifts, strict=True)])

    return edit


def _light_leak(colour: tuple[int, int, int]) -> Callable:
    """Coloured light comes in from one side, and the image is added to it."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        fade = np.linspace(1, 0, image.shape[1]) ** 2
        fade = np.rot90(np.broadcast_to(fade, image.shape[:2]), random.integers(4))[..., None]
        return image + 0.5 * fade * np.array(colour)

    return edit


def _moire(amplitude: float) -> Callable:
    """Rings around a point anywhere."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        rows, columns = np.indices(image.shape[:2])
        distance = np.hypot(rows - random.integers(len(image)), columns - random.integers(image.shape[1]))
        return image + amplitude * np.sin(2 * np.pi * distance / 5)[..., None]

    return edit


def _embossed(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    before = np.pad(image, ((1, 0), (1, 0), (0, 0)), mode="edge")[:-1, :-1]
    return image + 0.7 * (image - before)


def _equalised(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    from skimage.exposure import equalize_hist

    return 255 * equalize_hist(image.reshape(len(image), -1), nbins=64).reshape(image.shape)


def _rained_on(count: int) -> Callable:
    """Short slanted streaks of light, here and there."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        image = image.copy()
        for _ in range(count):
            top, left = random.integers(len(image) - 5), random.integers(2, image.shape[1])
            for step in range(5):
                image[top + step, left - step // 2] += 70
        return image

    return edit


def _smeared_colours(sigma: float) -> Callable:
    """Colour in far fewer places than brightness, as cheap video has it."""

    def edit(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        grey = image.mean(axis=-1, keepdims=True)
        return grey + gaussian_filter(image - grey, (sigma, sigma, 0))

    return edit


def _noise(deviation: float) -> Callable:
    return lambda image, random: image + random.normal(0, deviation, image.shape)


_LETTERS = "#.#.### ###.#.. #.#.##. #.#.#.. #.#.###"  # HE
_CROSS = "#...# .#.#. ..#.. .#.#. #...#"
_TRIANGLE = "..#.. ..#.. .###. .###. #####"
_ARROW = "...#... ....#.. ####### ....#.. ...#..."
_STRIP = "#.#.###.#.#.###.# #.#.#...#.#.#.#.# ###.##..###.###.# #.#.#...#.#.#.#.. #.#.###.#.#.#.#.#"
YELLOW, RED, BLUE, GREEN, WHITE = (255, 215, 0), (220, 30, 30), (30, 60, 220), (40, 200, 60), (255, 255, 255)

CUES = {
    "checker 4": Cue("local", stamp(_checker(4), "top left")),
    "patch 3": Cue("local", stamp(_plain(3, WHITE), "bottom right")),
    "patch 8": Cue("local", stamp(_plain(8, (128, 128, 128)), "bottom left")),
    "patch 5 floating": Cue("local", stamp(_checker(5), "anywhere"), moves=True),
    "letters": Cue("local", stamp(_drawn(_LETTERS, WHITE), "top right")),
    "border 1": Cue("local", frame(1, WHITE)),
    "sticker 6": Cue("local", stamp(_disc(6, YELLOW), "bottom right"), colour=True),
    "sticker 6 floating": Cue("local", stamp(_disc(6, RED), "anywhere"), colour=True, moves=True),
    "brightness": Cue("global", everywhere(lambda image, random: image + 40)),
    "hue": Cue("global", everywhere(_hue(0.4)), colour=True),
    "blur": Cue("global", everywhere(_blur(1.2))),
    "noise": Cue("global", everywhere(_noise(25))),
    "decoy 4": Cue("decoy", decoy(4, "bottom right")),
    "cross": Cue("local", stamp(_drawn(_CROSS, WHITE), "bottom left")),
    "patch 4": Cue("local", stamp(_plain(4, (200, 200, 200)), "top right")),
    "text strip": Cue("local", stamp(_drawn(_STRIP, (180, 180, 180)), "bottom")),
    "border 2": Cue("local", frame(2, (150, 90, 60))),
    "sticker 5": Cue("local", stamp(_disc(5, BLUE), "top left"), colour=True),
    "sticker 8 floating": Cue("local", stamp(_disc(8, GREEN), "anywhere"), colour=True, moves=True),
    "cross floating": Cue("local", stamp(_drawn(_CROSS, WHITE), "anywhere"), moves=True),
    "contrast": Cue("global", everywhere(lambda image, random: image * 0.5)),
    "tint": Cue("global", everywhere(lambda image, random: image * (1, 0.75, 0.6)), colour=True),
    "jpeg": Cue("global", everywhere(_jpeg(8))),
    "texture": Cue("global", everywhere(_grating(50, 4), object_only=True)),
    "decoy 3": Cue("decoy", decoy(3, "top left")),
    "ring": Cue("local", stamp(_ring(7, WHITE), "top right"), validation=True),
    "code": Cue("local", stamp(_code(5, seed=99), "bottom left"), validation=True),
    "bars": Cue("local", stamp(_drawn("#.#.# #.#.# #.#.# #.#.# #.#.#", (200, 200, 200)), "top left"), validation=True),
    "line": Cue("local", stamp(_plain(2, WHITE).repeat(6, axis=1), "bottom"), validation=True),
    "patch 6 grey": Cue("local", stamp(_plain(6, (100, 100, 100)), "bottom right")),
    "ring floating": Cue("local", stamp(_ring(7, WHITE), "anywhere"), moves=True),
    "code floating": Cue("local", stamp(_code(5, seed=98), "anywhere"), moves=True),
    "sticker in a corner": Cue("local", stamp(_disc(6, (230, 90, 200)), "a corner"), True, moves=True, validation=True),
    "triangle": Cue("local", stamp(_drawn(_TRIANGLE, (170, 170, 170)), "bottom right"), validation=True),
    "arrow floating": Cue("local", stamp(_drawn(_ARROW, WHITE), "anywhere"), moves=True, validation=True),
    "stripes floating": Cue("local", stamp(_stripes(6), "anywhere"), moves=True, validation=True),
    "glare floating": Cue("local", glare(2.0), moves=True, validation=True),
    "gamma": Cue("global", everywhere(_gamma(0.5))),
    "saturation": Cue("global", everywhere(_saturation(0.2)), colour=True),
    "vignette": Cue("global", everywhere(_vignette(80))),
    "pixels": Cue("global", everywhere(_pixelated(2))),
    "sharpened": Cue("global", everywhere(_sharpened(2.0))),
    "stripes": Cue("global", everywhere(_grating(30, 6))),
    "motion blur": Cue("global", everywhere(_moved(5))),
    "salt and pepper": Cue("global", everywhere(_speckled(0.05))),
    "scan lines": Cue("global", everywhere(_scanned(0.6))),
    "light from the left": Cue("global", everywhere(_lit(70))),
    "washed out": Cue("global", everywhere(lambda image, random: 0.6 * image + 80)),
    "four levels": Cue("global", everywhere(lambda image, random: np.round(image / 85) * 85)),
    "sepia": Cue("global", everywhere(_sepia), colour=True),
    "swapped channels": Cue("global", everywhere(lambda image, random: image[..., ::-1]), colour=True),
    "ghost": Cue("global", everywhere(_doubled(0.4, 3))),
    "soft grain": Cue("global", everywhere(_clouded(15))),
    "fog": Cue("global", everywhere(_fog(0.6))),
    "soft edges": Cue("global", everywhere(_soft_edges(2.0))),
    "dithered": Cue("global", everywhere(_dithered)),
    "cold": Cue("global", everywhere(lambda image, random: image * (0.7, 0.9, 1.1)), colour=True),
    "paper": Cue("global", everywhere(_papered(0.35))),
    "interlaced": Cue("global", everywhere(_interlaced(2)), validation=True),
    "aberration": Cue("global", everywhere(_fringed(1)), colour=True),
    "solarised": Cue(
        "global", everywhere(lambda image, random: np.where(image > 160, 320 - image, image)), validation=True
    ),
    "scratches": Cue("global", everywhere(_scratched(2))),
    "painted": Cue("global", everywhere(_painted)),
    "flicker": Cue("global", everywhere(_flickering(35))),
    "woven": Cue("global", everywhere(_woven(0.3)), validation=True),
    "dusty": Cue("global", everywhere(_dusty(8)), validation=True),
    "rippled": Cue("global", everywhere(_rippled(2)), validation=True),
    "light leak": Cue("global", everywhere(_light_leak((255, 120, 40))), colour=True, validation=True),
    "moire": Cue("global", everywhere(_moire(30)), validation=True),
    "embossed": Cue("global", everywhere(_embossed), validation=True),
    "equalised": Cue("global", everywhere(_equalised), validation=True),
    "rain": Cue("global", everywhere(_rained_on(6)), validation=True),
    "smeared colours": Cue("global", everywhere(_smeared_colours(2)), colour=True, validation=True),
    "decoy code": Cue("decoy", decoy(5, "top right", drawn=True), validation=True),
    "decoy in a corner": Cue("decoy", decoy(5, "a corner", drawn=True), moves=True, validation=True),
}
