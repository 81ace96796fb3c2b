"""Runs steps in forks of this process, which has imported everything already; a run then costs milliseconds."""

import importlib
import os
import resource
import shlex
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL import Image

from tests.fuzz.case import Outcome, Step
from tests.fuzz.inside import become

DEADLINE_S = 20.0
PATIENT_S = 60.0
"""For a second look at what missed the deadline: the machine may only have been busy."""
FAKES = (
    "gs",
    "gswin64c",
    "ps2pdf",
    "inkscape",
    "rsvg-convert",
    "convert",
    "magick",
    "ffmpeg",
    "xv",
    "display",
    "wmf2svg",
)
"""Programs that nobody may start; on the path, each leaves a mark and does nothing else."""
REPOSITORY = Path(__file__).resolve().parents[2]


def write_fakes(folder: Path) -> None:
    """Write programs that leave a mark where they are run.

    Args:
        folder: made if needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in FAKES:
        program = folder / name
        program.write_text('#!/bin/sh\n: > "${FUZZ_MARK:-$0.ran}"\n')
        program.chmod(0o755)
    # Models are fetched with it, which may fail and takes no time here.
    (folder / "npm").write_text("#!/bin/sh\necho npm error there is no network >&2\nexit 1\n")
    (folder / "npm").chmod(0o755)


def environment_of(step: Step, root: Path, base: Path) -> dict[str, str]:
    """Return the whole environment of a step: nothing of the user's but the path, and no way to the network.

    Args:
        step: it may add and take away.
        root: the case's folder.
        base: of the run.
    """
    weights = root / "weights"
    environment = {
        "PATH": f"{base / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "MPLCONFIGDIR": str(base / "matplotlib"),
        "MFH_WEIGHTS": str(weights if weights.is_dir() else base / "weights"),
        "MFH_DEVICE": "cpu",
        "FUZZ_MARK": str(root / "mark"),
        "FUZZ_ROOT": str(root),
        # Nothing listens there.
        **{name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")},
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "MFH_OFFLINE": "1",
    }
    for name, value in step.environment.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value.replace("{root}", str(root))
    return environment


def learn(step: Step, root: Path, base: Path) -> Outcome:
    """Import here what a step imports, so that every later one finds it in memory.

    Args:
        step: run in a fork; it must succeed.
        root: of a case.
        base: of the run.

    Returns:
        What it did.
    """
    listed = root / "modules"
    outcome = run(step, root, base, deadline_s=300, after=lambda: listed.write_text("\n".join(sys.modules)))
    if outcome.code != 0:
        raise RuntimeError(f"{by_hand(step)} ended with {outcome.code}: {outcome.err.decode()}")
    for name in listed.read_text().splitlines():
        # Some name themselves otherwise than they are imported.
        with suppress(ImportError):
            importlib.import_module(name)
    # Pillow's plugins, which it loads when it first needs one.
    Image.init()
    return outcome


def make_root(root: Path) -> None:
    """Make the folders every case has.

    Args:
        root: the case's folder.
    """
    for name in ("work", "home", "tmp", "streams"):
        (root / name).mkdir(parents=True, exist_ok=True)


def run(
    step: Step,
    root: Path,
    base: Path,
    *,
    deadline_s: float = DEADLINE_S,
    interrupt_s: float | None = None,
    before: Callable[[], None] | None = None,
    after: Callable[[], object] | None = None,
) -> Outcome:
    """Run one step in a fork.

    Args:
        step: what to run.
        root: the case's folder.
        base: of the run.
        deadline_s: when it is ended.
        interrupt_s: when it is interrupted; None for never.
        before: called in the fork, last before the command.
        after: called in the fork, first after it.

    Returns:
        What it did.
    """
    environment = environment_of(step, root, base)
    # What is in a buffer would be written by both.
    sys.stdout.flush()
    sys.stderr.flush()
    begin = time.monotonic()
    pid = os.fork()
    if pid == 0:
        become(step, root, environment, before=before, after=after)
    if interrupt_s is not None and not ended(pid, begin + interrupt_s):
        os.kill(pid, signal.SIGINT)
    status, used, hung = wait(pid, begin + deadline_s)
    streams = root / "streams"
    notes = tuple(dict.fromkeys(_read(streams / "notes").decode("utf-8", "replace").splitlines()))
    grown_mb = (used.ru_maxrss - _resident_kb()) / 1024
    return Outcome(
        code=os.waitstatus_to_exitcode(status),
        out=_read(streams / "out"),
        err=_read(streams / "err"),
        seconds=time.monotonic() - begin,
        cpu_s=used.ru_utime + used.ru_stime,
        grown_mb=grown_mb,
        notes=notes,
        hung=hung,
    )


def wait(pid: int, deadline: float) -> tuple[int, resource.struct_rusage, bool]:
    """Wait for a process that leads a session of its own, and end all of it at the deadline.

    Args:
        pid: the process.
        deadline: by the monotonic clock.

    Returns:
        Its status, what it used, and whether it had to be ended.
    """
    pause = 0.001
    while True:
        found, status, used = os.wait4(pid, os.WNOHANG)
        if found:
            return status, used, False
        if time.monotonic() > deadline:
            end(pid)
            _, status, used = os.wait4(pid, 0)
            return status, used, True
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def ended(pid: int, deadline: float) -> bool:
    """Wait until a process has ended, or a time has come; its status is left for :func:`wait`.

    Args:
        pid: the process.
        deadline: by the monotonic clock.

    Returns:
        Whether it has ended.
    """
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def end(pid: int) -> None:
    """End a process and what it started.

    Args:
        pid: it leads a session of its own, or is about to.
    """
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
            return
        except ProcessLookupError:
            continue


def by_hand(step: Step) -> str:
    """Return the step as a line for a shell, to be run in the folder that was kept.

    Args:
        step: what was run.
    """
    settings = [f"{name}={shlex.quote(value)}" for name, value in step.environment.items() if value is not None]
    words = " ".join(shlex.quote(word) for word in step.words)
    what = f"python -m tests.fuzz.calls {step.call} {words}" if step.call else f"mfh {words}"
    return (
        " ".join([f"cd {step.folder};", *settings, what]).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(1 << 22)
    except OSError:
        return b""


def _resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024
