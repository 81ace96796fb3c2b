"""Plain sentences about what was found: what was tried, what to do about it, and what to beware of."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mfh.config import Config, HeadConfig
from mfh.errors import Rejected
from mfh.scale.given import NOTABLE_DOUBT
from mfh.scale.head import log_depth_at
from mfh.scale.known_sizes import GIVE_A_SIZE, KnownSizes
from mfh.types import (
    Evidence,
    KnownSize,
    Landmark,
    MetricHead,
    Photo,
    RelativeDepth,
    ScaleInterval,
    kind_of_people,
    used_people,
)

NOTABLE_SPREAD = 0.25
"""Scatter of people's log metres about the head from which the user is told: well-measured people stay below."""

WIDE_INTERVAL = 0.35
"""Half-width of the 80 % interval from which the user is told that the answer is rough."""

UNMET = 3.0
"""By how many of its own deviations an answer leaves a given size unmet, from which the user is told."""

UNEVEN = 1.2
"""Factor between depths within two pixels of a given distance from which the user is told that it lies on an edge."""


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
        return 'painting: not tried, people is "only"'
    return f"painting: not tried, preset {config.name!r} has no painter"


def no_person_found(photo: Photo, config: Config, tried: Sequence[str], *, has_painter: bool) -> str:
    """Say that there is no metric scale, what was tried, and what to do.

    Args:
        photo: the photo.
        config: what ran.
        tried: one line per thing that was tried.
        has_painter: whether anybody could be painted.

    Returns:
        One line.
    """
    # A given focal length that is questioned may be why: nobody stands where it puts people.
    if photo.focal.source in ("explicit", "intrinsics-file"):
        tried = (*photo.focal.notes, *tried)
    if not has_painter:
        todo = "use a photo with at least one person seen well enough to measure"
    elif config.people == "only":
        todo = 'have people painted (--people auto; people="auto" in Python), or use a photo with people in it'
    else:
        todo = (
            "allow more painting (--attempts, --budget; max_attempts, budget_s in Python), try another --seed, or use "
            "a photo with people in it"
        )
    return f"{photo.name}: no person gives a metric scale ({'; '.join(tried)}): {GIVE_A_SIZE}; or {todo}"


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
    return f"{photo.name}: no person gives a metric scale ({'; '.join(tried)}): {GIVE_A_SIZE}"


def warnings_for(
    photo: Photo,
    head: MetricHead,
    landmarks: Sequence[Landmark],
    *,
    interval: ScaleInterval | None = None,
    people_spread: float | None = None,
    painter_provenance: str = "",
    nothing_in_region: bool = False,
    is_given: bool = False,
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
        is_given: whether a distance or a length was given besides.

    Returns:
        Sentences; none where there is nothing to beware of.
    """
    sentences = [*photo.notes, *photo.focal.notes]
    if photo.focal.source == "default-fov" and not photo.focal.notes:
        sentences.append(f"the focal length is not known ({photo.focal.detail}), and all metres scale with it")
    if painter_provenance and any(one.verdict == "used" and one.source != "photo" for one in landmarks):
        sentences.append(painter_provenance)
    used = sum(landmark.verdict == "used" for landmark in landmarks)
    people = kind_of_people(landmarks)
    if used == 1 and not is_given:
        one = people.replace("people", "person")
        sentences.append(f"the metric scale rests on one {one} alone: an error of that person's size is in every metre")
    if people_spread is not None and people_spread > NOTABLE_SPREAD:
        sentences.append(
            f"the {used_people(landmarks)} contradict each other: their metres scatter by "
            f"{math.expm1(people_spread):.0%} (one standard deviation), so take all distances as rough"
        )
    if interval is not None and interval.half_width > WIDE_INTERVAL:
        low, high = interval.level_80
        sentences.append(
            f"a rough answer: true metres are between {low:.2f} and {high:.2f} times these with 80 % probability"
        )
    if not head.shift_determined:
        which = "given sizes" if is_given else f"the {people}"
        sentences.append(
            f"{which} are too few or too equally far away to determine the shift: distances near them are measured, "
            "much nearer or farther ones rest on what depth range is usual"
        )
    if nothing_in_region:
        sentences.append("what is seen in the region is as far away as can be, or farther than answers go: no metres")
    return tuple(sentences)


def about_given(
    known: KnownSizes,
    rows: Sequence[KnownSize],
    people: Sequence[Landmark],
    *,
    doubt: float,
    head: HeadConfig,
) -> tuple[str, ...]:
    """Say what contradicts the sizes that were given, and what they change.

    Args:
        known: what the user knows.
        rows: the same with what people and the answer make of it.
        people: everybody considered, as they were before it was known what is given.
        doubt: probability that what was given is wrong.
        head: the head that was asked for.
    """
    if not known:
        return ()
    sentences = []
    sizes = [*known.distances, *known.lengths]
    if doubt >= NOTABLE_DOUBT:
        said = [
            f"{row.name} ({one.metres * row.by_people:.3g} m by the people)"
            for row, one in zip(rows, sizes, strict=True)
            if row.by_people is not None
        ]
        sentences.append(
            f"the given {', '.join(said)} and the {used_people(people)} contradict each other: what is given counts, "
            "and the interval reaches to what the people say; check the pixel, the number and the unit"
        )
    unmet = [
        f"{row.name} ({'infinitely far' if row.by_answer is None else f'{one.metres * row.by_answer:.3g} m'} here)"
        for row, one in zip(rows, sizes, strict=True)
        if row.by_answer is None or abs(math.log(row.by_answer)) > UNMET * one.log_sigma
    ]
    if unmet:
        sentences.append(
            f"the given sizes contradict each other: {', '.join(unmet)}; no scale and shift of the relative depth meet "
            "them all, so check their pixels, numbers and units; where they are right, the relative depth is not"
        )
    if head.kind == "silog":
        sentences.append(
            "the paper's head (silog) knows nothing of given sizes: the consensus head, which meets them, was fitted"
        )
    return tuple(sentences)


def about_edges(known: KnownSizes, relative: RelativeDepth, head: MetricHead, limit_m: float) -> tuple[str, ...]:
    """Say which given distances lie on an edge, where a pixel beside means another distance.

    Args:
        known: what the user knows.
        relative: relative depth of the photo.
        head: the answer.
        limit_m: farther answers are not valid.
    """
    sentences = []
    for one in known.distances:
        column, row = (round(at) for at in relative.place((one.x, one.y)))
        patch = np.s_[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        depth_m = head.depth_of(relative.values_or_nan[patch], max_depth_m=limit_m)
        near, far = np.nanmin(depth_m, initial=np.inf), np.nanmax(depth_m, initial=0.0)
        if far > UNEVEN * near:
            sentences.append(
                f"the given distance at {one.x:g},{one.y:g} lies on an edge: depth within two pixels goes from "
                f"{near:.3g} to {far:.3g} m, so make sure that the pixel shows what was measured"
            )
    return tuple(sentences)


def about_limit(relative: RelativeDepth, head: MetricHead, limit_m: float) -> tuple[str, ...]:
    """Say how much of a photo lies beyond the farthest depth that is answered.

    Args:
        relative: relative depth of the photo.
        head: the answer.
        limit_m: farther answers are not valid.
    """
    reached = (1 / limit_m if head.space == "disparity" else limit_m) - head.shift
    values, at_limit = relative.values, reached / head.scale
    if head.space == "disparity":
        beyond = np.count_nonzero((values < at_limit) & (values > -head.shift / head.scale))
    else:
        beyond = np.count_nonzero(values > at_limit)
    if not beyond:
        return ()
    share = beyond / values.size
    said = f"{share:.1%}" if share >= 0.001 else "less than 0.1%"
    return (
        f"{said} of the pixels are farther than {limit_m:.4g} m, where answers end: they have no depth; a distance "
        "that you know out there (--known-distance; known=KnownSizes(...) in Python) moves that end beyond it",
    )


def no_depth(
    photo: Photo, relative: RelativeDepth, head: MetricHead, people: Sequence[Landmark], limit_m: float
) -> str:
    """Say that no pixel of a photo has a depth, why, and what to do.

    Args:
        photo: the photo.
        relative: its relative depth.
        head: the answer.
        people: everybody considered.
        limit_m: farther answers are not valid.
    """
    nearest = float(relative.values.max() if head.space == "disparity" else relative.values.min())
    log_nearest = float(log_depth_at(head, np.array([nearest]))[0])
    where = "lies at infinity" if log_nearest == math.inf else "lies behind the camera"
    if math.isfinite(log_nearest):
        where = f"is {math.exp(log_nearest):.3g} m away or more, and answers end at {limit_m:.4g} m"
    return (
        f"{photo.name}: no pixel has a depth: with {used_people(people)} and a focal length of "
        f"{photo.camera.fx:.4g} px ({photo.focal.detail}) everything {where}: check the focal length and what is "
        f"given, or {GIVE_A_SIZE}"
    )
