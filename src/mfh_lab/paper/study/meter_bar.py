"""The meter bar of one photo: which depths its colours stand for, and which range of Table 10 that makes it."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh_lab.evaluation.rows import read_csv_rows

RangeName = Literal["short", "medium", "long"]
RANGES: tuple[RangeName, ...] = ("short", "medium", "long")
ROUND_MAX_M = (10.0, 15.0, 20.0, 40.0, 80.0)
"""The ends of meter bars that Table 10 names."""

_SHORT_TO_M, _MEDIUM_TO_M = 15.0, 40.0
_NEAR_SHARE = 1 / 20
_FAR_PERCENTILE = 95.0


@dataclass(frozen=True)
class MeterBar:
    """The depths at the two ends of a photo's colour bar; depths beyond them take the colour of the end.

    Attributes:
        min_m: near end.
        max_m: far end.
    """

    min_m: float
    max_m: float

    def __post_init__(self) -> None:
        """Refuse a bar that cannot be drawn."""
        if not (math.isfinite(self.max_m) and 0 < self.min_m < self.max_m):
            raise InputError(f"a meter bar from {self.min_m:g} to {self.max_m:g} m: expected 0 < min < max, in metres")

    @property
    def range_name(self) -> RangeName:
        """Short up to 15 m, medium up to 40 m, long beyond (Table 10)."""
        if self.max_m <= _SHORT_TO_M:
            return "short"
        return "medium" if self.max_m <= _MEDIUM_TO_M else "long"


def bar_to(max_m: float) -> MeterBar:
    """Return the bar that ends at max_m and begins at a twentieth of it: 0.5 m for 10 m, 4 m for 80 m.

    Args:
        max_m: far end in metres.

    Raises:
        InputError: where it is not finite and positive.
    """
    return MeterBar(max_m * _NEAR_SHARE, max_m)


def choose_bar(depths_m: Sequence[Float[ndarray, "_ _"]]) -> MeterBar:
    """Choose a photo's bar from the answers of all methods, so that none is favoured by name.

    Each method's far end is the 95th percentile of its depths; the median over methods is rounded up to 10, 15, 20, 40
    or 80 m (80 where it is farther). The median, because one method that is ten times too far must not decide.

    Args:
        depths_m: one (h, w) map per method, metres; NaN or not positive where there is no answer.

    Raises:
        InputError: where no method has a depth.
    """
    ends: list[float] = []
    for depth_m in depths_m:
        known = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
        if known.size:
            ends.append(float(np.percentile(known, _FAR_PERCENTILE)))
    if not ends:
        raise InputError("no method has a depth anywhere: expected at least one pixel to choose a meter bar by")
    middle_m = float(np.median(ends))
    return bar_to(next((end for end in ROUND_MAX_M if middle_m <= end), ROUND_MAX_M[-1]))


def read_bars(path: str | Path, names: Collection[str]) -> dict[str, MeterBar]:
    """Read bars from a CSV with the columns ``photo,max_m`` and, where wanted, ``min_m``.

    Args:
        path: the file; a photo is named without its suffix, with slashes for folders.
        names: every photo of the study.

    Returns:
        A bar for every photo.

    Raises:
        InputError: for a file that cannot be read, a missing or unknown or repeated photo, or numbers that are no bar.
    """
    bars: dict[str, MeterBar] = {}
    for number, row in read_csv_rows(path, ("photo", "max_m")):
        photo = row["photo"]
        if photo not in names:
            raise InputError(f"{path} line {number}: no photo {photo!r} in the study: expected names without suffix")
        if photo in bars:
            raise InputError(f"{path} line {number}: photo {photo!r} a second time: expected one line a photo")
        try:
            max_m = float(row["max_m"])
            bars[photo] = MeterBar(float(row["min_m"]), max_m) if row.get("min_m") else bar_to(max_m)
        except InputError as error:
            raise InputError(f"{path} line {number}: {error}") from error
        except ValueError as error:
            raise InputError(f"{path} line {number}: {error}: expected metres") from error
    missing = sorted(set(names) - set(bars))
    if missing:
        raise InputError(f"{path} has no bar for {len(missing)} of {len(names)} photos, first {missing[0]!r}: add it")
    return bars
