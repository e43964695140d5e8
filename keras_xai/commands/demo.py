"""`keras-xai demo`"""

from __future__ import annotations

import argparse
from typing import Any

from keras_xai.commands.parsing import at_least, command
from keras_xai.commands.starting_keras import check_backend

DESCRIPTION = """\
Watch a network fall for a shortcut, and get caught.

Trains a small network on digits pasted on photographs, where nearly every 7
carries a yellow sticker. At the end of each epoch it computes Grad-CAM, LIME
and the feature maps of held-out pictures, and a monitor verifies on them what
the network relies on. At the end you read, in plain words, what it learned,
and the alert.

It needs about two minutes, no graphics card and no network: the pictures come
with scikit-learn and scikit-image.
"""

EPILOG = """\
it writes into the log directory:
  report.html        all explanations, to be opened in a browser
  filmstrip.png      Grad-CAM of every held-out picture, from epoch to epoch
  filmstrip-*.png    the same for the other methods
  and what TensorBoard shows: explanations, alerts, accuracy and loss

examples:
  keras-xai demo
  keras-xai demo --epochs 10 --log-dir runs/longer
  keras-xai demo --serve                 then open http://localhost:6006
  KERAS_BACKEND=torch keras-xai demo     on another Keras backend
"""


def add(commands: Any) -> None:
    """Adds the command."""
    summary = "a network falls for a planted shortcut; about two minutes"
    parser = command(commands, "demo", _demo, summary, DESCRIPTION, EPILOG)
    parser.add_argument(
        "--log-dir", metavar="DIR", help="a new or empty directory (default: keras-xai-demo, -2, -3, ...)"
    )
    parser.add_argument("--epochs", type=at_least(1), default=6, metavar="N", help="passes over the data (default: 6)")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="other data and weights (default: 0)")
    parser.add_argument("--serve", action="store_true", help="start TensorBoard at the end")
    parser.add_argument(
        "--port", type=at_least(1), default=6006, metavar="N", help="TensorBoard's port (default: 6006)"
    )
    parser.add_argument("--quiet", action="store_true", help="print the result only")


def _demo(arguments: argparse.Namespace) -> None:
    check_backend()
    from keras_xai.demo.run import run

    run(
        log_dir=arguments.log_dir,
        epochs=arguments.epochs,
        serve=arguments.serve,
        quiet=arguments.quiet,
        seed=arguments.seed,
        port=arguments.port,
    )
