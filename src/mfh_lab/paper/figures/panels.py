"""Panels of figures: a picture with its caption, and a colour bar."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from mfh.viz.drawing import bar_colours, bar_ticks_m, position_on_bar, tick_label
from mfh_lab.paper.figures.saving import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST_NAME = 28


def draw_picture(axes: "Axes", rgb: ndarray, caption: str = "") -> None:
    """Draw a picture without axes.

    Args:
        axes: of the panel.
        rgb: (h, w, 3).
        caption: below it, of one or more lines.
    """
    axes.imshow(rgb, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("\n".join(map(literal, caption.splitlines())), fontsize=7.5, labelpad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_bar(
    axes: "Axes", column: UInt8[ndarray, "h 1 3"], positions: Float[ndarray, "n"], labels: Sequence[str]
) -> None:
    """Draw a colour bar.

    Args:
        axes: of the bar.
        column: its colours, the far end first.
        positions: of the labels, 0 at the bottom to 1 at the top.
        labels: beside them.
    """
    axes.imshow(column, aspect="auto", extent=(0.0, 1.0, 0.0, 1.0), origin="upper")
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks(positions, labels, fontsize=7)
    axes.tick_params(length=2)


def draw_depth_bar(axes: "Axes", limits_m: tuple[float, float]) -> None:
    """Draw the colour bar of depth, far at the top.

    Args:
        axes: of the bar.
        limits_m: its ends, metres.
    """
    ticks = np.array(bar_ticks_m(limits_m))
    labels = [f"{tick_label(float(tick))} m" for tick in ticks]
    draw_bar(axes, bar_colours(np.linspace(1, 0, 200)[:, None]), position_on_bar(ticks, limits_m), labels)


def short_name(name: str) -> str:
    """Return a name, or the end of one that is too long for a panel.

    Args:
        name: of a sample.
    """
    return name if len(name) <= LONGEST_NAME else "…" + name[1 - LONGEST_NAME :]
