"""Fig. 10: failures and successes of pseudo ground truth: photo, painting, bodies, and the depth they give."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mfh.errors import InputError
from mfh.geometry.camera import resize_camera
from mfh.viz.drawing import bar_colours, depth_limits_m, position_on_bar
from mfh.viz.strip import draw_bodies
from mfh_lab.paper.cases import (
    FAILURES,
    KINDS,
    MAX_TOUCHING,
    MIN_OVERLAP,
    OUT_OF_PROPORTION,
    PROPORTIONATE,
    TOUCH_M,
    Case,
    Cases,
    choose,
)
from mfh_lab.paper.figures.panels import draw_depth_bar, draw_picture, short_name
from mfh_lab.paper.figures.saving import literal, new_figure, save_caption, save_figure, save_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL_PX, _PANEL_IN = 420, 2.1


@dataclass(frozen=True)
class Figure10:
    """What was drawn.

    Attributes:
        shown: the cases, failures first.
        caption: what the figure shows.
        files: png, pdf, csv, md.
    """

    shown: tuple[Case, ...]
    caption: str
    files: tuple[Path, ...]


def make_fig10(cases: Cases, out: Path, *, title: str, each: int = 3) -> Figure10:
    """Draw the first painting of each kind of failure, and the first successes.

    Args:
        cases: all paintings.
        out: folder for fig10.png, fig10.pdf, fig10.csv (every painting) and fig10.md (the caption).
        title: what was painted with what.
        each: successes to draw.

    Raises:
        InputError: where no painting has a pseudo ground truth.
        BackendError: where matplotlib is not installed.
    """
    shown = choose(cases.found, each=each)
    if not shown:
        raise InputError(
            f"no painting of {len(cases.found) + cases.without} is a success or one of the paper's failures: there is "
            "nothing to draw; give more photos with --limit"
        )
    aspect = max(one.rgb.shape[0] / one.rgb.shape[1] for one in shown)
    figure = new_figure(4 * _PANEL_IN + 0.7, len(shown) * (_PANEL_IN * aspect + 0.42) + 0.5)
    grid = figure.add_gridspec(len(shown), 5, width_ratios=[1.0] * 4 + [0.05])
    for row, case in enumerate(shown):
        panels = [figure.add_subplot(grid[row, column]) for column in range(5)]
        _draw_case(panels, case)
        if row == 0:
            for axes, head in zip(
                panels, ("photo and paint mask", "painting", "bodies", "pseudo ground truth"), strict=False
            ):
                axes.set_title(head, fontsize=9)
    figure.suptitle(literal(title), fontsize=8)
    caption = describe(cases, shown, title)
    rows = [
        (one.photo, one.number, one.kind, one.overlap, one.factor, one.touching, int(one in shown))
        for one in cases.found
    ]
    head = ("photo", "painting", "kind", "overlap", "factor", "touching", "shown")
    files = [*save_figure(figure, out / "fig10"), save_table(out / "fig10.csv", head, rows)]
    files.append(save_caption(out / "fig10.md", caption))
    return Figure10(tuple(shown), caption, tuple(files))


def describe(cases: Cases, shown: list[Case], title: str) -> str:
    """Return the caption: the cases drawn, the rule of each kind, and how many paintings are of it.

    Args:
        cases: all paintings.
        shown: those that are drawn.
        title: what was painted with what.
    """
    lines = [
        "# Figure 10: success and failure of pseudo ground truth",
        "",
        f"{title}. Shown is the first painting of each kind in the dataset's order, of a photo of its own where there "
        "is one; none is chosen by eye.",
        "",
        "| kind | rule | paintings | shown |",
        "| --- | --- | --- | --- |",
    ]
    rules = {
        "not a human": f"failure 1: person and body overlap (IoU) less than {MIN_OVERLAP:.0%}",
        "out of proportion": "failure 2: distance by the body over that by the true scene beyond "
        f"×{OUT_OF_PROPORTION:g} or below 1/{OUT_OF_PROPORTION:g}",
        "bodies penetrate": f"failure 3: over {MAX_TOUCHING:.0%} of a body within {100 * TOUCH_M:g} cm of another's",
        "success": f"none of these, and that factor at most ×{PROPORTIONATE:g}",
        "in between": "neither",
    }
    for kind in KINDS:
        drawn = ", ".join(f"{one.photo} painting {one.number}" for one in shown if one.kind == kind)
        none = "–" if cases.count(kind) else "none occurs"
        lines.append(f"| {kind} | {rules[kind]} | {cases.count(kind)} | {drawn or none} |")
    lines += [
        "",
        f"{cases.without} more paintings give no pseudo ground truth: no person in them could be measured.",
    ]
    missing = [kind for kind in FAILURES if not cases.count(kind)]
    if missing:
        lines.append(f"No row is drawn for: {', '.join(missing)}.")
    lines += [f"- {name}: left out, {reason}" for name, reason in cases.faults.items()]
    return "\n".join(lines) + "\n"


def _draw_case(panels: "list[Axes]", case: Case) -> None:
    height, width = case.rgb.shape[:2]
    scale = min(1.0, _PANEL_PX / width)
    small = resize_camera(case.camera, width=max(1, round(width * scale)), height=max(1, round(height * scale)))
    draw_picture(panels[0], _bytes(case.rgb), short_name(case.photo))
    panels[0].contour(case.painting.paint_mask.astype(float), levels=[0.5], colors="#d62728", linewidths=1.2)
    draw_picture(panels[1], _bytes(case.painting.rgb), f"painting {case.number}")
    draw_picture(panels[2], np.asarray(draw_bodies(case.painting, small, photo_height=height)), case.reason)
    known = np.isfinite(case.depth_m)
    limits_m = depth_limits_m(case.depth_m, known)
    dimmed = 0.35 * case.rgb.mean(axis=-1, keepdims=True).repeat(3, axis=-1) + 0.6
    step = max(1, round(height / case.depth_m.shape[0]))
    dimmed = _bytes(dimmed)[::step, ::step][: case.depth_m.shape[0], : case.depth_m.shape[1]].copy()
    dimmed[known] = bar_colours(position_on_bar(case.depth_m[known], limits_m)[None])[0]
    draw_picture(panels[3], dimmed, f"{np.count_nonzero(known)} pixels")
    draw_depth_bar(panels[4], limits_m)
    failed = case.kind in FAILURES
    panels[0].set_ylabel(
        f"failure:\n{case.kind}" if failed else case.kind, fontsize=8.5, color="#b03a2e" if failed else "#1e8449"
    )


def _bytes(rgb: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
