"""What is run, what came of it, and what is wrong about that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

ANSWERS = frozenset({0, 2, 3})
"""Exit codes of a command that was not disturbed: done, something given cannot be used, nobody gives a scale."""
Words = tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One run of the command, or of a reader that no cheap command reaches.

    Attributes:
        words: after ``mfh``.
        call: name of a function of :mod:`tests.fuzz.calls` to run instead, with the words as its arguments.
        codes: exit codes that are right.
        environment: variables to set; None takes one away.
        folder: where it runs, below the case's folder.
        outputs: folders and files, below the case's folder, where it may make files and change its own.
        named: words that the user gave as outputs: they may be odd names.
        owned: folders and files an earlier run made: they may change and go.
        wants_json: stdout must be one JSON object; None for where it says --json.
        most_errors: lines on stderr.
        quiet_refusal: it may refuse without a line on stderr: what is wrong is on stdout.
        tiny: made-up models take the place of the networks.
        memory_mb: more than this, beyond what the process began with, is too much.
        connects: it may ask the network.
    """

    words: Words
    call: str = ""
    codes: frozenset[int] = ANSWERS
    environment: Mapping[str, str | None] = field(default_factory=dict)
    folder: str = "work"
    outputs: Words = ("work/out",)
    named: Words = ()
    owned: Words = ()
    wants_json: bool | None = None
    most_errors: int = 1
    quiet_refusal: bool = False
    tiny: bool = True
    memory_mb: float = 2000.0
    connects: bool = False


@dataclass(frozen=True)
class Outcome:
    """What one run did.

    Attributes:
        code: its exit code; negative for a signal.
        out: stdout.
        err: stderr.
        seconds: wall time.
        cpu_s: of all its threads.
        grown_mb: peak of resident memory beyond what it began with.
        notes: what it did to the system that files do not show: "starts gs", "writes /etc/x".
        hung: it was ended at the deadline.
    """

    code: int
    out: bytes = b""
    err: bytes = b""
    seconds: float = 0.0
    cpu_s: float = 0.0
    grown_mb: float = 0.0
    notes: Words = ()
    hung: bool = False


@dataclass(frozen=True)
class Failure:
    """Something that must not be.

    Attributes:
        kind: one word, by which failures are counted: "traceback", "lost", ...
        detail: what was seen, in one line.
        site: where in the source it came from, where that is known.
    """

    kind: str
    detail: str
    site: str = ""


@dataclass(frozen=True)
class Report:
    """One case, judged.

    Attributes:
        key: "files:12": the same seed and key make the same case.
        kind: of what was tried, for the table: "evidence", "flags predict".
        codes: exit code of every run.
        failures: none where all was well.
        recipe: what was done to the input.
        command: how to do it by hand in the folder that is kept.
        skipped: why it was not tried; empty where it was.
        counts: other things counted: "verified", "killed".
        cpu_s: that its runs computed.
    """

    key: str
    kind: str
    codes: tuple[int, ...] = ()
    failures: tuple[Failure, ...] = ()
    recipe: str = ""
    command: str = ""
    skipped: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Setting:
    """What all cases of a run share.

    Attributes:
        seed: of everything drawn.
        base: folder of the run.
        keep: folder where the inputs of failures are kept.
        corpus: whole inputs, a folder a reader.
    """

    seed: int
    base: Path
    keep: Path
    corpus: Path

    def rng(self, key: str) -> Random:
        """Return the numbers of one case, which no other case shares."""
        return Random(f"{self.seed}/{key}")


Group = Callable[[Setting, str], Report]
"""Runs one case by its key."""
