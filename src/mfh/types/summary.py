"""A result in a few lines of text, and its parts in one line each: what a library prints, and the command too."""

import math
from typing import TYPE_CHECKING

from mfh.errors import shown
from mfh.types.people import used_landmarks

if TYPE_CHECKING:
    from mfh.types.answer import MetricDepth
    from mfh.types.uncertainty import MeasuredLength, RegionDepth, ScaleInterval


def summary(result: "MetricDepth") -> str:
    """Return a result as text: distances, how sure they are, what the scale rests on, and what to beware of."""
    camera = result.photo.camera
    nearest, median, farthest = result.depth_range_m
    rows = [("depth", f"{nearest:.2f} m nearest, {median:.2f} m median, {farthest:.2f} m farthest{_beyond(result)}")]
    if result.interval is not None:
        rows.append(("interval", describe_interval(result.interval)))
    if result.region is not None:
        rows.append(("region", describe_region(result.region)))
    rows += [("length", describe_length(one)) for one in result.lengths]
    sources = [f"{used_landmarks(result.landmarks)} of {len(result.landmarks)} considered"]
    sources += [one.name for one in result.known_sizes]
    rows.append(("scale from", "; ".join(sources)))
    rows.append(("focal length", result.photo.focal.detail))
    rows += [("note", one) for one in result.warnings]
    head = f"{result.photo.name}: {camera.width}x{camera.height}, preset {result.preset}"
    return "\n".join(shown(line) for line in [head, *(f"  {name:<13} {text}" for name, text in rows)])


def headline(result: "MetricDepth") -> str:
    """Return the answer in one line: the median depth, its 80 % interval, and what fixed the scale."""
    median_m, interval = result.depth_range_m[1], result.interval
    line = f"{median_m:.2f} m median depth"
    if interval is not None:
        low, high = interval.level_80
        line += f", {low * median_m:.2f} to {high * median_m:.2f} m with 80 % probability"
    sources = [one.name for one in result.known_sizes]
    if not sources or any(one.verdict == "used" for one in result.landmarks):
        sources.insert(0, used_landmarks(result.landmarks))
    return f"{line}; scale from {', '.join(sources)}"


def _beyond(result: "MetricDepth") -> str:
    """Return what follows the depths of a photo whose far end the evidence does not reach."""
    return f"; the rest beyond {result.reach_m:.3g} m" if result.reach_m <= result.max_depth_m else ""


def describe_interval(interval: "ScaleInterval") -> str:
    """Return how far depth may be off, in one line."""
    low, high = interval.level_80
    parts = [(interval.sources, interval.people_log_sigma), ("shared", interval.common.shared)]
    parts += [("relative depth", interval.common.shape), ("focal length", interval.common.focal)]
    parts_text = ", ".join(f"{name} {sigma:.0%}" for name, sigma in parts if sigma >= 0.005)
    return f"{low - 1:+.0%} to {high - 1:+.0%} with 80 % probability ({parts_text}); limited by: {interval.limited_by}"


def describe_region(region: "RegionDepth") -> str:
    """Return how far the region that was asked for is, in one line."""
    at, (low, high) = region.region, region.interval.level_80
    return (
        f"{region.depth_m:.2f} m at {at.left},{at.top} to {at.right},{at.bottom} (median), "
        f"{low * region.depth_m:.2f} to {high * region.depth_m:.2f} m with 80 % probability"
    )


def describe_length(length: "MeasuredLength") -> str:
    """Return a measured length, in one line."""
    (x1, y1), (x2, y2) = length.segment.start_xy, length.segment.end_xy
    where = f"from {x1:g},{y1:g} to {x2:g},{y2:g}"
    if math.isnan(length.metres):
        return f"none {where}: an end lies in the sky, or farther than answers reach"
    low, high = length.level_80
    return f"{length.metres:.2f} m {where}, {low:.2f} to {high:.2f} m with 80 % probability"
