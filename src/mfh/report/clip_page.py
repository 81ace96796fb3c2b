"""The report of a clip: one HTML file with its pictures, their depth, and a slider through time."""

import math

from mfh.report.clip_payload import ReportedClip, clip_payload
from mfh.report.page import Viewer, fill_page

_CLIP = Viewer(
    "clip.html", "clip.js", ("viewer.css", "clip.css"), "To the picture", "The slider through time and measuring"
)


def clip_html(clip: ReportedClip) -> str:
    """Return the report of a clip as one HTML file.

    Args:
        clip: what it shows.
    """
    # The first picture is in the document itself: it is seen before any script has run.
    first = clip.frames.frames[0]
    return fill_page(
        _CLIP, clip_payload(clip), title=clip.name, lead=clip_headline(clip), jpeg=first.jpeg, size=clip.frames.size
    )


def clip_headline(clip: ReportedClip) -> str:
    """Return how sure the one scale of a clip is, in one line."""
    interval = clip.result.interval
    if interval is None or not all(math.isfinite(one) for one in interval.level_80):
        return "Depth in metres, of one scale"
    low, high = interval.level_80
    return f"Depth in metres, {low - 1:+.0%} to {high - 1:+.0%} with 80 % probability"
