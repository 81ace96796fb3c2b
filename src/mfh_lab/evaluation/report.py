"""From rows to tables: per photo, and the unweighted mean over photos, with and without what failed."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mfh.io.written import own_path
from mfh_lab.evaluation.ledger import Ledger
from mfh_lab.evaluation.runner import NOT_COUNTED, PhotoRow
from mfh_lab.evaluation.scoring import DepthScores
from mfh_lab.pocket.metrics import METRICS, DepthErrors

HEADINGS = {
    "delta1": "δ1", "delta2": "δ2", "delta3": "δ3", "abs_rel": "AbsRel", "sq_rel": "SqRel", "rmse": "RMSE",
    "rmse_log": "RMSElog", "log10": "log10", "silog": "SIlog",
}  # fmt: skip
SETTINGS = {
    "metric": "metric, nothing aligned",
    "best_scale": "best scale",
    "best_scale_shift": "best scale and shift",
}
"""Attribute of the scores -> what it is called. The last is the MRDE setting of the paper's Table 6."""
FILES = ("scores.csv", "failures.csv", "summary.json", "summary.md", "timings.csv")
_SHOWN_FAILURES = 5


@dataclass(frozen=True)
class EvaluationSummary:
    """All photos of one evaluation.

    Attributes:
        photos: photos of the dataset.
        answered: with an answer.
        failed: without one.
        unscorable: without a truth that counts, or that cannot be read; in no mean.
        successes: setting -> metric -> mean over the photos with an answer; empty where there is none.
        with_failures: the same with every failure as the worse end of the range (aligned: as a constant).
        space: where scale and shift were fitted.
        scale_error_mean: mean of |ln median(p/g)| over the photos with an answer.
        scale_error_median: its median.
        covered_80: photos whose 80 % interval holds the true scale.
        covered_95: photos whose 95 % interval does.
        intervals: photos with an interval.
        half_width: median half-width of the 80 % interval, relative to the answer.
        pixels: scored pixels of the photos with an answer.
        nan_pixels: of those, without an answer.
        inf_pixels: of those, answered with infinity.
    """

    photos: int
    answered: int
    failed: int
    unscorable: int
    successes: Mapping[str, Mapping[str, float]]
    with_failures: Mapping[str, Mapping[str, float]]
    space: str
    scale_error_mean: float
    scale_error_median: float
    covered_80: int
    covered_95: int
    intervals: int
    half_width: float
    pixels: int
    nan_pixels: int
    inf_pixels: int

    @property
    def coverage(self) -> float:
        """Share of the photos that can be scored which have an answer."""
        return self.answered / (self.answered + self.failed) if self.answered + self.failed else 0.0


def summarise(rows: Sequence[PhotoRow]) -> EvaluationSummary:
    """Return the means over all photos.

    Args:
        rows: one a photo.
    """
    scores = [row.scores for row in rows if row.scores is not None]
    worst = [row.worst for row in rows if row.worst is not None]
    aligned = {"metric": [one[0] for one in worst], **dict.fromkeys(list(SETTINGS)[1:], [one[1] for one in worst])}
    good: dict[str, list[DepthErrors]] = {setting: [getattr(one, setting) for one in scores] for setting in SETTINGS}
    half_widths = [row.half_width for row in rows if row.half_width is not None]
    errors = [one.scale_error for one in scores]
    return EvaluationSummary(
        photos=len(rows),
        answered=len(scores),
        failed=len(worst),
        unscorable=sum(row.kind in NOT_COUNTED for row in rows),
        successes={setting: _means(good[setting]) for setting in SETTINGS},
        with_failures={setting: _means([*good[setting], *aligned[setting]]) for setting in SETTINGS},
        space=scores[0].space if scores else "",
        scale_error_mean=float(np.mean(errors)) if errors else math.nan,
        scale_error_median=float(np.median(errors)) if errors else math.nan,
        covered_80=sum(row.covered_80 is True for row in rows),
        covered_95=sum(row.covered_95 is True for row in rows),
        intervals=len(half_widths),
        half_width=float(np.median(half_widths)) if half_widths else math.nan,
        pixels=sum(one.pixels for one in scores),
        nan_pixels=sum(one.nan_pixels for one in scores),
        inf_pixels=sum(one.inf_pixels for one in scores),
    )


def table(summary: EvaluationSummary) -> list[list[str]]:
    """Return the cells of the table: a heading, then a line for each setting, and each with failures where any are.

    Args:
        summary: of all photos.
    """
    lines = [["", "photos", *HEADINGS.values()]]
    for setting, name in SETTINGS.items():
        place = f" ({summary.space})" if setting != "metric" and summary.space else ""
        lines.append([name + place, str(summary.answered), *_cells(summary.successes[setting])])
        if summary.failed:
            count = str(summary.answered + summary.failed)
            lines.append(["  with failures as worst case", count, *_cells(summary.with_failures[setting])])
    return lines


def text(title: str, rows: Sequence[PhotoRow], summary: EvaluationSummary) -> str:
    """Return what is printed: title, aligned table, and what a mean does not say.

    Args:
        title: what was evaluated.
        rows: one a photo.
        summary: of them.
    """
    cells = table(summary)
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = []
    for first, *others in cells:
        numbers = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *numbers]))
    return "\n".join([title, "", *(line.rstrip() for line in lines), "", *_facts(rows, summary)])


def markdown(title: str, rows: Sequence[PhotoRow], summary: EvaluationSummary) -> str:
    """Return the same as Markdown.

    Args:
        title: what was evaluated.
        rows: one a photo.
        summary: of them.
    """
    lines = as_pipes(table(summary))
    facts = [f"- {line.strip()}" for line in _facts(rows, summary)]
    return "\n".join([f"# {title}", "", *lines, "", *facts, ""])


def summary_object(
    rows: Sequence[PhotoRow], summary: EvaluationSummary, settings: Mapping[str, object]
) -> dict[str, object]:
    """Return the summary as plain JSON values.

    Args:
        rows: one a photo.
        summary: of them.
        settings: what was run.
    """
    failures = [{"name": row.name, "kind": row.kind, "reason": row.failure} for row in rows if row.failure]
    content = {"settings": settings, "coverage": summary.coverage, **asdict(summary), "failures": failures}
    return {name: _plain(value) for name, value in content.items()}


def write_report(
    title: str, rows: Sequence[PhotoRow], ledger: Ledger, settings: Mapping[str, object]
) -> EvaluationSummary:
    """Write scores.csv, failures.csv, summary.json, summary.md, and timings.csv; all but the last repeat byte for byte.

    Args:
        title: what was evaluated.
        rows: one a photo.
        ledger: of the folder they go to.
        settings: what was run.

    Returns:
        The summary.

    Raises:
        InputError: where a file cannot be written.
    """
    summary = summarise(rows)
    out = ledger.folder
    write_own(out / "scores.csv", as_csv([_score_names(), *(_score_line(row) for row in rows)]))
    failures = [["name", "kind", "reason", *(f"worst_{name}" for name in METRICS)]]
    for row in rows:
        if row.failure:
            worst = [_number(getattr(row.worst[0], name)) for name in METRICS] if row.worst else [""] * len(METRICS)
            failures.append([row.name, row.kind, row.failure, *worst])
    write_own(out / "failures.csv", as_csv(failures))
    content = summary_object(rows, summary, settings)
    write_own(out / "summary.json", json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    write_own(out / "summary.md", markdown(title, rows, summary))
    seconds = [[row.name, f"{ledger.done[row.name].seconds:.3f}"] for row in rows]
    write_own(out / "timings.csv", as_csv([["name", "seconds"], *seconds]))
    return summary


def as_pipes(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return a table of Markdown: the first column left, the others right.

    Args:
        cells: lines of cells, the heading first.
    """
    head, *body = cells
    return [_pipes(head), "|---|" + "---:|" * (len(head) - 1), *(_pipes(line) for line in body)]


def as_csv(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as CSV.

    Args:
        lines: the heading first.
    """
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def write_own(path: Path, content: str) -> None:
    """Write a table in place of an earlier one of this program.

    Args:
        path: the file.
        content: of it.

    Raises:
        InputError: where it cannot be written, or another file is there.
    """
    with own_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="")


def _facts(rows: Sequence[PhotoRow], summary: EvaluationSummary) -> list[str]:
    """Return lines about what the table does not say."""
    scorable = summary.answered + summary.failed
    lines = [f"answers      {summary.answered} of {scorable} photos ({summary.coverage:.0%})"]
    if summary.answered:
        lines.append(
            f"scale error  |ln median(p/g)|: mean {summary.scale_error_mean:.3f}, "
            f"median {summary.scale_error_median:.3f}"
        )
        share = 100 / summary.pixels
        lines.append(
            f"pixels       {summary.pixels} scored; {summary.nan_pixels * share:.2g} % without an answer (count as "
            f"nearest), {summary.inf_pixels * share:.2g} % infinite (count as farthest)"
        )
    if summary.intervals:
        lines.append(
            f"intervals    80 %: hold the true scale in {summary.covered_80} of {summary.intervals}; 95 %: in "
            f"{summary.covered_95} of {summary.intervals}; half-width of the 80 % one, median: {summary.half_width:.0%}"
        )
    failed = [row for row in rows if row.failure]
    lines.append(f"failures     {len(failed)}" if failed else "failures     none")
    lines += [f"  {row.name}: {row.kind}: {row.failure}" for row in failed[:_SHOWN_FAILURES]]
    if len(failed) > _SHOWN_FAILURES:
        lines.append(f"  and {len(failed) - _SHOWN_FAILURES} more, in failures.csv")
    return lines


def _means(errors: Sequence[DepthErrors]) -> dict[str, float]:
    return {name: float(np.mean([getattr(one, name) for one in errors])) for name in METRICS} if errors else {}


def _cells(means: Mapping[str, float]) -> list[str]:
    if not means:
        return ["-"] * len(HEADINGS)
    return [f"{means[name]:.2f}" if name == "silog" else f"{means[name]:.3f}" for name in HEADINGS]


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.strip().replace('|', chr(92) + '|') for cell in cells)} |"


_FACTS = ("scale_error", "true_factor", "pixels", "nan_pixels", "inf_pixels")


def _score_names() -> list[str]:
    errors = [name if setting == "metric" else f"{setting}_{name}" for setting in SETTINGS for name in METRICS]
    return ["name", "answered", *errors, *_FACTS, "space", "half_width", "covered_80", "covered_95"]


def _score_line(row: PhotoRow) -> list[str]:
    if row.scores is None:
        return [row.name, "0", *[""] * (len(_score_names()) - 2)]
    scores: DepthScores = row.scores
    errors = [_number(getattr(getattr(scores, setting), name)) for setting in SETTINGS for name in METRICS]
    facts = [_number(getattr(scores, name)) for name in _FACTS]
    interval = [_number(value) for value in (row.half_width, row.covered_80, row.covered_95)]
    return [row.name, "1", *errors, *facts, scores.space, *interval]


def _number(value: float | int | bool | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, int) else f"{value:.9g}"


def _plain(value: object) -> object:
    """Round numbers to what the tables say; None for NaN."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.9g}")
    return value
