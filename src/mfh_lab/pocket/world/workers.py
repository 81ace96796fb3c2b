"""Independent jobs on all cores, results as they come."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from mfh.errors import InputError

Job = TypeVar("Job")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(function: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int) -> Iterator[Result]:
    """Yield the result of each job, in whatever order they finish.

    Args:
        function: a function of a module; what it should load once a process it keeps itself.
        jobs: its arguments, one each.
        workers: processes; 1 works in this one.

    Yields:
        Results.

    Raises:
        InputError: when a process was stopped from outside.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(function, jobs)
        return
    # Spawned, not forked: the progress line is a thread, and forking a process with threads can deadlock.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_to_the_parent)
    try:
        for future in as_completed([pool.submit(function, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool as error:
        raise InputError(
            f"one of {workers} processes was stopped from outside (out of memory?): run again to go on, with fewer "
            "--workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    # The parent then stops the workers, without a traceback from each.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
