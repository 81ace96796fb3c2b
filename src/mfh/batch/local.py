"""Processes of this machine that measure photos: each has its own models, and reads and writes beside them."""

import contextlib
import multiprocessing as mp
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from mfh.batch.columns import Item
from mfh.batch.pool import AHEAD, Hand, Pool
from mfh.batch.rows import Row
from mfh.batch.worker import Job, Opened, Worker
from mfh.models.sessions import THREADS, network_threads

_THREADED = (THREADS, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_ORPHAN_S = 0.5
Make = Callable[[Job], Worker]


@dataclass(kw_only=True, eq=False)
class _Process(Hand):
    """A process, and the pipe to it."""

    process: Any
    pipe: Connection


class LocalEngine(Pool):
    """A number of processes that measure photos.

    Args:
        job: what is done with each photo.
        workers: how many processes.
        make: makes the worker in the process; must be importable there.
        threads: of each network; None for MFH_THREADS, or else to divide the cores.
    """

    def __init__(self, job: Job, workers: int, *, make: Make = Worker, threads: int | None = None) -> None:
        self._make = make
        self._threads = threads or network_threads() or max(1, cores() // workers)
        super().__init__(job, workers)

    def start(self) -> Hand:
        """Start a process."""
        context = mp.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(
            target=_serve, args=(there, self.job, self._make, self._threads), daemon=True, name="mfh-batch"
        )
        with _environment(dict.fromkeys(_THREADED, str(self._threads))):
            process.start()
        there.close()
        return _Process(process=process, pipe=here)

    def send(self, hand: Hand, item: Item) -> None:
        """Send a photo to a process."""
        assert isinstance(hand, _Process)
        with contextlib.suppress(OSError):
            hand.pipe.send(item)

    def rows(self, timeout_s: float) -> Iterator[Row]:
        """Yield the rows of photos that are done, waiting for the first of them at most so long.

        Args:
            timeout_s: seconds.

        Raises:
            MfhError: where the models cannot be loaded.
        """
        pipes = {one.pipe: one for one in self.hands if isinstance(one, _Process) and one.has}
        for pipe in wait(list(pipes), timeout_s) if pipes else ():
            one = pipes[pipe]  # pyright: ignore[reportArgumentType]
            try:
                row = one.pipe.recv()
            except (EOFError, OSError):
                yield from self.mourn(one, _how(one.process))
                continue
            if isinstance(row, Exception):
                raise row
            yield self.received(one, row)
        self.retry()

    def close(self) -> None:
        """End all processes."""
        processes = [one for one in self.hands if isinstance(one, _Process)]
        for one in processes:
            with contextlib.suppress(OSError):
                one.pipe.close()
        for one in processes:
            one.process.join(timeout=0.2)
            if one.process.is_alive():
                one.process.kill()
                one.process.join()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _how(process: Any) -> str:
    """Return how a process ended."""
    process.join()
    code = process.exitcode or 0
    memory = ", perhaps for lack of memory" if code == -signal.SIGKILL else ""
    return f"was killed by signal {-code}{memory}" if code < 0 else f"ended with code {code}"


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
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
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


def end_with(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_S)
    os._exit(1)
