"""Which explainers there are."""

from __future__ import annotations

import importlib
import pkgutil

import keras_xai.explainers as package
from keras_xai.explainers.explainer import Explainer


def explainers() -> dict[str, type[Explainer]]:
    """Every explainer of this package by its method's name, found in its modules: {"grad_cam": GradCAM, ...}."""
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        for value in vars(importlib.import_module(f"{package.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Explainer) and "name" in vars(value):
                found[value.name] = value
    return dict(sorted(found.items()))
