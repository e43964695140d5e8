"""The demo's running summary in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_xai.demo.data import SHORTCUT_CLASS, Scenes
from keras_xai.demo.findings import percent, recognised

HEADER = f"""\
          accuracy on   accuracy on   {SHORTCUT_CLASS}s with the   the same {SHORTCUT_CLASS}s   evidence in
  epoch      training      held-out       sticker    without it    the corner
  -----   -----------   -----------   -----------   -----------   -----------"""


def progress(model: Any, scenes: Scenes, evidence: Callable[[], float], say: Callable[[str], None]) -> Any:
    """Makes a callback that says one line at the end of each epoch.

    Args:
        model: the network in training.
        scenes: the held-out pictures.
        evidence: returns the share of the explained 7s' evidence that lies in the sticker's corner, float or NaN.
        say: what to do with a line of text, `print` for instance.

    Returns:
        A `keras.callbacks.Callback`.
    """
    import keras

    def end_of_epoch(epoch: int, logs: dict) -> None:
        shares = (logs["accuracy"], logs["val_accuracy"], *recognised(model, scenes), evidence())
        say(line(epoch, shares))

    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: say(HEADER), on_epoch_end=end_of_epoch)


def line(epoch: int, shares: tuple[float, ...]) -> str:
    """Formats one line of the table: the epoch, counted from 0 as in the pictures, and five shares in [0, 1] or NaN."""
    return "   ".join([f"{epoch}".rjust(7), *(percent(share).rjust(11) for share in shares)])
