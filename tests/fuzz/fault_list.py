"""The faults: what each does to a process, and which exit codes are right then."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.fuzz import process
from tests.fuzz.process import Arranged

_BROKEN_PIPE = frozenset({0, 2, 141, -signal.SIGPIPE})
_UNUSABLE = frozenset({2})
_MAYBE = frozenset({0, 2})

COMMANDS: dict[str, tuple[str, ...]] = {
    "predict": ("predict", "photo.jpg", "--out", "out"),
    "several": ("predict", "photo.jpg", "plain.png", "absent.jpg", "--out", "out", "--json"),
    "json": ("predict", "photo.jpg", "--out", "out", "--json"),
    "evidence": ("predict", "photo.jpg", "--save-evidence", "--save-paintings", "--out", "out"),
    "refit": ("refit", "seen.npz", "--out", "out", "--json"),
    "evaluate": ("evaluate", "folder", "--root", "data", "--predictions", "npy", "--unit", "m", "--out", "out"),
    "study": ("study", "make", "--photos", "photos", "--predictions", "ours=ours", "--predictions", "rival=rival",
              "--out", "out/page.html"),
    "list": ("weights", "list"),
    "help": ("--help",),
    "missing": ("predict", "absent.jpg", "--json"),
    "wrong": ("predict", "photo.jpg", "--no-such-flag"),
}  # fmt: skip
"""Usual commands."""
_WRITING = ("predict", "json", "evidence", "refit", "evaluate", "study")


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        arrange: prepares the folder and says how the command is started; None where this machine cannot.
        commands: which it is tried on.
        codes: exit codes that are right; None for what the command itself has.
        unseen: the streams do not show what was written to them.
        cleanup: undoes what lies outside of the folder.
    """

    arrange: Callable[[Path, Random], Arranged | None]
    commands: tuple[str, ...] = tuple(COMMANDS)
    codes: frozenset[int] | None = None
    unseen: bool = False
    cleanup: Callable[[Path], None] | None = None


def _streams(*, stdin: str = "null", stdout: str = "file", stderr: str = "file") -> Callable[[Path, Random], Arranged]:
    return lambda work, rng: Arranged(stdin, stdout, stderr)


def _set(*choices: dict[str, str]) -> Callable[[Path, Random], Arranged]:
    """Set variables; a zero byte takes one away."""
    return lambda work, rng: Arranged(environment=rng.choice(choices))


def _limit(what: int, *values: int) -> Callable[[Path, Random], Arranged]:
    def arrange(work: Path, rng: Random) -> Arranged:
        value = rng.choice(values)
        return Arranged(before=lambda: resource.setrlimit(what, (value, value)))

    return arrange


def _signal(number: int) -> Callable[[Path, Random], Arranged]:
    def arrange(work: Path, rng: Random) -> Arranged:
        return Arranged(meanwhile=(_moment(rng), lambda pid: os.kill(pid, number)))

    return arrange


def _moment(rng: Random) -> float:
    """Return seconds of computing after the start: while it imports, or works."""
    return rng.choice((rng.uniform(0.02, 0.3), rng.uniform(0.1, 0.8), rng.uniform(0.3, 1.5)))


def _out(make: Callable[[Path], object]) -> Callable[[Path, Random], Arranged]:
    """Put something where the results should go."""

    def arrange(work: Path, rng: Random) -> Arranged:
        make(work / "out")
        return Arranged()

    return arrange


def _meanwhile(happen: Callable[[Path], object]) -> Callable[[Path, Random], Arranged]:
    def arrange(work: Path, rng: Random) -> Arranged:
        def later(pid: int) -> None:
            try:
                happen(work)
            except OSError:
                # The run was there first.
                return

        return Arranged(meanwhile=(_moment(rng), later))

    return arrange


def _deleted_folder(work: Path, rng: Random) -> Arranged:
    gone = work / "gone"
    gone.mkdir()

    def leave() -> None:
        os.chdir(gone)
        gone.rmdir()

    return Arranged(before=leave)


def _small_disk(size: str, options: str = "") -> Callable[[Path, Random], Arranged | None]:
    def arrange(work: Path, rng: Random) -> Arranged | None:
        (work / "out").mkdir()
        return Arranged() if process.mount_small(work / "out", size=size, options=options) else None

    return arrange


def _ascii(work: Path, rng: Random) -> Arranged:
    for name in ("caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg", "\N{SNOWMAN}.jpg"):
        shutil.copy(work / "photo.jpg", work / name)
    how = rng.choice((("C", "0", "0"), ("POSIX", "0", "0"), ("C", "1", "1")))
    names = {"LC_ALL": how[0], "LANG": how[0], "PYTHONUTF8": how[1], "PYTHONCOERCECLOCALE": how[2]}
    if rng.random() < 0.5:
        names |= {"PYTHONIOENCODING": rng.choice(("ascii", "latin-1", "ascii:strict"))}
    return Arranged(environment=names)


def _times(work: Path, rng: Random) -> Arranged:
    for path in work.rglob("*"):
        if path.is_file():
            moment = rng.choice((0, 2**31, 2**33, 1))
            os.utime(path, (moment, moment))
    return Arranged()


def _odd_names(work: Path, rng: Random) -> Arranged:
    name = rng.choice((b"caf\xe9.jpg", b"\xff\xfe.jpg", b"a\x1b[31m.jpg", b"two\nlines.jpg"))
    (work / "photo.jpg").rename(work / os.fsdecode(name))
    return Arranged(environment={"FUZZ_NAME": os.fsdecode(name)})


def _default_pipe() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _sigint_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop_and_continue(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(pid, signal.SIGCONT)


def _link_loop(out: Path) -> None:
    out.symlink_to(out.name)


FAULTS: dict[str, Fault] = {
    "stdin closed": Fault(_streams(stdin="closed")),
    "stdout closed": Fault(_streams(stdout="closed"), codes=_MAYBE, unseen=True),
    "stderr closed": Fault(_streams(stderr="closed"), unseen=True),
    "all closed": Fault(_streams(stdin="closed", stdout="closed", stderr="closed"), codes=_MAYBE, unseen=True),
    "stdout full": Fault(_streams(stdout="full"), codes=_UNUSABLE, unseen=True),
    "stderr full": Fault(_streams(stderr="full"), unseen=True),
    "both full": Fault(_streams(stdout="full", stderr="full"), codes=_UNUSABLE, unseen=True),
    "nobody reads stdout": Fault(_streams(stdout="broken"), codes=_BROKEN_PIPE, unseen=True),
    "nobody reads stderr": Fault(_streams(stderr="broken"), codes=_BROKEN_PIPE, unseen=True),
    "ASCII": Fault(_ascii, ("predict", "json", "unicode", "unicode json")),
    "names not UTF-8": Fault(_odd_names, ("odd name", "odd name json")),
    "folder deleted": Fault(_deleted_folder, ("predict", "json", "refit", "list", "help", "missing"), codes=_MAYBE),
    "OUT is a file": Fault(_out(lambda out: out.write_text("mine")), _WRITING, _UNUSABLE),
    "OUT/photo is a file": Fault(_out(lambda out: (out.mkdir(), (out / "photo").write_text("mine"))), _WRITING),
    "OUT leads nowhere": Fault(_out(lambda out: out.symlink_to("nowhere/deep")), _WRITING, _MAYBE),
    "OUT leads to itself": Fault(_out(_link_loop), _WRITING, _UNUSABLE),
    "OUT is a device": Fault(_out(lambda out: out.symlink_to("/dev/null")), _WRITING, _UNUSABLE),
    "OUT is a pipe": Fault(_out(lambda out: os.mkfifo(out)), _WRITING, _UNUSABLE),
    "OUT leads elsewhere": Fault(
        _out(lambda out: (out.with_name("elsewhere").mkdir(), out.symlink_to("elsewhere"))), _WRITING
    ),
    "disk nearly full": Fault(_small_disk("96k"), _WRITING, _MAYBE, cleanup=lambda work: process.unmount(work / "out")),
    "disk full": Fault(_small_disk("4k"), _WRITING, _MAYBE, cleanup=lambda work: process.unmount(work / "out")),
    "disk read-only": Fault(
        _small_disk("96k", "ro"), _WRITING, _UNUSABLE, cleanup=lambda work: process.unmount(work / "out")
    ),
    # What the streams are kept in is kept short too.
    "files are kept short": Fault(
        _limit(resource.RLIMIT_FSIZE, 0, 100, 5_000, 30_000), _WRITING, _MAYBE, unseen=True
    ),
    "few open files": Fault(_limit(resource.RLIMIT_NOFILE, 12, 16, 24, 40), codes=_MAYBE),
    "little memory": Fault(
        _limit(resource.RLIMIT_AS, 150 << 20, 300 << 20, 600 << 20, 1 << 30), codes=_MAYBE | {-signal.SIGKILL}
    ),
    "small stack": Fault(_limit(resource.RLIMIT_STACK, 1 << 18, 1 << 20), codes=_MAYBE),
    "no TMPDIR": Fault(_set({"TMPDIR": "/nowhere"}, {"TMPDIR": ""}, {"TMPDIR": "\0"})),
    "no HOME": Fault(_set({"HOME": "\0"}, {"HOME": "/nowhere"}, {"HOME": ""}, {"HOME": "/dev/null"})),
    "odd MFH_WEIGHTS": Fault(
        _set(*({"MFH_WEIGHTS": value} for value in ("", ".", "/dev/null", "nowhere", "~nobody", "x" * 5000, "npy"))),
        codes=_MAYBE,
    ),
    "odd variables": Fault(
        _set(
            {"OMP_NUM_THREADS": "many"},
            {"COLUMNS": "1"},
            {"TZ": "Nowhere/Never"},
            {"MFH_DEVICE": "abacus"},
            {"MFH_SMPL": "/dev/null"},
            {"XDG_CACHE_HOME": "/dev/null", "MFH_WEIGHTS": "\0"},
            {"PATH": ""},
            {"PYTHONUNBUFFERED": "1"},
            {"LANGUAGE": "xx", "LC_ALL": "xx_YY.UTF-8"},
            {"TERM": "", "NO_COLOR": "1"},
        ),
        codes=_MAYBE,
    ),
    "interrupted": Fault(_signal(signal.SIGINT), codes=frozenset({0, 130})),
    "interrupted early": Fault(
        lambda work, rng: Arranged(meanwhile=(rng.uniform(0.02, 0.3), lambda pid: os.kill(pid, signal.SIGINT))),
        codes=frozenset({0, 130}),
    ),
    "interrupted at a terminal": Fault(
        lambda work, rng: replace(_signal(signal.SIGINT)(work, rng), stderr="terminal"),
        codes=frozenset({0, 130}),
        unseen=True,
    ),
    "ended": Fault(_signal(signal.SIGTERM), codes=frozenset({0, 143, -signal.SIGTERM})),
    "hung up": Fault(_signal(signal.SIGHUP), codes=frozenset({0, 129, -signal.SIGHUP})),
    "stopped and continued": Fault(lambda work, rng: Arranged(meanwhile=(_moment(rng), _stop_and_continue))),
    "SIGPIPE as usual": Fault(
        lambda work, rng: Arranged(stdout="broken", before=_default_pipe), codes=_BROKEN_PIPE, unseen=True
    ),
    "SIGINT ignored": Fault(lambda work, rng: Arranged(before=_sigint_ignored)),
    "clock far away": Fault(_times),
    "photo deleted meanwhile": Fault(
        _meanwhile(lambda work: (work / "photo.jpg").unlink()), ("predict", "json"), _MAYBE
    ),
    "photo changed meanwhile": Fault(
        _meanwhile(lambda work: (work / "photo.jpg").write_bytes(b"\xff\xd8")), ("predict", "json", "evidence"), _MAYBE
    ),
    "photo grows": Fault(
        _meanwhile(lambda work: (work / "photo.jpg").open("ab").write(b"x" * 100_000)), ("predict", "evidence"), _MAYBE
    ),
    "OUT deleted meanwhile": Fault(_meanwhile(lambda work: shutil.rmtree(work / "out")), _WRITING, _MAYBE),
    "folder renamed meanwhile": Fault(
        _meanwhile(lambda work: work.rename(work.with_name("moved"))), ("predict", "refit"), _MAYBE
    ),
    "umask 0": Fault(lambda work, rng: Arranged(before=lambda: os.umask(0)), _WRITING),
    "umask 777": Fault(lambda work, rng: Arranged(before=lambda: os.umask(0o777)), _WRITING, _MAYBE),
    "two at once": Fault(lambda work, rng: Arranged(), ("predict", "refit", "evidence", "evaluate"), _MAYBE),
}  # fmt: skip
"""Name -> fault."""
MORE_COMMANDS = {
    "unicode": ("predict", "caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg", "\N{SNOWMAN}.jpg", "--out", "out"),
    "unicode json": ("predict", "caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg", "--out", "out", "--json"),
}
# Exit codes of the commands where nothing disturbs them.
USUAL = {"several": 2, "missing": 2, "wrong": 2}
