"""From everything the models said about one photo to its metric depth; no model is needed for it.

What was gathered can be kept in a file and concluded again, for another focal length, head or known size.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mfh.config import HeadConfig
from mfh.errors import InputError
from mfh.findings import warnings_for
from mfh.geometry.camera import check_camera
from mfh.numerics.interval import depth_log_sigma, scale_interval
from mfh.numerics.known_sizes import KnownSizes, known_clues, with_known_heights
from mfh.numerics.metric_head import apply_head
from mfh.numerics.scale import fit_scale, reject_person
from mfh.types import (
    Camera,
    CommonErrors,
    Evidence,
    FocalProvenance,
    KnownSize,
    MeasuredPainting,
    MetricDepth,
    Photo,
    RelativeDepth,
)


@dataclass(frozen=True)
class Gathered:
    """Everything the models said about one photo.

    Attributes:
        photo: the photo.
        relative: its relative depth.
        evidence: of the photo and of every painting, in order; relative depths aligned to the photo's.
        preset: name of the configuration that ran.
        models: role -> model name.
        seed: seed of the painting loop.
        attempts: painting attempts made.
        ended_by: why painting ended; empty where nobody was painted.
        shared_log_sigma: error of log metres that all people have alike.
        shape_log_sigma: error of the relative depth's shape.
        provenance: the painter's sentence about its sense of size; empty where nobody was painted.
        max_depth_m: farther answers are not valid.
        seconds: stage -> wall seconds.
        paintings: every painting made, in order, with the verdicts known so far; empty unless they are kept.
    """

    photo: Photo
    relative: RelativeDepth
    evidence: tuple[Evidence, ...]
    preset: str
    models: dict[str, str]
    seed: int
    attempts: int
    ended_by: str
    shared_log_sigma: float
    shape_log_sigma: float
    provenance: str
    max_depth_m: float
    seconds: dict[str, float] = field(default_factory=dict)
    paintings: tuple[MeasuredPainting, ...] = ()


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
        InputError: for a known size or number that cannot be used.
    """
    known = known or KnownSizes()
    begin = time.perf_counter()
    photo, relative = gathered.photo, gathered.relative
    evidence = with_known_heights(_without(gathered.evidence, exclude), known.heights)
    clues = known_clues(known, relative, photo.camera)
    fit = fit_scale(evidence, relative, config=head, known=clues)
    depth_m, valid_mask = apply_head(relative, fit.head, max_depth_m=gathered.max_depth_m)
    # A painter's or a mesh model's error is shared by people alone, so by as much as they count.
    errors = CommonErrors(
        shared=gathered.shared_log_sigma * (1 - float(fit.known_weights.sum())),
        shape=gathered.shape_log_sigma,
        focal=photo.focal.relative_sigma,
    )
    interval = scale_interval(fit.consensus, fit.head, relative, errors)
    landmarks = tuple(landmark for one in fit.evidence for landmark in one.landmarks)
    painted = fit.evidence[len(fit.evidence) - gathered.attempts :]
    return MetricDepth(
        depth_m=depth_m,
        valid_mask=valid_mask,
        photo=photo,
        relative=relative,
        head=fit.head,
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
        ),
        interval=interval,
        log_sigma=depth_log_sigma(fit.consensus, relative, errors),
        people_spread=fit.spread,
        known_sizes=_known_rows(known, fit.known_weights),
        kept_paintings=tuple(
            replace(painting, landmarks=one.landmarks)
            for painting, one in zip(gathered.paintings, painted, strict=False)
        ),
    )


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
                f"expected numbers from 0 to {len(numbers) - 1}"
            )
        image, person = numbers[number]
        kept[image] = reject_person(kept[image], person, "excluded by the user")
    return kept


def _known_rows(known: KnownSizes, weights: np.ndarray) -> tuple[KnownSize, ...]:
    """Return the known sizes as rows of the receipt."""
    names = [f"distance {one.metres:g} m at {one.x:g},{one.y:g}" for one in known.distances]
    names += [
        f"length {one.metres:g} m from {one.start_xy[0]:g},{one.start_xy[1]:g} to {one.end_xy[0]:g},{one.end_xy[1]:g}"
        for one in known.lengths
    ]
    return tuple(KnownSize(name, float(weight)) for name, weight in zip(names, weights, strict=True))
