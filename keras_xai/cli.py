"""The command line: `keras-xai COMMAND`. The commands themselves are in `keras_xai/commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from keras_xai import __version__
from keras_xai.commands import audit, demo, explain, report
from keras_xai.commands.parsing import Formatter

COMMANDS = (demo, explain, audit, report)

DESCRIPTION = """\
See what a Keras model looks at while it learns: explanations of held-out
pictures at the end of every epoch, in TensorBoard.

In your own training it is one callback:

    import keras_xai as kx
    samples = kx.Samples(x_validation[:16], labels=y_validation[:16])
    model.fit(x, y, callbacks=[kx.callbacks.ExplanationCallback(samples)])
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
    except (ValueError, TypeError, ImportError, OSError) as error:
        if arguments.traceback:
            raise
        print(f"keras-xai {arguments.command}: {_explain(error)}", file=sys.stderr)
        return 2
    return 0


def _explain(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"The package {error.name!r} is missing. Mend the installation with: pip install --upgrade keras-xai"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("keras-xai", description=DESCRIPTION, formatter_class=Formatter)
    parser.add_argument("--version", action="version", version=f"keras-xai {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for one in COMMANDS:
        one.add(commands)
    for added in commands.choices.values():
        added.add_argument("--traceback", action="store_true", help="show where an error came from")
    return parser


if __name__ == "__main__":
    sys.exit(main())
