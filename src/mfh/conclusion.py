"""From everything the models said about one photo to its metric depth; no model is needed for it.

What was gathered can be kept in a file and concluded again, for another focal length, head or known size.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mfh.config import HeadConfig
from mfh.errors import InputError
from mfh.findings import warnings_for
from mfh.gathered import Gathered
from mfh.geometry.camera import check_camera
from mfh.io.focal import is_about_focal
from mfh.numerics.interval import depth_log_sigma, region_interval, scale_interval
from mfh.numerics.known_sizes import KnownSizes, known_clues, with_known_heights
from mfh.numerics.lengths import measure_lengths, segment_rays
from mfh.numerics.scale import ScaleFit, fit_scale, reject_person
from mfh.numerics.shift_prior import region_range
from mfh.types import (
    Camera,
    CommonErrors,
    Evidence,
    FocalProvenance,
    KnownSize,
    MetricDepth,
    Photo,
    Region,
    RegionDepth,
    RelativeDepth,
    Segment,
)


def conclude(
    gathered: Gathered,
    *,
    head: HeadConfig,
    known: KnownSizes | None = None,
    exclude: Sequence[int] = (),
) -> MetricDepth:
    """Fit scale and shift to what was gathered, and apply them.

    Args:
        gathered: what the models said.
        head: which head.
        known: sizes the user knows.
        exclude: numbers of landmarks on the receipt that must not count.

    Returns:
        Metric depth at the photo's own resolution, with all it rests on.

    Raises:
        NoLandmarkError: where nobody and nothing known gives a scale.
        InputError: for a known size, region, length or number that cannot be used.
    """
    # One with heights alone counts as nothing where it is asked whether people are needed.
    known = KnownSizes() if known is None else known
    begin = time.perf_counter()
    photo, relative = gathered.photo, gathered.relative
    check_wanted(photo, gathered.region, gathered.lengths)
    evidence = with_known_heights(_without(gathered.evidence, exclude), known.heights)
    clues = known_clues(known, relative, photo.camera)
    fit = fit_scale(evidence, relative, config=head, known=clues)
    # A painter's or a mesh model's error is shared by people alone, so by as much as they count. A known distance says
    # how far things are whatever the focal length is, and then it is their widths that a wrong one spoils.
    by_distance = float(fit.known_weights[: len(known.distances)].sum())
    errors = CommonErrors(
        shared=gathered.shared_log_sigma * (1 - float(fit.known_weights.sum())),
        shape=gathered.shape_log_sigma,
        focal=photo.focal.relative_sigma * (1 - by_distance),
    )
    widths = photo.focal.relative_sigma * by_distance
    interval = scale_interval(fit.consensus, fit.head, relative, errors)
    region = None
    if gathered.region is not None:
        region = _region_depth(gathered.region, fit, relative, errors, max_depth_m=gathered.max_depth_m)
    landmarks = tuple(landmark for one in fit.evidence for landmark in one.landmarks)
    painted = fit.evidence[len(fit.evidence) - gathered.attempts :]
    return MetricDepth(
        photo=photo,
        relative=relative,
        head=fit.head,
        max_depth_m=gathered.max_depth_m,
        landmarks=landmarks,
        preset=gathered.preset,
        models=gathered.models,
        seed=gathered.seed,
        attempts=gathered.attempts,
        ended_by=gathered.ended_by,
        paintings=sum(any(one.verdict == "used" for one in image.landmarks) for image in painted),
        seconds={**gathered.seconds, "fit": time.perf_counter() - begin},
        warnings=warnings_for(
            photo,
            fit.head,
            landmarks,
            interval=interval,
            people_spread=fit.spread,
            painter_provenance=gathered.provenance,
            nothing_in_region=gathered.region is not None and region is None,
        ),
        interval=interval,
        log_sigma_curve=depth_log_sigma(fit.consensus, relative, errors),
        people_spread=fit.spread,
        known_sizes=_known_rows(known, fit.known_weights),
        lengths=measure_lengths(
            gathered.lengths, fit.consensus.belief, fit.head, relative, photo.camera, errors, widths_log_sigma=widths
        ),
        region=region,
        kept_paintings=tuple(
            replace(painting, landmarks=one.landmarks)
            for painting, one in zip(gathered.paintings, painted, strict=False)
        ),
    )


def check_wanted(photo: Photo, region: Region | None, lengths: Sequence[Segment]) -> None:
    """Refuse a region or a length that is not one of the photo.

    Args:
        photo: the photo.
        region: where metres are wanted most; None for the whole photo.
        lengths: what to measure.

    Raises:
        InputError: for a region that is empty or reaches outside, or a length that does or has its ends at one pixel.
    """
    for segment in lengths:
        segment_rays(segment, photo.camera)
    if region is None:
        return
    camera, said = photo.camera, f"{region.left},{region.top} to {region.right},{region.bottom}"
    if region.left >= region.right or region.top >= region.bottom:
        raise InputError(f"the region {said} is empty: expected a rectangle with a width and a height")
    if region.left < 0 or region.top < 0 or region.right > camera.width or region.bottom > camera.height:
        raise InputError(f"the region {said} reaches outside {photo.name}, which is {camera.width}x{camera.height}")


def with_camera(gathered: Gathered, camera: Camera, focal: FocalProvenance) -> Gathered:
    """Return what would have been gathered with another focal length.

    The distance of a body is linear in the focal length, and its relief does not change: exact for figures whose size
    the painter knows; for measured bodies up to the perspective of the body itself.

    Args:
        gathered: what the models said.
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
    notes = tuple(note for note in gathered.photo.notes if not is_about_focal(note))
    photo = replace(gathered.photo, camera=camera, focal=focal, notes=notes)
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
            landmark, origin_m=landmark.origin_m * factor, distance_m=landmark.distance_m + farther_m
        )
    return replace(evidence, depth_m=depth_m, landmarks=tuple(landmarks))


def _without(evidence: Sequence[Evidence], exclude: Sequence[int]) -> list[Evidence]:
    """Reject the landmarks of these numbers, counted over all evidence."""
    numbers = [(image, person) for image, one in enumerate(evidence) for person in range(len(one.landmarks))]
    kept = list(evidence)
    for number in exclude:
        if not 0 <= number < len(numbers):
            raise InputError(
                f"person {number} was to be excluded, and the receipt has {len(numbers)} people: "
                + (f"expected numbers from 0 to {len(numbers) - 1}" if numbers else "there is nobody to exclude")
            )
        image, person = numbers[number]
        kept[image] = reject_person(kept[image], person, "excluded by the user")
    return kept


def _region_depth(
    region: Region, fit: ScaleFit, relative: RelativeDepth, errors: CommonErrors, *, max_depth_m: float
) -> RegionDepth | None:
    """Return the metres of a region; None where half of it or more has none: what is not valid is too far."""
    seen_m = fit.head.depth_of(relative.values[relative.window(region)], max_depth_m=max_depth_m)
    depth_m = np.median(np.where(np.isnan(seen_m), np.inf, seen_m))
    interval = region_interval(fit.consensus, fit.head, region_range(relative, region), errors)
    return None if interval is None or np.isinf(depth_m) else RegionDepth(region, float(depth_m), interval)


def _known_rows(known: KnownSizes, weights: np.ndarray) -> tuple[KnownSize, ...]:
    """Return the known sizes as rows of the receipt."""
    names = [f"distance {one.metres:g} m at {one.x:g},{one.y:g}" for one in known.distances]
    names += [
        f"length {one.metres:g} m from {one.start_xy[0]:g},{one.start_xy[1]:g} to {one.end_xy[0]:g},{one.end_xy[1]:g}"
        for one in known.lengths
    ]
    return tuple(KnownSize(name, float(weight)) for name, weight in zip(names, weights, strict=True))
