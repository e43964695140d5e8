"""One shard: some samples' maps and numbers, in memory and as an .npz file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.explained_dataset.durable import sha256_of, write_durably
from keras_xai.explanation import Explanation, resize

_DETAIL = "details/"


@dataclass(frozen=True, eq=False)
class Shard:
    """Consecutive samples of an explained data set.

    Attributes:
        start: the number of the first one.
        size: (height, width) of the images.
        raw: (n, h', w') float32 or float16 at the method's own resolution.
        valid: (n,) bool: False where the model gave a non-finite score; the map is zero there.
        scores: (n,) float32: what was explained. targets: (n,) int.
        predictions: (n, classes) float32; None where the model puts out more than a vector per image.
        labels: (n,) int or (n, classes) float32, as the data have them, or None.
        details: what else the method says in one number per sample: "r2" of LIME, "completeness_gap".
    """

    start: int
    size: tuple[int, int]
    raw: np.ndarray
    valid: np.ndarray
    scores: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray | None = None
    labels: np.ndarray | None = None
    details: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def maps(self) -> np.ndarray:
        """(n, height, width) float32 at the image's size, bilinear from `raw`; never normalised."""
        return resize(self.raw.astype(np.float32, copy=False), self.size)

    def __len__(self) -> int:
        return len(self.raw)

    def __repr__(self) -> str:
        height, width = self.raw.shape[1:]
        return f"Shard(samples {self.start} to {self.start + len(self) - 1}, maps of {height}×{width})"


def arrays_of(explanation: Explanation, dtype: str, count: int) -> dict[str, np.ndarray]:
    """What a shard keeps of an explanation's first `count` samples.

    Raises:
        ValueError: a map does not fit into `dtype`.
    """
    largest = float(np.abs(explanation.raw).max(initial=0))
    if largest > float(np.finfo(dtype).max):
        raise ValueError(f"A map reaches {largest:.3g}, which {dtype} cannot hold. Give dtype='float32'.")
    arrays = {
        "raw": explanation.raw.astype(dtype, copy=False),
        "valid": explanation.valid,
        "scores": explanation.scores,
        "targets": explanation.targets,
    }
    if explanation.predictions.ndim == 2:
        arrays["predictions"] = explanation.predictions
    if explanation.labels is not None:
        arrays["labels"] = explanation.labels
    for name, value in explanation.details.items():
        if isinstance(value, np.ndarray) and value.shape == (len(explanation),):
            arrays[_DETAIL + name] = value
    return {name: array[:count] for name, array in arrays.items()}


def write_shard(path: Path, parts: Sequence[dict[str, np.ndarray]]) -> str:
    """Writes an uncompressed .npz file. The same numbers give the same bytes.

    Args:
        path: of the file. parts: arrays by name, one after the other.

    Returns:
        The file's SHA-256.

    Raises:
        OSError: it could not be written; nothing of it stays.
    """
    arrays: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    write_durably(path, lambda file: np.savez(file, **arrays))
    return sha256_of(path)


def read_shard(content: bytes, start: int, size: tuple[int, int]) -> Shard:
    """The shard in an .npz file's bytes."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    details = {name.removeprefix(_DETAIL): arrays.pop(name) for name in list(arrays) if name.startswith(_DETAIL)}
    return Shard(start=start, size=size, details=details, **arrays)
