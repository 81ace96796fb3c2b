"""Figs. 8 and 11: photos without a truth, and the depth of every method with one colour bar a photo."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.photo import load_photo
from mfh.viz.drawing import colour_depth, never_flat
from mfh_lab.evaluation.given_files import check_aspect, check_complete, read_metric_depth
from mfh_lab.paper.figures.panels import draw_depth_bar, draw_picture, short_name
from mfh_lab.paper.figures.saving import new_figure, save_caption, save_figure, save_table
from mfh_lab.paper.study.meter_bar import MeterBar, choose_bar

Bars = Literal["all", "meter"]
_PANEL_PX, _PANEL_IN = 420, 2.0


@dataclass(frozen=True)
class WildPhoto:
    """A photo to draw.

    Attributes:
        name: of its predictions.
        path: the picture file.
        group: which camera it is of, or the like; empty for none.
    """

    name: str
    path: Path
    group: str = ""


@dataclass(frozen=True)
class WildFigure:
    """What was drawn.

    Attributes:
        limits_m: photo -> ends of its bar, metres.
        caption: what the figure shows.
        files: png, pdf, csv, md.
    """

    limits_m: Mapping[str, tuple[float, float]]
    caption: str
    files: tuple[Path, ...]


def make_in_the_wild(
    photos: list[WildPhoto],
    folders: Mapping[str, Path],
    out: Path,
    *,
    name: str,
    bars: Bars,
    given: Mapping[str, MeterBar] | None = None,
) -> WildFigure:
    """Draw a row a photo: the photo, the depth of every method, and the bar that they share.

    Args:
        photos: in the order drawn; those of one group follow each other.
        folders: method -> folder with its metric depth.
        out: folder for NAME.png, NAME.pdf, NAME.csv (ranges of depth) and NAME.md (the caption).
        name: of the figure.
        bars: "all" reaches from the nearest to the farthest percentile of any method (Fig. 8), so that no method is cut
            off; "meter" is the user study's bar, beyond whose ends colours stay (Fig. 11).
        given: photo -> meter bar; None to choose them as the study does.

    Raises:
        InputError: for no photo or method, a missing or unfit prediction, or a file that cannot be written.
        BackendError: where matplotlib is not installed.
    """
    if not (photos and folders):
        raise InputError(f"{len(photos)} photos and {len(folders)} methods: expected at least one of each")
    check_complete([one.name for one in photos], folders)
    limits: dict[str, tuple[float, float]] = {}
    ranges: list[tuple[object, ...]] = []
    shapes = [_size(one.path) for one in photos]
    aspect = max(height / width for height, width in shapes)
    columns = 1 + len(folders)
    figure = new_figure(_PANEL_IN * columns + 0.8, len(photos) * (_PANEL_IN * aspect + 0.25) + 0.4)
    grid = figure.add_gridspec(len(photos), columns + 1, width_ratios=[1.0] * columns + [0.05])
    for row, (photo, (height, width)) in enumerate(zip(photos, shapes, strict=True)):
        depths = {label: read_metric_depth(folder, photo.name) for label, folder in folders.items()}
        for label, depth_m in depths.items():
            check_aspect(depth_m, (height, width), f"{label}'s prediction for {photo.name!r}")
        limits[photo.name] = _limits(photo.name, depths, bars, given or {})
        scale = min(1.0, _PANEL_PX / width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        panels = [figure.add_subplot(grid[row, column]) for column in range(columns + 1)]
        rgb = cv2.resize(load_photo(photo.path).rgb, size, interpolation=cv2.INTER_AREA)
        draw_picture(panels[0], np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8), short_name(photo.name))
        panels[0].set_ylabel(f"({chr(97 + row % 26)}) {photo.group}".strip(), fontsize=8.5)
        for axes, (label, depth_m) in zip(panels[1:], depths.items(), strict=False):
            known = depth_m[np.isfinite(depth_m)]
            near, middle, far = np.percentile(known, [1, 50, 99]).tolist() if known.size else (np.nan,) * 3
            ranges.append((photo.name, photo.group, label, near, middle, far))
            # Nearest: a mean of two depths across an edge is a depth that no method predicted.
            resized = cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST_EXACT)
            draw_picture(axes, colour_depth(resized, np.isfinite(resized), limits[photo.name]), _caption(near, far))
            if row == 0:
                axes.set_title(short_name(label).replace("$", r"\$"), fontsize=9)
        draw_depth_bar(panels[-1], limits[photo.name])
    caption = _describe(photos, folders, name, bars)
    head = ("photo", "group", "method", "near_m", "median_m", "far_m")
    files = [*save_figure(figure, out / name), save_table(out / f"{name}.csv", head, ranges)]
    files.append(save_caption(out / f"{name}.md", caption))
    return WildFigure(limits, caption, tuple(files))


def _size(path: Path) -> tuple[int, int]:
    height, width = load_photo(path).rgb.shape[:2]
    return height, width


def _limits(
    name: str, depths: Mapping[str, Float[ndarray, "_ _"]], bars: Bars, given: Mapping[str, MeterBar]
) -> tuple[float, float]:
    if bars == "meter":
        bar = given.get(name) or choose_bar(list(depths.values()))
        return bar.min_m, bar.max_m
    ends = [np.percentile(one[np.isfinite(one)], [1, 99]) for one in depths.values() if np.isfinite(one).any()]
    if not ends:
        raise InputError(f"no method has a depth anywhere in {name!r}: leave it out")
    return never_flat(float(min(near for near, _ in ends)), float(max(far for _, far in ends)))


def _caption(near_m: float, far_m: float) -> str:
    return "no depth" if np.isnan(near_m) else f"{near_m:.3g} to {far_m:.3g} m"


def _describe(photos: list[WildPhoto], folders: Mapping[str, Path], name: str, bars: Bars) -> str:
    """Return what the figure shows."""
    bar = {
        "all": "from the nearest 1st to the farthest 99th percentile of all methods",
        "meter": "the meter bar of the user study, beyond whose ends the colours stay",
    }[bars]
    groups = "; ".join(
        f"({chr(97 + row % 26)}) {one.name}" + (f", {one.group}" if one.group else "") for row, one in enumerate(photos)
    )
    return (
        f"# Figure {name.removeprefix('fig')}: photos without a truth\n\n"
        f"{len(photos)} photos, {len(folders)} methods ({', '.join(folders)}). "
        f"All depths of a photo share one bar, {bar}; "
        "below each map its 1st and 99th percentile; grey hatching has no depth. There is no truth here: the figure "
        f"says how the answers differ, not which is right.\n\n{groups}.\n"
    )
