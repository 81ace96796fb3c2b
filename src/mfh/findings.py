"""Plain sentences about what was found: what was tried, what to do about it, and what to beware of."""

import math
from collections import Counter
from collections.abc import Sequence

from mfh.config import Config
from mfh.errors import Rejected
from mfh.types import Evidence, Landmark, MetricHead, Photo, ScaleInterval

NOTABLE_SPREAD = 0.25
"""Scatter of people's log metres about the head from which the user is told: well-measured people stay below."""

WIDE_INTERVAL = 0.35
"""Half-width of the 80 % interval from which the user is told that the answer is rough."""


def any_used(evidence: Sequence[Evidence]) -> bool:
    """Return whether anybody in the evidence is used."""
    return any(landmark.verdict == "used" for one in evidence for landmark in one.landmarks)


def describe(where: str, evidence: Sequence[Evidence]) -> str:
    """Say how many people were found and used, and why the others were not.

    Args:
        where: where they were looked for.
        evidence: what was found there.

    Returns:
        One line, e.g. "people in the photo: 2 found, 0 used (2 could not be measured)".
    """
    landmarks = [landmark for one in evidence for landmark in one.landmarks]
    used = sum(landmark.verdict == "used" for landmark in landmarks)
    line = f"{where}: {len(landmarks)} found, {used} used"
    reasons = Counter(landmark.reason for landmark in landmarks if landmark.verdict == "rejected")
    return line + (f" ({'; '.join(f'{count} {reason}' for reason, count in reasons.items())})" if reasons else "")


def why_no_painting(config: Config) -> str:
    """Say why nobody was painted."""
    if config.people == "only":
        return 'painting: not tried, people="only"'
    return f"painting: not tried, preset {config.name!r} has no painter"


def nobody_found(photo: Photo, config: Config, tried: Sequence[str], *, has_painter: bool) -> str:
    """Say that there is no metric scale, what was tried, and what to do.

    Args:
        photo: the photo.
        config: what ran.
        tried: one line per thing that was tried.
        has_painter: whether anybody could be painted.

    Returns:
        One line.
    """
    if not has_painter:
        todo = "use a photo with at least one person seen well enough to measure"
    elif config.people == "only":
        todo = 'use people="auto" to have people painted, or a photo with people in it'
    else:
        todo = "raise max_attempts or budget_s, try another seed, or use a photo with people in it"
    return f"{photo.name}: no person gives a metric scale ({'; '.join(tried)}): {todo}"


def not_painted(refused: Rejected) -> str:
    """Say that nobody was painted because of the kind of photo.

    Args:
        refused: what the photo looks like.
    """
    return f"painting: not tried, this looks like {refused.reason}, where painted people say nothing about the scale"


def no_scale_in_view(photo: Photo, tried: Sequence[str]) -> str:
    """Say that people painted into this kind of photo give no metric scale, and what does.

    Args:
        photo: the photo.
        tried: one line per thing that was tried.

    Returns:
        One line.
    """
    return (
        f"{photo.name}: no person gives a metric scale ({'; '.join(tried)}): "
        "give a known distance or length (--known-distance, --known-length)"
    )


def warnings_for(
    photo: Photo,
    head: MetricHead,
    landmarks: Sequence[Landmark],
    *,
    interval: ScaleInterval | None = None,
    people_spread: float | None = None,
    painter_provenance: str = "",
    nothing_in_region: bool = False,
) -> tuple[str, ...]:
    """Return the sentences a user of the depth should read.

    Args:
        photo: the photo; its own notes come first.
        head: the fit.
        landmarks: everybody considered.
        interval: how far the metres may be off, where known.
        people_spread: robust standard deviation of people's log metres about the head, where known.
        painter_provenance: the painter's sentence about where it learned how large people appear.
        nothing_in_region: whether a region was asked for that shows nothing at a finite depth.

    Returns:
        Sentences; none where there is nothing to beware of.
    """
    sentences = list(photo.notes)
    if photo.focal.source == "default-fov" and not any("metres scale with it" in note for note in photo.notes):
        sentences.append(f"the focal length is not known ({photo.focal.detail}), and all metres scale with it")
    if painter_provenance and any(one.verdict == "used" and one.source != "photo" for one in landmarks):
        sentences.append(painter_provenance)
    used = sum(landmark.verdict == "used" for landmark in landmarks)
    if used == 1:
        sentences.append("the metric scale rests on one person alone: an error of that person's size is in every metre")
    if people_spread is not None and people_spread > NOTABLE_SPREAD:
        sentences.append(
            f"the {used} people contradict each other: their metres scatter by {math.expm1(people_spread):.0%} "
            "(one standard deviation), so take all distances as rough"
        )
    if interval is not None and interval.half_width > WIDE_INTERVAL:
        low, high = interval.level_80
        sentences.append(
            f"a rough answer: true metres are between {low:.2f} and {high:.2f} times these with 80 % probability"
        )
    if not head.shift_determined:
        sentences.append(
            "the people are too few or too equally far away to determine the shift: distances near them are measured, "
            "much nearer or farther ones rest on what depth range is usual"
        )
    if nothing_in_region:
        sentences.append("what is seen in the region is as far away as can be, or farther than answers go: no metres")
    return tuple(sentences)
