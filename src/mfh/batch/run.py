"""The run over many photos: what is not done yet is claimed, measured, and written down."""

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mfh.batch.columns import Item, Photos
from mfh.batch.ledger import Ledger
from mfh.batch.rows import Row

ROWS_AT_ONCE, WRITTEN_EVERY_S = 64, 5.0
"""Rows are written when there are so many, or after so long: what a kill costs at most is measured again."""
_LEAST_FOR_RATE = 20
_OTHERS_EVERY_S = 0.5
_ASKED_EVERY_S = 0.5


@runtime_checkable
class Engine(Protocol):
    """Measures photos somewhere."""

    @property
    def busy(self) -> int:
        """Photos that it has."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether it takes another one."""
        ...

    def submit(self, item: Item) -> None:
        """Give it a photo."""
        ...

    def rows(self, timeout_s: float) -> Iterator[Row]:
        """Yield the rows of photos that are done, waiting for the first at most so many seconds."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        total: photos of this run.
        before: those that were done before it.
        counts: rows of this run by status.
        others: photos that other processes have done meanwhile.
        begun: when, by the monotonic clock.
        first_s: seconds until the first row.
    """

    total: int
    before: int
    counts: Counter[str] = field(default_factory=Counter)
    others: int = 0
    begun: float = field(default_factory=time.monotonic)
    first_s: float = 0.0

    def add(self, row: Row) -> None:
        """Count a row of this run."""
        if not self.counts:
            self.first_s = self.took_s
        self.counts[row.status] += 1

    @property
    def took_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.begun

    @property
    def done(self) -> int:
        """Photos that need no work any more."""
        return self.before + self.others + self.measured

    @property
    def measured(self) -> int:
        """Photos with a row of this run."""
        return sum(self.counts.values())

    @property
    def unmeasured(self) -> int:
        """Photos of this run without depth."""
        return self.measured - self.counts["ok"]

    @property
    def rate(self) -> float:
        """Photos a second, of this run."""
        return self.measured / max(self.took_s, 1e-9)

    def line(self) -> str:
        """Return where the run stands in a few words."""
        left_s = (self.total - self.done) / self.rate if self.measured else 0.0
        left = f", {_span(left_s)} left" if self.measured and self.done < self.total else ""
        return f"{self.done} of {self.total}, {self.rate:.2g} a second{left}, {self.unmeasured} without depth"

    def summary(self) -> str:
        """Return what the run has done in a few words."""
        took = _span(self.took_s)
        here = f"{self.measured} measured in {took}, {self.unmeasured} of them without depth"
        there = f", {self.others} by other processes" if self.others else ""
        return f"{here}, {self.before} done before{there}"


@dataclass(frozen=True)
class TooManyFailures(Exception):
    """Ends a run in which more photos fail than the user bears."""

    progress: Progress


def run(
    items: Photos,
    ledger: Ledger,
    start: Callable[[], Engine],
    *,
    retry: bool = False,
    max_failure_rate: float = 1.0,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Measure all photos that have no row yet, and merge the rows.

    Args:
        items: the photos of this run.
        ledger: of its folder.
        start: starts the engine; not called where nothing is to be done.
        retry: whether photos without depth are tried again.
        max_failure_rate: share of the photos of this run, twenty at least, that may fail.
        report: called when something has changed.

    Returns:
        How many were done.

    Raises:
        TooManyFailures: when more have failed; all rows are written down.
        InputError: where rows cannot be written.
    """
    if retry:
        ledger.status.forget_failures()
    todo = _lacking(items, ledger)
    progress = Progress(len(items), len(items) - len(todo))
    report(progress)
    try:
        if todo:
            with closing(start()) as engine:
                _work(items, todo, ledger, engine, progress, max_failure_rate, report)
        ledger.compact()
    finally:
        ledger.close()
    return progress


def _lacking(items: Photos, ledger: Ledger) -> "array[int]":
    """Return which photos have no row, by their number."""
    found, first = array("q"), 0
    for names in items.ids():
        found.extend((ledger.status.lacking(names) + first).tolist())
        first += len(names)
    return found


def _work(
    items: Photos,
    todo: "array[int]",
    ledger: Ledger,
    engine: Engine,
    progress: Progress,
    max_failure_rate: float,
    report: Callable[[Progress], None],
) -> None:
    """Measure photos until none is left, here or in the hands of another process."""
    rows: list[Row] = []
    elsewhere, at = array("q"), 0
    written = time.monotonic()
    try:
        while at < len(todo) or engine.busy or rows or elsewhere:
            while at < len(todo) and engine.has_room:
                item = items[todo[at]]
                if not ledger.claim(item.id):
                    elsewhere.append(todo[at])
                elif ledger.is_done(item.id):
                    ledger.release([item.id])
                    progress.others += 1
                else:
                    engine.submit(item)
                at += 1
            for row in engine.rows(_ASKED_EVERY_S):
                rows.append(row)
                progress.add(row)
            idle = at == len(todo) and not engine.busy
            if rows and (idle or len(rows) >= ROWS_AT_ONCE or time.monotonic() - written > WRITTEN_EVERY_S):
                ledger.write(rows)
                rows, written = [], time.monotonic()
            report(progress)
            if progress.measured >= _LEAST_FOR_RATE and progress.unmeasured > max_failure_rate * progress.measured:
                raise TooManyFailures(progress)
            if idle and elsewhere and not rows:
                # They are done by the process that has them, or free when it has ended.
                time.sleep(_OTHERS_EVERY_S)
                todo, elsewhere, at = elsewhere, array("q"), 0
    finally:
        ledger.write(rows)


def _span(seconds: float) -> str:
    """Return a time in words: 40 s, 12 min, 5 h 20 min, 3 d 4 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
