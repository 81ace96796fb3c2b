"""The paper's numbers, as it prints them: δ1 in percent, AbsRel in percent, SIlog, RMSE in metres.

A dash is a number that the paper does not give. A question mark is one that it gives and that could not be read with
certainty; all of them are in :data:`UNREADABLE`. Where the text of the paper lost a decimal point, three digits and the
other numbers of the row decide: AbsRel is at least 20 % of the share of pixels that δ1 does not count.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass


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
    """Return the numbers of "δ1 AbsRel SIlog RMSE", with a dash or question mark for one that is not known.

    Args:
        text: four numbers; the last may be left out where a table has no RMSE.
    """
    return Published(*(math.nan if word in ("-", "?") else float(word) for word in text.split()))


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
    Metric3D    | 92.6 9.38 9.13 0.337    | 97.5 5.33 7.28 2.26
    UniDepth-C  | 97.2 6.26 6.41 0.232    | 97.9 4.69 6.71 2.00
    UniDepth-V  | 98.4 5.78 5.27 0.201    | 98.6 4.21 5.84 1.75
    LORN        | 70.3 ? - ?              | - - - -
    Hu et al.   | 42.8 34.7 - 1.049       | 31.2 38.4 - 12.29
    DepthCLIP   | 39.4 38.8 - 1.167       | 28.1 47.3 - 12.96
    MfH         | 83.2 13.7 9.78 0.487    | 81.2 13.3 10.5 4.21
    """,
)
"""Table 1: NYUv2 and KITTI, nothing aligned."""

TABLE_2 = _rows(
    ("diode", "ibims1", "eth3d"),
    """
    ZoeDepth-NK      | 38.8 33.0 13.3 1.598 | 61.0 18.7 8.98 0.778 | 33.5 47.3 14.0 2.094
    Depth Anything-N | 29.7 32.7 12.5 1.486 | 71.3 15.0 7.58 0.594 | 25.2 38.7 10.2 2.327
    Depth Anything-K | 11.1 231 15.5 5.199  | 2.88 217 17.2 5.385  | 16.9 136 17.1 4.202
    ZeroDepth        | 43.2 30.0 13.2 1.392 | 74.6 16.4 10.6 0.634 | 31.2 32.6 13.4 1.926
    Metric3D         | - 26.8 - 1.429       | - 14.4 - 0.646       | - 34.2 - 2.965
    UniDepth-C       | 62.8 23.8 11.5 0.968 | 81.1 14.8 8.30 0.536 | 43.3 35.5 10.3 1.532
    UniDepth-V       | 79.8 18.1 10.4 0.760 | 23.4 35.7 6.87 1.063 | 27.2 43.1 8.93 1.950
    MfH              | 42.2 34.5 13.2 1.363 | 67.7 23.3 9.73 0.738 | 47.1 24.0 8.16 1.366
    """,
)
"""Table 2: datasets that no method was trained on, nothing aligned.

Of Metric3D one number stands before each RMSE: its own paper reports AbsRel and RMSE of these datasets, and a δ1 of
14.4 % would not go with the second-best RMSE but two of iBims-1.
"""

TABLE_6_MMDE = _rows(
    ("diode", "ibims1", "eth3d"),
    """
    ZoeDepth-NK      | 38.8 33.0 13.3 | 61.0 18.7 8.98 | 33.5 47.3 14.0
    Depth Anything-N | 29.7 32.7 12.5 | 71.3 15.0 7.58 | 25.2 38.7 10.2
    Depth Anything-K | 11.1 231 15.5  | 2.88 217 17.2  | 16.9 136 17.1
    ZeroDepth        | 43.2 30.0 13.2 | 74.6 16.4 10.6 | 31.2 32.6 13.4
    Metric3D         | - 26.8 -       | - 14.4 -       | - 34.2 -
    UniDepth-C       | 62.8 23.8 11.5 | 81.1 14.8 8.30 | 43.3 35.5 10.3
    UniDepth-V       | 79.8 18.1 10.4 | 23.4 35.7 6.87 | 27.2 43.1 8.93
    """,
)
"""Table 6, the metric setting: nothing aligned; Table 2 without RMSE and MfH."""

TABLE_6_MRDE = _rows(
    ("diode", "ibims1", "eth3d"),
    """
    ZoeDepth-NK      | 91.6 12.2 11.9 | 97.3 5.61 7.74 | 94.9 8.15 9.85
    Depth Anything-N | 94.4 10.2 10.6 | 98.4 4.45 6.18 | 93.8 8.03 9.95
    Depth Anything-K | 92.4 11.9 12.0 | 95.7 6.82 9.36 | 97.7 6.09 7.36
    ZeroDepth        | 91.8 12.1 12.1 | 94.8 6.51 9.25 | 87.6 11.6 12.1
    UniDepth-C       | 94.2 10.2 10.7 | 97.6 4.68 7.24 | 96.6 6.96 8.76
    UniDepth-V       | 95.6 8.89 9.78 | 98.6 3.41 5.69 | 97.4 5.79 7.53
    """,
)
"""Table 6, the relative setting: after the best scale and shift; Metric3D has no row there."""

TABLE_3 = {
    ("ZoeDepth", "true depth"): row("63.9 22.4 24.5 0.692"),
    ("ZoeDepth", "true disparity"): row("66.5 20.1 23.2 0.658"),
    ("ZoeDepth", "painted depth"): row("29.5 35.5 30.6 1.246"),
    ("ZoeDepth", "painted disparity"): row("30.2 32.3 25.1 1.158"),
    ("Marigold", "true depth"): row("96.3 5.88 8.70 0.251"),
    ("Marigold", "true disparity"): row("78.8 15.1 20.9 0.523"),
    ("Marigold", "painted depth"): row("60.7 21.4 19.5 0.689"),
    ("Marigold", "painted disparity"): row("40.7 31.1 31.3 1.086"),
    ("Depth Anything", "true depth"): row("75.8 16.8 19.8 0.657"),
    ("Depth Anything", "true disparity"): row("97.9 4.57 6.68 0.222"),
    ("Depth Anything", "painted depth"): row("50.1 41.7 27.9 1.874"),
    ("Depth Anything", "painted disparity"): row("66.8 21.9 15.2 0.792"),
}
"""Table 3: relative-depth models and targets, NYUv2, N = 4."""

TABLE_4 = {
    ("s, t", "true disparity"): row("97.9 4.57 6.68 0.222"),
    ("s, t", "painted disparity"): row("58.6 28.0 21.2 1.079"),
    ("s_n, t_n, s", "true disparity"): row("29.2 43.5 47.3 1.910"),
    ("s_n, t_n, s", "painted disparity"): row("? ? ? ?"),
    ("s_n, t_n, t", "true disparity"): row("0.00 98.9 ? 2.825"),
    ("s_n, t_n, t", "painted disparity"): row("0.30 113 ? 3.387"),
    ("s_n, t_n, s, t", "true disparity"): row("97.9 4.57 6.68 0.222"),
    ("s_n, t_n, s, t", "painted disparity"): row("66.8 21.9 15.2 0.792"),
}
"""Table 4: which parameters are free, NYUv2, N = 4.

The first row is garbled in the text; its fit to the true disparity has no painting to align and is that of the row
before the last, whose δ1 and RMSE it shares.
"""

TABLE_5 = {
    "L1": row("24.2 201 28.9 4.645"),
    "L2": row("62.3 27.1 16.7 0.975"),
    "MSE-log": row("67.5 22.5 14.6 0.810"),
    "SIlog": row("66.8 21.9 15.2 0.792"),
}
"""Table 5: losses, NYUv2, N = 4."""

TABLE_7 = {
    (0.1, 0.7): row("67.1 23.3 15.4 0.812"),
    (0.2, 0.8): row("66.8 21.9 15.2 0.792"),
    (0.3, 0.9): row("66.0 23.5 15.0 0.834"),
    (0.2, 0.6): row("66.0 22.4 14.7 0.827"),
    (0.3, 0.7): row("67.5 22.9 14.9 0.806"),
    (0.4, 0.8): row("54.3 27.3 16.9 1.031"),
}
"""Table 7: smallest and largest width of the paint mask, NYUv2, N = 4."""

TABLE_8 = {
    "Stable Diffusion v1.5": row("74.0 16.8 11.5 0.642"),
    "Stable Diffusion XL": row("78.5 15.9 11.3 0.533"),
    "Stable Diffusion v2": row("83.2 13.7 9.78 0.487"),
}
"""Table 8: painters, NYUv2, N = 32."""

TABLE_9 = {
    "HMAR": row("82.0 14.2 9.83 0.489"),
    "TokenHMR": row("80.4 14.9 9.55 0.495"),
    "HMR 2.0": row("83.2 13.7 9.78 0.487"),
}
"""Table 9: mesh models, NYUv2, N = 32."""

FIGURE_5 = {4: row("66.8 21.9 15.2 0.792"), 32: row("83.2 13.7 9.78 0.487")}
"""Fig. 5 at the numbers of paintings that tables give too (Tables 4 and 1); the rest of it is a plot."""

TABLE_10_METHODS = ("DA-K", "DA-N", "M3D-v1", "M3D-v2", "UD-C", "UD-V", "0D", "ZD-NK", OURS)
"""Depth Anything-{K, N}, Metric3D v1 and v2, UniDepth-{C, V}, ZeroDepth, ZoeDepth-NK and this method."""

TABLE_10: Mapping[str, tuple[float, ...]] = {
    "short": (4.0, 14.4, 0.0, 18.8, 6.0, 12.8, 1.6, 3.6, 38.8),
    "medium": (17.7, 3.1, 2.0, 16.6, 6.0, 2.6, 0.3, 4.9, 46.9),
    "long": (13.5, 2.0, 11.0, 21.0, 6.0, 2.5, 0.5, 3.5, 40.0),
    "overall": (12.4, 6.4, 3.6, 18.4, 6.0, 5.8, 0.8, 4.1, 42.6),
}
"""Table 10: percent of the choices of 50 participants, by the end of the meter bar: 10-15 m, 20-40 m, 80 m, all."""

UNREADABLE = (
    ("Table 1, LORN, NYUv2: AbsRel and RMSE", 'the text has "70.3 101 9.452"'),
    ("Table 4, s_n t_n s, painted disparity: all four", 'the text has "298 raa e 3000"'),
    ("Table 4, s_n t_n t, true disparity: SIlog", 'the text has "625": 62.5 or 6.25'),
    ("Table 4, s_n t_n t, painted disparity: SIlog", 'the text has "182": 18.2 or 182'),
)
"""Numbers that the paper prints and that its text does not give with certainty, and what the text has."""


@dataclass(frozen=True)
class Filled:
    """How many numbers of a table are here.

    Attributes:
        known: numbers.
        cells: rows times datasets times metrics, those among them that the paper leaves empty too.
    """

    known: int
    cells: int


def filled() -> dict[str, Filled]:
    """Return for each table how many of its numbers are here."""
    tables: dict[str, tuple[Iterable[Published], int]] = {
        "table1": (TABLE_1.values(), 4),
        "table2": (TABLE_2.values(), 4),
        "table3": (TABLE_3.values(), 4),
        "table4": (TABLE_4.values(), 4),
        "table5": (TABLE_5.values(), 4),
        "table6": ((*TABLE_6_MMDE.values(), *TABLE_6_MRDE.values()), 3),
        "table7": (TABLE_7.values(), 4),
        "table8": (TABLE_8.values(), 4),
        "table9": (TABLE_9.values(), 4),
    }
    counts: dict[str, Filled] = {}
    for name, (rows, metrics) in tables.items():
        numbers = [number for one in rows for number in astuple(one)[:metrics]]
        counts[name] = Filled(sum(not math.isnan(number) for number in numbers), len(numbers))
    rates = [rate for row_ in TABLE_10.values() for rate in row_]
    return {**counts, "table10": Filled(len(rates), len(rates))}
