"""Event files, written off the caller's thread."""

import contextlib
import errno
import io
import itertools
import os
import socket
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tensorboard.compat.proto import event_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from keras_xai.log.events import blobs_event, image_event, scalar_event, text_event

Work = Callable[[], Iterable[event_pb2.Event]]

_writers: dict[tuple[int, str], "EventWriter"] = {}
_lock = threading.RLock()  # re-entrant: a log may be collected, and closed, while another one opens
_file_numbers = itertools.count()
_CLOCK_START = time.time() - time.monotonic()


class EventWriter:
    """Writes events into one directory; one per directory and process, shared by all who open it.

    Work is queued onto one thread: building and encoding events costs the caller nothing. Each batch is appended
    to the event file in one piece, whole or not at all, and is with the operating system when the next one starts;
    a killed process loses at most what was still queued. The file appears with the first batch.

    A failure never reaches the caller as an exception: each kind of trouble is told in one warning, given by the next
    call, and later batches are tried again. If the file was removed, a new one takes its place and begins with all
    batches that were to be kept. A file of another process that grows meanwhile is told in the same way.

    Use `EventWriter.open(directory)`, and `close()` once per `open`.
    """

    def __init__(self, directory: str, max_pending: int = 8):
        self.directory = directory
        self._process = os.getpid()
        self._users = 0
        self._claimed: set[tuple[str, str]] = set()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keras_xai-log")
        self._slots = threading.BoundedSemaphore(max_pending)
        self._path: str | None = None
        self._size = 0
        self._kept: dict[str, bytes] = {}
        self._kept_in_file: dict[str, bytes] = {}
        self._others: dict[str, int] | None = None
        self._told: set[object] = set()
        self._untold: deque[str] = deque()

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> "EventWriter":
        """Gives the writer of a directory, the same to all. Touches no disk.

        Args:
            directory: a local directory, which need not exist.

        Raises:
            ValueError: the directory is an address like `gs://bucket`.
        """
        if "://" in str(directory):
            raise ValueError(
                f"Explanations can only be written to a local directory, got {str(directory)!r}. "
                "Write to a local log_dir and copy or mount it."
            )
        key = (os.getpid(), os.path.realpath(directory))
        with _lock:
            writer = _writers.setdefault(key, cls(key[1]))
            writer._users += 1
            return writer

    def close(self, wait: bool = True) -> None:
        """Ends one use. The last one to close ends the thread, after all that was queued is written.

        Args:
            wait: False leaves the rest to the thread and returns at once.
        """
        with _lock:
            self._users -= 1
            last = self._users <= 0
            if last:
                _writers.pop((self._process, self.directory), None)
        if last and os.getpid() == self._process:
            self._executor.shutdown(wait=wait)
        self._tell()

    def claim(self, group: str, name: str) -> str:
        """Reserves a name among all users of this directory.

        Args:
            group: names collide within a group only.
            name: the name wished for.

        Returns:
            The name, or the first free one of `name-2`, `name-3`, ...
        """
        with _lock:
            candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
            free = next(candidate for candidate in candidates if (group, candidate) not in self._claimed)
            self._claimed.add((group, free))
            return free

    def release(self, group: str, name: str) -> None:
        """Gives a claimed name back."""
        with _lock:
            self._claimed.discard((group, name))

    def submit(self, work: Work, keep: str | None = None) -> None:
        """Queues a batch of events. Waits while the disk is too far behind.

        Args:
            work: gives the events; runs on the writer's thread, where its exceptions become a warning. It must not call
                this writer.
            keep: a name under which the batch is remembered, and written again where the file had to be replaced; a
                later batch of that name takes its place.
        """
        self._tell()
        if os.getpid() != self._process:  # a forked worker of a data loader: the thread stayed in the parent
            return
        self._slots.acquire()
        batch = partial(self._run, work, keep, _now())
        try:
            self._executor.submit(batch)
        except RuntimeError:  # the interpreter is shutting down and starts no threads any more
            batch()

    def flush(self) -> None:
        """Waits until all that was queued is in the file."""
        self._drain()
        self._tell()

    def blobs(self, tag: str, step: int, blobs: Sequence[bytes], content: bytes) -> None:
        """Queues a record of ours. See `submit` for what happens on failure, here and below."""
        self.submit(lambda: [blobs_event(tag, step, blobs, content)])

    def scalar(self, tag: str, step: int, value: float) -> None:
        """Queues one point of a curve for the Scalars tab."""
        self.submit(lambda: [scalar_event(tag, step, value)])

    def text(self, tag: str, step: int, markdown: str) -> None:
        """Queues one entry for the Text tab."""
        self.submit(lambda: [text_event(tag, step, markdown)])

    def image(self, tag: str, step: int, encoded: bytes, height: int, width: int) -> None:
        """Queues one encoded picture for the Images tab."""
        self.submit(lambda: [image_event(tag, step, encoded, height, width)])

    def _drain(self) -> None:
        if os.getpid() != self._process:
            return
        try:
            self._executor.submit(int).result()
        except RuntimeError:  # shutting down: what was queued has been drained already
            return

    def _run(self, work: Work, keep: str | None, wall_time: float) -> None:
        try:
            batch = _framed(work(), wall_time)
            if keep is not None:
                self._kept[keep], batch = batch, b""
            if batch or keep is not None:
                self._append(batch)
        except Exception as error:
            self._note(error)
        finally:
            self._slots.release()

    def _append(self, batch: bytes) -> None:
        with self._file() as file:
            start = b"" if self._size else _framed([event_pb2.Event(file_version="brain.Event:2")], _now())
            missing = [kept for name, kept in self._kept.items() if self._kept_in_file.get(name) is not kept]
            data = b"".join([start, *missing, batch])
            try:
                _write_all(file, data)
            except OSError:
                # Half a record would hide all that follows it from every reader.
                with contextlib.suppress(OSError):
                    file.truncate(self._size)
                raise
        self._size += len(data)
        self._kept_in_file = dict(self._kept)
        with contextlib.suppress(OSError):  # listing a directory that just vanished is no news
            self._look_for_others()

    def _look_for_others(self) -> None:
        """Notes when a file of another process appeared or grew since the last look."""
        own = f".{socket.gethostname()}.{os.getpid()}."
        with os.scandir(self.directory) as entries:
            files = [one for one in entries if one.name.startswith("events.out.tfevents.") and own not in one.name]
        sizes = {file.name: file.stat().st_size for file in files}
        for name, _ in sorted(sizes.items() - (sizes if self._others is None else self._others).items())[:1]:
            self._say(
                "others",
                f"Another process writes explanations to {self.directory} at the same time, to the file {name}. Nothing "
                "is lost, read_log reads both; but where both use one name TensorBoard takes the newer fit for the only "
                "one, and mixes their curves. Give each process a log_dir of its own.",
            )
        self._others = sizes

    def _file(self) -> io.FileIO:
        """The event file, at its end; a new one where it is gone or is no longer what was written."""
        if self._path is not None:
            # Opening may not create: a file without its first records would be no event file.
            with contextlib.suppress(FileNotFoundError):
                file = open(self._path, "r+b", buffering=0)  # noqa: SIM115 the caller closes it
                if file.seek(0, os.SEEK_END) == self._size:
                    return file
                file.close()
        if self._size:
            self._note(FileNotFoundError(errno.ENOENT, "the event file was removed or changed", self._path))
        os.makedirs(self.directory, exist_ok=True)
        self._path, self._size, self._kept_in_file = _new_path(self.directory), 0, {}
        return open(self._path, "xb", buffering=0)

    def _note(self, error: Exception) -> None:
        kind = error.errno if isinstance(error, OSError) and error.errno else type(error)
        self._say(kind, _sentence(self.directory, error))

    def _say(self, kind: object, sentence: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._untold.append(sentence)

    def _tell(self) -> None:
        while self._untold:
            warnings.warn(self._untold.popleft(), RuntimeWarning, stacklevel=3)


def _now() -> float:
    """Seconds since 1970 as the clock was when this process began: set back meanwhile, it would reorder the log."""
    return _CLOCK_START + time.monotonic()


def _framed(events: Iterable[event_pb2.Event], wall_time: float) -> bytes:
    buffer = io.BytesIO()
    records = RecordWriter(buffer)
    for event in events:
        event.wall_time = wall_time
        records.write(event.SerializeToString())
    return buffer.getvalue()


def _write_all(file: io.FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # an unbuffered write may take a part only
        rest = rest[file.write(rest) :]


def _new_path(directory: str) -> str:
    # The fields are padded so that the names of one process sort by age, which is how TensorBoard orders files.
    name = f"events.out.tfevents.{int(_now()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_file_numbers):04d}"
    return str(Path(directory) / name)


def _sentence(directory: str, error: Exception) -> str:
    if not isinstance(error, OSError):
        return (
            f"A batch of explanations could not be turned into events for {directory}: "
            f"{type(error).__name__}: {error}. It is left out; training goes on and later batches are tried again."
        )
    if error.errno == errno.ENOENT:
        mend = "A new file was started; what was written before is gone. Leave the directory alone while training runs."
    else:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        cure = "Free some space" if full else "Make it a writable directory"
        mend = f"{cure}, or choose another log_dir. This batch is left out, later ones are tried again."
    return f"Explanations could not be written to {directory}: {error.strerror or error}. Training goes on. {mend}"
