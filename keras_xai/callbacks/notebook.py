"""Explanations below the cell of a notebook, while `fit` runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from keras_xai.log.gallery import Gallery
from keras_xai.render.html import figure


class NotebookDisplay:
    """Shows the latest explanations in one place of the output, each epoch over the one before.

    Args:
        samples: a `Samples`.
    """

    def __init__(self, samples: Any):
        self._gallery = Gallery(samples, None)
        self._handle: Any = None

    def show(self, epoch: int, explanations: Mapping[str, Any]) -> None:
        """Draws the explanations of an epoch, every sample on the scale that it has had since the first one."""
        from IPython.display import HTML, display

        self._gallery.add(epoch, explanations)
        pages = "".join(
            f"<details{'' if position else ' open'}><summary>{method}, epoch {epoch}</summary>"
            f"{figure(draw(), f'{method} after epoch {epoch}')}</details>"
            for position, (method, draw) in enumerate(self._gallery.montages().items())
        )
        if self._handle is None:
            self._handle = display(HTML(pages), display_id=True)
        else:
            self._handle.update(HTML(pages))


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None
