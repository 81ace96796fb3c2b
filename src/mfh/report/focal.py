"""The answer for other focal lengths, as a table that a page interpolates, with the posterior behind each.

With a focal length k times as long, the distance of an object and of a pasted person is k times as large, and so is all
depth: one row says everything. A measured body keeps its relief while its middle moves, and a distance that the user
gave does not move at all: then the fit is made again for each row.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import MfhError
from mfh.io.exif import ExifFacts
from mfh.io.focal import FocalRequest, choose_camera
from mfh.pipeline.conclude import Basis, solve_basis, with_camera
from mfh.pipeline.solve import limits_m
from mfh.scale.interval import depth_log_sigma
from mfh.scale.known_sizes import without_known_sky
from mfh.scale.posterior import ScalePosterior
from mfh.scale.range_prior import sampled
from mfh.types import CommonErrors, Landmark, LogSigmaCurve, MetricDepth, MetricHead, RelativeDepth, ScaleInterval

FACTORS = np.exp(np.linspace(math.log(0.4), math.log(2.5), 9))
"""Focal lengths of the rows, over the photo's."""
_POSTERIOR_EVERY = 2
"""Rows in between share the posterior of the nearest one that has its own, moved to their head."""
_LINEAR = 1e-6
_NEGLIGIBLE = 3e-4
"""Probability that all candidates left out have together."""


@dataclass(frozen=True)
class PackedPosterior:
    """The candidates of a posterior that have any weight.

    Attributes:
        ratio: (n,) t/s.
        log_scale: (n,) log s.
        weight: (n,) sums to 1.
    """

    ratio: Float[ndarray, "n"]
    log_scale: Float[ndarray, "n"]
    weight: Float[ndarray, "n"]


@dataclass(frozen=True)
class AnswerAt:
    """The answer for one focal length.

    Attributes:
        factor: that focal length over the photo's.
        head: scale and shift.
        limit_m: farther answers are not valid.
        reach_m: up to where the evidence reaches.
        interval: of the photo's depth as a whole; None where it is not known.
        curve: one-sigma of log depth by relative depth; None where it is not known.
        errors: systematic errors of depth.
        widths_log_sigma: of lengths across the line of sight, from a guessed focal length.
        landmarks: with distance, weight, implied scale and verdict for this focal length.
        posterior: over scale and shift; None where a neighbour's serves.
    """

    factor: float
    head: MetricHead
    limit_m: float
    reach_m: float
    interval: ScaleInterval | None
    curve: LogSigmaCurve | None
    errors: CommonErrors
    widths_log_sigma: float
    landmarks: tuple[Landmark, ...]
    posterior: PackedPosterior | None


def answer_of(result: MetricDepth) -> AnswerAt:
    """Return the answer itself, for the focal length it was made with."""
    basis, interval = result.basis, result.interval
    if basis is None:
        head = result.head
        alone = ScalePosterior(np.array([head.shift / head.scale]), np.log([[head.scale]]), np.ones((1, 1)), head.space)
        errors, widths = (CommonErrors() if interval is None else interval.common), 0.0
        posterior = packed_posterior(alone)
    else:
        errors, widths = basis.solution.errors.common, basis.solution.errors.widths
        posterior = packed_posterior(basis.solution.fit.consensus.posterior)
    return AnswerAt(
        1.0,
        result.head,
        result.max_depth_m,
        result.reach_m,
        interval,
        result.log_sigma_curve,
        errors,
        widths,
        result.landmarks,
        posterior,
    )


def answers_by_focal(result: MetricDepth) -> list[AnswerAt]:
    """Return the answers for given focal lengths, by rising factor; none where the evidence is not there.

    One alone holds for every focal length: depth is then proportional to it.
    """
    basis = result.basis
    if basis is None:
        return []
    factors = [1.0] if is_linear(basis) else FACTORS.tolist()
    return list(_answers(result, basis, factors))


def is_linear(basis: Basis) -> bool:
    """Return whether all depth is proportional to the focal length."""
    if basis.known or (basis.head.kind == "silog"):
        return False
    for image in basis.solution.fit.evidence:
        for person in np.unique(image.person).tolist():
            origin_m = image.landmarks[person].origin_m
            # The part of a distance that does not move is the relief of a body.
            middle_m = float(np.median(image.depth_m[image.person == person]))
            if origin_m is None or abs(middle_m - origin_m) > _LINEAR * middle_m:
                return False
    return True


def _answers(result: MetricDepth, basis: Basis, factors: Sequence[float]) -> Iterator[AnswerAt]:
    """Yield the answer for each factor that has one."""
    gathered, old = basis.gathered, result.photo.camera
    whole = without_known_sky(gathered.relative, basis.known, old)
    sample = _thinned(whole)
    # What the user knows is read at pixels.
    relative = whole if basis.known else sample
    for row, factor in enumerate(factors):
        request = FocalRequest(focal_px=old.fx * factor)
        try:
            given = choose_camera(request, ExifFacts(), width=old.width, height=old.height)
            moved = with_camera(gathered, *given)
            solved = solve_basis(moved, relative, head=basis.head, known=basis.known, exclude=basis.exclude)
        except MfhError:
            # No answer with this focal length: people behind the camera.
            continue
        solution = solved.solution
        fit, errors = solution.fit, solution.errors
        limit_m, reached_m = limits_m(solution, sample, head=basis.head, max_depth_m=gathered.max_depth_m)
        yield AnswerAt(
            factor,
            fit.head,
            limit_m,
            reached_m,
            replace(solution, relative=sample).interval(),
            depth_log_sigma(fit.consensus, sample, errors.common),
            errors.common,
            errors.widths,
            tuple(landmark for image in fit.evidence for landmark in image.landmarks),
            packed_posterior(fit.consensus.posterior) if row % _POSTERIOR_EVERY == 0 else None,
        )


def _thinned(relative: RelativeDepth) -> RelativeDepth:
    """Return the values of a map that the fit takes its percentiles of, as a map of one row."""
    values, _ = sampled(relative)
    return replace(
        relative, values=values.astype(np.float32)[None], valid_mask=None, photo_shape=None, holes_are_sky=False
    )


def packed_posterior(posterior: ScalePosterior) -> PackedPosterior:
    """Return the heaviest candidates, which have all but a negligible part of the weight."""
    ratio = np.broadcast_to(posterior.ratio[:, None], posterior.weight.shape).ravel()
    log_scale, weight = posterior.log_scale.ravel(), posterior.weight.ravel()
    order = np.argsort(-weight, kind="stable")
    count = 1 + int(np.searchsorted(np.cumsum(weight[order]), (1 - _NEGLIGIBLE) * weight.sum()))
    kept = np.sort(order[:count])
    return PackedPosterior(ratio[kept], log_scale[kept], weight[kept] / weight[kept].sum())
