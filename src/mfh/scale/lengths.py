"""Lengths between two places of the photo, with credible intervals.

A length has the joint posterior of scale and shift. Systematic errors enter in their own ways: people's common bias
scales it, the shape of the relative depth moves each end along its ray, and a wrong focal length stretches depth alone,
because a person's width in the picture fixes widths there whatever the focal length is. Where a known distance gives
the scale, it fixes depth, and a wrong focal length stretches widths instead.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.scale.head import log_depth_at
from mfh.scale.interval import LEVELS
from mfh.scale.measurements import ScaleMeasurement, rays_between, relative_at
from mfh.scale.posterior import ScalePosterior, weighted_quantiles
from mfh.types import Camera, CommonErrors, MeasuredLength, MetricHead, RelativeDepth, Segment

_ALIKE_WITHIN = 0.1
"""Correlation length of the relative depth's errors, over the photo's longer side."""
_NOTHING = (math.nan, math.nan)


def measure_lengths(
    segments: Sequence[Segment],
    posterior: ScalePosterior,
    head: MetricHead,
    relative: RelativeDepth,
    camera: Camera,
    errors: CommonErrors,
    *,
    widths_log_sigma: float = 0.0,
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

    Raises:
        InputError: for a pixel outside the photo, or a segment without a length.
    """
    return tuple(_measure(one, posterior, head, relative, camera, errors, widths_log_sigma) for one in segments)


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
) -> MeasuredLength:
    rays = segment_rays(segment, camera)
    values = np.array([relative_at(relative, xy) for xy in (segment.start_xy, segment.end_xy)])
    log_depth = log_depth_at(head, values)
    if not np.isfinite(log_depth).all():
        # At infinity, or behind the camera.
        return MeasuredLength(segment, math.nan, _NOTHING, _NOTHING)
    ends_m = rays * np.exp(log_depth)[:, None]
    metres = float(np.linalg.norm(ends_m[1] - ends_m[0]))
    log_length = _log_lengths(posterior, rays, values)
    apart_px = float(np.hypot(*np.subtract(segment.start_xy, segment.end_xy)))
    alike = math.exp(-apart_px / (_ALIKE_WITHIN * max(camera.width, camera.height)))
    common = _common_log_sigma(ends_m, alike, errors, widths_log_sigma)

    def between(level: float) -> tuple[float, float]:
        levels = [(1 - level) / 2, 0.5, (1 + level) / 2]
        low, middle, high = weighted_quantiles(log_length.ravel(), posterior.weight.ravel(), levels)
        normal = LEVELS[level] * common
        return (
            float(np.exp(middle - math.hypot(middle - low, normal))),
            float(np.exp(middle + math.hypot(high - middle, normal))),
        )

    return MeasuredLength(segment, metres, between(0.8), between(0.95))


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
    ends_m: Float[ndarray, "2 3"], alike: float, errors: CommonErrors, widths_log_sigma: float
) -> float:
    """Return the one-sigma of a length's log from systematic errors.

    Args:
        ends_m: both ends.
        alike: correlation of the relative depth's errors at both.
        errors: their sizes.
        widths_log_sigma: of the focal length, the part that scales widths with its inverse.
    """
    span_m = ends_m[1] - ends_m[0]
    length_m = float(np.linalg.norm(span_m))
    # How much longer it gets as each end moves along its ray: together, as much as all depth does.
    near, far = ends_m @ span_m / length_m**2
    shape = errors.shape * math.sqrt(near**2 + far**2 - 2 * alike * near * far)
    along_z = float(span_m[2] / length_m) ** 2
    return math.hypot(errors.shared, shape, errors.focal * along_z - widths_log_sigma * (1 - along_z))
