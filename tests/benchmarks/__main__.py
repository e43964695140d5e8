"""What looking costs, in one run on this machine: `python -m tests.benchmarks`.

Every figure is a ratio against a floor that is measured beside it, in turns; medians of repeats. KERAS_BACKEND chooses the
backend; on a GPU it is the same command. `--peers DIRECTORY` makes environments there for other libraries, or takes those
that it made before, and measures them on the same networks in processes of their own, against the same floors.
"""

import argparse
import importlib
import os
import platform
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from tests.benchmarks import rows
from tests.benchmarks.peers.environments import peers

# Files of rows, each with the functions that measure them in `ROWS`; memory first, before anything else was held.
FILES = {file.stem.removesuffix("_rows") for file in Path(__file__).parent.glob("*_rows.py")}
GROUPS = sorted(FILES, key=lambda name: (name != "method", name))
BEGIN, END = "<!-- benchmarks: begin -->\n", "<!-- benchmarks: end -->\n"


def machine() -> str:
    """Versions and hardware in a line."""
    backend = keras.config.backend()
    packages = ", ".join(f"{name} {version(name)}" for name in ("keras", backend, "numpy"))
    return (
        f"{packages}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}{accelerator()}"
    )


def accelerator() -> str:
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        devices = [tf.config.experimental.get_device_details(one) for one in tf.config.list_physical_devices("GPU")]
        names = [str(one.get("device_name")) for one in devices]
    elif backend == "jax":
        import jax

        names = [one.device_kind for one in jax.devices() if one.platform != "cpu"]
    else:
        import torch

        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return "".join(f", {name}" for name in names) or ", no GPU"


def measure(group: str) -> None:
    """All rows of a file; what fails costs its own rows only."""
    for function in importlib.import_module(f"tests.benchmarks.{group}_rows").ROWS:
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        try:
            function()
        except Exception as error:
            traceback.print_exc()
            rows.row(f"{group}: {function.__name__}", "failed", f"{type(error).__name__}: {error}"[:100])


def write(path: Path, text: str) -> None:
    """A file of its own, or what stands between two marks of a file that has them."""
    if path.exists() and BEGIN in (old := path.read_text()):
        text = old[: old.index(BEGIN)] + BEGIN + text + old[old.index(END) :]
    path.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, metavar="DIRECTORY", help="of environments for other libraries (8 GB)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the table in Markdown: README.md, or a new file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture of it: examples/images/cost.png")
    parser.add_argument("--only", nargs="*", choices=[*GROUPS, "peers"], default=[*GROUPS, "peers"], metavar="GROUP")
    options = parser.parse_args()
    start = time.perf_counter()
    print(f"{machine()}\n")
    rows.row("", "measured", "goal")
    rows.ROWS.clear()
    for group in GROUPS:
        if group in options.only:
            measure(group)
    if "peers" in options.only:
        peers(options.peers and options.peers.resolve())
    took = f"{(time.perf_counter() - start) / 60:.0f} minutes"
    print(f"\n{took}", file=sys.stderr)
    if options.write:
        write(options.write, f"{machine()}; {took}:\n\n{rows.markdown()}")
    if options.plot:
        from tests.benchmarks.plot import plot

        plot(options.plot)


if __name__ == "__main__":
    main()
