"""What the commands need to describe themselves; nothing heavy, so that `--help` is quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


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


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the texts as they are written; 80 columns wherever it is read."""

    def __init__(self, prog: str):
        super().__init__(prog, width=79, max_help_position=20)
