"""The scale receipt in the terminal: what each landmark implies, its weight, and how sure the answer is."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfh.types import KnownSize, Landmark, MetricDepth

MAX_ROWS = 12
_ABOUT_THE_SAME = 0.1
_HEADER = ("#", "where", "metres", "size", "scale", "weight", "verdict")


def receipt_rows(result: "MetricDepth") -> list[str]:
    """Return the table of people and known sizes, one line each, those that count most first.

    Args:
        result: the depth of one photo.

    Returns:
        Aligned lines with a header; at most MAX_ROWS people, and how many more the receipt file holds.
    """
    numbered = sorted(enumerate(result.landmarks), key=lambda pair: (-pair[1].weight, pair[0]))
    rows = [_person_row(number, landmark) for number, landmark in numbered[:MAX_ROWS]]
    rows += [("", one.name, "", "", "", f"{one.weight:.0%}", _given(one)) for one in result.known_sizes]
    if not rows:
        return []
    widths = [max(len(row[k]) for row in (_HEADER, *rows)) for k in range(len(_HEADER) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in (_HEADER, *rows)
    ]
    left = len(result.landmarks) - MAX_ROWS
    return [*lines, f"... and {left} more in receipt.json"] if left > 0 else lines


def _given(size: "KnownSize") -> str:
    """Say what people make of a given size, where it is not about the same."""
    if size.by_people is None or abs(math.log(size.by_people)) < _ABOUT_THE_SAME:
        return "given"
    return f"given; {size.by_people:.3g} times as large by the people"


def _person_row(number: int, landmark: "Landmark") -> tuple[str, ...]:
    left, top, right, bottom = landmark.box_xyxy
    size_m = landmark.size_m or landmark.stature_m
    size = f"{size_m:.2f} m" if size_m is not None else "-"
    metres = f"{landmark.distance_m:.2f} m" if landmark.distance_m is not None else "-"
    scale = f"{landmark.implied_scale:.3g}" if landmark.implied_scale is not None else "-"
    weight = f"{landmark.weight:.0%}" if landmark.verdict == "used" else "-"
    where = f"{landmark.label or landmark.source} at {(left + right) / 2:.0f},{(top + bottom) / 2:.0f}"
    if landmark.is_prior:
        where = landmark.label
    verdict = landmark.verdict if landmark.verdict == "used" else f"rejected: {landmark.reason}"
    return (str(number), where, metres, size, scale, weight, verdict)
