"""The command line: `keras-xai demo`, more to come.

A command is one function that adds its parser and names the function that does the work; see `_add_demo`. Nothing
heavy is imported before a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from keras_xai import __version__

BACKENDS = ("tensorflow", "jax", "torch")

DESCRIPTION = """\
See what a Keras model looks at while it learns: explanations of held-out
pictures at the end of every epoch, in TensorBoard.

In your own training it is one callback:

    import keras_xai as kx
    samples = kx.Samples(x_validation[:16], labels=y_validation[:16])
    model.fit(x, y, callbacks=[kx.callbacks.ExplanationCallback(samples)])
"""

DEMO = """\
Watch a network fall for a shortcut, and its explanations give it away.

Trains a small network on digits pasted on photographs, where nearly every 7
carries a yellow sticker. At the end of each epoch it computes Grad-CAM, LIME
and the feature maps of held-out pictures. At the end you read, in plain words,
what the network learned.

It needs about a minute, no graphics card and no network: the pictures come
with scikit-learn and scikit-image.
"""

DEMO_EPILOG = """\
it writes into the log directory:
  filmstrip.png      Grad-CAM of every held-out picture, from epoch to epoch
  filmstrip-*.png    the same for the other methods
  and what TensorBoard shows: explanations, accuracy and loss

examples:
  keras-xai demo
  keras-xai demo --epochs 10 --log-dir runs/longer
  keras-xai demo --serve                 then open http://localhost:6006
  KERAS_BACKEND=torch keras-xai demo     on another Keras backend
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the arguments without the program's name; None: those of this process.

    Returns:
        The exit code: 0 if all went well, 2 if something must be changed first, 130 if interrupted. (`--help`,
        `--version` and mistyped arguments leave through SystemExit, as argparse does.)
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        arguments.function(arguments)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except (ValueError, ImportError, OSError) as error:
        if arguments.traceback:
            raise
        print(f"keras-xai {arguments.command}: {_explain(error)}", file=sys.stderr)
        return 2
    return 0


def check_backend() -> None:
    """Makes sure that the backend Keras is going to load can be loaded, before Keras fails with a riddle.

    Raises:
        ValueError: the backend has no gradients or is not installed.
    """
    backend, source = _configured_backend()
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    if backend in installed:
        return
    mend = (
        f"Choose one that is installed ({', '.join(installed)}), for instance KERAS_BACKEND={installed[0]} keras-xai ..."
        if installed
        else "Install one of them, for instance with: pip install tensorflow"
    )
    if backend not in BACKENDS:
        raise ValueError(
            f"{source} names the Keras backend {backend!r}, but keras-xai runs on {', '.join(BACKENDS)}. {mend}"
        )
    raise ValueError(f"{source} names the Keras backend {backend!r}, which is not installed. {mend}")


def _explain(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"The package {error.name!r} is missing. Mend the installation with: pip install --upgrade keras-xai"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("keras-xai", description=DESCRIPTION, formatter_class=_Formatter)
    parser.add_argument("--version", action="version", version=f"keras-xai {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    _add_demo(commands)
    for command in commands.choices.values():
        command.add_argument("--traceback", action="store_true", help="show where an error came from")
    return parser


def _add_demo(commands: Any) -> None:
    parser = _command(
        commands, "demo", _demo, "a network falls for a planted shortcut; about a minute", DEMO, DEMO_EPILOG
    )
    parser.add_argument(
        "--log-dir", metavar="DIR", help="a new or empty directory (default: keras-xai-demo, -2, -3, ...)"
    )
    parser.add_argument("--epochs", type=_at_least(1), default=6, metavar="N", help="passes over the data (default: 6)")
    parser.add_argument("--seed", type=_at_least(0), default=0, metavar="N", help="other data and weights (default: 0)")
    parser.add_argument("--serve", action="store_true", help="start TensorBoard at the end")
    parser.add_argument(
        "--port", type=_at_least(1), default=6006, metavar="N", help="TensorBoard's port (default: 6006)"
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


def _command(
    commands: Any,
    name: str,
    function: Callable[[argparse.Namespace], None],
    summary: str,
    description: str,
    epilog: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=description, epilog=epilog, formatter_class=_Formatter)
    parser.set_defaults(function=function)
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the texts as they are written; 80 columns wherever it is read."""

    def __init__(self, prog: str):
        super().__init__(prog, width=79, max_help_position=20)


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"expected a whole number of {least} or more, got {text!r}")
        return value

    return number


def _configured_backend() -> tuple[str, str]:
    """Returns the backend's name and who says so, in Keras's own order: the variable, the file, the default."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"], "The environment variable KERAS_BACKEND"
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["backend"], f"The file {path}"
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "Keras's default"


if __name__ == "__main__":
    sys.exit(main())
