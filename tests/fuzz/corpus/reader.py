"""A reader: whole inputs of one kind, and the commands that read them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.case import Outcome, Step

Run = Callable[[Step], Outcome]


@dataclass(frozen=True)
class Plan:
    """What to damage in a copy of a reader's inputs, and what to run then.

    Attributes:
        steps: run in order, each judged.
        targets: files that may be damaged, below the case's folder.
        setup: run before the damage.
        whole: exit codes of all steps together where nothing is damaged.
    """

    steps: tuple[Step, ...]
    targets: Sequence[str]
    setup: tuple[Step, ...] = ()
    whole: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Reader:
    """One kind of input.

    Attributes:
        name: for the table.
        build: writes whole inputs into a folder with "work" in it, and may run the command there.
        variants: kinds of input it has, each of which is tried whole too.
        plan: what is done with one of them; without a damage, but with numbers to draw from.
        weight: how often it is tried, beside the others.
        modules: what to import once, before anything is forked.
        short: it is quick enough for the tests of every day.
    """

    name: str
    build: Callable[[Path, Run], None]
    variants: Sequence[str]
    plan: Callable[[str, Random], Plan]
    weight: float = 1.0
    modules: tuple[str, ...] = field(default=())
    short: bool = True


def files_below(root: Path, folder: str, pattern: str = "*") -> list[str]:
    """Return the files below a folder, as plans name them.

    Args:
        root: with "work" in it.
        folder: below it.
        pattern: of names.
    """
    return sorted(str(path.relative_to(root)) for path in (root / folder).rglob(pattern) if path.is_file())


def maybe_json(rng: Random) -> tuple[str, ...]:
    """Return --json, or nothing."""
    return ("--json",) if rng.random() < 0.3 else ()
