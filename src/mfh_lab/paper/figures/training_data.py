"""Fig. 2: AbsRel of relative and metric methods against how many training pictures they have seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mfh.errors import InputError
from mfh_lab.paper import published
from mfh_lab.paper.figures.saving import literal, new_figure, save_caption, save_figure, save_table

Setting = Literal["MRDE", "MMDE"]
TRAINING_PICTURES: Mapping[str, float] = {
    "Marigold": 74e3,
    "Depth Anything": 63.5e6,
    "ZeroDepth": 17e6,
    "Metric3D": 8e6,
    "UniDepth-C": 3e6,
    "UniDepth-V": 3e6,
    "MfH": 0.0,
}
"""Method -> training pictures, rounded as the methods' own papers report them: Marigold 74 thousand synthetic ones,
Depth Anything 1.5 million with labels and 62 million without; MfH has no training with depth. They are not in the text
of the paper, which has Fig. 2 as a picture."""

_COLORS: Mapping[Setting, str] = {"MRDE": "#2980b9", "MMDE": "#c0392b"}
_TICKS = {1e4: "10 thousand", 1e5: "100 thousand", 1e6: "1 million", 1e7: "10 million", 1e8: "100 million"}
_SETTINGS: Mapping[Setting, str] = {
    "MRDE": "relative, after the best scale and shift",
    "MMDE": "metric, nothing aligned",
}


@dataclass(frozen=True)
class TrainingPoint:
    """One method.

    Attributes:
        label: of the method.
        setting: relative or metric.
        pictures: seen in training.
        abs_rel: percent.
        measured: whether it was measured here; else the paper's number.
    """

    label: str
    setting: Setting
    pictures: float
    abs_rel: float
    measured: bool = False


@dataclass(frozen=True)
class Figure2:
    """What was drawn.

    Attributes:
        points: all of them.
        caption: what the figure shows.
        files: png, pdf, csv, md.
    """

    points: tuple[TrainingPoint, ...]
    caption: str
    files: tuple[Path, ...]


def published_points() -> list[TrainingPoint]:
    """Return the paper's numbers on NYUv2: Table 1 of metric methods, and Table 3's true targets of relative ones."""
    relative = {"Marigold": ("Marigold", "true depth"), "Depth Anything": ("Depth Anything", "true disparity")}
    points = [
        TrainingPoint(label, "MRDE", TRAINING_PICTURES[label], published.TABLE_3[row].abs_rel)
        for label, row in relative.items()
    ]
    for label, pictures in TRAINING_PICTURES.items():
        numbers = published.TABLE_1.get((label, "nyu"))
        if numbers is not None and not math.isnan(numbers.abs_rel):
            points.append(TrainingPoint(label, "MMDE", pictures, numbers.abs_rel))
    return points


def make_fig2(measured: Sequence[TrainingPoint], out: Path, *, title: str = "") -> Figure2:
    """Draw the paper's numbers, and those that were measured.

    Args:
        measured: points of one's own; may be none.
        out: folder for fig2.png, fig2.pdf, fig2.csv and fig2.md (the caption).
        title: what the measured points were measured on.

    Raises:
        InputError: for a number of pictures that cannot be drawn, or a file that cannot be written.
        BackendError: where matplotlib is not installed.
    """
    points = (*published_points(), *measured)
    for one in points:
        if not (0 <= one.pictures < math.inf):
            raise InputError(f"{one.label} has {one.pictures:g} training pictures: expected a number from 0")
    figure = new_figure(6.6, 4.4)
    axes = figure.subplots()
    for one in points:
        face = _COLORS[one.setting] if one.measured else "none"
        axes.scatter(one.pictures, one.abs_rel, s=42, facecolors=face, edgecolors=_COLORS[one.setting], linewidths=1.3)
        # UniDepth's two are at one place: the lower one's name goes below.
        below = one.label.endswith("-V")
        axes.annotate(
            literal(one.label), (one.pictures, one.abs_rel), xytext=(6, -11 if below else 5),
            textcoords="offset points", fontsize=8,
        )  # fmt: skip
    axes.set_xscale("symlog", linthresh=1e4)
    axes.set_xlim(-3e3, 1e9)
    # Plain words: a power of ten would be set as a formula.
    axes.set_xticks([0, *_TICKS], ["0", *_TICKS.values()], fontsize=7)
    axes.minorticks_off()
    axes.set_ylim(0, 1.12 * max(one.abs_rel for one in points))
    axes.set_xlabel("training pictures (none of MfH's has a depth)")
    axes.set_ylabel("AbsRel % ↓")
    axes.grid(alpha=0.3)
    for setting, text in _SETTINGS.items():
        axes.scatter([], [], color=_COLORS[setting], label=text)
    axes.scatter([], [], facecolors="none", edgecolors="#555555", label="hollow: the paper's, NYUv2 (Tables 1 and 3)")
    if measured:
        axes.scatter([], [], color="#555555", label=f"filled: measured, {literal(title)}")
    axes.legend(fontsize=7.5)
    drawn = save_figure(figure, out / "fig2")
    rows = [
        (one.label, one.setting, one.pictures, one.abs_rel, "measured" if one.measured else "paper") for one in points
    ]
    table = save_table(out / "fig2.csv", ("method", "setting", "training_pictures", "abs_rel_percent", "source"), rows)
    caption = _describe(points, title)
    return Figure2(points, caption, (*drawn, table, save_caption(out / "fig2.md", caption)))


def _describe(points: Sequence[TrainingPoint], title: str) -> str:
    measured = [one for one in points if one.measured]
    lines = [
        "# Figure 2: AbsRel and training pictures",
        "",
        "Hollow: the paper's numbers on NYUv2, metric methods from Table 1 (nothing aligned), relative ones from Table "
        "3 with the true target. Their training pictures are those that their own papers report, rounded. "
        + (
            f"Filled: measured, {title}."
            if measured
            else "Nothing is measured here: add --scores LABEL=FOLDER of mfh evaluate."
        ),
        "",
        "| method | setting | training pictures | AbsRel % | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one.label} | {one.setting} | {one.pictures:.3g} | {one.abs_rel:.3g} | {_source(one)} |" for one in points
    ]
    return "\n".join(lines) + "\n"


def _source(one: TrainingPoint) -> str:
    return "measured" if one.measured else "paper"
