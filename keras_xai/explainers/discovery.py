"""Which explainers there are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from typing import Any

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


def chosen(given: Sequence[Explainer | str] | None) -> dict[str, Explainer]:
    """Explainers by method; a second of one method gets "-2".

    Args:
        given: explainers or their names, or one of either; None for those of the callbacks: Grad-CAM, LIME, activations.

    Raises:
        TypeError, ValueError: something else, an unknown name, or none.
    """
    if given is None:
        # Hidden in its own mean colour a uniform patch, the classic shortcut, would stay what it is.
        known: dict[str, Any] = explainers()
        given = [known["grad_cam"](), known["lime"](fill="blur"), known["activations"]()]
    if isinstance(given, (Explainer, str)):
        given = [given]
    if not isinstance(given, Sequence):
        raise TypeError(f"explainers must be a list of keras_xai explainers or their names; it is {given!r}.")
    found: dict[str, Explainer] = {}
    for one in given:
        if isinstance(one, str):
            if one not in explainers():
                raise ValueError(f"There is no explainer {one!r}; there are {list(explainers())}.")
            one = explainers()[one]()
        if not isinstance(one, Explainer):
            hint = f" Write {one.__name__}(), with brackets." if isinstance(one, type) else ""
            raise TypeError(f"explainers must be keras_xai explainers or their names; one is {one!r}.{hint}")
        name, number = one.name, 1
        while name in found:
            number += 1
            name = f"{one.name}-{number}"
        found[name] = one
    if not found:
        raise ValueError("explainers is empty; name at least one, or leave it out for Grad-CAM, LIME and activations.")
    return found
