"""The one fit of scale and shift that the stop rule, the planner of paintings and the answer read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mfh.config import Config, HeadConfig
from mfh.scale.fit import ScaleFit, evidence_for, fit_scale
from mfh.scale.interval import half_width_by_landmarks, region_interval, scale_interval
from mfh.scale.known_sizes import (
    ErrorsLeft,
    KnownSizes,
    depth_limit_m,
    errors_left,
    known_measurements,
    with_known_heights,
)
from mfh.scale.measurements import ScaleMeasurement, landmark_measurements, remaining_common_sigma
from mfh.scale.range_prior import region_range
from mfh.scale.reach import reach_m
from mfh.types import CommonErrors, Evidence, Landmark, Photo, Region, RelativeDepth, ScaleInterval, kinds_of_landmarks

OBJECTS_ALONE = 0.6
"""Factor on the half-width that suffices where there are objects and no people.

On real photos the scale from objects alone is off by .29 (rms of its log), that from objects and painted people by .22
(docs/results/real.md).
"""
_MEDIAN_PIXELS = 250_000
"""Of which the median depth so far is taken: a regular grid, as good as all of them to a thousandth."""


@dataclass(frozen=True)
class Solution:
    """Scale and shift from all evidence, with the systematic errors about them.

    Attributes:
        fit: head, posterior and every landmark's share.
        relative: relative depth of the photo.
        considered: every landmark as it was before the fit.
        known: measurements of known distances and lengths.
        errors: what the number of people does not average out.
        incomplete: whether the height of a person was given who is not painted yet: then painting must not stop.
    """

    fit: ScaleFit
    relative: RelativeDepth
    considered: tuple[Landmark, ...]
    known: tuple[ScaleMeasurement, ...]
    errors: ErrorsLeft
    incomplete: bool = False

    @property
    def people(self) -> str:
        """Kind of people used: "people", or "painted people" where all of them are."""
        return kinds_of_landmarks(self.considered)

    def interval(self) -> ScaleInterval:
        """Return how far the depth of the photo as a whole may be off."""
        fit = self.fit
        return scale_interval(fit.consensus, fit.head, self.relative, self.errors.common, people=self.people)

    def region_interval(self, region: Region) -> ScaleInterval | None:
        """Return how far the depth of a region may be off; None where the region lies at infinity."""
        fit, span = self.fit, region_range(self.relative, region)
        return region_interval(fit.consensus, fit.head, span, self.errors.common, people=self.people)


def solve(
    evidence: Sequence[Evidence],
    relative: RelativeDepth,
    photo: Photo,
    *,
    head: HeadConfig,
    known: KnownSizes,
    shared_log_sigma: float,
    shape_log_sigma: float,
) -> Solution:
    """Fit scale and shift to evidence and known sizes (Eqs. 5, 8).

    Args:
        evidence: of the photo and of every painting, in the receipt's order.
        relative: of the photo.
        photo: its camera, and how far the focal length may be off.
        head: which fit.
        known: sizes the user knows; heights rescale people before the fit.
        shared_log_sigma: systematic error of log distance that all people share.
        shape_log_sigma: error of the relative depth's shape.

    Raises:
        NoLandmarkError: where neither a person nor a known size gives a scale.
        InputError: for a known size that cannot be used.
    """
    evidence = evidence_for(head, with_known_heights(evidence, known.heights), known=bool(known))
    measurements = known_measurements(known, relative, photo.camera)
    landmarks = landmark_measurements(evidence, shared_log_sigma=shared_log_sigma, shape_log_sigma=shape_log_sigma)
    common = remaining_common_sigma(landmarks) if landmarks else shared_log_sigma
    errors = errors_left(known, CommonErrors(common, shape_log_sigma, photo.focal.relative_sigma))
    fit = fit_scale(
        evidence,
        relative,
        config=head,
        landmarks=landmarks,
        known=measurements,
        common_log_sigma=errors.people,
    )
    considered = tuple(landmark for one in evidence for landmark in one.landmarks)
    return Solution(fit, relative, considered, tuple(measurements), errors)


def suffices(solution: Solution, config: Config) -> bool:
    """Return whether the people and objects in a photo determine its depth well enough without painting people."""
    interval, wanted = solution.interval(), config.painting.until_interval
    if wanted is not None:
        return interval.half_width_over_photo <= wanted
    people = any(one.verdict == "used" and one.is_person for one in solution.considered)
    return half_width_by_landmarks(interval) <= config.enough_half_width * (1.0 if people else OBJECTS_ALONE)


def heights_so_far(known: KnownSizes, evidence: Sequence[Evidence]) -> KnownSizes:
    """Return known sizes without the heights of people who are not measured yet, while painting still adds people."""
    landmarks = [landmark for one in evidence for landmark in one.landmarks]
    measured = {number for number, one in enumerate(landmarks) if one.stature_m is not None}
    in_photo = any(not landmarks[number].painted for number in measured)
    heights = [one for one in known.heights if (in_photo if one.person is None else one.person in measured)]
    return replace(known, heights=tuple(heights))


@dataclass(frozen=True)
class DepthSoFar:
    """Median depth of a photo by the evidence there is so far.

    Attributes:
        median_m: of the pixels that have a depth.
        level_80_m: it is between these with 80 % probability.
    """

    median_m: float
    level_80_m: tuple[float, float]


def depth_so_far(solution: Solution, *, head: HeadConfig, max_depth_m: float) -> DepthSoFar | None:
    """Return the median depth of a photo and its interval, as the answer would have them; None where there is none.

    Args:
        solution: scale and shift.
        head: which fit they are of.
        max_depth_m: farther answers are not valid.
    """
    relative = solution.relative
    step = max(1, math.isqrt(relative.values.size // _MEDIAN_PIXELS))
    mask = relative.valid_mask
    sample = replace(
        relative,
        values=relative.values[::step, ::step],
        valid_mask=None if mask is None else mask[::step, ::step],
        photo_shape=None,
    )
    limit_m, _ = limits_m(solution, sample, head=head, max_depth_m=max_depth_m)
    seen_m = solution.fit.head.depth_of(sample.values_or_nan, max_depth_m=limit_m)
    valid_m = seen_m[~np.isnan(seen_m)]
    if not len(valid_m):
        return None
    median_m = float(np.median(valid_m))
    low, high = solution.interval().level_80
    return DepthSoFar(median_m, (low * median_m, high * median_m))


def limits_m(
    solution: Solution, relative: RelativeDepth, *, head: HeadConfig, max_depth_m: float
) -> tuple[float, float]:
    """Return the depth up to which an answer is valid, and that up to which the evidence reaches.

    Args:
        solution: scale and shift.
        relative: of the photo, or a sample of it.
        head: which fit they are of.
        max_depth_m: farther answers are not valid.
    """
    fit = solution.fit
    limit_m = depth_limit_m(solution.known, fit.head, max_depth_m=max_depth_m)
    if head.kind == "silog":
        # The paper's head has no interval of its own, and answers everywhere.
        return limit_m, math.inf
    reached_m = reach_m(fit.consensus, fit.head, relative, solution.errors.common)
    return min(limit_m, reached_m), reached_m
