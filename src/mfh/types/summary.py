"""A result in a few lines of text."""

from typing import TYPE_CHECKING

from mfh.errors import shown
from mfh.types.people import used_people

if TYPE_CHECKING:
    from mfh.types.answer import MetricDepth


def summary(result: "MetricDepth") -> str:
    """Return a result as text: distances, how sure they are, what the scale rests on, and what to beware of."""
    camera = result.photo.camera
    nearest, median, farthest = result.depth_range_m
    rows = [("depth", f"{nearest:.2f} m nearest, {median:.2f} m median, {farthest:.2f} m farthest")]
    if result.interval is not None:
        low, high = result.interval.level_80
        rows.append(("interval", f"{low - 1:+.0%} to {high - 1:+.0%} with 80 % probability"))
    if result.region is not None:
        rows.append(("region", f"{result.region.depth_m:.2f} m (median)"))
    rows += [
        ("length", f"{one.metres:.2f} m ({one.level_80[0]:.2f} to {one.level_80[1]:.2f} with 80 % probability)")
        for one in result.lengths
    ]
    sources = [f"{used_people(result.landmarks)} of {len(result.landmarks)} considered"]
    sources += [one.name for one in result.known_sizes]
    rows.append(("scale from", "; ".join(sources)))
    rows.append(("focal length", result.photo.focal.detail))
    rows += [("note", one) for one in result.warnings]
    head = f"{result.photo.name}: {camera.width}x{camera.height}, preset {result.preset}"
    return "\n".join(shown(line) for line in [head, *(f"  {name:<13} {text}" for name, text in rows)])
