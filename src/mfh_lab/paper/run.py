"""Measure a grid: cells that name the same models run over all photos together; no photo is measured twice.

The rows of every photo and seed are kept under a digest of the settings and of both packages' code and weights: an
interrupted run resumes, and rows of other code are never mixed in.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mfh.config import HeadConfig
from mfh.errors import InputError, MfhError, kind_and_message, one_line
from mfh.io.atomic import plain_name
from mfh.models.registry import names_of
from mfh_lab.evaluation.digest import package_digest
from mfh_lab.evaluation.rows import read_rows, write_rows
from mfh_lab.paper.bench import Bench
from mfh_lab.paper.grid import Cell, Grid
from mfh_lab.paper.measure import ResultRow, failed_rows, measure_photo
from mfh_lab.paper.missing import Missing, Waits, missing_models
from mfh_lab.pocket.world.workers import in_processes

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Measured:
    """A grid with its rows.

    Attributes:
        grid: what was measured.
        title: what it was measured on.
        photos: how many.
        rows: one a photo, cell and seed, in the order of the cells.
        not_run: label -> what they wait for, of the cells that could not run.
        unscored: photos of which no pixel can be scored, or that cannot be read; they are in no mean.
        settings: everything the rows are a function of.
        comparable: whether it was measured where the paper did and with its models, so that a difference to its numbers
            means something.
        again: the command that was run, which fills the rows that wait; empty where none was.
        hint: another way to fill them, in a sentence; empty for none.
    """

    grid: Grid
    title: str
    photos: int
    rows: tuple[ResultRow, ...]
    not_run: Mapping[tuple[str, ...], Waits]
    unscored: tuple[str, ...]
    settings: dict[str, object]
    comparable: bool = True
    again: str = ""
    hint: str = ""


@dataclass(frozen=True)
class GivenRows:
    """Rows that need no model.

    Attributes:
        rows: label -> one row a photo.
        unscored: photos of which no pixel can be scored, or that cannot be read.
        settings: label -> where the rows come from.
    """

    rows: Mapping[tuple[str, ...], Sequence[ResultRow]] = field(default_factory=dict)
    unscored: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


NOTHING_GIVEN = GivenRows()


@dataclass(frozen=True)
class PhotoOutcome:
    """One photo with one seed, measured.

    Attributes:
        name: of the photo.
        seed: of the paintings.
        rows: one a cell; none where no pixel can be scored or the photo cannot be read.
        fault: what failed that should not; the next run tries again. Empty for none.
    """

    name: str
    seed: int
    rows: list[ResultRow]
    fault: str


@dataclass(frozen=True)
class _PhotoJob:
    """The seeds of one photo that are not measured yet."""

    key: str
    bench: Bench
    cells: tuple[Cell, ...]
    name: str
    seeds: tuple[int, ...]


def run_grid(
    grid: Grid,
    bench: Bench,
    out: Path,
    *,
    progress: Progress,
    workers: int = 1,
    given: GivenRows = NOTHING_GIVEN,
) -> Measured:
    """Measure every cell on every photo.

    Args:
        grid: the cells.
        bench: photos and models.
        out: results; rows are kept in ``out/rows`` under a digest of everything they depend on.
        progress: called with what is being done, how long the rest may take, and the fraction done.
        workers: processes; with more than one, each makes the models for itself.
        given: rows that are there already; their cells are not run.

    Returns:
        All rows; cells whose models are not there are named with the reason.

    Raises:
        MfhError: where no cell at all can run, or no photo can be read, with the first reason.
    """
    wanted = [cell for cell in grid.cells if cell.label not in given.rows]
    not_run = {cell.label: (Missing(cell.absent, never=True),) for cell in wanted if cell.absent}
    groups = _groups([cell for cell in wanted if not cell.absent], bench)
    total = len(groups) * len(bench.names) * grid.seeds
    unscored: dict[str, None] = dict.fromkeys(given.unscored)
    faults: dict[str, str] = {}
    rows = [row for own in given.rows.values() for row in own]
    first_error: MfhError | None = None
    done, computed, begin = 0, 0, time.monotonic()
    for cells in groups:
        key = _digest(cells, bench)
        paths = {
            (name, seed): out / "rows" / key / f"{plain_name(name)}-{seed}.json"
            for name in bench.names
            for seed in range(grid.seeds)
        }
        found = {at: kept for at, path in paths.items() if (kept := read_rows(path, ResultRow)) is not None}
        done += len(found)
        jobs = _missing_jobs(key, cells, bench, [at for at in paths if at not in found])
        try:
            if jobs and workers == 1:
                progress("loading models,", done / total)
                bench.load(cells[0].configured(bench.base))
            if jobs:
                progress(f"{jobs[0].name}, {_left(time.monotonic() - begin, computed, total - done)}", done / total)
            # Whatever a photo does is an outcome: what is raised here is about the models.
            for one in _outcomes(jobs, workers=workers):
                found[one.name, one.seed] = one.rows
                if one.fault:
                    # Tried again by the next run: it may be the machine's fault, or a file is mended.
                    faults[one.name] = one.fault
                else:
                    write_rows(paths[one.name, one.seed], one.rows)
                done, computed = done + 1, computed + 1
                progress(f"{one.name}, {_left(time.monotonic() - begin, computed, total - done)}", done / total)
        except MfhError as error:
            first_error = first_error or error
            missing = missing_models(cells[0].configured(bench.base), error) or Missing(one_line(error))
            not_run.update({cell.label: (missing,) for cell in cells})
            rows += [row for kept in found.values() for row in kept]
            continue
        for at in paths:
            rows += found[at]
            if not found[at]:
                unscored[at[0]] = None
    if first_error is not None and not rows:
        raise first_error
    if faults and not any(not row.failure for row in rows):
        name, fault = next(iter(faults.items()))
        raise InputError(f"{name}: {fault}{f' ({len(faults) - 1} others fail too)' if len(faults) > 1 else ''}")
    order = {cell.label: number for number, cell in enumerate(grid.cells)}
    rows = [row for row in rows if row.label not in not_run]
    rows.sort(key=lambda row: order[row.label])
    settings = {**bench.settings, "code": package_digest(), "seeds": grid.seeds, "photos": len(bench.names)}
    if given.settings:
        settings["predictions"] = dict(given.settings)
    return Measured(
        grid,
        bench.title,
        len(bench.names),
        tuple(rows),
        not_run,
        tuple(f"{name} ({faults[name]})" if name in faults else name for name in unscored),
        settings,
        bench.dataset == grid.dataset and bench.base.name == "paper",
    )


def _groups(cells: Sequence[Cell], bench: Bench) -> list[list[Cell]]:
    """Return the cells by the models they name."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(repr(names_of(cell.configured(bench.base))), []).append(cell)
    return list(groups.values())


def _missing_jobs(key: str, cells: Sequence[Cell], bench: Bench, missing: Sequence[tuple[str, int]]) -> list[_PhotoJob]:
    seeds: dict[str, list[int]] = {}
    for name, seed in missing:
        seeds.setdefault(name, []).append(seed)
    return [_PhotoJob(key, bench, tuple(cells), name, tuple(own)) for name, own in seeds.items()]


def _outcomes(jobs: Sequence[_PhotoJob], *, workers: int) -> Iterator[PhotoOutcome]:
    """Yield each photo and seed as it is measured."""
    if workers == 1:
        for job in jobs:
            yield from _measure(job.bench, job)
    else:
        for outcomes in in_processes(_measure_in_worker, jobs, workers=workers):
            yield from outcomes


_worker_benches: dict[str, Bench] = {}
"""The bench of this worker process, with its models."""


def _measure_in_worker(job: _PhotoJob) -> list[PhotoOutcome]:
    if job.key not in _worker_benches:
        # Models of another group are let go first.
        _worker_benches.clear()
        job.bench.load(job.cells[0].configured(job.bench.base))
        _worker_benches[job.key] = job.bench
    return list(_measure(_worker_benches[job.key], job))


def _measure(bench: Bench, job: _PhotoJob) -> Iterator[PhotoOutcome]:
    """Measure one photo; no rows where no pixel can be scored, and why where something failed that should not."""
    try:
        view = bench.view(job.name)
    except MfhError as error:
        yield from (PhotoOutcome(job.name, seed, [], one_line(error)) for seed in job.seeds)
        return
    except Exception as error:
        yield from (PhotoOutcome(job.name, seed, [], kind_and_message(error)) for seed in job.seeds)
        return
    for seed in job.seeds:
        if not view.scored_mask.any():
            yield PhotoOutcome(job.name, seed, [], "")
            continue
        try:
            rows = measure_photo(bench.subject(view), job.cells, bench.base, seed=seed)
            yield PhotoOutcome(job.name, seed, rows, "")
        except Exception as error:
            fault = kind_and_message(error)
            yield PhotoOutcome(job.name, seed, failed_rows(view, job.cells, seed, fault), fault)


def _digest(cells: Sequence[Cell], bench: Bench) -> str:
    what: Mapping[str, object] = {
        "cells": [repr(replace(cell, published=Cell(()).published)) for cell in cells],
        "configurations": [repr(replace(cell.configured(bench.base), head=HeadConfig())) for cell in cells],
        "settings": bench.settings,
        "code": package_digest(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _left(seconds: float, done: int, missing: int) -> str:
    """Return how many there are and how long they may take."""
    if done == 0:
        return f"{missing} to go,"
    left = seconds / done * missing
    return f"{missing} to go, about {left / 60:.0f} min," if left > 120 else f"{missing} to go, about {left:.0f} s,"
