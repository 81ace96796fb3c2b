"""The paper's numbers, as it prints them: δ1 in percent, AbsRel in percent, SIlog, RMSE in metres.

A dash is a number that the paper does not give, or that could not be read with certainty.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One row of one of the paper's tables, for one dataset; NaN where unknown.

    Attributes:
        delta1: percent of pixels within a factor of 1.25.
        abs_rel: percent.
        silog: times 100.
        rmse: metres.
    """

    delta1: float = math.nan
    abs_rel: float = math.nan
    silog: float = math.nan
    rmse: float = math.nan


NOTHING = Published()
"""Numbers of a row that the paper does not have."""


def row(text: str) -> Published:
    """Return the numbers of "δ1 AbsRel SIlog RMSE", with a dash for one that is not known.

    Args:
        text: four numbers; the last may be left out where a table has no RMSE.
    """
    return Published(*(math.nan if word == "-" else float(word) for word in text.split()))


def _rows(datasets: tuple[str, ...], text: str) -> dict[tuple[str, str], Published]:
    """Read lines of "method | numbers | numbers", a column of numbers for each dataset."""
    found: dict[tuple[str, str], Published] = {}
    for line in text.strip().splitlines():
        name, *numbers = (part.strip() for part in line.split("|"))
        for dataset, each in zip(datasets, numbers, strict=True):
            found[name, dataset] = row(each)
    return found


OURS = "MfH"

TABLE_1 = _rows(
    ("nyu", "kitti"),
    """
    ZeroDepth   | 90.1 10.0 - 0.380       | 89.2 10.2 - 4.38
    Metric3D    | 92.6 - - 0.337          | - - 7.28 2.26
    UniDepth-C  | 97.2 6.26 - 0.232       | - - 6.71 2.00
    UniDepth-V  | 98.4 5.78 - 0.201       | - 4.21 5.84 1.75
    LORN        | 70.3 - - -              | - - - -
    Hu et al.   | 42.8 - - 1.049          | - - - 12.29
    DepthCLIP   | 39.4 - - -              | - 47.3 - 12.96
    MfH         | 83.2 13.7 9.78 0.487    | 81.2 13.3 10.5 4.21
    """,
)
"""Table 1: NYUv2 and KITTI, nothing aligned."""

TABLE_2 = _rows(
    ("diode", "ibims1", "eth3d"),
    """
    ZoeDepth-NK      | 38.8 33.0 13.3 1.598 | 61.0 18.7 8.98 0.778 | 33.5 47.3 14.0 2.094
    Depth Anything-N | 29.7 32.7 - 1.486    | 71.3 15.0 7.58 0.594 | 25.2 38.7 10.2 2.327
    Depth Anything-K | 11.1 - - 5.199       | 2.88 - 17.2 5.385    | 16.9 - 17.1 4.202
    ZeroDepth        | 43.2 30.0 13.2 1.392 | 74.6 16.4 10.6 0.634 | 31.2 - 13.4 1.926
    Metric3D         | - - - 1.429          | - - - 0.646          | - - - 2.965
    UniDepth-C       | 62.8 23.8 - 0.968    | 81.1 14.8 8.30 0.536 | 43.3 - 10.3 1.532
    UniDepth-V       | 79.8 18.1 10.4 0.760 | 23.4 35.7 6.87 1.063 | 27.2 - 8.93 1.950
    MfH      | 42.2 34.5 13.2 1.363 | 67.7 23.3 9.73 0.738 | 47.1 24.0 8.16 1.366
    """,
)
"""Table 2: datasets that no method was trained on, nothing aligned."""

TABLE_6_MMDE = _rows(
    ("diode", "ibims1", "eth3d"),
    """
    ZoeDepth-NK      | 38.8 33.0 13.3 | 61.0 18.7 8.98 | 33.5 47.3 14.0
    Depth Anything-N | 29.7 32.7 -    | 71.3 15.0 7.58 | 25.2 38.7 10.2
    Depth Anything-K | 11.1 - -       | 2.88 - 17.2    | 16.9 - 17.1
    ZeroDepth        | 43.2 30.0 13.2 | 74.6 16.4 10.6 | 31.2 - 13.4
    Metric3D         | - - -          | - - -          | - - -
    UniDepth-C       | 62.8 23.8 -    | 81.1 14.8 8.30 | 43.3 - 10.3
    UniDepth-V       | 79.8 18.1 10.4 | 23.4 35.7 6.87 | 27.2 - 8.93
    """,
)
"""Table 6, the metric setting: nothing aligned."""

TABLE_6_MRDE = _rows(
    ("diode", "ibims1", "eth3d"),
    """
    ZoeDepth-NK      | - - -    | - - 7.74 | - - -
    Depth Anything-N | - - 10.6 | - - -    | - - -
    Depth Anything-K | - - -    | - - -    | - - 7.36
    ZeroDepth        | - - -    | - - -    | - - -
    Metric3D         | - - -    | - - -    | - - -
    UniDepth-C       | - - 10.7 | 97.6 - - | - - -
    UniDepth-V       | - - -    | - - -    | - - 7.53
    """,
)
"""Table 6, the relative setting: after the best scale and shift; most of it cannot be read with certainty."""

TABLE_3 = {
    ("ZoeDepth", "true depth"): row("63.9 - - 0.692"),
    ("ZoeDepth", "true disparity"): row("66.5 20.1 23.2 0.658"),
    ("ZoeDepth", "painted depth"): row("29.5 35.5 30.6 1.246"),
    ("ZoeDepth", "painted disparity"): row("30.2 32.3 25.1 1.158"),
    ("Marigold", "true depth"): row("96.3 5.88 8.70 0.251"),
    ("Marigold", "true disparity"): row("- 15.1 - 0.523"),
    ("Marigold", "painted depth"): row("60.7 21.4 - 0.689"),
    ("Marigold", "painted disparity"): row("40.7 - - 1.086"),
    ("Depth Anything", "true depth"): row("- - - 0.657"),
    ("Depth Anything", "true disparity"): row("97.9 4.57 6.68 0.222"),
    ("Depth Anything", "painted depth"): row("- 41.7 27.9 -"),
    ("Depth Anything", "painted disparity"): row("66.8 21.9 15.2 0.792"),
}
"""Table 3: relative-depth models and targets, NYUv2, N = 4."""

TABLE_4 = {
    ("s, t", "true disparity"): row("97.9 - - 0.222"),
    ("s, t", "painted disparity"): row("58.6 28.0 21.2 1.079"),
    ("s_n, t_n, s", "true disparity"): row("29.2 - - -"),
    ("s_n, t_n, s", "painted disparity"): NOTHING,
    ("s_n, t_n, t", "true disparity"): row("0.00 - - 2.825"),
    ("s_n, t_n, t", "painted disparity"): row("0.30 - - 3.387"),
    ("s_n, t_n, s, t", "true disparity"): row("97.9 4.57 6.68 0.222"),
    ("s_n, t_n, s, t", "painted disparity"): row("66.8 21.9 15.2 0.792"),
}
"""Table 4: which parameters are free, NYUv2, N = 4."""

TABLE_5 = {
    "L1": row("24.2 - 28.9 4.645"),
    "L2": row("62.3 27.1 16.7 0.975"),
    "MSE-log": row("67.5 - - 0.810"),
    "SIlog": row("66.8 21.9 15.2 0.792"),
}
"""Table 5: losses, NYUv2, N = 4."""

TABLE_7 = {
    (0.1, 0.7): row("67.1 23.3 - 0.812"),
    (0.2, 0.8): row("66.8 21.9 15.2 0.792"),
    (0.3, 0.9): row("66.0 23.5 15.0 0.834"),
    (0.2, 0.6): row("66.0 22.4 14.7 0.827"),
    (0.3, 0.7): row("67.5 22.9 14.9 0.806"),
    (0.4, 0.8): row("54.3 27.3 16.9 1.031"),
}
"""Table 7: smallest and largest width of the paint mask, NYUv2, N = 4."""

TABLE_8 = {
    "Stable Diffusion v1.5": row("74.0 16.8 - 0.642"),
    "Stable Diffusion XL": row("78.5 - - 0.533"),
    "Stable Diffusion v2": row("83.2 13.7 9.78 0.487"),
}
"""Table 8: painters, NYUv2, N = 32."""

TABLE_9 = {
    "HMAR": row("82.0 - 9.83 0.489"),
    "TokenHMR": row("80.4 - - 0.495"),
    "HMR 2.0": row("83.2 13.7 9.78 0.487"),
}
"""Table 9: mesh models, NYUv2, N = 32."""

FIGURE_5 = {4: row("66.8 21.9 15.2 0.792"), 32: row("83.2 13.7 9.78 0.487")}
"""Fig. 5 at the numbers of paintings that tables give too (Tables 4 and 1); the rest of it is a plot."""
