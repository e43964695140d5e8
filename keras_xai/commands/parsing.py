"""What the commands need to describe themselves; nothing heavy, so that `--help` is quick."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

PREPROCESS = """\
from pixels (0 to 255, RGB) to what the model eats: none, unit (0 to 1),
symmetric (-1 to 1), torch or caffe (the ImageNet statistics of
keras.applications), or a function, module:name. Default: none for a model
that begins with a layer that rescales, else unit; the output says which"""


def command(
    commands: Any,
    name: str,
    function: Callable[[argparse.Namespace], None],
    summary: str,
    description: str,
    epilog: str,
) -> argparse.ArgumentParser:
    """Adds a command.

    Args:
        commands: what `add_subparsers` returned.
        name: what the user types.
        function: does the work; it gets the parsed arguments.
        summary: one line for the list of commands.
        description, epilog: what `--help` says before and after the arguments, at most 80 columns wide.

    Returns:
        The parser, for its arguments.
    """
    parser = commands.add_parser(name, help=summary, description=description, epilog=epilog, formatter_class=Formatter)
    parser.set_defaults(function=function)
    return parser


def at_least(least: int) -> Callable[[str], int]:
    """Makes the type of an argument: a whole number of `least` or more."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"expected a whole number of {least} or more, got {text!r}")
        return value

    return number


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what says how image files become what a saved model eats, and what its classes are called."""
    parser.add_argument("--class-names", metavar="FILE", help="the names of the classes, one per line")
    parser.add_argument("--preprocess", metavar="HOW", help=PREPROCESS)
    parser.add_argument(
        "--image-size", type=image_size, metavar="HxW", help="for a model that takes images of any size"
    )
    parser.add_argument("--import", dest="modules", action="append", default=[], metavar="MODULE",
                        help="import this first: it registers the model's own layers")  # fmt: skip


def image_size(text: str) -> tuple[int, int]:
    """The type of an argument: "224x160" is (224, 160), height and width."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or "0" in match.groups():
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH such as 224x224, got {text!r}")
    return int(match[1]), int(match[2])


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the texts as they are written; 80 columns wherever it is read."""

    def __init__(self, prog: str):
        super().__init__(prog, width=79, max_help_position=20)
