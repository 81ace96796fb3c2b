"""What happens in the process that runs one step: its streams, limits and watch, and the command itself."""

import io
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tests.fuzz.case import Step
from tests.fuzz.watch import watch

MEMORY_BYTES = 6 << 30
"""More address space than the process began with, and allocations fail."""


def become(
    step: Step,
    root: Path,
    environment: dict[str, str],
    *,
    before: Callable[[], None] | None = None,
    after: Callable[[], object] | None = None,
) -> NoReturn:
    """Turn a forked process into one run of the command, and end it.

    Args:
        step: what to run.
        root: the case's folder; streams go to root/streams.
        environment: whole.
        before: called last before the command.
        after: called first after it.
    """
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    streams = root / "streams"
    _redirect(0, Path(os.devnull), os.O_RDONLY)
    for number, name in ((1, "out"), (2, "err")):
        _redirect(number, streams / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    notes = os.open(streams / "notes", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    # As Python opens them where the system speaks UTF-8.
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(root / step.folder)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = _address_space() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if step.tiny:
        from tests.fuzz.tiny_models import take_their_place

        take_their_place()
    # Fonts that matplotlib knows, and what the weights cache knows of its files.
    shared = (f"{environment['MPLCONFIGDIR']}{os.sep}", f"{environment['MFH_WEIGHTS']}{os.sep}.")
    watch(root, shared, lambda line: _write_note(notes, line))
    code = 1
    try:
        if before is not None:
            before()
        code = _run(step)
        if after is not None:
            after()
    except BaseException:
        # Whatever reaches this would have been a traceback.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code & 0xFF)


def _run(step: Step) -> int:
    if step.call:
        from tests.fuzz.calls import call

        return call(step.call, step.words)
    from mfh.cli.main import main

    return main(list(step.words))


def _write_note(notes: int, line: str) -> None:
    os.write(notes, line.encode("utf-8", "backslashreplace").replace(b"\n", b" ") + b"\n")


def _redirect(number: int, path: Path, flags: int) -> None:
    opened = os.open(path, flags, 0o644)
    os.dup2(opened, number)
    os.close(opened)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
