"""Explain a few kinds of model on this process's backend: `python -m tests.contract.maps_of FOLDER NAME`.

Reads weights from FOLDER/weights.npz and writes FOLDER/NAME.npz; a test runs it once per backend.
"""

import pathlib
import sys

import numpy as np

import keras_xai as kx
from keras_xai.explainers.explainer import explain
from tests.contract.cheap import OF_ANY_NETWORK, OF_TRANSFORMERS, WAYS_TO_ASK, cheap
from tests.models import COUNT, KINDS

CHOSEN = ["skip", "nested", "subclassed", "sigmoid", "multi_input", "vision_transformer"]
# Score-CAM has no positive evidence after this layer normalisation.
CHOSEN_FOR_TOKENS = ["grad_cam", "hires_cam", "integrated_gradients", *OF_TRANSFORMERS]


def names(kind: str) -> list[str]:
    """The explainers that are tried on a kind of model: all on one."""
    if kind == "vision_transformer":
        return CHOSEN_FOR_TOKENS
    return OF_ANY_NETWORK if kind == "skip" else WAYS_TO_ASK


def weights() -> dict[str, np.ndarray]:
    """Of all models, each array by the kind and its position."""
    return {f"{kind} {i}": array for kind in CHOSEN for i, array in enumerate(KINDS[kind].model().get_weights())}


def maps(stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Kind and method -> (COUNT, h, w) raw maps; and each kind's scores."""
    found = {}
    for kind in CHOSEN:
        explainers = list(map(cheap, names(kind)))
        model = KINDS[kind].build()
        model.set_weights([stored[f"{kind} {i}"] for i in range(len(model.get_weights()))])
        samples = kx.Samples(KINDS[kind].inputs(), targets=np.arange(COUNT) % KINDS[kind].classes)
        outcomes = explain(model, explainers, samples, [explainer.prepare(samples) for explainer in explainers])
        found |= {f"{kind} {outcome.method}": outcome.raw for outcome in outcomes}
        found[f"{kind} scores"] = outcomes[0].scores
    return found


if __name__ == "__main__":
    folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    np.savez(folder / f"{name}.npz", **maps(dict(np.load(folder / "weights.npz"))))
