"""Processes of this machine that measure photos: each has its own models, and reads and writes beside them.

A process that ends (killed, or for lack of memory) costs no other photo: those it had are tried again, each in a
process that has nothing else, and the one on which two of these end gets a row that says so.
"""

import contextlib
import multiprocessing as mp
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from mfh.batch.manifest import Item
from mfh.batch.rows import Row
from mfh.batch.worker import Job, Opened, Worker, lost

_MOST_DEATHS = 2
AHEAD = 3
"""Photos that a process has at once: one is read, one measured, one written."""
THREADS = "MFH_THREADS"
"""Environment variable: threads of one network."""
_THREADED = (THREADS, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_ORPHAN_S = 0.5
Make = Callable[[Job], Worker]


@dataclass
class _Process:
    """A process, and the photos it has."""

    process: Any
    pipe: Connection
    has: deque[Item] = field(default_factory=deque)


class LocalEngine:
    """A number of processes that measure photos.

    Args:
        job: what is done with each photo.
        workers: how many processes.
        make: makes the worker in the process; must be importable there.
        threads: of each network; None to divide the cores.
    """

    def __init__(self, job: Job, workers: int, *, make: Make = Worker, threads: int | None = None) -> None:
        self._job, self._make = job, make
        self._threads = threads or max(1, cores() // workers)
        self._suspects: deque[Item] = deque()
        # Photos that are tried again, and how many processes ended when they had nothing else.
        self._alone: dict[str, int] = {}
        self._processes = [self._start() for _ in range(workers)]

    @property
    def busy(self) -> int:
        """Photos that are being measured or wait for their second try."""
        return sum(len(one.has) for one in self._processes) + len(self._suspects)

    @property
    def has_room(self) -> bool:
        """Whether another photo is taken."""
        return not self._suspects and any(self._room(one) for one in self._processes)

    def submit(self, item: Item) -> None:
        """Give a photo to the process that has fewest."""
        free = [one for one in self._processes if self._room(one)]
        self._give(min(free, key=lambda one: len(one.has)), item)

    def rows(self, timeout_s: float) -> Iterator[Row]:
        """Yield the rows of photos that are done, waiting for the first of them at most so long.

        Args:
            timeout_s: seconds.

        Raises:
            MfhError: where the models cannot be loaded.
        """
        pipes = {one.pipe: one for one in self._processes if one.has}
        for pipe in wait(list(pipes), timeout_s) if pipes else ():
            one = pipes[pipe]  # pyright: ignore[reportArgumentType]
            try:
                row = one.pipe.recv()
            except (EOFError, OSError):
                yield from self._mourn(one)
                continue
            if isinstance(row, Exception):
                raise row
            one.has = deque(item for item in one.has if item.id != row.id)
            self._alone.pop(row.id, None)
            yield row
        self._retry()

    def close(self) -> None:
        """End all processes."""
        for one in self._processes:
            with contextlib.suppress(OSError):
                one.pipe.close()
        for one in self._processes:
            one.process.join(timeout=0.2)
            if one.process.is_alive():
                one.process.kill()
                one.process.join()

    def _room(self, one: _Process) -> bool:
        return len(one.has) < AHEAD and not any(item.id in self._alone for item in one.has)

    def _give(self, one: _Process, item: Item) -> None:
        one.has.append(item)
        # A process that is gone is noticed when its rows are waited for.
        with contextlib.suppress(OSError):
            one.pipe.send(item)

    def _start(self) -> _Process:
        context = mp.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(
            target=_serve, args=(there, self._job, self._make, self._threads), daemon=True, name="mfh-batch"
        )
        with _environment(dict.fromkeys(_THREADED, str(self._threads))):
            process.start()
        there.close()
        return _Process(process, here)

    def _mourn(self, one: _Process) -> Iterator[Row]:
        """Start another process in place of one that ended, and decide what becomes of its photos."""
        one.process.join()
        code = one.process.exitcode or 0
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        memory = "; perhaps for lack of memory" if code == -signal.SIGKILL else ""
        for item in one.has:
            deaths = self._alone.pop(item.id, -1) + 1
            if deaths >= _MOST_DEATHS:
                yield lost(item, self._job, f"the process that measured it {ended}, twice{memory}")
            else:
                self._alone[item.id] = deaths
                self._suspects.append(item)
        self._processes[self._processes.index(one)] = self._start()

    def _retry(self) -> None:
        for one in self._processes:
            if self._suspects and not one.has:
                self._give(one, self._suspects.popleft())


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the time of a block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection, job: Job, make: Make, threads: int) -> None:
    """Measure the photos that come through a pipe, and send their rows back; ends with the pipe, or its parent."""
    # Ctrl-C is the parent's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    import cv2

    cv2.setNumThreads(threads)
    worker = make(job)
    try:
        worker.prepare()
    except Exception as error:
        pipe.send(error)
        return
    with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(1) as writing:
        read: deque[Any] = deque()

        def more(*, block: bool) -> bool:
            """Begin to read the next photos that have come; False where the pipe has ended."""
            while block or (len(read) < AHEAD and pipe.poll()):
                try:
                    read.append(reading.submit(worker.open, pipe.recv()))
                except (EOFError, OSError):
                    return False
                block = False
            return True

        while more(block=not read):
            opened: Opened = read.popleft().result()
            more(block=False)
            answered = worker.measure(opened)
            writing.submit(lambda one=answered: pipe.send(worker.write(one)))


def _end_with(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_S)
    os._exit(1)
