"""The scale receipt in the terminal: what each landmark implies, its weight, and how sure the answer is."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfh.types import KnownSize, Landmark, MeasuredLength, MetricDepth, RegionDepth, ScaleInterval

MAX_ROWS = 12
_ABOUT_THE_SAME = 0.1
_HEADER = ("#", "where", "metres", "tall", "scale", "weight", "verdict")


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


def describe_interval(interval: "ScaleInterval") -> str:
    """Say how far the metres may be off, in one line.

    Args:
        interval: of the answer.
    """
    low, high = interval.level_80
    parts = [(interval.sources, interval.people_log_sigma), ("shared", interval.common.shared)]
    parts += [("relative depth", interval.common.shape), ("focal length", interval.common.focal)]
    parts_text = ", ".join(f"{name} {sigma:.0%}" for name, sigma in parts if sigma >= 0.005)
    return f"{low - 1:+.0%} to {high - 1:+.0%} with 80 % probability ({parts_text}); limited by: {interval.limited_by}"


def describe_region(region: "RegionDepth") -> str:
    """Say how far the region that was asked for is, in one line.

    Args:
        region: its metres and interval.
    """
    at, (low, high) = region.region, region.interval.level_80
    return (
        f"{region.depth_m:.2f} m at {at.left},{at.top} to {at.right},{at.bottom} (median), "
        f"{low * region.depth_m:.2f} to {high * region.depth_m:.2f} m with 80 % probability"
    )


def describe_length(length: "MeasuredLength") -> str:
    """Say how long something is, in one line.

    Args:
        length: with its interval.
    """
    (x1, y1), (x2, y2) = length.segment.start_xy, length.segment.end_xy
    where = f"from {x1:g},{y1:g} to {x2:g},{y2:g}"
    if math.isnan(length.metres):
        return f"none {where}: an end is as far away as can be"
    low, high = length.level_80
    return f"{length.metres:.2f} m {where}, {low:.2f} to {high:.2f} m with 80 % probability"


def _given(size: "KnownSize") -> str:
    """Say what people make of a given size, where it is not about the same."""
    if size.by_people is None or abs(math.log(size.by_people)) < _ABOUT_THE_SAME:
        return "given"
    return f"given; {size.by_people:.3g} times as large by the people"


def _person_row(number: int, landmark: "Landmark") -> tuple[str, ...]:
    left, top, right, bottom = landmark.box_xyxy
    tall = f"{landmark.stature_m:.2f} m" if landmark.stature_m is not None else "-"
    metres = f"{landmark.distance_m:.2f} m" if landmark.distance_m is not None else "-"
    scale = f"{landmark.implied_scale:.3g}" if landmark.implied_scale is not None else "-"
    weight = f"{landmark.weight:.0%}" if landmark.verdict == "used" else "-"
    where = f"{landmark.source} at {(left + right) / 2:.0f},{(top + bottom) / 2:.0f}"
    verdict = landmark.verdict if landmark.verdict == "used" else f"rejected: {landmark.reason}"
    return (str(number), where, metres, tall, scale, weight, verdict)
