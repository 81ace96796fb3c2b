"""From the models' outputs for one photo to its metric depth; no model is needed for it.

What was gathered can be kept in a file and concluded again, for another focal length, head or known size.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mfh.config import HeadConfig
from mfh.errors import InputError
from mfh.geometry.camera import check_camera
from mfh.pipeline.messages import (
    about_edges,
    about_given,
    about_heights,
    about_limit,
    about_sky,
    no_depth,
    notes_for,
)
from mfh.pipeline.request import check_request
from mfh.pipeline.solve import Solution, limits_m, solve
from mfh.scale.fit import ScaleFit, reject_person
from mfh.scale.interval import depth_log_sigma, measure_lengths
from mfh.scale.known_sizes import KnownSizes, without_known_sky
from mfh.types import (
    Camera,
    Evidence,
    FocalProvenance,
    KnownSize,
    Landmark,
    MetricDepth,
    MetricHead,
    Photo,
    Region,
    RegionDepth,
    RelativeDepth,
)
from mfh.types.observations import Gathered, check_gathered
from mfh.types.rows import strips


@dataclass(frozen=True)
class Basis:
    """What an answer was concluded from, and how.

    Attributes:
        gathered: the models' outputs.
        head: which head was asked for.
        known: sizes the user knows.
        exclude: numbers of landmarks on the receipt that do not count.
        solution: scale and shift with their posterior and systematic errors.
    """

    gathered: Gathered
    head: HeadConfig
    known: KnownSizes
    exclude: tuple[int, ...]
    solution: Solution


def conclude(
    gathered: Gathered,
    *,
    head: HeadConfig,
    known: KnownSizes = KnownSizes(),
    exclude: Sequence[int] = (),
) -> MetricDepth:
    """Fit scale and shift to what was gathered, and apply them.

    Args:
        gathered: the models' outputs.
        head: which head.
        known: sizes the user knows.
        exclude: numbers of landmarks on the receipt that must not count.

    Returns:
        Metric depth at the photo's own resolution, with all it rests on.

    Raises:
        NoLandmarkError: where no person and no known size gives a scale.
        InputError: for a known size, region, length or number that cannot be used, evidence that is none, or an answer
            in which no pixel has a depth.
    """
    begin = time.perf_counter()
    photo = gathered.photo
    check_gathered(gathered)
    relative = without_known_sky(gathered.relative, known, photo.camera)
    check_request(photo, gathered.region, gathered.lengths)
    basis = solve_basis(gathered, relative, head=head, known=known, exclude=exclude)
    solution = basis.solution
    fit, errors, considered = solution.fit, solution.errors, solution.considered
    limit_m, reached_m = limits_m(solution, relative, head=head, max_depth_m=gathered.max_depth_m)
    _check_reach(photo, relative, fit.head, considered, limit_m)
    landmarks = tuple(landmark for one in fit.evidence for landmark in one.landmarks)
    interval = solution.interval()
    region = None
    if gathered.region is not None:
        region = _region_depth(gathered.region, solution, limit_m=limit_m)
        photo = replace(photo, notes=photo.notes + _holes_in(gathered.region, relative))
    painted = fit.evidence[len(fit.evidence) - gathered.attempts :]
    known_sizes = _known_rows(known, fit)
    doubt = 0.0 if fit.consensus.disagreement is None else fit.consensus.disagreement.doubt
    return MetricDepth(
        photo=photo,
        relative=relative,
        head=fit.head,
        max_depth_m=limit_m,
        reach_m=reached_m,
        landmarks=landmarks,
        preset=gathered.preset,
        models=gathered.models,
        seed=gathered.seed,
        attempts=gathered.attempts,
        ended_by=gathered.ended_by,
        paintings=sum(any(one.verdict == "used" for one in image.landmarks) for image in painted),
        seconds={**gathered.seconds, "fit": time.perf_counter() - begin},
        notes=(
            *notes_for(
                photo,
                fit.head,
                landmarks,
                interval=interval,
                people_spread=fit.spread,
                painter_provenance=gathered.provenance,
                nothing_in_region=gathered.region is not None and region is None,
                is_given=bool(known),
            ),
            *about_given(known, known_sizes, considered, doubt=doubt, head=head),
            *about_heights(known, landmarks),
            *about_edges(known, relative, fit.head, limit_m),
            *about_sky(relative),
            *about_limit(relative, fit.head, limit_m, reach_m=reached_m),
        ),
        interval=interval,
        log_sigma_curve=depth_log_sigma(fit.consensus, relative, errors.common),
        people_spread=fit.spread,
        known_sizes=known_sizes,
        lengths=measure_lengths(
            gathered.lengths,
            fit.consensus.posterior,
            fit.head,
            relative,
            photo.camera,
            errors.common,
            widths_log_sigma=errors.widths,
            limit_m=limit_m,
        ),
        region=region,
        kept_paintings=tuple(
            replace(painting, landmarks=one.landmarks)
            for painting, one in zip(gathered.paintings, painted, strict=False)
        ),
        doubt=doubt,
        basis=basis,
    )


def solve_basis(
    gathered: Gathered, relative: RelativeDepth, *, head: HeadConfig, known: KnownSizes, exclude: Sequence[int]
) -> Basis:
    """Fit scale and shift to what was gathered, for a relative depth of the photo."""
    solution = solve(
        _without(gathered.evidence, exclude),
        relative,
        gathered.photo,
        head=head,
        known=known,
        shared_log_sigma=gathered.shared_log_sigma,
        shape_log_sigma=gathered.shape_log_sigma,
    )
    return Basis(gathered, head, known, tuple(exclude), solution)


def _check_reach(
    photo: Photo, relative: RelativeDepth, head: MetricHead, considered: Sequence[Landmark], limit_m: float
) -> None:
    """Refuse a head that is none, and an answer without a single pixel."""
    if not (np.isfinite([head.scale, head.shift]).all() and head.scale > 0):
        raise InputError(
            f"{photo.name}: the fit gives no scale and shift: the relative depth or the people are damaged"
        )
    for rows in strips(relative.values.shape):
        if not np.isnan(head.depth_of(relative.values_or_nan[rows], max_depth_m=limit_m)).all():
            return
    raise InputError(no_depth(photo, relative, head, considered, limit_m))


def with_camera(gathered: Gathered, camera: Camera, focal: FocalProvenance) -> Gathered:
    """Return what would have been gathered with another focal length.

    The distance of a body is linear in the focal length, and its relief does not change: exact for sprites whose size
    the painter knows; for measured bodies up to the perspective of the body itself.

    Args:
        gathered: the models' outputs.
        camera: other intrinsics for the same size.
        focal: where they come from.

    Raises:
        InputError: for a camera of another size.
    """
    old = gathered.photo.camera
    check_camera(camera)
    if (camera.width, camera.height) != (old.width, old.height):
        raise InputError(
            f"the camera is for {camera.width}x{camera.height} pixels: expected {old.width}x{old.height}, as the photo"
        )
    factor = camera.fy / old.fy
    photo = replace(gathered.photo, camera=camera, focal=focal)
    return replace(gathered, photo=photo, evidence=tuple(_moved(one, factor) for one in gathered.evidence))


def _moved(evidence: Evidence, factor: float) -> Evidence:
    depth_m = evidence.depth_m.copy()
    landmarks = list(evidence.landmarks)
    for person, landmark in enumerate(landmarks):
        if landmark.origin_m is None or landmark.distance_m is None:
            continue
        farther_m = landmark.origin_m * (factor - 1)
        depth_m[evidence.person == person] += farther_m
        landmarks[person] = replace(
            landmark,
            origin_m=landmark.origin_m * factor,
            distance_m=landmark.distance_m + farther_m,
            figure=landmark.figure and landmark.figure.farther(farther_m),
        )
    moved = replace(evidence, depth_m=depth_m, landmarks=tuple(landmarks))
    # A body keeps its relief however near it comes.
    for person in np.unique(moved.person[depth_m <= 0]).tolist():
        moved = reject_person(moved, person, "reaches behind the camera with this focal length")
    return moved


def _without(evidence: Sequence[Evidence], exclude: Sequence[int]) -> list[Evidence]:
    """Reject the landmarks of these numbers, counted over all evidence."""
    numbers = [(image, person) for image, one in enumerate(evidence) for person in range(len(one.landmarks))]
    kept = list(evidence)
    for number in exclude:
        if not 0 <= number < len(numbers):
            raise InputError(
                f"number {number} was to be excluded, and the receipt has {len(numbers)} people and objects: "
                + (f"expected numbers from 0 to {len(numbers) - 1}" if numbers else "there is nothing to exclude")
            )
        image, person = numbers[number]
        kept[image] = reject_person(kept[image], person, "excluded by the user")
    return kept


def _region_depth(region: Region, solution: Solution, *, limit_m: float) -> RegionDepth | None:
    """Return the depth of a region; None where half of it or more has none: what is not valid is too far."""
    relative = solution.relative
    window = relative.window(region)
    if relative.holes_are_sky and relative.valid_mask is not None and not relative.valid_mask[window].any():
        return None
    interval = solution.region_interval(region)
    seen_m = solution.fit.head.depth_of(relative.values[window], max_depth_m=limit_m)
    seen_m = np.where(np.isnan(seen_m), np.inf, seen_m)
    depth_m = np.median(seen_m if relative.valid_mask is None else seen_m[relative.valid_mask[window]])
    return None if interval is None or np.isinf(depth_m) else RegionDepth(region, float(depth_m), interval)


def _holes_in(region: Region, relative: RelativeDepth) -> tuple[str, ...]:
    """Say how much of a region the relative depth says nothing of."""
    window = relative.window(region)
    if relative.valid_mask is None or relative.valid_mask[window].all():
        return ()
    share = 1 - float(relative.valid_mask[window].mean())
    if relative.holes_are_sky:
        return () if share == 1 else (f"{share:.1%} of the region is sky: its metres are of the rest",)
    return (f"the relative depth has no value at {share:.1%} of the region: its metres are of the rest",)


def _known_rows(known: KnownSizes, fit: ScaleFit) -> tuple[KnownSize, ...]:
    """Return the known sizes as rows of the receipt."""
    disagreement = fit.consensus.disagreement
    if disagreement is None:
        return ()
    by_people = [None] * len(fit.known_weights) if disagreement.by_people is None else disagreement.by_people
    return tuple(
        KnownSize(name, float(weight), None if people is None else float(np.exp(people)), _times(answer))
        for name, weight, people, answer in zip(
            known.names, fit.known_weights, by_people, disagreement.by_head, strict=True
        )
    )


def _times(log_factor: float) -> float | None:
    return float(np.exp(log_factor)) if np.isfinite(log_factor) else None
