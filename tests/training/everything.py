"""All callbacks with explainers of every kind, every epoch, on few samples."""

import inspect

from keras_xai.callbacks import ActivationsCallback, ExplanationCallback, GradCAMCallback, LIMECallback
from keras_xai.explainers.discovery import explainers
from tests.contract.cheap import WAYS_TO_ASK

# So that a run takes seconds; what is asked is the same.
_SMALLER = {"num_samples": 12, "segments": "grid", "steps": 4}


def all_explainers():
    """One explainer for each way to ask the engine, made cheap."""
    made = []
    for explainer in (explainers()[name] for name in WAYS_TO_ASK):
        known = inspect.signature(explainer.__init__).parameters
        made.append(explainer(**{name: value for name, value in _SMALLER.items() if name in known}))
    return made


def all_callbacks(samples, log_dir):
    return [
        ExplanationCallback(samples, all_explainers(), log_dir=log_dir, log_keys=["xai/drift/grad_cam"]),
        GradCAMCallback(samples, log_dir=log_dir),
        LIMECallback(samples, num_samples=12, segments="grid", log_dir=log_dir),
        ActivationsCallback(samples, log_dir=log_dir),
    ]
