"""The uncertainty of the answer: credible intervals on depth and on lengths, and what limits them.

The posterior of ``consensus`` holds what people's measurements leave open, with long tails for few people. Three
systematic errors are added in quadrature: people's common bias (a painter's sense of size in one photo), the shape of
the relative depth, and a guessed focal length, with which depth scales.

In a length between two places they enter in their own ways: people's common bias scales it, the shape of the relative
depth moves each end along its ray, and a wrong focal length stretches depth alone, because a person's width in the
picture fixes widths there whatever the focal length is. Where a known distance gives the scale, it fixes depth, and a
wrong focal length stretches widths instead.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.scale.consensus import Consensus
from mfh.scale.given import NOTABLE_DOUBT
from mfh.scale.head import log_depth_at
from mfh.scale.measurements import ScaleMeasurement, rays_between, relative_at
from mfh.scale.posterior import ScalePosterior, weighted_quantiles
from mfh.scale.range_prior import PhotoRange, photo_range, quantiles
from mfh.types import (
    Camera,
    CommonErrors,
    Evidence,
    LogSigmaCurve,
    MeasuredLength,
    MetricHead,
    RelativeDepth,
    ScaleInterval,
    Segment,
)

LEVELS = {0.8: 1.2816, 0.95: 1.9600}
"""Probability of an interval -> its half-width in standard deviations of a normal distribution."""
_KNOTS = 24
SHAPE_SHARE = 0.35
"""Share of the relative depth's shape error that remains in the depth of the photo as a whole.

Chosen on validation scenes with noisy oracles (``benchmarks/study_scale.py --first-seed 7000000``): with less, the
coverage for many people is too low.
"""
_NEGLIGIBLE_RATIO = 0.4
"""People's standard deviation over the common one below which it widens the interval by less than 8 %."""
_MIN_EFFECTIVE = 4
_MIN_SHARE_WITH_PEOPLE = 0.25
"""Share of a painter's attempts with people below which its sense of size counts less."""
_LEAST_FINITE = 0.5
"""Probability of a finite depth below which a place counts as sky, without a depth."""
_CORRELATION_LENGTH = 0.1
"""Correlation length of the relative depth's errors, over the photo's longer side."""
_UNKNOWN = (math.nan, math.nan)


def scale_interval(
    consensus: Consensus, head: MetricHead, relative: RelativeDepth, errors: CommonErrors, *, people: str = "people"
) -> ScaleInterval:
    """Return the credible interval of the photo's depth, at its median relative depth (if that is sky: of the rest).

    Returns:
        Factors on the head's depth, and their parts; they name people as ``people``, such as "painted people".
    """
    span, value = photo_range(relative), interval_value(consensus, relative)
    return _interval(consensus, head, value, span, errors, shape_share=SHAPE_SHARE, people=people)


def interval_value(consensus: Consensus, relative: RelativeDepth) -> float:
    """Return the relative depth at which a photo's interval is read: its median, or if that is sky, of the rest."""
    value = float(np.median(relative.valid_values))
    if consensus.posterior.finite_share(value) < _LEAST_FINITE:
        # Sky: at infinity, whatever the scale.
        return photo_range(relative).middle
    return value


def region_interval(
    consensus: Consensus, head: MetricHead, wanted: PhotoRange, errors: CommonErrors, *, people: str = "people"
) -> ScaleInterval | None:
    """Return the credible interval of a region's depth, at its median relative depth.

    The error of the relative depth's shape counts whole: a region is too small for it to average out.

    Returns:
        Factors on the head's depth, and their parts; None where the region is probably at infinity (sky).
    """
    if consensus.posterior.finite_share(wanted.middle) < _LEAST_FINITE:
        return None
    return _interval(consensus, head, wanted.middle, wanted, errors, shape_share=1.0, people=people)


def _interval(
    consensus: Consensus,
    head: MetricHead,
    value: float,
    span: PhotoRange,
    errors: CommonErrors,
    *,
    shape_share: float,
    people: str,
) -> ScaleInterval:
    """Return the interval at one relative depth, and its mean width over the range."""
    posterior = consensus.posterior
    answer = float(log_depth_at(head, np.array([value]))[0])
    common = errors.log_sigma(shape_share=shape_share)

    def factors(level: float) -> tuple[float, float]:
        low, high = probable_log_depth(posterior, value, level, common)
        return math.exp(low - answer), math.exp(high - answer)

    places = [place for place in (span.low, span.middle, span.high) if posterior.finite_share(place) > 0]
    ends = [probable_log_depth(posterior, place, 0.8, common) for place in places]
    given = consensus.disagreement
    sources = people if given is None else f"what is given{'' if given.by_people is None else f' and {people}'}"
    people_sigma = float(posterior.moments(np.array([value]))[1][0])
    return ScaleInterval(
        level_80=factors(0.8),
        level_95=factors(0.95),
        half_width_over_photo=float(np.mean([math.sinh((high - low) / 2) for low, high in ends])),
        people_log_sigma=people_sigma,
        common=errors,
        common_log_sigma=common,
        effective_people=consensus.effective,
        limited_by=_limited_by(consensus, people_sigma, errors, shape_share, sources),
        sources=sources,
    )


def probable_log_depth(posterior: ScalePosterior, value: float, level: float, common: float) -> tuple[float, float]:
    """Return the log depths between which a relative depth lies with a probability of LEVELS.

    ``common`` is the log sigma of the systematic errors.
    """
    return _widened(posterior.quantiles(value, _levels(level)), level, common)


def _levels(level: float) -> list[float]:
    return [(1 - level) / 2, 0.5, (1 + level) / 2]


def _widened(quantiles: Float[ndarray, "3"], level: float, common: float) -> tuple[float, float]:
    """Return the ends of an interval with a common error. Half-widths add in quadrature, exact if both are normal."""
    low, middle, high = quantiles
    normal = LEVELS[level] * common
    return float(middle - math.hypot(middle - low, normal)), float(middle + math.hypot(high - middle, normal))


def people_share(evidence: Sequence[Evidence], usual: float) -> float:
    """Return the standard deviation of people's common bias, of log depth.

    A painter with its own size estimate may place people in few of its paintings. The photo then probably has no room
    for people at all (a table top, a sofa's back), and the sizes are less certain: the standard deviation grows with
    the square root of attempts over people, where fewer than one in four attempts place a person.

    Args:
        evidence: of every attempt. The painter's own estimate counts, the median over the people used.
        usual: of the model, over all photos; counts where no person has an estimate.
    """
    used = [one for image in evidence for one in image.landmarks if one.verdict == "used"]
    stated = [one.shared_log_sigma for one in used if one.shared_log_sigma is not None]
    if not stated:
        return usual
    return float(np.median(stated)) * math.sqrt(max(1.0, _MIN_SHARE_WITH_PEOPLE * len(evidence) / len(stated)))


def half_width_by_landmarks(interval: ScaleInterval) -> float:
    """Return half the width of the 80 % interval by what more landmarks would narrow, relative to the answer.

    Errors of the focal length and of the relative depth's shape are left out: no landmark narrows them.
    """
    return math.sinh(LEVELS[0.8] * math.hypot(interval.people_log_sigma, interval.common.shared))


def tight_enough(interval: ScaleInterval, half_width: float, *, over: str = "photo") -> str:
    """Return why no more people are needed, or "" where they are.

    Args:
        interval: so far.
        half_width: wanted for the 80 % interval over the photo, relative to the answer.
        over: what the interval is of, in a word.

    Returns:
        The reason, or "". Systematic errors may be wider than what is wanted: then people stop to matter once they add
        little.
    """
    if interval.half_width_over_photo <= half_width:
        return f"the 80 % interval is within ±{interval.half_width_over_photo:.1%} over the {over}"
    common = interval.common_log_sigma
    if (
        common > 0
        and interval.people_log_sigma <= _NEGLIGIBLE_RATIO * common
        and interval.effective_people >= _MIN_EFFECTIVE
    ):
        return f"more paintings would not narrow the interval: it is limited by {interval.limited_by}"
    return ""


def depth_log_sigma(consensus: Consensus, relative: RelativeDepth, errors: CommonErrors) -> LogSigmaCurve:
    """Return the one-sigma of log depth by relative depth: scale and shift jointly, and the systematic errors.

    The curve goes through a few relative depths. What is probably at infinity gets the value of the farthest that is
    not.
    """
    seen = relative.valid_values
    least, most = float(seen.min()), float(seen.max())
    if most <= least:
        return LogSigmaCurve(np.array([least]), np.array([errors.log_sigma()]))
    knots = np.unique(np.concatenate([np.linspace(least, most, _KNOTS), quantiles(seen, np.linspace(0, 1, _KNOTS))]))
    _, sigma = consensus.posterior.moments(knots)
    shares = np.array([consensus.posterior.finite_share(float(knot)) for knot in knots])
    # Where all of it is sky, its nearest part counts.
    finite = shares >= min(_LEAST_FINITE, shares.max())
    return LogSigmaCurve(knots[finite], np.hypot(sigma[finite], errors.log_sigma()))


def _limited_by(
    consensus: Consensus, people_sigma: float, errors: CommonErrors, shape_share: float, sources: str
) -> str:
    """Return in a few words what makes the interval wide."""
    parts = {
        "people": people_sigma,
        "shared": errors.shared,
        "shape": errors.shape * shape_share,
        "focal": errors.focal,
    }
    worst = max(parts, key=lambda name: parts[name])
    if worst == "shared":
        return f"the common bias of {sources}: their sizes are off together by {errors.shared:.0%} from photo to photo"
    if worst == "focal":
        return f"the focal length, a guess good to {errors.focal:.0%}: give it if you know it"
    if worst == "shape":
        return f"the relative depth, whose shape is off by about {errors.shape:.0%}"
    given = consensus.disagreement
    if given is not None and given.doubt >= NOTABLE_DOUBT:
        return f"{sources} contradict each other"
    if consensus.effective < 1.5 and (given is None or given.by_people is None):
        return "it rests on one measurement alone"
    if not consensus.head.shift_determined:
        who = f"{sources} do not stand" if given is None else "given sizes do not lie"
        return f"the shift: {who} far enough apart in depth to determine it"
    return f"{sources} disagree: {consensus.effective:.1f} of them count"


def measure_lengths(
    segments: Sequence[Segment],
    posterior: ScalePosterior,
    head: MetricHead,
    relative: RelativeDepth,
    camera: Camera,
    errors: CommonErrors,
    *,
    widths_log_sigma: float = 0.0,
    limit_m: float = math.inf,
) -> tuple[MeasuredLength, ...]:
    """Return the length of each segment, in order.

    Args:
        segments: pairs of pixels.
        posterior: over scale and shift.
        head: the answer.
        relative: relative depth of the photo; read as the median around each end.
        camera: of the photo.
        errors: systematic errors; of the focal length, the part that scales depth.
        widths_log_sigma: of the focal length, the part that scales widths with its inverse.
        limit_m: farther answers are not valid.

    Raises:
        InputError: for a pixel outside the photo, or a segment without a length.
    """
    return tuple(
        _measure(one, posterior, head, relative, camera, errors, widths_log_sigma, math.log(limit_m))
        for one in segments
    )


def segment_rays(segment: Segment, camera: Camera) -> Float[ndarray, "2 3"]:
    """Return the points at unit depth behind both ends.

    Raises:
        InputError: for a pixel outside the photo, or a segment without a length.
    """
    (x1, y1), (x2, y2) = segment.start_xy, segment.end_xy
    return rays_between(camera, segment.start_xy, segment.end_xy, f"the length {x1:g},{y1:g}:{x2:g},{y2:g}")


def _measure(
    segment: Segment,
    posterior: ScalePosterior,
    head: MetricHead,
    relative: RelativeDepth,
    camera: Camera,
    errors: CommonErrors,
    widths_log_sigma: float,
    log_limit: float,
) -> MeasuredLength:
    rays = segment_rays(segment, camera)
    values = np.array([_relative_or_nan(relative, xy) for xy in (segment.start_xy, segment.end_xy)])
    log_depth = log_depth_at(head, values)
    if not np.isfinite(log_depth).all() or (log_depth > log_limit).any():
        # Sky, at infinity, too far, or behind the camera.
        return MeasuredLength(segment, math.nan, _UNKNOWN, _UNKNOWN)
    ends_m = rays * np.exp(log_depth)[:, None]
    metres = float(np.linalg.norm(ends_m[1] - ends_m[0]))
    log_length = _log_lengths(posterior, rays, values)
    apart_px = float(np.hypot(*np.subtract(segment.start_xy, segment.end_xy)))
    correlation = math.exp(-apart_px / (_CORRELATION_LENGTH * max(camera.width, camera.height)))
    common = _common_log_sigma(ends_m, correlation, errors, widths_log_sigma)

    def between(level: float) -> tuple[float, float]:
        quantiles = weighted_quantiles(log_length.ravel(), posterior.weight.ravel(), _levels(level))
        low, high = _widened(quantiles, level, common)
        return float(np.exp(low)), float(np.exp(high))

    return MeasuredLength(segment, metres, between(0.8), between(0.95))


def _relative_or_nan(relative: RelativeDepth, xy: tuple[float, float]) -> float:
    """Return relative depth at an end of a length; NaN in the sky, which has no depth, but is no error to ask for."""
    try:
        return relative_at(relative, xy)
    except InputError:
        if not relative.holes_are_sky:
            raise
        return math.nan


def _log_lengths(
    posterior: ScalePosterior, rays: Float[ndarray, "2 3"], values: Float[ndarray, "2"]
) -> Float[ndarray, "r d"]:
    """Return the log of the length for every candidate; infinite where an end has no finite depth."""
    sign = 1.0 if posterior.space == "disparity" else -1.0
    finite = values.min() + posterior.ratio > 0
    log_length = np.full(posterior.log_scale.shape, np.inf)
    # The scale a length of one metre would imply, over the candidate's.
    unit = ScaleMeasurement(1.0, values, rays=rays).log_scale(posterior.ratio[finite], posterior.space)
    log_length[finite] = sign * (unit[:, None] - posterior.log_scale[finite])
    return log_length


def _common_log_sigma(
    ends_m: Float[ndarray, "2 3"], correlation: float, errors: CommonErrors, widths_log_sigma: float
) -> float:
    """Return the one-sigma of a length's log from systematic errors.

    Args:
        ends_m: both ends.
        correlation: correlation of the relative depth's errors at both.
        errors: their sizes.
        widths_log_sigma: of the focal length, the part that scales widths with its inverse.
    """
    span_m = ends_m[1] - ends_m[0]
    length_m = float(np.linalg.norm(span_m))
    # How much longer it gets as each end moves along its ray: together, as much as all depth does.
    near, far = ends_m @ span_m / length_m**2
    shape = errors.shape * math.sqrt(near**2 + far**2 - 2 * correlation * near * far)
    along_z = float(span_m[2] / length_m) ** 2
    return math.hypot(errors.shared, shape, errors.focal * along_z - widths_log_sigma * (1 - along_z))
