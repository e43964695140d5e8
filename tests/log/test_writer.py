import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path

import pytest
from tensorboard.compat.proto import event_pb2

from keras_xai.event_files import events
from keras_xai.log import EventWriter
from keras_xai.log.events import blobs_event, scalar_event

ROOT = Path(__file__).parents[2]


@pytest.fixture
def writer(tmp_path):
    writer = EventWriter.open(tmp_path / "logs" / "explanations")
    yield writer
    writer.close()


def files(directory):
    return sorted(Path(directory).glob("events.out.tfevents.*"))


def tags(directory):
    """All tags in the order written, read by TensorBoard's reader."""
    return [value.tag for file in files(directory) for event in events(file) for value in event.summary.value]


def told(action):
    """What the action warns of, on the thread that called it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    assert {one.category for one in caught} <= {RuntimeWarning}
    return [str(one.message) for one in caught]


def run(script, *arguments, **options):
    """Runs a script of its own process; what it warns of comes on stderr."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stderr
    return done


def test_the_file_appears_with_the_first_record(writer):
    assert not os.path.exists(os.path.dirname(writer.directory))
    writer.submit(list)
    writer.flush()
    assert not os.path.exists(writer.directory)
    writer.scalar("loss", 3, 0.5)
    writer.flush()
    (file,) = files(writer.directory)
    first, second = events(file)
    assert first.file_version == "brain.Event:2"
    assert (second.step, second.summary.value[0].tag) == (3, "loss")
    assert first.wall_time > 1e9
    assert second.wall_time > 1e9
    assert file.name.startswith(f"events.out.tfevents.{int(first.wall_time):010d}.")
    assert f".{os.getpid()}." in file.name


def test_all_who_open_a_directory_share_one_writer(tmp_path):
    first, second = EventWriter.open(tmp_path / "a"), EventWriter.open(str(tmp_path / "b" / ".." / "a"))
    other = EventWriter.open(tmp_path / "b")
    assert first is second
    assert other is not first
    first.close()
    second.scalar("still", 0, 1.0)
    second.close()
    other.close()
    assert tags(tmp_path / "a") == ["still"]
    third = EventWriter.open(tmp_path / "a")
    assert third is not first
    third.scalar("again", 0, 1.0)
    third.close()
    assert tags(tmp_path / "a") == ["still", "again"]
    assert len(files(tmp_path / "a")) == 2


def test_an_address_is_refused():
    with pytest.raises(ValueError, match="only be written to a local directory, got 'gs://bucket/logs'"):
        EventWriter.open("gs://bucket/logs")


def test_claims(tmp_path, writer):
    assert [writer.claim("log", "a") for _ in range(3)] == ["a", "a-2", "a-3"]
    assert writer.claim("method", "a") == "a"
    writer.release("log", "a-2")
    assert writer.claim("log", "a") == "a-2"


def test_work_runs_on_one_other_thread_in_order(writer):
    seen = []

    def work(number):
        seen.append((number, threading.get_ident()))
        return [scalar_event(f"t{number}", 0, 1.0)]

    for number in range(30):
        writer.submit(lambda number=number: work(number))
    writer.flush()
    assert [number for number, _ in seen] == list(range(30))
    assert len({thread for _, thread in seen}) == 1
    assert seen[0][1] != threading.get_ident()
    assert tags(writer.directory) == [f"t{number}" for number in range(30)]


def test_the_queue_is_bounded(tmp_path):
    writer = EventWriter(str(tmp_path), max_pending=3)
    submitted, seen, all_submitted = [], [], threading.Event()

    def slow_first():
        # Without a bound all hundred are queued before this ends; with one, they never are.
        all_submitted.wait(timeout=0.3)
        seen.append(len(submitted))
        return []

    writer.submit(slow_first)
    for number in range(100):
        writer.submit(list)
        submitted.append(number)
    all_submitted.set()
    writer.flush()
    assert seen[0] <= 3


def test_a_failing_batch_is_told_once_and_the_rest_is_written(writer):
    def broken():
        yield scalar_event("half", 0, 1.0)
        raise KeyError("nothing there")

    def write():
        for _ in range(5):
            writer.submit(broken)
        writer.flush()
        writer.scalar("after", 0, 1.0)
        writer.flush()

    writer.scalar("before", 0, 1.0)
    (message,) = told(write)
    assert f"could not be turned into events for {writer.directory}: KeyError: 'nothing there'" in message
    assert tags(writer.directory) == ["before", "after"]


def test_the_warning_comes_on_the_callers_thread(writer):
    told = []
    with warnings.catch_warnings():
        warnings.showwarning = lambda *arguments: told.append((arguments[0], threading.get_ident()))
        warnings.simplefilter("always")
        writer.submit(lambda: 1 / 0)
        writer.flush()
    assert [thread for _, thread in told] == [threading.get_ident()]


def test_a_removed_directory_is_made_again(writer):
    def vandalise_and_write():
        for step in range(3):
            shutil.rmtree(os.path.dirname(writer.directory))
            writer.scalar(f"later {step}", step, 1.0)
            writer.flush()
        writer.scalar("last", 9, 1.0)
        writer.flush()

    writer.submit(lambda: [scalar_event("kept", 0, 1.0)], keep="kept")
    writer.submit(lambda: [scalar_event("kept too", 0, 1.0)], keep="kept too")
    writer.submit(lambda: [scalar_event("kept", 0, 2.0)], keep="kept")
    writer.scalar("lost", 0, 1.0)
    writer.flush()
    assert tags(writer.directory) == ["kept", "kept too", "kept", "lost"]
    (message,) = told(vandalise_and_write)
    assert "the event file was removed or changed. Training goes on. A new file was started" in message
    assert tags(writer.directory) == ["kept", "kept too", "later 2", "last"]
    (file,) = files(writer.directory)
    values = {value.tag: value.tensor for event in events(file) for value in event.summary.value}
    assert values["kept"].float_val[0] == 2.0


def test_a_directory_removed_all_the_time_kills_nothing(writer):
    """Removal at any moment, also between looking and writing, costs at most the batches it hits."""
    stop = threading.Event()

    def vandal():
        while not stop.is_set():
            shutil.rmtree(os.path.dirname(writer.directory), ignore_errors=True)

    def write():
        for step in range(200):
            writer.scalar("loss", step, 1.0)
        writer.flush()
        stop.set()
        thread.join()
        writer.scalar("survivor", 0, 1.0)
        writer.flush()

    thread = threading.Thread(target=vandal)
    thread.start()
    messages = told(write)
    assert len(set(messages)) == len(messages) <= 2
    assert tags(writer.directory)[-1] == "survivor"


def test_a_removed_file_is_not_brought_back_headless(writer):
    writer.scalar("lost", 0, 1.0)
    writer.flush()
    (removed,) = files(writer.directory)
    removed.unlink()
    writer.scalar("later", 0, 1.0)
    (message,) = told(writer.flush)
    assert "the event file was removed or changed" in message
    assert not removed.exists()
    (file,) = files(writer.directory)
    assert next(events(file)).file_version == "brain.Event:2"
    assert tags(writer.directory) == ["later"]


def test_a_file_changed_by_others_is_left_alone(writer):
    writer.submit(lambda: [scalar_event("kept", 0, 1.0)], keep="kept")
    writer.flush()
    (first,) = files(writer.directory)
    first.write_bytes(b"")
    writer.scalar("later", 0, 1.0)
    (message,) = told(writer.flush)
    assert "the event file was removed or changed" in message
    assert first.read_bytes() == b""
    assert tags(writer.directory) == ["kept", "later"]


def test_a_file_where_the_directory_should_be(writer, tmp_path):
    def write():
        for step in range(5):
            writer.submit(lambda: [scalar_event("kept", 0, 1.0)], keep="kept")
            writer.scalar("lost", step, 1.0)
        writer.flush()

    (tmp_path / "logs").write_text("in the way")
    (message,) = told(write)
    assert "Not a directory. Training goes on. Make it a writable directory, or choose another log_dir." in message
    (tmp_path / "logs").unlink()
    writer.scalar("mended", 0, 1.0)
    writer.flush()
    assert tags(writer.directory) == ["kept", "mended"]


def test_a_full_disk(tmp_path):
    """A limit on the file size stands in for the disk: it cuts a write in the middle, as a full disk does."""
    done = run(
        """
        import resource, sys
        from keras_xai.log import EventWriter
        from keras_xai.log.events import blobs_event

        writer = EventWriter.open(sys.argv[1])
        def write(tag):
            writer.submit(lambda: [blobs_event(tag, 0, [bytes(30_000)], b"{}")])
            writer.flush()
        writer.submit(lambda: [blobs_event("kept", 0, [b"first"], b"{}")], keep="kept")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        for number in range(8):
            write(f"full {number}")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        write("space again")
        writer.close()
        print("training goes on")
        """,
        tmp_path,
    )
    assert done.stdout == "training goes on\n"
    assert done.stderr.count("RuntimeWarning") == 1
    assert "File too large. Training goes on. Free some space, or choose another log_dir." in done.stderr
    assert tags(tmp_path) == ["kept", "full 0", "full 1", "full 2", "space again"]


def test_a_kept_batch_that_met_a_full_disk_is_written_later(tmp_path):
    run(
        """
        import resource, sys
        from keras_xai.log import EventWriter
        from keras_xai.log.events import blobs_event

        writer = EventWriter.open(sys.argv[1])
        writer.submit(lambda: [blobs_event("small", 0, [b""], b"{}")])
        writer.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        writer.submit(lambda: [blobs_event("kept", 0, [bytes(30_000)], b"{}")], keep="kept")
        writer.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        writer.submit(lambda: [blobs_event("later", 0, [b""], b"{}")])
        writer.close()
        """,
        tmp_path,
    )
    assert tags(tmp_path) == ["small", "kept", "later"]


def test_a_killed_process_leaves_what_was_flushed(tmp_path):
    script = """
        import os, signal, sys
        from keras_xai.log import EventWriter
        from keras_xai.log.events import blobs_event

        writer = EventWriter.open(sys.argv[1])
        for number in range(5):
            writer.submit(lambda number=number: [blobs_event(f"t{number}", number, [bytes(10_000)], b"{}")])
        writer.flush()
        for number in range(5, 13):
            writer.submit(lambda number=number: [blobs_event(f"t{number}", number, [bytes(10_000)], b"{}")])
        os.kill(os.getpid(), signal.SIGKILL)
        """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, timeout=120).returncode == -signal.SIGKILL
    survived = tags(tmp_path)
    assert survived == [f"t{number}" for number in range(len(survived))]
    assert len(survived) >= 5


def test_the_end_of_the_interpreter_writes_what_is_queued(tmp_path):
    run(
        """
        import atexit, sys
        from keras_xai.log import EventWriter
        from keras_xai.log.events import blobs_event

        writer = EventWriter.open(sys.argv[1])
        atexit.register(lambda: (writer.scalar("at exit", 0, 1.0), writer.flush()))
        for number in range(8):
            writer.submit(lambda number=number: [blobs_event(f"t{number}", number, [bytes(50_000)], b"{}")])
        """,
        tmp_path,
    )
    assert tags(tmp_path) == [*(f"t{number}" for number in range(8)), "at exit"]


def test_a_forked_process_writes_nothing_and_does_not_hang(tmp_path):
    run(
        """
        import os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from keras_xai.log import EventWriter

        writer = EventWriter.open(sys.argv[1])
        writer.scalar("parent", 0, 1.0)
        writer.flush()
        child = os.fork()
        if child == 0:
            for step in range(50):
                writer.scalar("child", step, 1.0)
            writer.flush()
            writer.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        writer.scalar("parent again", 0, 1.0)
        writer.close()
        """,
        tmp_path,
    )
    assert tags(tmp_path) == ["parent", "parent again"]


def test_two_processes_write_into_one_directory(tmp_path):
    script = """
        import sys
        from keras_xai.log import EventWriter

        writer = EventWriter.open(sys.argv[1])
        for step in range(100):
            writer.scalar(sys.argv[2], step, 1.0)
        writer.close()
        """
    commands = [[sys.executable, "-c", textwrap.dedent(script), str(tmp_path), name] for name in ("one", "two")]
    processes = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert sorted(tags(tmp_path)) == ["one"] * 100 + ["two"] * 100
    assert len(files(tmp_path)) == 2


def test_neither_tensorflow_nor_keras_nor_random_numbers(tmp_path):
    done = run(
        """
        import random, sys
        import numpy as np
        sys.path.insert(0, "tests/log")
        from log_stand_ins import make_activations, make_explanation, make_lime, make_samples

        samples = make_samples(2)
        explanations = {"grad_cam": make_explanation(samples), "lime": make_lime(samples)}
        explanations["activations"] = make_activations(samples)
        before = random.getstate(), np.random.get_state()[1].tolist()
        from keras_xai.log import ExplanationLog, read_log
        log = ExplanationLog(sys.argv[1], "explanations", samples, epochs=2)
        log.baseline(explanations)
        for epoch in range(2):
            log.epoch(epoch, explanations, {"lime": {"entropy": np.ones(2)}}, {"loss": 1.0})
        log.text("xai/alerts", 0, "hello")
        log.finish()
        assert len(read_log(sys.argv[1])) == 6
        assert before == (random.getstate(), np.random.get_state()[1].tolist())
        frameworks = {"tensorflow", "keras", "jax", "torch"}
        print(sorted(frameworks & {name.split(".")[0] for name in sys.modules}))
        """,
        tmp_path,
    )
    assert done.stdout == "[]\n"
    assert done.stderr == ""


def test_events_are_what_tensorboard_calls_them():
    event = blobs_event("keras_xai/a/inputs", 0, [b"{}", b"", b"\x00\xff"], b'{"version":1}')
    again = event_pb2.Event.FromString(event.SerializeToString())
    value = again.summary.value[0]
    assert list(value.tensor.string_val) == [b"{}", b"", b"\x00\xff"]
    assert [dim.size for dim in value.tensor.tensor_shape.dim] == [3]
    assert value.metadata.plugin_data.plugin_name == "keras_xai"
    assert value.metadata.plugin_data.content == b'{"version":1}'
    assert value.metadata.data_class == 3  # DATA_CLASS_BLOB_SEQUENCE
