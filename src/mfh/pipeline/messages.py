"""The sentences a user reads: what was tried, what to do about it, and typed notes on what to beware of."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

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
    Note,
    Photo,
    RelativeDepth,
    ScaleInterval,
    kinds_of_landmarks,
    used_landmarks,
)

NOTABLE_SPREAD = 0.25
"""Standard deviation of people's log distances about the head above which it is noted: good measurements stay below."""

WIDE_INTERVAL = 0.35
"""Half-width of the 80 % interval above which the answer is called rough."""

UNMET = 3.0
"""Residual of a given size, in its own standard deviations, above which it is noted."""

SLANTED = 1.15
"""The edges of something of which one is so many times as far away as the other are not seen face on."""
UNEVEN = 1.2
"""Factor between depths within two pixels of a given distance above which the pixel counts as one on an edge."""

_NOT_LOOKED_FOR = "objects of known size were not looked for"


def describe(where: str, evidence: Sequence[Evidence]) -> str:
    """Return how many people were found and used, and why the others were not.

    Args:
        where: the pictures that were searched.
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
    """Return why no person was painted."""
    if config.people == "only":
        return 'painting: not tried, people is "only"'
    return f"painting: not tried, preset {config.name!r} has no painter"


def no_person_found(photo: Photo, config: Config, tried: Sequence[str], *, has_painter: bool) -> str:
    """Return one line: there is no metric scale, what was tried, and what to do.

    Args:
        photo: named in the line.
        config: what ran.
        tried: one line per thing that was tried.
        has_painter: whether people could be painted.
    """
    # A given focal length that is questioned may be the cause: no person stands where it puts people.
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
    return f"{_no_scale(photo, tried)}; or {todo}"


def not_painted(refused: Rejected) -> str:
    """Return that no person was painted because of the kind of photo, which is the reason of the refusal."""
    return f"painting: not tried, this looks like {refused.reason}, where painted people say nothing about the scale"


def objects_not_looked_for(reason: str) -> str:
    """Return that there was no object detector, and why."""
    return f"{_NOT_LOOKED_FOR}: {reason}"


def no_scale_in_view(photo: Photo, tried: Sequence[str]) -> str:
    """Return one line: people painted into this kind of photo give no metric scale, and what does."""
    return _no_scale(photo, tried)


def _no_scale(photo: Photo, tried: Sequence[str]) -> str:
    """Return that nothing gives a scale, what was tried and what was not, and that a known size suffices."""
    tried = (*tried, *(note for note in photo.notes if note.startswith(_NOT_LOOKED_FOR)))
    return f"{photo.name}: nothing in it gives a metric scale ({'; '.join(tried)}): {GIVE_A_SIZE}"


def notes_for(
    photo: Photo,
    head: MetricHead,
    landmarks: Sequence[Landmark],
    *,
    interval: ScaleInterval | None = None,
    people_spread: float | None = None,
    painter_provenance: str = "",
    nothing_in_region: bool = False,
    is_given: bool = False,
) -> tuple[Note, ...]:
    """Return what a user of the depth should know.

    Args:
        photo: its own notes come first.
        head: the fit.
        landmarks: every person considered.
        interval: how far the depth may be off, where known.
        people_spread: robust standard deviation of people's log distances about the head, where known.
        painter_provenance: the painter's sentence about where it learned how large people appear.
        nothing_in_region: whether a region was asked for that shows nothing at a finite depth.
        is_given: whether a distance or a length was given besides.
    """
    notes = [*(Note("input", one) for one in photo.notes), *(Note("focal", one) for one in photo.focal.notes)]
    if photo.focal.source == "default-fov" and not photo.focal.notes:
        unknown = f"the focal length is not known ({photo.focal.detail}), and all distances scale with it"
        notes.append(Note("focal", unknown))
    if painter_provenance and any(one.verdict == "used" and one.source != "photo" for one in landmarks):
        notes.append(Note("painter", painter_provenance))
    used = sum(landmark.verdict == "used" for landmark in landmarks)
    people = kinds_of_landmarks(landmarks)
    if used == 1 and not is_given:
        one = used_landmarks(landmarks).removeprefix("1 ")
        alone = f"the metric scale rests on one {one} alone: an error of its size is in every distance"
        notes.append(Note("scale", alone))
    bodies = [one for one in landmarks if one.is_person]
    stated = [one.log_distance_sigma or 0.0 for one in bodies if one.verdict == "used"]
    # Painters state how much the sizes of their people scatter.
    if people_spread is not None and people_spread > math.hypot(NOTABLE_SPREAD, np.median(stated or [0.0])):
        spread = (
            f"the {used_landmarks(bodies)} contradict each other: their distances scatter by "
            f"{math.expm1(people_spread):.0%} (one standard deviation), so take all distances as rough"
        )
        notes.append(Note("scale", spread))
    if interval is not None and interval.half_width > WIDE_INTERVAL:
        low, high = interval.level_80
        rough = f"a rough answer: true depth is between {low:.2f} and {high:.2f} times this with 80 % probability"
        notes.append(Note("interval", rough))
    if not head.shift_determined:
        which = "given sizes" if is_given else f"the {people}"
        shift = (
            f"{which} are too few or too equally far away to determine the shift: distances near them are measured, "
            "much nearer or farther ones rest on the depth range that is usual"
        )
        notes.append(Note("scale", shift))
    if nothing_in_region:
        nothing = "what is seen in the region is sky, or farther than answers reach: it has no depth"
        notes.append(Note("region", nothing))
    return tuple(notes)


def about_given(
    known: KnownSizes,
    rows: Sequence[KnownSize],
    people: Sequence[Landmark],
    *,
    doubt: float,
    head: HeadConfig,
) -> tuple[Note, ...]:
    """Return what contradicts the sizes that were given, and what they change.

    Args:
        known: what the user knows.
        rows: the same, as measured by people and by the answer.
        people: every person considered, as before the given sizes were applied.
        doubt: probability that what was given is wrong.
        head: the head that was asked for.
    """
    if not known:
        return ()
    notes = []
    sizes, by = known.measured, kinds_of_landmarks(people)
    if doubt >= NOTABLE_DOUBT:
        by_people = [
            f"{row.name} ({one.metres * row.by_people:.3g} m by the {by})"
            for row, one in zip(rows, sizes, strict=True)
            if row.by_people is not None
        ]
        notes.append(
            f"the given {', '.join(by_people)} and the {used_landmarks(people)} contradict each other: what is given "
            f"counts, and the interval reaches to what the {by} imply; check the pixel, the number and the unit"
        )
    unmet = [
        f"{row.name} ({'infinitely far' if row.by_answer is None else f'{one.metres * row.by_answer:.3g} m'} here)"
        for row, one in zip(rows, sizes, strict=True)
        if row.by_answer is None or abs(math.log(row.by_answer)) > UNMET * one.log_sigma
    ]
    if unmet:
        notes.append(
            f"the given sizes contradict each other: {', '.join(unmet)}; no scale and shift of the relative depth meet "
            "them all, so check their pixels, numbers and units; where they are right, the relative depth is not"
        )
    if head.kind == "silog":
        notes.append(
            "the paper's head (silog) knows nothing of given sizes: the consensus head, which meets them, was fitted"
        )
    return tuple(Note("given", one) for one in notes)


def about_heights(known: KnownSizes, landmarks: Sequence[Landmark]) -> tuple[Note, ...]:
    """Return which given heights change nothing, because no person that counts has them.

    Args:
        known: what the user knows.
        landmarks: every person considered, with the final verdicts.
    """
    notes = []
    for height in known.heights:
        of = [one for one in landmarks if not one.painted] if height.person is None else [landmarks[height.person]]
        if any(one.verdict == "used" for one in of):
            continue
        whose = "all people in the photo" if height.person is None else f"person {height.person}"
        idle = f"the given height of {whose} ({height.metres:g} m) changes nothing: no person it belongs to is used"
        notes.append(Note("given", idle))
    return tuple(notes)


def about_edges(known: KnownSizes, relative: RelativeDepth, head: MetricHead, limit_m: float) -> tuple[Note, ...]:
    """Return which given distances lie on an edge, and which given sizes are not of something seen face on.

    Args:
        known: what the user knows.
        relative: of the photo.
        head: the answer.
        limit_m: farther answers are not valid.
    """

    def around(xy: tuple[float, float]) -> Float[ndarray, "a b"]:
        column, row = (round(at) for at in relative.place(xy))
        patch = np.s_[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        return head.depth_of(relative.values_or_nan[patch], max_depth_m=limit_m)

    notes = []
    for one in known.distances:
        depth_m = around((one.x, one.y))
        near, far = np.nanmin(depth_m, initial=np.inf), np.nanmax(depth_m, initial=0.0)
        if far > UNEVEN * near:
            edge = (
                f"the given distance at {one.x:g},{one.y:g} lies on an edge: depth within two pixels goes from "
                f"{near:.3g} to {far:.3g} m, so make sure that the pixel shows what was measured"
            )
            notes.append(Note("given", edge))
    for one in known.objects:
        ends = [around(end) for end in (one.start_xy, one.end_xy)]
        if not all(np.isfinite(depth_m).any() for depth_m in ends):
            continue
        near, far = sorted(float(np.nanmedian(depth_m)) for depth_m in ends)
        if far > SLANTED * near:
            slanted = (
                f"the two edges of the given size of {one.metres:g} m are {near:.3g} and {far:.3g} m away: a size is "
                "of something seen face on; give the length between two places as a length (--known-length)"
            )
            notes.append(Note("given", slanted))
    return tuple(notes)


def about_sky(relative: RelativeDepth) -> tuple[Note, ...]:
    """Return how much of a photo is sky.

    Args:
        relative: of the photo.
    """
    if not relative.sky_fraction:
        return ()
    return (Note("range", f"the sky ({_percent(relative.sky_fraction)} of the photo) has no depth"),)


def about_limit(
    relative: RelativeDepth, head: MetricHead, limit_m: float, *, reach_m: float = math.inf
) -> tuple[Note, ...]:
    """Return how much of a photo lies beyond the farthest depth that is answered.

    Args:
        relative: of the photo.
        head: the answer.
        limit_m: farther answers are not valid.
        reach_m: up to where the evidence reaches, which may be what limits them.
    """
    reached = (1 / limit_m if head.space == "disparity" else limit_m) - head.shift
    values, at_limit, is_reach = relative.valid_values, reached / head.scale, reach_m <= limit_m
    if head.space == "depth":
        beyond = np.count_nonzero(values > at_limit)
    elif is_reach:
        beyond = np.count_nonzero(values < at_limit)
    else:
        beyond = np.count_nonzero((values < at_limit) & (values > -head.shift / head.scale))
    if not beyond:
        return ()
    percent = _percent(beyond / relative.values.size)
    known = "that you know out there (--known-distance; Request(known=KnownSizes(...)) in Python)"
    if is_reach:
        farther = (
            f"{percent} of the pixels are beyond {reach_m:.3g} m, farther than the evidence reaches: how far they are "
            f"is left open, and they have no depth; a distance {known} says more"
        )
    else:
        farther = (
            f"{percent} of the pixels are farther than {limit_m:.4g} m, where answers end: they have no depth; a "
            f"distance {known} moves that end beyond it"
        )
    return (Note("range", farther),)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


def no_depth(
    photo: Photo, relative: RelativeDepth, head: MetricHead, people: Sequence[Landmark], limit_m: float
) -> str:
    """Return one line: no pixel of the photo has a depth, why, and what to do.

    Args:
        photo: named in the line.
        relative: of the photo.
        head: the answer.
        people: every person considered.
        limit_m: farther answers are not valid.
    """
    values = relative.valid_values
    nearest = float(values.max() if head.space == "disparity" else values.min())
    log_nearest = float(log_depth_at(head, np.array([nearest]))[0])
    where = "lies at infinity" if log_nearest == math.inf else "lies behind the camera"
    if math.isfinite(log_nearest):
        where = f"is {math.exp(log_nearest):.3g} m away or more, and answers end at {limit_m:.4g} m"
    return (
        f"{photo.name}: no pixel has a depth: with {used_landmarks(people)} and a focal length of "
        f"{photo.camera.fx:.4g} px ({photo.focal.detail}) everything {where}: check the focal length and what is "
        f"given, or {GIVE_A_SIZE}"
    )
