"""Rows of a grid from folders of predictions: made by any program, in place of models that are not here."""

import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mfh.errors import InputError, shown
from mfh_lab.evaluation.datasets.frames import FrameDataset
from mfh_lab.evaluation.protocols import Protocol
from mfh_lab.evaluation.runner import NOT_COUNTED
from mfh_lab.paper.comparison import Methods, result_row, scored_photos
from mfh_lab.paper.grid import Grid
from mfh_lab.paper.measure import ResultRow
from mfh_lab.paper.missing import waits_for
from mfh_lab.paper.run import NOTHING_GIVEN, GivenRows, Progress


def prediction_note(grid: Grid, waiting: Iterable[tuple[str, ...]]) -> str:
    """Return how a row that waits gets its numbers from a folder instead; empty where none waits, or none can.

    Args:
        grid: the table or figure.
        waiting: labels of the rows that wait.
    """
    label = next(iter(waiting), None)
    if label is None or grid.seeds > 1:
        return ""
    option = shlex.quote(f"{' / '.join(label)}=DIR")
    return f"any row is also filled by a folder of predictions, made by any program: `--predictions {option} --unit m`"


def check_labels(grid: Grid, labels: Sequence[str]) -> None:
    """Refuse predictions that are of no row.

    Args:
        grid: the table or figure.
        labels: as they were typed.

    Raises:
        InputError: for a figure of several painting seeds, or a label that is no row's, listing the known ones.
    """
    if labels and grid.seeds > 1:
        raise InputError(
            f"--predictions are for tables: {grid.name} has {grid.seeds} painting seeds, and a folder has one answer a "
            "photo"
        )
    known = [" / ".join(cell.label) for cell in grid.cells]
    for label in labels:
        if label not in known:
            raise InputError(f"--predictions {label!r} is no row of {grid.name}: expected one of {', '.join(known)}")


def given_rows(
    grid: Grid,
    methods: Methods,
    photos: Callable[[], FrameDataset],
    protocol: Protocol,
    out: Path,
    *,
    progress: Progress,
) -> GivenRows:
    """Score the predictions of rows.

    Args:
        grid: the cells.
        methods: their folders, by the labels of the cells.
        photos: opens the dataset; not called where there are no folders.
        protocol: of the evaluation.
        out: what was read is kept in ``out/<dataset>-<label>-<digest>``.
        progress: called with what is being done and the fraction done.

    Raises:
        InputError: for a folder that is none, or predictions of which none can be read.
    """
    if not methods.files:
        return NOTHING_GIVEN
    dataset = photos()
    rows: dict[tuple[str, ...], list[ResultRow]] = {}
    unscored: dict[str, None] = {}
    for cell in grid.cells:
        label = " / ".join(cell.label)
        if label not in methods.files:
            continue
        scored, waits = scored_photos(methods, label, dataset, protocol, out, progress=progress)
        if waits:
            raise InputError(f"--predictions {label}: {waits_for(waits)}")
        unscored.update(dict.fromkeys(one.name for one in scored if one.kind in NOT_COUNTED))
        rows[cell.label] = [result_row(one, cell.label, "metric") for one in scored if one.kind not in NOT_COUNTED]
    return GivenRows(rows, tuple(unscored), {label: shown(folder) for label, folder in methods.files.items()})
