"""A real TensorBoard in a process of its own."""

import contextlib
import os
import re
import subprocess
import sys

START = """
import sys
for name in sys.argv.pop(1).split():
    sys.modules[name] = None  # importing it fails
from tensorboard.main import run_main
run_main()
"""


@contextlib.contextmanager
def tensorboard(log_dir, load_fast, without=()):
    """Runs TensorBoard on a free port and ends it. Gives its address, "http://localhost:6006/".

    TensorFlow is hidden from it, as where it is not installed: it is not needed and takes seconds to import.

    Args:
        log_dir: what it shows. load_fast: "true" for the Rust data server, "false" for the Python loader.
        without: names of further modules that cannot be imported.
    """
    command = [sys.executable, "-c", START, " ".join(["tensorflow", *without]), "--logdir", str(log_dir), "--port", "0"]
    command += [f"--load_fast={load_fast}", "--reload_interval", "1"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield _address(process)
    finally:
        process.terminate()  # SIGINT is ignored in what a shell started in the background
        process.communicate(timeout=60)


def _address(process):
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://localhost:\d+/", line):
            return found[0]
    raise RuntimeError("TensorBoard did not start:\n" + "".join(said))
