"""A measured grid as a table: what came out, the paper's number beside it, and the difference."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfh.io.written import own_path
from mfh_lab.paper.grid import Cell
from mfh_lab.paper.measure import ResultRow
from mfh_lab.paper.missing import Missing, Waits, filling_command, waits_for
from mfh_lab.paper.published import Published
from mfh_lab.paper.run import Measured


@dataclass(frozen=True)
class Metric:
    """One column of the paper's tables.

    Attributes:
        name: field of :class:`Published` and of :class:`ResultRow`.
        title: above the column.
        factor: from a row's number to the paper's.
        digits: shown.
    """

    name: str
    title: str
    factor: float
    digits: int


METRICS = (
    Metric("delta1", "δ1 % ↑", 100.0, 1),
    Metric("abs_rel", "AbsRel % ↓", 100.0, 1),
    Metric("silog", "SIlog ↓", 1.0, 2),
    Metric("rmse", "RMSE m ↓", 1.0, 3),
)


@dataclass(frozen=True)
class CellResult:
    """One cell over all photos, in the paper's units; NaN where nothing is known.

    Attributes:
        cell: what was measured.
        photos: photos and seeds.
        answered: of those, with an answer.
        mean: over the answers; over seeds, the mean of their means.
        sd: standard deviation of the seeds' means; NaN for one seed.
        with_failures: over everything, failures at their worst.
        scale_error: median |log| of the median ratio.
        shape_abs_rel: mean percent AbsRel after the best scale and shift.
        seconds: median a photo.
        failures: reason -> how often.
        waits: what it waits for, for a cell that could not run; empty where it ran.
    """

    cell: Cell
    photos: int
    answered: int
    mean: Published
    sd: Published
    with_failures: Published
    scale_error: float
    shape_abs_rel: float
    seconds: float
    failures: dict[str, int]
    waits: Waits = ()


@dataclass(frozen=True)
class Spread:
    """A statistic over photos: its mean over the painting seeds, and their standard deviation; NaN where unknown."""

    mean: float
    sd: float

    def text(self, digits: int = 3) -> str:
        """Return "0.123 ± 0.004", or a dash where there is nothing."""
        if math.isnan(self.mean):
            return "-"
        return f"{self.mean:.{digits}f}" + (f" ± {self.sd:.{digits}f}" if not math.isnan(self.sd) else "")


def over_seeds(values: Iterable[tuple[int, float]], statistic: Callable[[Sequence[float]], np.floating]) -> Spread:
    """Return one statistic per seed, then its mean and standard deviation over the seeds.

    Args:
        values: seed and number, one a photo.
        statistic: over the photos of one seed.
    """
    by_seed: dict[int, list[float]] = {}
    for seed, value in values:
        by_seed.setdefault(seed, []).append(value)
    each = [float(statistic(own)) for own in by_seed.values()]
    if not each:
        return Spread(math.nan, math.nan)
    return Spread(float(np.mean(each)), float(np.std(each, ddof=1)) if len(each) > 1 else math.nan)


def results(measured: Measured) -> list[CellResult]:
    """Return one result a cell, in the grid's order; cells that could not run are among them.

    Args:
        measured: all rows.
    """
    by_label: dict[tuple[str, ...], list[ResultRow]] = {}
    for row in measured.rows:
        by_label.setdefault(row.label, []).append(row)
    return [
        _result(cell, by_label.get(cell.label, []), measured.not_run.get(cell.label, ()))
        for cell in measured.grid.cells
    ]


def markdown(measured: Measured, found: Sequence[CellResult]) -> str:
    """Return the table with its title and everything a reader must know.

    Args:
        measured: the rows.
        found: :func:`results` of them.
    """
    grid = measured.grid
    heads = [*grid.columns, *(metric.title for metric in METRICS), "answered"]
    waiting = _waiting(found)
    lines = [
        f"# {grid.title}",
        "",
        f"{measured.title}. {_explained(measured)}",
        "",
        _line(heads),
        _line(["---"] * len(heads)),
    ]
    for one in found:
        numbers = [_number(one, metric, comparable=measured.comparable) for metric in METRICS]
        answered = f"{one.answered}/{one.photos}"
        if one.waits:
            verb = "not run," if any(each.never for each in one.waits) else "waits for"
            answered = f"{verb} {', '.join(str(1 + list(waiting).index(each)) for each in one.waits)}"
        lines.append(_line([*one.cell.label, *numbers, answered]))
    lines += ["", *_notes(measured, found)]
    return "\n".join(lines).rstrip() + "\n"


def _waiting(found: Sequence[CellResult]) -> dict[Missing, list[str]]:
    """Return what cells wait for, and which they are."""
    waiting: dict[Missing, list[str]] = {}
    for one in found:
        for each in one.waits:
            waiting.setdefault(each, []).append(" / ".join(one.cell.label))
    return waiting


def write_results(out: Path, measured: Measured, found: Sequence[CellResult]) -> list[Path]:
    """Write <name>.md, <name>.csv (every cell), <name>-photos.csv (every answer) and <name>.json; Fig. 5's seconds too.

    Args:
        out: an existing folder.
        measured: the rows.
        found: :func:`results` of them.

    Returns:
        The files.

    Raises:
        InputError: when one cannot be written.
    """
    name = measured.grid.name
    paths = [out / f"{name}.md", out / f"{name}.csv", out / f"{name}-photos.csv", out / f"{name}.json"]
    with own_path(paths[0]) as temporary:
        temporary.write_text(markdown(measured, found), encoding="utf-8")
    flat = [_flat(measured, one) for one in found]
    _write_dicts(paths[1], flat)
    photo_lines = [list(_photo_line(row).values()) for row in measured.rows]
    write_csv(paths[2], _PHOTO_COLUMNS, photo_lines, lineterminator="\r\n")
    with own_path(paths[3]) as temporary:
        report = {"title": measured.title, "settings": measured.settings, "cells": flat}
        temporary.write_text(json.dumps(report, indent=1, default=str) + "\n", encoding="utf-8")
    if timed(measured):
        lines = [(*one.cell.label, _plain(one.seconds)) for one in found if not math.isnan(one.seconds)]
        paths.append(out / f"{name}-seconds.csv")
        write_csv(paths[-1], (*measured.grid.columns, "seconds"), lines)
    return paths


def timed(measured: Measured) -> bool:
    """Return whether a table or figure is about time too: its seconds are in files of their own.

    No two runs take the same time, and everything else is the same byte for byte.

    Args:
        measured: the rows.
    """
    return measured.grid.seeds > 1


def _result(cell: Cell, rows: Sequence[ResultRow], waits: Waits) -> CellResult:
    answers = [row for row in rows if not row.failure]
    failures: dict[str, int] = {}
    for row in rows:
        if row.failure:
            failures[row.failure] = failures.get(row.failure, 0) + 1
    mean, sd = _over_seeds(answers)
    return CellResult(
        cell=cell,
        photos=len(rows),
        answered=len(answers),
        mean=mean,
        sd=sd,
        with_failures=_over_seeds(rows)[0],
        scale_error=_statistic([row.scale_error for row in answers], np.median),
        shape_abs_rel=100 * _statistic([row.shape_abs_rel for row in answers], np.mean),
        seconds=_statistic([row.seconds for row in rows], np.median),
        failures=failures,
        waits=waits,
    )


def _over_seeds(rows: Sequence[ResultRow]) -> tuple[Published, Published]:
    """Return the mean over the seeds of the mean over photos, and the seeds' standard deviation."""
    spreads = {
        metric.name: over_seeds(((row.seed, metric.factor * getattr(row, metric.name)) for row in rows), np.mean)
        for metric in METRICS
    }
    return (
        Published(**{name: one.mean for name, one in spreads.items()}),
        Published(**{name: one.sd for name, one in spreads.items()}),
    )


def _statistic(values: Sequence[float | None], statistic: Callable[[list[float]], np.floating]) -> float:
    known = [value for value in values if value is not None]
    return float(statistic(known)) if known else math.nan


def _explained(measured: Measured) -> str:
    """Return what the numbers in the cells are."""
    spread = f", ± over {measured.grid.seeds} painting seeds" if measured.grid.seeds > 1 else ""
    if measured.comparable:
        return f"Each number: measured{spread} (the paper's; difference); – is not measured."
    return (
        f"Each number: measured{spread} [the paper's, on {measured.grid.dataset} and with its models: "
        "compare the order of the rows and not the numbers]; – is not measured."
    )


def _number(one: CellResult, metric: Metric, *, comparable: bool) -> str:
    found, theirs = getattr(one.mean, metric.name), getattr(one.cell.published, metric.name)
    text = "–" if one.waits else "no answer"
    if not math.isnan(found):
        sd = getattr(one.sd, metric.name)
        text = f"{found:.{metric.digits}f}" + ("" if math.isnan(sd) else f" ± {sd:.{metric.digits}f}")
    if math.isnan(theirs):
        return text
    digits = max(metric.digits, 2) if theirs < 10 else 1 if theirs < 100 else 0
    shown = f"{theirs:.{3 if metric.name == 'rmse' else digits}f}"
    if not comparable:
        return f"{text} [{shown}]"
    return f"{text} ({shown})" if math.isnan(found) else f"{text} ({shown}; {found - theirs:+.{metric.digits}f})"


_NAMED_ROWS = 2
"""Of more rows that wait for one thing, the first and their number are listed."""


def _notes(measured: Measured, found: Sequence[CellResult]) -> list[str]:
    """Return what a reader must know, a paragraph each."""
    notes = [f"Note: {measured.grid.note}.", ""] if measured.grid.note else []
    if timed(measured):
        notes += [f"Seconds a photo, of this machine: {measured.grid.name}-seconds.csv, .png and .pdf.", ""]
    for number, (missing, names) in enumerate(_waiting(found).items(), start=1):
        command = filling_command((missing,), measured.again)
        rows = "; ".join(names) if len(names) <= _NAMED_ROWS else f"{len(names)} rows, the first {names[0]}"
        reason = f"{'not run:' if missing.never else 'waits for'} {missing.waits_for}"
        notes.append(f"{number}. {rows}: {reason}" + (f": `{command}`" if command else ""))
    notes += [f"- {measured.hint}"] if measured.hint else []
    notes += [""] if notes and notes[-1] else []
    for one in found:
        name = " / ".join(one.cell.label)
        if not one.waits and one.answered < one.photos:
            worst = ", ".join(f"{metric.title} {getattr(one.with_failures, metric.name):.3g}" for metric in METRICS)
            notes += [f"- {name}: no answer for {one.photos - one.answered} of {one.photos}; with the worst: {worst}"]
            most = sorted(one.failures.items(), key=lambda item: -item[1])[:2]
            notes += [f"    - {count}x {reason}" for reason, count in most]
    if measured.unscored:
        notes.append(f"- no pixel to score, in no mean: {', '.join(measured.unscored)}")
    return notes


_PHOTO_COLUMNS = (
    "photo", "label", "seed", "delta1", "abs_rel", "silog", "rmse", "scale_error", "shape_abs_rel", "usable",
    "failure",
)  # fmt: skip


def _photo_line(row: ResultRow) -> dict[str, object]:
    line: dict[str, object] = {name: getattr(row, name) for name in _PHOTO_COLUMNS}
    return {**line, "label": " | ".join(row.label)}


def _flat(measured: Measured, one: CellResult) -> dict[str, object]:
    flat: dict[str, object] = dict(zip(measured.grid.columns, one.cell.label, strict=True))
    for metric in METRICS:
        mean, theirs = getattr(one.mean, metric.name), getattr(one.cell.published, metric.name)
        flat[metric.name] = _plain(mean)
        flat[f"{metric.name}_deviation"] = _plain(getattr(one.sd, metric.name))
        flat[f"{metric.name}_with_failures"] = _plain(getattr(one.with_failures, metric.name))
        flat[f"{metric.name}_paper"] = _plain(theirs)
        flat[f"{metric.name}_difference"] = _plain(mean - theirs)
    return {
        **flat,
        "scale_error": _plain(one.scale_error),
        "shape_abs_rel": _plain(one.shape_abs_rel),
        "photos": one.photos,
        "answered": one.answered,
        "waits_for": waits_for(one.waits),
        "command": filling_command(one.waits, measured.again) if one.waits else "",
    }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.6g}")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def write_csv(
    path: Path, names: Sequence[str], lines: Sequence[Sequence[object]], *, lineterminator: str = "\n"
) -> None:
    """Write a table of this program's own.

    Args:
        path: the file.
        names: of the columns.
        lines: one value a column.
        lineterminator: after every line.

    Raises:
        InputError: when it cannot be written.
    """
    with own_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator=lineterminator)
        writer.writerow(names)
        writer.writerows(lines)


def _write_dicts(path: Path, rows: Sequence[dict[str, object]]) -> None:
    names = list(rows[0]) if rows else []
    write_csv(path, names, [list(row.values()) for row in rows], lineterminator="\r\n")
