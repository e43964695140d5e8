"""One run at a time in a directory; nothing that a dead one left behind is in the way."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import keras_xai as kx
from tests.explained_dataset.toy import Batches, files, network

ROOT = Path(__file__).parents[2]


def explained(data, folder):
    return kx.explain_dataset(network(), data, "grad_cam", folder, shard_size=8, verbose=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    explained(Batches(), folder)
    return files(folder)


def test_another_process_is_refused_until_this_one_is_gone(tmp_path, whole):
    script = """
        import sys
        import keras_xai as kx
        from tests.explained_dataset.toy import Batches, network

        def wait():
            print("at work", flush=True)
            sys.stdin.read()

        kx.explain_dataset(network(), Batches(wait), "grad_cam", sys.argv[1], shard_size=8, verbose=0)
        """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "at work\n"
            assert (tmp_path / "lock").exists()
            message = rf"is writing to .*: process {other.pid} on .*\. Wait for it or end it, and call this again"
            with pytest.raises(RuntimeError, match=message):
                explained(Batches(), tmp_path)
        finally:
            other.send_signal(signal.SIGKILL)
    assert (tmp_path / "lock").exists()
    explained(Batches(), tmp_path)
    assert files(tmp_path) == whole


def test_another_run_of_this_process_is_refused(tmp_path, whole):
    def begin_another():
        with pytest.raises(RuntimeError, match=f"Another run .*: process {os.getpid()} on"):
            explained(Batches(), tmp_path / "one")
        explained(Batches(), tmp_path / "other")

    explained(Batches(begin_another), tmp_path / "one")
    assert files(tmp_path / "one") == files(tmp_path / "other") == whole


def test_a_run_that_fails_gives_the_lock_up(tmp_path, whole):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        explained(Batches(fail), tmp_path)
    assert "lock" not in files(tmp_path)
    explained(Batches(), tmp_path)
    assert files(tmp_path) == whole


def test_a_file_that_nobody_holds(tmp_path, whole):
    (tmp_path / "lock").write_text("process 1 on a host that was switched off, with a long name " * 10)
    explained(Batches(), tmp_path)
    assert files(tmp_path) == whole
