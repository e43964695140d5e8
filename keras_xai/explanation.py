"""What an explainer found out: un-normalised maps with the numbers they belong to."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np


class Explanation:
    """Maps of n samples, as measured.

    Attributes:
        method: the explainer's name: "grad_cam".
        signed: True where negative values mean evidence against.
        raw: (n, h', w') float32 at the method's own resolution (Grad-CAM: the layer's).
        maps: (n, height, width) float32 at the image's size, bilinear from `raw`. Never normalised.
        valid: (n,) bool: False where the model gave a non-finite score; the map is zero there.
        scores: (n,) float32: what was explained. targets: (n,) int. predictions: (n, classes) float32, the model's output.
        details: the "score" used, whether the predictions are "probabilities", the explainer's "config", and what the
            method adds: the layer(s) used, its own results.
        images: (n, height, width, 1 or 3) uint8. labels, names, class_names: as in `Samples`.
        seconds: what it took, its part of shared passes included and compiling left out; NaN where it was not measured. A
            single batch that was compiled for counts as nothing.
    """

    def __init__(
        self,
        *,
        method: str,
        signed: bool,
        raw: np.ndarray,
        valid: np.ndarray,
        scores: np.ndarray,
        targets: np.ndarray,
        predictions: np.ndarray,
        details: dict[str, Any],
        images: np.ndarray,
        labels: np.ndarray | None = None,
        names: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        seconds: float = float("nan"),
    ):
        self.method = method
        self.signed = signed
        self.raw = raw
        self.valid = valid
        self.scores = scores
        self.targets = targets
        self.predictions = predictions
        self.details = details
        self.images = images
        self.labels = labels
        self.names = [str(index) for index in range(len(raw))] if names is None else list(names)
        self.class_names = None if class_names is None else list(class_names)
        self.seconds = seconds
        self._maps: np.ndarray | None = None

    @property
    def maps(self) -> np.ndarray:
        if self._maps is None:
            self._maps = resize(self.raw, self.images.shape[1:3])
        return self._maps

    def __len__(self) -> int:
        return len(self.raw)

    def __repr__(self) -> str:
        height, width = self.images.shape[1:3]
        layer = self.details.get("layer")
        used = f", layer {layer!r}" if layer else ""
        ranges = f"{self.raw.min():.3g} to {self.raw.max():.3g}" if self.raw.size else "empty"
        invalid = int((~self.valid).sum())
        return (
            f"Explanation({self.method!r}: {len(self)} maps of {height}×{width} from {self.raw.shape[1]}×"
            f"{self.raw.shape[2]}{used}, score {self.details.get('score')!r}, values {ranges}"
            f"{f', {invalid} invalid' if invalid else ''})"
        )

    def _repr_html_(self) -> str:
        """The maps on a page, in a notebook."""
        from keras_xai.log.pictures import page
        from keras_xai.render.html import figure

        return figure(page(self, self.method), f"{self.method} of {len(self)} samples", repr(self))

    def overlay(self, alpha: float = 0.5, vmax: Any = None) -> np.ndarray:
        """The maps laid over the images.

        Args:
            alpha: opacity in [0, 1] where the evidence reaches `vmax`; it falls to 0 with the evidence.
            vmax: the value drawn strongest: a number, or (n,) one per sample; None for each sample's own largest |value|.

        Returns:
            (n, height, width, 3) uint8.
        """
        from keras_xai import render

        return render.overlay(self.images, self.maps, alpha=alpha, vmax=vmax, signed=self.signed)

    def save(self, path: str | os.PathLike) -> None:
        """Write everything to one compressed .npz file, without pickles; `load` reads it back.

        Raises:
            TypeError: `details` hold an array of Python objects.
        """
        arrays: dict[str, np.ndarray] = {}

        def put(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                if value.dtype.hasobject:
                    raise TypeError(
                        f"details hold an array of Python objects of shape {value.shape}, which cannot be saved without "
                        "pickles. Use an array of numbers, or a list."
                    )
                key = f"array_{len(arrays)}"
                arrays[key] = value
                return {"__array__": key}
            if isinstance(value, dict):
                return {"__dict__": [[put(key), put(item)] for key, item in value.items()]}
            if isinstance(value, (list, tuple)):
                return {"__list__" if isinstance(value, list) else "__tuple__": [put(item) for item in value]}
            if isinstance(value, np.generic):
                return value.item()
            if value is None or isinstance(value, (str, int, float, bool)):
                return value
            return repr(value)  # configuration such as a callable score: recorded, not restored

        state = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        header = json.dumps({"format": "keras_xai.Explanation", "version": 1, "state": put(state)})
        with open(path, "wb") as file:
            arrays["header"] = np.frombuffer(header.encode(), np.uint8)
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | os.PathLike) -> Explanation:
        """Read what `save` wrote.

        Raises:
            ValueError: the file is no saved explanation, or of an unknown version.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                stored = {key: archive[key] for key in archive.files}
            header = json.loads(stored["header"].tobytes())
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"{os.fspath(path)!r} is not a saved keras_xai.Explanation: {error}") from error
        if header.get("format") != "keras_xai.Explanation" or header.get("version") != 1:
            raise ValueError(
                f"{os.fspath(path)!r} is {header.get('format')!r} version {header.get('version')!r}; expected "
                "'keras_xai.Explanation' version 1. Was it written by a newer keras_xai?"
            )

        def take(value: Any) -> Any:
            if isinstance(value, dict):
                (kind, content), *_ = value.items()
                if kind == "__array__":
                    return stored[content]
                if kind == "__dict__":
                    return {take(key): take(item) for key, item in content}
                items = [take(item) for item in content]
                return items if kind == "__list__" else tuple(items)
            return value

        return cls(**take(header["state"]))


def resize(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear, with half-pixel centres and clamped borders, as Keras, TensorFlow and torch resize.

    Args:
        maps: (n, h, w) float.
        size: (height, width).

    Returns:
        (n, height, width) float32.
    """
    if maps.shape[1:] == tuple(size):
        return maps.astype(np.float32, copy=False)
    rows, columns = interpolation(maps.shape[1], size[0]), interpolation(maps.shape[2], size[1])
    return (rows @ maps.astype(np.float32, copy=False)) @ columns.T


def interpolation(cells: int, pixels: int) -> np.ndarray:
    """(pixels, cells) float32 weights of a one-dimensional bilinear resize."""
    place = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    low = np.floor(place).astype(int)
    weights = np.zeros((pixels, cells), np.float32)
    weights[np.arange(pixels), low] = 1 - (place - low)
    weights[np.arange(pixels), np.minimum(low + 1, cells - 1)] += place - low
    return weights
