"""Sizes and distances the user knows: evidence with its own error, sufficient without people.

A laser meter gives the distance along the line of sight; a tape gives a length between two points. Both become
measurements for the consensus once relative depth is read where they were measured. A person's height rescales that
person.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mfh.errors import InputError
from mfh.scale.head import log_depth_at
from mfh.scale.measurements import ScaleMeasurement, rays_between, rays_of, relative_at
from mfh.types import Camera, CommonErrors, Evidence, Landmark, MetricHead, RelativeDepth

GIVE_A_SIZE = (
    "give a distance or a length that you know, which suffices alone (--known-distance 320,240=2.31m or "
    "--known-length or --known-size; Request(known=KnownSizes(...)) in Python)"
)
"""What helps where people do not; in the words of the command and of the library."""
KNOWN_LOG_SIGMA = 0.03
"""A tape is exact; the pixel and the relative depth there are not."""
KNOWN_OBJECT_LOG_SIGMA = 0.05
"""An object turned by 18 degrees appears 5 % smaller."""
KNOWN_HEIGHT_LOG_SIGMA = 0.05
"""What is left of a person's distance error where the height is known: posture, outline, relative depth."""
METRES = (1e-4, 1e9)
"""From a microscope's to a planet's: anything else is a mistyped number."""
BEYOND_GIVEN = 10.0
"""Answers extend at least to this many times the distance of the farthest given size."""


@dataclass(frozen=True)
class KnownDistance:
    """A distance from the camera to what is seen at a pixel, along the line of sight.

    Attributes:
        x: column in pixels.
        y: row in pixels.
        metres: the distance.
        log_sigma: one-sigma error of its log.
    """

    x: float
    y: float
    metres: float
    log_sigma: float = KNOWN_LOG_SIGMA


@dataclass(frozen=True)
class KnownLength:
    """A straight length between what is seen at two pixels.

    Attributes:
        start_xy: column and row of one end, pixels.
        end_xy: of the other.
        metres: the length.
        log_sigma: one-sigma error of its log.
    """

    start_xy: tuple[float, float]
    end_xy: tuple[float, float]
    metres: float
    log_sigma: float = KNOWN_LOG_SIGMA


@dataclass(frozen=True)
class KnownObject:
    """The size of an object, seen face on: a label, a door's width, a wheel.

    Unlike a length, it needs no relative depth at its ends: both are taken to be at the distance of its middle.

    Attributes:
        start_xy: column and row of one edge, pixels.
        end_xy: of the opposite one.
        metres: from edge to edge.
        log_sigma: one-sigma error of its log: it is never quite face on.
    """

    start_xy: tuple[float, float]
    end_xy: tuple[float, float]
    metres: float
    log_sigma: float = KNOWN_OBJECT_LOG_SIGMA


@dataclass(frozen=True)
class KnownHeight:
    """The height of a person, standing straight.

    Attributes:
        metres: the height.
        person: number of the landmark on the receipt; None for all people in the photo (painted people have no known
            height).
    """

    metres: float
    person: int | None = None


@dataclass(frozen=True)
class KnownSizes:
    """Everything the user knows about one photo."""

    distances: tuple[KnownDistance, ...] = ()
    lengths: tuple[KnownLength, ...] = ()
    heights: tuple[KnownHeight, ...] = ()
    objects: tuple[KnownObject, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything that suffices without people."""
        return bool(self.measured)

    @property
    def measured(self) -> tuple[KnownDistance | KnownLength | KnownObject, ...]:
        """What fixes the scale without people: distances, then lengths, then objects."""
        return (*self.distances, *self.lengths, *self.objects)

    @property
    def names(self) -> tuple[str, ...]:
        """What each of them is called on the receipt."""
        kinds = ["length"] * len(self.lengths) + ["object of"] * len(self.objects)
        return tuple(
            [f"distance {one.metres:g} m at {one.x:g},{one.y:g}" for one in self.distances]
            + [
                f"{kind} {one.metres:g} m from {one.start_xy[0]:g},{one.start_xy[1]:g} to "
                f"{one.end_xy[0]:g},{one.end_xy[1]:g}"
                for kind, one in zip(kinds, (*self.lengths, *self.objects), strict=True)
            ]
        )


def without_known_sky(relative: RelativeDepth, known: KnownSizes, camera: Camera) -> RelativeDepth:
    """Return relative depth that is valid in its sky too where something known was measured there: it is no sky.

    Pixels outside the photo are left for :func:`known_measurements` to refuse.
    """
    if not (known and relative.holes_are_sky and relative.valid_mask is not None):
        return relative
    pixels = [(one.x, one.y) for one in known.distances]
    for one in (*known.lengths, *known.objects):
        pixels += [one.start_xy, one.end_xy]
    for x, y in pixels:
        if 0 <= x <= camera.width - 1 and 0 <= y <= camera.height - 1:
            column, row = (round(side) for side in relative.place((x, y)))
            if not relative.valid_mask[row, column]:
                return replace(relative, valid_mask=None, holes_are_sky=False)
    return relative


def known_measurements(known: KnownSizes, relative: RelativeDepth, camera: Camera) -> list[ScaleMeasurement]:
    """Return the measurements of known distances, then of known lengths, then of known objects.

    Raises:
        InputError: for a pixel outside the photo or without relative depth, a size that nothing has, or a length from
            one pixel to itself.
    """
    measurements = []
    for one in known.distances:
        what = f"the known distance at {one.x:g},{one.y:g}"
        _check_size(what, one.metres, one.log_sigma)
        (ray,) = rays_of(camera, [(one.x, one.y)], what)
        value = _pixel_of(relative, (one.x, one.y), what)
        # z = distance / length of the ray to unit depth.
        z = one.metres / float(np.linalg.norm(ray))
        measurements.append(ScaleMeasurement(z, np.array([value]), one.log_sigma, given=True))
    for one in known.lengths:
        ends = [one.start_xy, one.end_xy]
        what = f"the known length {one.start_xy[0]:g},{one.start_xy[1]:g}:{one.end_xy[0]:g},{one.end_xy[1]:g}"
        _check_size(what, one.metres, one.log_sigma)
        rays = rays_between(camera, one.start_xy, one.end_xy, what)
        values = np.array([relative_at(relative, end, f"{what}: ") for end in ends])
        measurements.append(ScaleMeasurement(one.metres, values, one.log_sigma, rays, given=True))
    for one in known.objects:
        (x1, y1), (x2, y2) = one.start_xy, one.end_xy
        what = f"the known size {x1:g},{y1:g}:{x2:g},{y2:g}"
        _check_size(what, one.metres, one.log_sigma)
        start, end = rays_between(camera, one.start_xy, one.end_xy, what)
        value = relative_at(relative, ((x1 + x2) / 2, (y1 + y2) / 2), f"{what}: ")
        z = one.metres / float(np.linalg.norm(end - start))
        measurements.append(ScaleMeasurement(z, np.array([value]), one.log_sigma, given=True))
    return measurements


@dataclass(frozen=True)
class ErrorsLeft:
    """One-sigma systematic errors beside known distances and lengths, of log metres.

    Attributes:
        common: of depth.
        widths: of lengths across the line of sight, from a guessed focal length.
        people: of people's common bias, against what is known.
    """

    common: CommonErrors
    widths: float = 0.0
    people: float = 0.0


def errors_left(known: KnownSizes, errors: CommonErrors) -> ErrorsLeft:
    """Return the systematic errors that remain where distances and lengths are known.

    The bias of a painter or a mesh model is people's alone, and known sizes then fix the scale. A known distance fixes
    depth whatever the focal length is, and a wrong one spoils widths; a known length or object fixes widths, and a
    wrong one spoils depth.
    """
    if not known:
        return ErrorsLeft(errors)
    across_too = (*known.lengths, *known.objects)
    near, across = (sum(one.log_sigma**-2 for one in sizes) for sizes in (known.distances, across_too))
    by_distance = near / (near + across)
    return ErrorsLeft(
        CommonErrors(0.0, errors.shape, errors.focal * (1 - by_distance)),
        widths=errors.focal * by_distance,
        people=math.hypot(errors.shared, errors.focal * by_distance),
    )


def depth_limit_m(measurements: Sequence[ScaleMeasurement], head: MetricHead, *, max_depth_m: float) -> float:
    """Return the depth up to which answers are valid: the usual limit, or well beyond the farthest known size."""
    places = np.concatenate([np.zeros(0), *(measurement.relative for measurement in measurements)])
    depth_m = np.exp(log_depth_at(head, places))
    return max(max_depth_m, BEYOND_GIVEN * float(depth_m[np.isfinite(depth_m)].max(initial=0.0)))


def with_known_heights(evidence: Sequence[Evidence], heights: Sequence[KnownHeight]) -> list[Evidence]:
    """Rescale people whose height is known: distance and size of a body go together.

    Args:
        evidence: of each image.
        heights: known heights; ``person`` counts the landmarks of all evidence in order.

    Returns:
        The same evidence, with the rescaled depth, stature and error.

    Raises:
        InputError: for a height that no person has, a number without a measured person, or a height of all people where
            the photo has no measured person.
    """
    changed = list(evidence)
    numbers = [(image, person) for image, one in enumerate(evidence) for person in range(len(one.landmarks))]
    for height in heights:
        if not 0.4 <= height.metres <= 2.6:
            raise InputError(f"a person's height is {height.metres:g} m: expected 0.4 to 2.6 m")
        if height.person is not None and not 0 <= height.person < len(numbers):
            raise InputError(
                f"the height of person {height.person} was given, and the receipt has {len(numbers)} people: "
                + (f"expected a number from 0 to {len(numbers) - 1}" if numbers else "give a distance or a length")
            )
        if height.person is None:
            chosen = [
                (image, person) for image, person in numbers if _stands_in_photo(changed[image].landmarks[person])
            ]
        else:
            chosen = [numbers[height.person]]
        if not chosen:
            raise InputError(
                f"a person's height was given ({height.metres:g} m), and no person in the photo was measured: "
                "leave it out, or give a distance or a length"
            )
        for image, person in chosen:
            landmark = changed[image].landmarks[person]
            if not landmark.is_person:
                raise InputError(
                    f"the height of person {height.person} was given, and number {height.person} on the receipt is a "
                    f"{landmark.label}: expected the number of a person"
                )
            if landmark.stature_m is None:
                raise InputError(
                    f"person {height.person} was not measured ({landmark.reason}): expected the number of one that was"
                )
            changed[image] = _rescaled(changed[image], person, height.metres / landmark.stature_m)
    return changed


def _stands_in_photo(landmark: Landmark) -> bool:
    return landmark.source == "photo" and landmark.stature_m is not None


def _rescaled(evidence: Evidence, person: int, factor: float) -> Evidence:
    landmarks = list(evidence.landmarks)
    landmark = landmarks[person]
    landmarks[person] = replace(
        landmark,
        stature_m=None if landmark.stature_m is None else landmark.stature_m * factor,
        distance_m=None if landmark.distance_m is None else landmark.distance_m * factor,
        origin_m=None if landmark.origin_m is None else landmark.origin_m * factor,
        figure=landmark.figure and landmark.figure.scaled(factor),
        log_distance_sigma=KNOWN_HEIGHT_LOG_SIGMA if landmark.track_log_sigma is None else landmark.log_distance_sigma,
        track_log_sigma=None if landmark.track_log_sigma is None else KNOWN_HEIGHT_LOG_SIGMA,
        # Whose height is known is no child taken for an adult.
        far_share=0.0,
    )
    own = evidence.person == person
    depth_m = np.where(own, evidence.depth_m * factor, evidence.depth_m)
    return replace(evidence, depth_m=depth_m, landmarks=tuple(landmarks))


def _pixel_of(relative: RelativeDepth, xy: tuple[float, float], what: str) -> float:
    """Return the relative depth of exactly this pixel: its depth must be the given one."""
    column, row = round(xy[0]), round(xy[1])
    value = float(relative.rows_or_nan(slice(row, row + 1))[0, column])
    if not math.isfinite(value):
        sky = ", which is sky" if relative.holes_are_sky else ""
        raise InputError(f"{what}: the relative depth has no value at pixel {column},{row}{sky}: expected one that has")
    return value


def _check_size(what: str, metres: float, log_sigma: float) -> None:
    if not METRES[0] <= metres <= METRES[1]:
        raise InputError(
            f"{what} is {metres:g} m: expected a finite, positive number of metres, {METRES[0]:g} to {METRES[1]:g}"
        )
    if not (math.isfinite(log_sigma) and log_sigma > 0):
        raise InputError(f"{what}: its log_sigma is {log_sigma:g}: expected a finite, positive number such as 0.03")
