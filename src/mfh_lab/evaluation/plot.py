"""The benchmark's picture: error and δ1 against the number of paintings, with error bars over seeds."""

from collections.abc import Sequence
from pathlib import Path

from mfh.errors import BackendError
from mfh.io.written import own_path
from mfh_lab.evaluation.pocket_benchmark import BOUND
from mfh_lab.evaluation.summary import Spread, Summary

_COLORS = {
    "paper": "#c0392b",
    "ours, body": "#2980b9",
    "ours, contact": "#27ae60",
    "ours, either": "#8e44ad",
    BOUND: "#555555",
}


def write_plot(path: Path, summaries: Sequence[Summary], *, title: str = "") -> None:
    """Draw one row of panels for each set of models and noise.

    Args:
        path: png file.
        summaries: of all places; "all" is drawn.
        title: above everything.

    Raises:
        BackendError: where matplotlib is not installed.
        InputError: when the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise BackendError("the plot needs matplotlib: pip install 'metric-from-human[plot]'") from error
    shown = [one for one in summaries if one.where == "all"]
    kinds = list(dict.fromkeys((one.models, one.noise) for one in shown))
    # Without pyplot: no display, no global state.
    figure = Figure(figsize=(12, 3.4 * len(kinds)), layout="constrained", dpi=110)
    panels = figure.subplots(len(kinds), 3, squeeze=False)
    for row, (models, noise) in zip(panels, kinds, strict=True):
        of_kind = [one for one in shown if (one.models, one.noise) == (models, noise)]
        label = f"{models} models" + (f", {noise}" if noise else "")
        for axes, (name, text) in zip(row, _STATISTICS, strict=True):
            _draw_panel(axes, of_kind, name)
            axes.set_title(f"{text} ({label})", fontsize=9)
        row[0].legend(fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    with own_path(path) as temporary:
        figure.savefig(temporary)


_STATISTICS = (
    ("abs_rel_mean", "AbsRel, mean over scenes"),
    ("abs_rel_median", "AbsRel, median over scenes"),
    ("delta1", "δ1, mean over scenes"),
)


def _draw_panel(axes, summaries: Sequence[Summary], name: str) -> None:
    ticks: list[int] = []
    for way in dict.fromkeys(one.way for one in summaries):
        own = sorted((one for one in summaries if one.way == way), key=lambda one: one.paintings)
        values: list[Spread] = [getattr(one, name) for one in own]
        color = _COLORS.get(way)
        if way == BOUND:
            axes.axhline(values[0].mean, color=color, linestyle=":", label="best affine fit")
            continue
        ticks = [one.paintings for one in own]
        axes.errorbar(
            ticks,
            [value.mean for value in values],
            yerr=[value.sd for value in values],
            color=color,
            marker="o",
            markersize=3,
            capsize=3,
            linewidth=1.4,
            label=way,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("paintings N")
    axes.set_ylim(bottom=0 if name != "delta1" else None)
    axes.grid(alpha=0.3)
