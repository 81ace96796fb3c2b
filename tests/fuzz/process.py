"""Runs the command as a process of its own, as the system starts it, in an environment with faults."""

import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.fuzz.case import Outcome, Step
from tests.fuzz.engine import REPOSITORY, end, ended, environment_of, wait

DEADLINE_S = 60.0
"""Of a process that also starts Python and loads the models, on a machine that may be busy; what computes for more
than 20 s is a hang too."""


@dataclass(frozen=True)
class Arranged:
    """How a process is started.

    Attributes:
        stdin, stdout, stderr: "null", "file", "closed", "full", "broken" (nobody reads) or "terminal" (nobody looks).
        before: called in the new process, last before the command starts.
        meanwhile: seconds of computing after the start, and what happens then to the process of this id.
        environment: whole; None for the usual one.
    """

    stdin: str = "null"
    stdout: str = "file"
    stderr: str = "file"
    before: Callable[[], object] | None = None
    meanwhile: tuple[float, Callable[[int], None]] | None = None
    environment: dict[str, str] = field(default_factory=dict)


@cache
def entry() -> str:
    """Return the line of Python that the installed script runs."""
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["mfh"].partition(":")
    return f"import sys; from {module} import {function}; sys.exit({function}())"


def start(step: Step, root: Path, base: Path, arranged: Arranged) -> subprocess.Popen[bytes]:
    """Start the command.

    Args:
        step: what to run.
        root: the case's folder; streams go to root/streams.
        base: of the run.
        arranged: how.
    """
    environment = {**environment_of(step, root, base), **arranged.environment}
    environment = {name: value for name, value in environment.items() if value != "\0"}
    streams = root / "streams"
    opened: list[int] = []
    closed: list[int] = []

    def stream(number: int, name: str, how: str) -> int:
        if how == "null":
            made = os.open(os.devnull, os.O_RDWR)
        elif how == "full":
            made = os.open("/dev/full", os.O_WRONLY)
        elif how == "broken":
            reader, made = os.pipe()
            os.close(reader)
        elif how == "terminal":
            # Its other end stays open for as long as this process is there, and holds more than a run writes.
            _, made = os.openpty()
        else:
            if how == "closed":
                closed.append(number)
            made = os.open(streams / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        opened.append(made)
        return made

    def prepare() -> None:
        # Whoever started this may ignore them, and that is inherited.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if arranged.before is not None:
            arranged.before()
        for number in closed:
            os.close(number)

    process = subprocess.Popen(
        [sys.executable, "-c", entry(), *step.words],
        stdin=stream(0, "in", arranged.stdin),
        stdout=stream(1, "out", arranged.stdout),
        stderr=stream(2, "err", arranged.stderr),
        cwd=root / step.folder,
        env=environment,
        start_new_session=True,
        preexec_fn=prepare,
    )
    for one in opened:
        os.close(one)
    return process


def finish(process: subprocess.Popen[bytes], root: Path, begin: float, *, deadline_s: float = DEADLINE_S) -> Outcome:
    """Wait for a process.

    Args:
        process: started by :func:`start`.
        root: the case's folder.
        begin: when it was started.
        deadline_s: when it is ended.
    """
    status, used, hung = wait(process.pid, begin + deadline_s)
    # Its status is taken already.
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu_s = used.ru_utime + used.ru_stime
    streams = root / "streams"
    return Outcome(
        code=process.returncode,
        out=_read(streams / "out"),
        err=_read(streams / "err"),
        seconds=time.monotonic() - begin,
        cpu_s=cpu_s,
        grown_mb=used.ru_maxrss / 1024,
        hung=hung or cpu_s > 20,
    )


def run(step: Step, root: Path, base: Path, arranged: Arranged | None = None) -> Outcome:
    """Run the command to its end.

    Args:
        step: what to run.
        root: the case's folder.
        base: of the run.
        arranged: how; None for as usual.
    """
    arranged = arranged or Arranged()
    for name in ("in", "out", "err"):
        (root / "streams" / name).unlink(missing_ok=True)
    begin = time.monotonic()
    process = start(step, root, base, arranged)
    if arranged.meanwhile is not None:
        after_s, happen = arranged.meanwhile
        if has_computed(process.pid, after_s, begin + DEADLINE_S):
            happen(process.pid)
    return finish(process, root, begin)


def has_computed(pid: int, seconds: float, deadline: float) -> bool:
    """Wait until a process has computed for so long: on a busy machine, that is the same moment as on an idle one.

    Args:
        pid: the process.
        seconds: of all its threads.
        deadline: by the monotonic clock.

    Returns:
        Whether it is there still.
    """
    stat = Path(f"/proc/{pid}/stat")
    while time.monotonic() < deadline and not ended(pid, 0):
        fields = stat.read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") >= seconds:
            return True
        time.sleep(0.004)
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that may still run.

    Args:
        process: started by :func:`start`.
    """
    if process.returncode is None:
        end(process.pid)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)


def mount_small(folder: Path, *, size: str = "96k", options: str = "") -> bool:
    """Mount a small file system in memory, where this is allowed.

    Args:
        folder: there.
        size: of it.
        options: more, such as "ro".

    Returns:
        Whether it was done.
    """
    if shutil.which("mount") is None:
        return False
    words = ["mount", "-t", "tmpfs", "-o", ",".join(filter(None, [f"size={size}", options])), "tmpfs", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    """Undo :func:`mount_small`.

    Args:
        folder: there.
    """
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(1 << 22)
    except OSError:
        return b""
