"""What the images of a class usually look like, where that says little of their objects, and how to take images there.

The look of one donor is that of its object too. What a class's images have in common in the corners, in windows too small
for outlines, or on the whole, hardly is: with it, clean models lose or take along at most 0.23 of the images by the smaller
of both claims of `GlobalCues`, where planted properties reach 0.4 to 1.

Where a property marks only some images of a class, what is usual in all of them is half of it. So images are also told apart
by it, into two parts by k-means, and the part that is less like other classes is looked at alone, or where that is a handful
the rest. Images outside of it stand for their class as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_xai.samples import Samples
from keras_xai.spurious.interventions import CORNER_DETAIL, CORNER_LIGHT, IN_PART, OVERALL_DETAIL, TONE, VIGNETTE
from keras_xai.spurious.kept import Kept

USUAL = (TONE, CORNER_LIGHT, VIGNETTE, CORNER_DETAIL, OVERALL_DETAIL)
USUAL_IN_PART = tuple(kind + IN_PART for kind in USUAL)
# Images that two parts need, and the share of them that is a part and not a few odd ones.
_FEWEST, _SHARE = 8, 0.15
# Windows of a quarter of the image, at most so many pixels and places a side, that half overlap.
_WINDOW, _PLACES = 16, 8
# Detail fainter than a hundredth of the range is none: its power.
_FAINT = 1e-4
# Frequencies (cycles per pixel) that tell images apart: coarse, middle and fine detail.
_BANDS = ((0.06, 0.18), (0.18, 0.33), (0.33, 0.8))
# How many times stronger or weaker contrast and detail become at most.
_CONTRAST, _DETAIL = 4.0, 5.0


@dataclass(frozen=True)
class _Split:
    """How images of one class are told apart: centres (2, d) of the parts, and which is the odd one."""

    centres: np.ndarray
    odd: int


class UsualLooks:
    """The usual looks of classes.

    Args:
        samples: n images. labels: (n,) int. proposing: class -> indices of the images that say what is usual.
        pool: indices of images of all classes that say what is usual elsewhere.
        low, high: the values that images of this data have.
    """

    def __init__(
        self,
        samples: Samples,
        labels: np.ndarray,
        proposing: dict[int, np.ndarray],
        pool: np.ndarray,
        low: float,
        high: float,
    ):
        self._samples, self._labels, self._proposing, self._pool = samples, labels, proposing, pool
        self._low, self._high = low, high
        self._looks: dict[tuple[str, int, bool], np.ndarray] = {}
        self._splits: dict[tuple[str, int], _Split | None] = {}
        self._scales: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._told: dict[tuple[str, int], np.ndarray] = {}
        self._changes, self._powers = Kept(), Kept()

    def change(self, kind: str, host: int, donor: int) -> dict[str, np.ndarray]:
        """What takes the usual look of the host's class to that of the donor's: the row of a `Readjust`.

        Args:
            kind: one of `USUAL`, or of `USUAL_IN_PART`: images in the odd part of their class then stand for that part.
        """
        base, some = kind.removesuffix(IN_PART), kind.endswith(IN_PART)
        sides = [
            (int(self._labels[one]), some and bool(self.in_part(kind, np.array([one]))[0])) for one in (host, donor)
        ]
        return self._changes.get((base, *sides), lambda: self._between(base, *sides))

    def in_part(self, kind: str, indices: np.ndarray) -> np.ndarray:
        """(q,) bool: which images are in the odd part of their class, of those that have one.

        Args:
            kind: one of `USUAL_IN_PART`, or of `USUAL`, which means the same here. indices: (q,).
        """
        base = kind.removesuffix(IN_PART)
        found = np.zeros(len(indices), bool)
        for label in np.unique(self._labels[indices]):
            split = self._split(base, int(label))
            if split is not None:
                of_class = self._labels[indices] == label
                found[of_class] = self._nearest(split, self._features(base, indices[of_class])) == split.odd
        return found

    def _between(self, kind: str, source: tuple[int, bool], target: tuple[int, bool]) -> dict[str, np.ndarray]:
        if kind in (CORNER_DETAIL, OVERALL_DETAIL):
            before, after = (self._power(kind, *side)["power"] for side in (source, target))
            gain = np.clip(np.sqrt(after / before), 1 / _DETAIL, _DETAIL)
            gain[:, 0, 0] = 1
            return {"gain": gain}
        had, wanted = self._look(kind, *source), self._look(kind, *target)
        if kind == TONE:
            scale = np.minimum(wanted[1] / np.maximum(had[1], 1e-3), _CONTRAST)
            return _row(scale, wanted[0] - scale * had[0])
        light = _over_the_image(wanted - had, self._samples.size, faded=kind == VIGNETTE)
        return _row(np.ones(light.shape[-1]), light)

    def _power(self, *look: Any) -> dict[str, np.ndarray]:
        return self._powers.get(look, lambda: {"power": _at_all_frequencies(self._look(*look), self._samples.size)})

    def _look(self, kind: str, label: int, some: bool) -> np.ndarray:
        key = (kind, label, some)
        if key not in self._looks:
            members = self._proposing[label]
            if some:
                members = members[self.in_part(kind, members)]
            values = self._measured(kind, members)
            # A few images whose object reaches into a corner do not count.
            light = kind in (CORNER_LIGHT, VIGNETTE)
            self._looks[key] = np.median(values, axis=0) if light else values.mean(axis=0)
        return self._looks[key]

    def _split(self, kind: str, label: int) -> _Split | None:
        if (kind, label) not in self._splits:
            self._splits[kind, label] = self._divided(kind, label)
        return self._splits[kind, label]

    def _divided(self, kind: str, label: int) -> _Split | None:
        from sklearn.cluster import KMeans

        members = self._proposing[label]
        others = self._pool[self._labels[self._pool] != label]
        if len(members) < _FEWEST or not len(others):
            return None
        features = self._features(kind, members)
        if len(np.unique(features, axis=0)) < 2:
            return None
        clusters = KMeans(2, n_init=4, random_state=0).fit(features)
        usual = self._features(kind, others).mean(axis=0)
        odd = int(np.square(clusters.cluster_centers_ - usual).sum(axis=1).argmax())
        if (clusters.labels_ == odd).mean() < _SHARE:
            odd = 1 - odd
        return _Split(clusters.cluster_centers_, odd)

    @staticmethod
    def _nearest(split: _Split, features: np.ndarray) -> np.ndarray:
        return np.square(features[:, None] - split.centres).sum(axis=2).argmin(axis=1)

    def _features(self, kind: str, indices: np.ndarray) -> np.ndarray:
        """(q, d) what tells images apart, in deviations of the pool."""
        if kind not in self._scales:
            pool = self._raw_features(kind, self._pool)
            self._scales[kind] = pool.mean(axis=0), pool.std(axis=0) + 1e-3
        mean, deviation = self._scales[kind]
        return (self._raw_features(kind, indices) - mean) / deviation

    def _raw_features(self, kind: str, indices: np.ndarray) -> np.ndarray:
        new = np.array([index for index in indices if (kind, int(index)) not in self._told], int)
        if len(new):
            measured = self._measured(kind, new)
            if kind in (CORNER_DETAIL, OVERALL_DETAIL):
                side = measured.shape[-1]
                cycles = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
                bands = [(cycles > least) & (cycles <= most) for least, most in _BANDS]
                # Small windows do not have them all.
                seen = [measured[..., band].mean(axis=-1) for band in bands if band.any()]
                measured = np.log(np.stack(seen, axis=1))
            self._told |= {(kind, int(index)): one.ravel() for index, one in zip(new, measured, strict=True)}
        return np.array([self._told[kind, int(index)] for index in indices])

    def _measured(self, kind: str, indices: np.ndarray, block: int = 64) -> np.ndarray:
        """(q, …) what is looked at in each image, as float32 of values in [0, 1]."""
        found = []
        for start in range(0, len(indices), block):
            images = self._samples.image[indices[start : start + block]]
            images = np.moveaxis(images, 1, -1) if self._samples.channels_first else images
            images = (images.astype(np.float32) - np.float32(self._low)) / np.float32(self._high - self._low)
            found.append(_MEASURES[kind](images))
        return np.concatenate(found)


def _row(scale: np.ndarray, shift: np.ndarray) -> dict[str, np.ndarray]:
    """Both (channels,) or (height, width, channels)."""
    both = {"scale": scale, "shift": shift}
    return {
        name: one.astype(np.float32).reshape(*one.shape[:-1] or (1, 1), one.shape[-1]) for name, one in both.items()
    }


def _tone(images: np.ndarray) -> np.ndarray:
    """(n, 2, channels): mean and deviation of (n, height, width, channels)."""
    return np.stack([images.mean(axis=(1, 2)), images.std(axis=(1, 2))], axis=1)


def _corners(images: np.ndarray) -> np.ndarray:
    """(n, 4, channels): the means of the four corners, row by row."""
    side = max(2, min(images.shape[1:3]) // 8)
    ends = slice(None, side), slice(-side, None)
    return np.stack([images[:, rows, columns].mean(axis=(1, 2)) for rows in ends for columns in ends], axis=1)


def _over_the_image(corners: np.ndarray, size: tuple[int, int], faded: bool) -> np.ndarray:
    """(height, width, channels): the plane through the corners; faded to nothing in the middle, like a vignette.

    One corner alone, where a mark may be, does not count: the light changes from side to side as the upper and the lower
    edge (the left and the right one) agree that it does, and its height is that of the middle two.

    Args:
        corners: (4, channels), row by row.
    """
    square = corners.reshape(2, 2, -1)
    slopes = [_agreed(*(square[1] - square[0])), _agreed(*(square[:, 1] - square[:, 0]))]
    signs = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) / 2
    height = np.median(corners - signs @ np.array(slopes), axis=0)
    down, right = (np.linspace(-0.5, 0.5, length) for length in size)
    light = height + down[:, None, None] * slopes[0] + right[None, :, None] * slopes[1]
    return light * (2 * np.add.outer(down**2, right**2))[..., None] if faded else light


def _agreed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of two numbers of one sign the smaller, 0 of others."""
    return np.where(one * other > 0, np.where(np.abs(one) < np.abs(other), one, other), 0.0)


def _detail(images: np.ndarray, corners: bool) -> np.ndarray:
    """(n, channels, 2 w, 2 w): the power of windows of w × w, mean over the whole image or over the middle two corners.

    Reference: Welch, "The use of fast Fourier transform for the estimation of power spectra", 1967.
    """
    height, width = images.shape[1:3]
    side = min(_WINDOW, height, width, max(2, min(height, width) // 4))
    places = [
        np.linspace(0, free, 2 if corners else min(_PLACES, max(2, 2 * free // side + 1))).astype(int)
        for free in (height - side, width - side)
    ]
    window = np.hanning(side + 2)[1:-1]
    window = np.outer(window, window).astype(np.float32)
    views = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))
    chosen = views[:, places[0]][:, :, places[1]]
    waves = np.fft.fft2((chosen - chosen.mean(axis=(-2, -1), keepdims=True)) * window, s=(2 * side, 2 * side))
    power = np.square(np.abs(waves)) / np.square(window).sum()
    # One corner may hold a mark.
    power = np.median(power.reshape(len(power), 4, *power.shape[3:]), axis=1) if corners else power.mean(axis=(1, 2))
    return power.astype(np.float32) + np.float32(_FAINT)


def _at_all_frequencies(power: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(channels, height, width): the power of windows, at the frequencies of the image: its autocorrelation, padded."""
    correlation = np.fft.ifft2(power).real
    rows, columns = (_lags(power.shape[-1], length) for length in size)
    return np.maximum(np.fft.fft2(rows.T @ correlation @ columns).real, _FAINT / 10).astype(np.float32)


def _lags(side: int, length: int) -> np.ndarray:
    """(side, length) 0 or 1: where the lags of a correlation of that side belong in a longer one, negative ones last."""
    lags = np.arange(1 - side // 2, side // 2)
    places = np.zeros((side, length))
    places[lags % side, lags % length] = 1
    return places


_MEASURES: dict[str, Any] = {
    TONE: _tone,
    CORNER_LIGHT: _corners,
    VIGNETTE: _corners,
    CORNER_DETAIL: lambda images: _detail(images, corners=True),
    OVERALL_DETAIL: lambda images: _detail(images, corners=False),
}
