"""Plots of what was measured: bars beside the paper's, Fig. 5's curves, and the pocket benchmark's."""

import math
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from mfh.errors import BackendError
from mfh.io.written import own_path
from mfh_lab.paper.figures.saving import literal
from mfh_lab.paper.pocket_benchmark import BenchmarkSummary
from mfh_lab.paper.report import METRICS, CellResult, Metric, Spread
from mfh_lab.paper.run import Measured
from mfh_lab.paper.tables import BOUND

_MEASURED, _PAPER = "#2980b9", "#bbbbbb"
_CURVES = ("#c0392b", "#2980b9", "#27ae60")
_WAY_COLORS = {
    "paper": "#c0392b",
    "ours, body": "#2980b9",
    "ours, contact": "#27ae60",
    "ours, either": "#8e44ad",
    BOUND: "#555555",
}
_BENCHMARK_STATISTICS = (
    ("abs_rel_mean", "AbsRel, mean over scenes"),
    ("abs_rel_median", "AbsRel, median over scenes"),
    ("delta1", "δ1, mean over scenes"),
)


def write_plots(out: Path, measured: Measured, found: Sequence[CellResult]) -> list[Path]:
    """Write <name>.png and <name>.pdf; where time is a part of a figure, its seconds beside them.

    Args:
        out: an existing folder.
        measured: the rows.
        found: their results.

    Returns:
        The files; none where nothing has a number, the paper's or a measured one.

    Raises:
        BackendError: where matplotlib is not installed.
        InputError: when a file cannot be written.
    """
    name, title = measured.grid.name, f"{literal(measured.grid.title)}\n{literal(measured.title)}"
    if measured.grid.columns[-1] == "N":
        shown = [one for one in found if one.answered]
        if not shown:
            return []
        figure = _figure(9.8, 3.4, dpi=100)
        panels = figure.subplots(1, 3)
        for axes, metric in zip(panels, (METRICS[0], METRICS[1], METRICS[3]), strict=True):
            _draw_curves(axes, shown, metric)
        panels[0].legend(fontsize=7)
        figure.suptitle(title, fontsize=9)
        clock = _figure(4.2, 3.4, dpi=100)
        _draw_seconds(clock.subplots(), shown)
        clock.suptitle(title, fontsize=7)
        return [*_save(figure, out / name), *_save(clock, out / f"{name}-seconds")]
    shown = [
        one for one in found if one.answered or any(not math.isnan(number) for number in astuple(one.cell.published))
    ]
    if not shown:
        return []
    figure = _figure(13.0, 1.5 + 0.3 * len(shown), dpi=100)
    known = [one for one in METRICS if any(not math.isnan(number) for number in _numbers(shown, one))]
    panels = figure.subplots(1, len(known), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, known, strict=True):
        _draw_bars(axes, shown, metric)
    labels = [literal(", ".join(one.cell.label)) + ("" if one.answered else " (not measured)") for one in shown]
    panels[0].set_yticks(range(len(shown)), labels, fontsize=7)
    panels[0].set_ylim(len(shown) - 0.4, -0.6)
    # Where it hides no bar.
    handles, names = panels[0].get_legend_handles_labels()
    legend = [names[0], f"paper, {measured.grid.dataset}"]
    figure.legend(handles, legend, fontsize=7, loc="outside lower right", ncols=2)
    figure.suptitle(title, fontsize=9)
    return _save(figure, out / name)


def _save(figure: Any, stem: Path) -> list[Path]:
    """Write <stem>.png and <stem>.pdf; the same numbers give the same files."""
    paths = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".png", ".pdf")]
    for path in paths:
        with own_path(path) as temporary:
            # Neither the time of day nor a version of a library is of the figure.
            figure.savefig(temporary, metadata={"CreationDate": None} if path.suffix == ".pdf" else {"Software": None})
    return paths


def write_benchmark_plot(path: Path, summaries: Sequence[BenchmarkSummary], *, title: str = "") -> None:
    """Draw error and δ1 against the number of paintings, one row of panels for each set of models and noise.

    Args:
        path: png file.
        summaries: of all places; "all" is drawn.
        title: above everything.

    Raises:
        BackendError: where matplotlib is not installed.
        InputError: when the file cannot be written.
    """
    shown = [one for one in summaries if one.where == "all"]
    kinds = list(dict.fromkeys((one.models, one.noise) for one in shown))
    figure = _figure(12.0, 3.4 * len(kinds), dpi=110)
    panels = figure.subplots(len(kinds), 3, squeeze=False)
    for row, (models, noise) in zip(panels, kinds, strict=True):
        of_kind = [one for one in shown if (one.models, one.noise) == (models, noise)]
        label = f"{models} models" + (f", {noise}" if noise else "")
        for axes, (name, text) in zip(row, _BENCHMARK_STATISTICS, strict=True):
            _draw_ways(axes, of_kind, name)
            axes.set_title(f"{text} ({label})", fontsize=9)
        row[0].legend(fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    with own_path(path) as temporary:
        figure.savefig(temporary)


def _figure(width: float, height: float, *, dpi: int) -> Any:
    """Return an empty figure, in inches.

    Raises:
        BackendError: where matplotlib is not installed.
    """
    try:
        # Without pyplot: no display, no global state.
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise BackendError("the plot needs matplotlib: pip install 'metric-from-human[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained", dpi=dpi)


def _error_bars(axes: Any, numbers: Sequence[int], spreads: Sequence[Spread], *, color: str | None, label: str) -> None:
    axes.errorbar(
        numbers,
        [one.mean for one in spreads],
        yerr=[one.sd for one in spreads],
        color=color, marker="o", markersize=3, capsize=3, linewidth=1.4, label=label,
    )  # fmt: skip


def _draw_ways(axes: Any, summaries: Sequence[BenchmarkSummary], name: str) -> None:
    ticks: list[int] = []
    for way in dict.fromkeys(one.way for one in summaries):
        own = sorted((one for one in summaries if one.way == way), key=lambda one: one.paintings)
        values: list[Spread] = [getattr(one, name) for one in own]
        if way == BOUND:
            axes.axhline(values[0].mean, color=_WAY_COLORS[BOUND], linestyle=":", label="best affine fit")
            continue
        ticks = [one.paintings for one in own]
        _error_bars(axes, ticks, values, color=_WAY_COLORS.get(way), label=way)
    _paintings_axis(axes, ticks)
    axes.set_ylim(bottom=0 if name != "delta1" else None)


def _numbers(shown: Sequence[CellResult], metric: Metric) -> list[float]:
    """Return all numbers of a metric, measured ones and the paper's."""
    both = [(one.mean, one.cell.published) for one in shown]
    return [getattr(numbers, metric.name) for pair in both for numbers in pair]


def _draw_bars(axes: Any, shown: Sequence[CellResult], metric: Metric) -> None:
    measured = [getattr(one.mean, metric.name) for one in shown]
    paper = [getattr(one.cell.published, metric.name) for one in shown]
    rows = range(len(shown))
    axes.barh([row - 0.2 for row in rows], measured, 0.38, color=_MEASURED, label="measured")
    axes.barh([row + 0.2 for row in rows], paper, 0.38, color=_PAPER, label="paper")
    known = [one for one in (*measured, *paper) if not math.isnan(one)]
    # One cell that fails by far must not hide the others.
    top = min(1.1 * max(known), 100.0 if metric.name == "delta1" else 4 * sorted(known)[len(known) // 2] or math.inf)
    axes.set_xlim(0, top if top > 0 else None)
    for values, below, color in ((measured, -0.2, "white"), (paper, 0.2, "black")):
        for row, value in zip(rows, values, strict=True):
            if value > top:
                axes.text(0.98 * top, row + below, f"{value:.3g}", ha="right", va="center", fontsize=6, color=color)
    axes.set_title(metric.title, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(axis="x", alpha=0.3)


def _curves(shown: Sequence[CellResult]) -> dict[str, list[CellResult]]:
    """Return the cells of each curve by the number of paintings."""
    curves: dict[str, list[CellResult]] = {}
    for one in shown:
        curves.setdefault(one.cell.label[0], []).append(one)
    return {name: sorted(own, key=lambda one: one.cell.paintings) for name, own in curves.items()}


def _draw_curves(axes: Any, shown: Sequence[CellResult], metric: Metric) -> None:
    for color, (name, own) in zip(_CURVES, _curves(shown).items(), strict=False):
        spreads = [Spread(getattr(one.mean, metric.name), getattr(one.sd, metric.name)) for one in own]
        _error_bars(axes, [one.cell.paintings for one in own], spreads, color=color, label=name)
    known = [one for one in shown if not math.isnan(getattr(one.cell.published, metric.name))]
    axes.scatter(
        [one.cell.paintings for one in known],
        [getattr(one.cell.published, metric.name) for one in known],
        color=_PAPER, marker="x", label="paper, NYUv2",
    )  # fmt: skip
    axes.set_title(metric.title, fontsize=8)
    _paintings(axes, shown)


def _draw_seconds(axes: Any, shown: Sequence[CellResult]) -> None:
    for color, (name, own) in zip(_CURVES, _curves(shown).items(), strict=False):
        numbers, seconds = [one.cell.paintings for one in own], [one.seconds for one in own]
        axes.plot(numbers, seconds, color=color, marker="o", markersize=3, label=name)
    axes.set_title("seconds a photo, median", fontsize=8)
    axes.set_ylim(bottom=0)
    _paintings(axes, shown)


def _paintings(axes: Any, shown: Sequence[CellResult]) -> None:
    _paintings_axis(axes, sorted({one.cell.paintings for one in shown}), fontsize=8)
    axes.tick_params(labelsize=7)


def _paintings_axis(axes: Any, ticks: Sequence[int], *, fontsize: int | None = None) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("paintings N", fontsize=fontsize)
    axes.grid(alpha=0.3)
