"""Tables 1, 2 and 6: this method beside others, each on whole datasets, predicted to disk and then scored."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from mfh.config import Config
from mfh.errors import InputError, MfhError, one_line
from mfh.io.lock import folder_lock
from mfh_lab.evaluation.datasets.frames import FrameDataset
from mfh_lab.evaluation.digest import package_digest
from mfh_lab.evaluation.methods.files import file_contender
from mfh_lab.evaluation.methods.known import KNOWN
from mfh_lab.evaluation.methods.method import Contender
from mfh_lab.evaluation.methods.mfh_method import mfh_contender, with_fixed_scale
from mfh_lab.evaluation.methods.named import method_contender
from mfh_lab.evaluation.protocols import Protocol
from mfh_lab.evaluation.runner import LOCK_WAIT_S, NOT_COUNTED, Evaluation, PhotoRow, check_apart_from_inputs, evaluate
from mfh_lab.paper import published
from mfh_lab.paper.grid import Cell, Grid
from mfh_lab.paper.measure import ResultRow
from mfh_lab.paper.missing import Missing, Waits, dataset_folder, missing_models
from mfh_lab.paper.published import NOTHING, OURS, Published
from mfh_lab.paper.run import Measured, Progress

Setting = Literal["metric", "best_scale_shift"]
SETTINGS: dict[str, Setting] = {"MMDE": "metric", "MRDE": "best_scale_shift"}
"""Table 6: nothing aligned, and after the best scale and shift."""


@dataclass(frozen=True)
class Table:
    """A table of methods over datasets.

    Attributes:
        title: what the paper calls it.
        datasets: its columns.
        published: (method, dataset) -> numbers, for each setting.
    """

    title: str
    datasets: tuple[str, ...]
    published: Mapping[str, Mapping[tuple[str, str], Published]]


TABLES: dict[str, Table] = {
    "table1": Table("Table 1: NYUv2 and KITTI", ("nyu", "kitti"), {"MMDE": published.TABLE_1}),
    "table2": Table(
        "Table 2: DIODE (indoor), iBims-1 and ETH3D", ("diode", "ibims1", "eth3d"), {"MMDE": published.TABLE_2}
    ),
    "table6": Table(
        "Table 6: metric models with nothing aligned (MMDE) and after the best scale and shift (MRDE)",
        ("diode", "ibims1", "eth3d"),
        {"MMDE": published.TABLE_6_MMDE, "MRDE": published.TABLE_6_MRDE},
    ),
}


@dataclass(frozen=True)
class Methods:
    """The methods of a table.

    Attributes:
        config: of this method.
        hub: label -> metric model, as ``mfh evaluate --method`` takes it.
        files: label -> folder of predictions; ``FOLDER/<dataset>`` where there is one.
        unit: of the predictions.
    """

    config: Config
    hub: Mapping[str, str]
    files: Mapping[str, Path]
    unit: str | None = None

    def of(self, label: str, dataset: FrameDataset, protocol: Protocol) -> Contender:
        """Return one method for one dataset.

        Args:
            label: of the row.
            dataset: the photos.
            protocol: of the evaluation.

        Raises:
            MfhError: for a method that cannot be had.
        """
        if label in self.hub:
            return method_contender(self.hub[label])
        if label in self.files:
            folder = self.files[label]
            own = folder / dataset.name
            place = own if own.is_dir() else folder
            return file_contender(place, self.unit, space="depth", names=tuple(dataset.names))
        fixed = protocol.of(dataset.name).fixed_scale
        return mfh_contender(with_fixed_scale(self.config, fixed, protocol=protocol.name))


def compare_methods(
    name: str,
    datasets: Sequence[FrameDataset],
    missing: Mapping[str, str],
    protocol: Protocol,
    methods: Methods,
    out: Path,
    *,
    progress: Progress,
) -> Measured:
    """Measure every method that is there on every dataset that is there.

    Args:
        name: of the table.
        datasets: opened.
        missing: dataset -> why it is not there, for the table's others; empty where no folder was given.
        protocol: of the evaluation.
        methods: to compare.
        out: predictions are kept in ``out/<dataset>-<method>-<digest of all settings>``, for every table.
        progress: called with what is being done and the fraction done.

    Returns:
        All rows; whatever could not run is named with what it waits for. Where nothing could, there are no rows.

    Raises:
        InputError: for two methods of one label.
    """
    table = TABLES[name]
    own = [OURS, *methods.hub, *methods.files]
    if len(set(own)) < len(own):
        raise InputError(f"labels are {', '.join(own)}: expected every method to have one of its own")
    theirs = [method for rows in table.published.values() for method, _ in rows if method != OURS]
    labels = list(dict.fromkeys([*theirs, *own]))
    by_name = {dataset.name: dataset for dataset in datasets}
    there = {*by_name, *missing}
    columns = [*(one for one in table.datasets if one in there), *(one for one in by_name if one not in table.datasets)]
    rows: list[ResultRow] = []
    not_run: dict[tuple[str, ...], Waits] = {}
    unscored: dict[str, None] = {}
    for label in labels:
        for dataset in columns:
            waits: Waits = () if label in own else (_method_missing(label),)
            if dataset not in by_name:
                reason = missing[dataset]
                models = missing_models(methods.config) if label == OURS else None
                waits = (Missing(reason) if reason else dataset_folder(dataset), *waits, *([models] if models else []))
            scored: list[PhotoRow] = []
            if not waits:
                scored, waits = scored_photos(methods, label, by_name[dataset], protocol, out, progress=progress)
            unscored.update(dict.fromkeys(one.name for one in scored if one.kind in NOT_COUNTED))
            for setting in table.published:
                cell = _label(table, label, setting, dataset)
                if waits:
                    not_run[cell] = waits
                rows += [result_row(one, cell, SETTINGS[setting]) for one in scored if one.kind not in NOT_COUNTED]
    grid = _grid(name, table, labels, columns)
    photos = sum(len(dataset.names) for dataset in datasets)
    settings: dict[str, object] = {"protocol": protocol.name, "config": repr(methods.config), "code": package_digest()}
    on = f"{', '.join(by_name)} ({photos} photos)" if rows else f"{', '.join(columns)}: nothing is measured"
    title = f"{on}, protocol {protocol.name}, preset {methods.config.name}"
    comparable = methods.config.name == "paper"
    return Measured(grid, title, photos, tuple(rows), not_run, tuple(unscored), settings, comparable)


RUN_HERE = {"ZoeDepth-NK": "zoedepth", "UniDepth-V": "unidepth-v1"}
"""Methods of the tables -> their names for ``--method``, of those that can be run here."""


def _method_missing(label: str) -> Missing:
    """Return how another method of a table gets its numbers."""
    if label in RUN_HERE:
        method = KNOWN[RUN_HERE[label]]
        package = method.install if method.way == "package" and find_spec(method.module) is None else ""
        first = " && ".join(one for one in (package, method.fetch) if one)
        return Missing(f"--method with {method.title}", first, f"--method '{label}={method.name}'")
    return Missing(f"predictions of {label}", options=f"--predictions '{label}=DIR'")


def scored_photos(
    methods: Methods, label: str, dataset: FrameDataset, protocol: Protocol, out: Path, *, progress: Progress
) -> tuple[list[PhotoRow], Waits]:
    """Return the photos of one method on one dataset, or none and why it could not run."""
    try:
        contender = methods.of(label, dataset, protocol)
        evaluation = Evaluation(dataset, protocol, contender)
        settings = json.dumps(evaluation.settings(), sort_keys=True, default=str)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
        folder = out / f"{dataset.name}-{_slug(label)}-{digest}"
        check_apart_from_inputs(folder, dataset, contender)
        with folder_lock(folder, wait_s=LOCK_WAIT_S):
            rows, _ = evaluate(evaluation, folder, progress=progress)
    except MfhError as error:
        ours = missing_models(methods.config, error) if label == OURS else None
        return [], (ours or Missing(one_line(error)),)
    return rows, ()


def _grid(name: str, table: Table, labels: Sequence[str], columns: Sequence[str]) -> Grid:
    two = len(table.published) > 1
    cells = tuple(
        Cell(_label(table, label, setting, dataset), rows.get((label, dataset), NOTHING))
        for dataset in columns
        for setting, rows in table.published.items()
        for label in labels
    )
    heads = ("method", "setting", "dataset") if two else ("method", "dataset")
    return Grid(name, table.title, ", ".join(table.datasets), heads, cells)


def _label(table: Table, method: str, setting: str, dataset: str) -> tuple[str, ...]:
    return (method, setting, dataset) if len(table.published) > 1 else (method, dataset)


def result_row(scored: PhotoRow, label: tuple[str, ...], setting: Setting) -> ResultRow:
    """Return one photo's scores as a row of this table."""
    if scored.scores is not None:
        errors = getattr(scored.scores, setting)
        scale_error, shape = scored.scores.scale_error, scored.scores.best_scale_shift.abs_rel
    else:
        assert scored.worst is not None, "a photo that can be scored has a worst answer"
        errors, scale_error, shape = scored.worst[0 if setting == "metric" else 1], None, None
    return ResultRow(
        photo=scored.name,
        label=label,
        seed=0,
        delta1=errors.delta1,
        abs_rel=errors.abs_rel,
        silog=errors.silog,
        rmse=errors.rmse,
        scale_error=scale_error,
        shape_abs_rel=shape,
        usable=0,
        seconds=0.0,
        failure=scored.failure,
    )


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in text).strip("-")
