"""Agreement: people whose metres contradict what the others say together (the pooled SIlog has no robustness).

One false detection at half the distance pulls the pooled fit by as much as its pixels weigh. With three people or more
the majority can be told: each person implies a log scale -(log(x + r) ± log(metres)), and those far from the median
are rejected with the factor they are off by.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.numerics.shift_prior import candidate_ratios, person_sigma, photo_range, range_cost
from mfh.types import Evidence, MetricHead, RelativeDepth

MIN_DISAGREEMENT = 0.4
"""Log factor that is never called a contradiction: a factor of 1.5 can be honest error of size and relative depth."""
MAD_FACTOR = 4.0
"""Deviations beyond this many robust standard deviations are."""


def reject_disagreeing(evidence: Sequence[Evidence], relative: RelativeDepth) -> list[Evidence]:
    """Reject the people whose implied scale is far from the majority's, over all images together.

    The shift is not known yet. The r = t/s used is the one at which most people agree (Cauchy cost about the median,
    which a minority cannot pull), given the prior on the photo's depth range.

    Args:
        evidence: what each image says; relative depths aligned to the photo's.
        relative: relative depth of the photo.

    Returns:
        The same evidence without the pixels of those rejected, and with their landmarks' verdict and reason. Nobody is
        rejected where fewer than three people are used.
    """
    points = [
        (
            image,
            int(person),
            np.median(one.relative[one.person == person]),
            np.median(one.depth_m[one.person == person]),
        )
        for image, one in enumerate(evidence)
        for person in np.unique(one.person)
    ]
    if len(points) < 3:
        return list(evidence)
    sign = 1.0 if relative.space == "disparity" else -1.0
    x = np.array([point[2] for point in points], float)
    target = sign * np.log([point[3] for point in points])
    lowest = min(float(one.relative.min()) for one in evidence if len(one.relative))
    span = photo_range(relative)
    ratio = candidate_ratios(span, lowest)
    deviation = _about_median(np.log(x[:, None] + ratio) + target[:, None])
    cost = np.log1p((deviation / person_sigma(evidence)) ** 2).sum(0) + range_cost(span, ratio)
    deviation = deviation[:, np.argmin(cost)]
    limit = max(MIN_DISAGREEMENT, MAD_FACTOR * 1.4826 * float(np.median(np.abs(deviation))))
    kept = list(evidence)
    for (image, person, _, _), off in zip(points, deviation, strict=True):
        if abs(off) > limit:
            # Positive deviation: too many metres in disparity space, too few in depth space.
            farther = sign * off > 0
            reason = f"{np.exp(abs(off)):.1f}x {'farther' if farther else 'nearer'} than the other people imply"
            kept[image] = reject_person(kept[image], person, reason)
    return kept


def people_spread(evidence: Sequence[Evidence], head: MetricHead) -> float | None:
    """Return the robust standard deviation of people's log metres about the head, or None for fewer than three.

    Args:
        evidence: of those used.
        head: the fit.
    """
    residuals = []
    for one in evidence:
        for person in np.unique(one.person):
            own = one.person == person
            value = head.scale * float(np.median(one.relative[own])) + head.shift
            if value > 0:
                sign = 1.0 if head.space == "disparity" else -1.0
                residuals.append(float(np.log(np.median(one.depth_m[own]))) + sign * np.log(value))
    if len(residuals) < 3:
        return None
    return float(1.4826 * np.median(np.abs(np.array(residuals) - np.median(residuals))))


def reject_person(evidence: Evidence, person: int, reason: str) -> Evidence:
    """Return evidence without one person's pixels, and with the reason on the landmark.

    Args:
        evidence: what one image says.
        person: index of the person's landmark.
        reason: why, in a few words.

    Returns:
        The evidence without the person.
    """
    kept = evidence.person != person
    landmarks = list(evidence.landmarks)
    landmarks[person] = replace(landmarks[person], verdict="rejected", reason=reason)
    return Evidence(evidence.relative[kept], evidence.depth_m[kept], evidence.person[kept], tuple(landmarks))


def _about_median(values: Float[ndarray, "k r"]) -> Float[ndarray, "k r"]:
    return values - np.median(values, 0)
