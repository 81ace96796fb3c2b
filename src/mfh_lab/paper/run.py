"""Measure a grid: cells that name the same models go over all photos together; what is done is never done again."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mfh.config import HeadConfig
from mfh.errors import InputError, MfhError, kind_and_message, one_line
from mfh.io.atomic import plain_name
from mfh.models.registry import names_of
from mfh_lab.evaluation.digest import package_digest
from mfh_lab.evaluation.kept_rows import read_rows, write_rows
from mfh_lab.paper.bench import Bench
from mfh_lab.paper.grid import Cell, Grid
from mfh_lab.paper.measure import Row, failed_rows, measure_photo

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Measured:
    """What came of a grid.

    Attributes:
        grid: what was asked for.
        title: what it was measured on.
        photos: how many.
        rows: one a photo, cell and seed, in the order of the cells.
        not_run: label -> what is missing, of the cells that could not run.
        unscored: photos of which no pixel can be scored, or that cannot be read; they are in no mean.
        settings: everything the rows are a function of.
        comparable: whether it was measured where the paper did, so that a difference to its numbers means something.
    """

    grid: Grid
    title: str
    photos: int
    rows: tuple[Row, ...]
    not_run: dict[tuple[str, ...], str]
    unscored: tuple[str, ...]
    settings: dict[str, object]
    comparable: bool = True


def run_grid(grid: Grid, bench: Bench, out: Path, *, progress: Progress) -> Measured:
    """Measure every cell on every photo.

    Args:
        grid: the cells.
        bench: photos and models.
        out: results; rows are kept in ``out/rows`` under a digest of everything they depend on.
        progress: called with what is being done, how long the rest may take, and the fraction done.

    Returns:
        All rows; cells whose models are not there are named with the reason.

    Raises:
        MfhError: where no cell at all can run, or no photo can be read, with the first reason.
    """
    not_run = {cell.label: cell.absent for cell in grid.cells if cell.absent}
    groups = _groups([cell for cell in grid.cells if not cell.absent], bench)
    unscored: dict[str, None] = {}
    faults: dict[str, str] = {}
    rows: list[Row] = []
    total = sum(map(len, groups)) and len(groups) * len(bench.names) * grid.seeds
    done, computed, begin = 0, 0, time.monotonic()
    first_error: MfhError | None = None
    for cells in groups:
        loaded = False
        folder = out / "rows" / _digest(cells, bench)
        for name in bench.names:
            for seed in range(grid.seeds):
                path = folder / f"{plain_name(name)}-{seed}.json"
                kept = read_rows(path, Row)
                if kept is None:
                    if not loaded:
                        progress("loading models,", done / total)
                        try:
                            bench.load(cells[0].configured(bench.base))
                        except MfhError as error:
                            first_error = first_error or error
                            not_run.update({cell.label: one_line(error) for cell in cells})
                            break
                        loaded = True
                    progress(f"{name}, {_left(time.monotonic() - begin, computed, total - done)}", done / total)
                    kept, failure = _measure(cells, bench, name, seed)
                    if failure:
                        # Tried again by the next run: it may be the machine's fault, or a file is mended.
                        faults[name] = failure
                    else:
                        write_rows(path, kept)
                    computed += 1
                done += 1
                rows += kept
                if not kept:
                    unscored[name] = None
            if cells[0].label in not_run:
                break
    if first_error is not None and not rows:
        raise first_error
    if faults and not any(not row.failure for row in rows):
        name, failure = next(iter(faults.items()))
        raise InputError(f"{name}: {failure}{f' ({len(faults) - 1} others fail too)' if len(faults) > 1 else ''}")
    order = {cell.label: number for number, cell in enumerate(grid.cells)}
    rows = [row for row in rows if row.label not in not_run]
    rows.sort(key=lambda row: order[row.label])
    settings = {**bench.settings, "code": package_digest(), "seeds": grid.seeds, "photos": len(bench.names)}
    return Measured(
        grid,
        bench.title,
        len(bench.names),
        tuple(rows),
        not_run,
        tuple(f"{name} ({faults[name]})" if name in faults else name for name in unscored),
        settings,
        bench.dataset == grid.dataset,
    )


def _groups(cells: Sequence[Cell], bench: Bench) -> list[list[Cell]]:
    """Return the cells by the models they name."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(repr(names_of(cell.configured(bench.base))), []).append(cell)
    return list(groups.values())


def _measure(cells: Sequence[Cell], bench: Bench, name: str, seed: int) -> tuple[list[Row], str]:
    """Measure one photo; no rows where nothing of it can be scored, and why where something failed that should not."""
    try:
        seen = bench.view(name)
    except MfhError as error:
        return [], one_line(error)
    except Exception as error:
        return [], kind_and_message(error)
    if not seen.scored_mask.any():
        return [], ""
    try:
        return measure_photo(bench.subject(seen), cells, bench.base, seed=seed), ""
    except Exception as error:
        failure = kind_and_message(error)
        return failed_rows(seen, cells, seed, failure), failure


def _digest(cells: Sequence[Cell], bench: Bench) -> str:
    what = {
        "cells": [repr(replace(cell, published=Cell(()).published)) for cell in cells],
        "configurations": [repr(replace(cell.configured(bench.base), head=HeadConfig())) for cell in cells],
        "settings": bench.settings,
        "code": package_digest(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _left(seconds: float, done: int, missing: int) -> str:
    """Say how many there are and how long they may take."""
    if done == 0:
        return f"{missing} to go,"
    left = seconds / done * missing
    return f"{missing} to go, about {left / 60:.0f} min," if left > 120 else f"{missing} to go, about {left:.0f} s,"
