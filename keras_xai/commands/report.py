"""`keras-xai report`"""

from __future__ import annotations

import argparse
from typing import Any

from keras_xai.commands.parsing import at_least, command

DESCRIPTION = """\
Write all explanations of a log directory to one HTML file.

It is the Explanations tab of TensorBoard without a TensorBoard: the file opens
in a browser from the disk, needs no server and loads nothing, so that it can
be mailed, archived or attached to an issue.
"""

EPILOG = """\
examples:
  keras-xai report logs
  keras-xai report logs -o run-17.html
  keras-xai report logs --every 10       every tenth epoch
  keras-xai report logs --max-size 20    as many epochs as 20 MB hold
"""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = command(commands, "report", _report, "all explanations of a log in one HTML file", DESCRIPTION, EPILOG)
    parser.add_argument("log_dir", metavar="LOGDIR", help="what TensorBoard is pointed at")
    parser.add_argument("-o", "--output", metavar="FILE", default="report.html", help="default: report.html")
    parser.add_argument(
        "--every",
        type=at_least(1),
        default=1,
        metavar="N",
        help="keep every Nth epoch, the last one and those with an alert (default: 1)",
    )
    parser.add_argument(
        "--max-size",
        type=at_least(1),
        metavar="MB",
        help="double N until the file is no larger than this (default: no limit)",
    )


def _report(arguments: argparse.Namespace) -> None:
    from keras_xai.dashboard.report import write_report

    written = write_report(arguments.log_dir, arguments.output, every=arguments.every, max_size=arguments.max_size)
    for problem in written.problems:
        print(problem)
    runs = f"{written.runs} {'run' if written.runs == 1 else 'runs'}"
    epochs = f"all {written.of} epochs" if written.epochs == written.of else f"{written.epochs} of {written.of} epochs"
    print(f"{written.path}: {written.size / 1e6:.1f} MB, {epochs} of {runs}. Open it in a browser.")
