"""The models' outputs for one photo: they lie between the models and the answer, and can be kept in a file."""

import math
from dataclasses import dataclass, field

import numpy as np

from mfh.errors import InputError
from mfh.types import Evidence, MeasuredPainting, Photo, Region, RelativeDepth, Segment

METRES = (1e-3, 1e6)
"""People nearer or farther are none: a focal length is wrong, or the evidence is damaged."""


@dataclass(frozen=True)
class Gathered:
    """The models' outputs for one photo, and what was asked of it.

    Attributes:
        photo: the photo.
        relative: its relative depth.
        evidence: of the photo and of every painting, in order; relative depths aligned to the photo's.
        preset: name of the configuration that ran.
        models: role -> model name.
        seed: seed of the painting loop.
        attempts: painting attempts made.
        ended_by: why painting ended; empty where no person was painted.
        shared_log_sigma: systematic error of log distance that all people share.
        shape_log_sigma: error of the relative depth's shape.
        provenance: the painter's sentence about its sense of size; empty where no person was painted.
        max_depth_m: farther answers are not valid.
        seconds: stage -> wall seconds.
        region: where metric depth is wanted most; None for the whole photo.
        lengths: what is to be measured in it.
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
    region: Region | None = None
    lengths: tuple[Segment, ...] = ()
    paintings: tuple[MeasuredPainting, ...] = ()


def check_gathered(gathered: Gathered) -> None:
    """Refuse what no model says, and what a focal length makes of it that no photo shows.

    Args:
        gathered: the models' outputs, perhaps read from a file, or moved to another focal length.

    Raises:
        InputError: for numbers that are not finite, errors below zero, or people out of any range.
    """
    name, camera = gathered.photo.name, gathered.photo.camera
    sigmas: list[tuple[str, float | None]] = [
        ("shared_log_sigma", gathered.shared_log_sigma),
        ("shape_log_sigma", gathered.shape_log_sigma),
        ("the error of the focal length", gathered.photo.focal.relative_sigma),
    ]
    for image in gathered.evidence:
        for one in image.landmarks:
            sigmas.append((f"log_distance_sigma of a person of the {one.source}", one.log_distance_sigma))
            sigmas.append((f"shared_log_sigma of a person of the {one.source}", one.shared_log_sigma))
            for what, metres in (("distance", one.distance_m), ("height", one.stature_m), ("middle", one.origin_m)):
                if metres is not None and not math.isfinite(metres):
                    raise InputError(f"{name}: the {what} of a person of the {one.source} is {metres}: expected metres")
        if not np.isfinite(image.relative).all() or np.isnan(image.depth_m).any():
            raise InputError(f"{name}: the evidence has people whose relative depth or metres are no numbers")
        outside_m = image.depth_m[(image.depth_m < METRES[0]) | (image.depth_m > METRES[1])]
        if len(outside_m):
            raise InputError(
                f"{name}: with a focal length of {camera.fx:.4g} px a person would be {outside_m[0]:.3g} m away: "
                f"expected {METRES[0]:g} to {METRES[1]:g} m; check the focal length ({gathered.photo.focal.detail})"
            )
    for what, sigma in sigmas:
        if sigma is not None and not (math.isfinite(sigma) and sigma >= 0):
            raise InputError(f"{name}: {what} is {sigma:g}: expected a finite number, 0 or more")
    if not gathered.max_depth_m > 0:
        raise InputError(f"{name}: max_depth_m is {gathered.max_depth_m:g}: expected a positive number of metres")
