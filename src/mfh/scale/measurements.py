"""Measurements of the scale: what each person or known size implies for log s, as a function of the ratio r = t/s.

A head is s·(x + r) in the space of the relative depth (disparity or depth). A distance z at a pixel of relative depth
x, or a length between two pixels, fixes log s once r is chosen. A person is one measurement, whatever their number of
pixels. Known sizes are measured at pixels: the ray behind one and the relative depth there are read here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.geometry.camera import unproject
from mfh.types import Camera, Evidence, Landmark, MetricHead, RelativeDepth, Space

SAMPLES_PER_PERSON = 32
"""Samples per person where a photo has ground contacts: a foot is one sample, a body thousands."""
PEOPLE, PAINTED = "people", "painted people"
_ALONG_Z = np.array([[0.0, 0.0, 1.0]])
_HALF_PATCH = 2
_SMALLEST = 0.1
"""Gap between a reading and infinity below which its error grows no further, over that error."""
_LEAST_VALID = 0.5
"""Share of the patch around a pixel that must be valid for its median to stand for the pixel."""


@dataclass(frozen=True)
class ScaleMeasurement:
    """A distance or length in metres, paired with the relative depth where it was measured.

    Attributes:
        metres: z-depth of one point, or the straight distance between two.
        relative: (1,) or (2,) relative depth there, aligned to the photo's.
        log_sigma: one-sigma error of log metres, as the measurement itself states it; 0 where it states none.
        rays: (1, 3) or (2, 3) points at unit depth, (X/Z, Y/Z, 1); for a z-depth just (0, 0, 1).
        given: stated by the user: its whole error is log_sigma, and it is never rejected as an outlier.
        image: index of its evidence; -1 where given.
        person: index of its landmark there.
        group: measurements of one group share a common bias: "people", "painted people", a class of objects.
        common_log_sigma: one-sigma of that bias, of log metres.
        far_share: probability that it is measured too far: part of an object is hidden, a child is taken for an adult.
        far_log: the mean log factor by which it is then too far; its standard deviation is half of that.
        relative_sigma: one-sigma error of the relative depth itself, in its own unit: it moves the log scale by
            relative_sigma / (x + r), which is much for what is far away.
    """

    metres: float
    relative: Float[ndarray, "p"]
    log_sigma: float = 0.0
    rays: Float[ndarray, "p 3"] = field(default_factory=lambda: _ALONG_Z)
    given: bool = False
    image: int = -1
    person: int = -1
    group: str = ""
    common_log_sigma: float = 0.0
    far_share: float = 0.0
    far_log: float = 0.0
    relative_sigma: float = 0.0

    @property
    def of_people(self) -> bool:
        """Whether it is of people, in the photo or painted into it."""
        return self.group == PAINTED or self.group.startswith(PEOPLE)

    def log_scale(self, ratio: Float[ndarray, "r"], space: Space) -> Float[ndarray, "r"]:
        """Return the log of the scale it implies at each ratio; x + r must be positive.

        Returns:
            (r,) log s: -log(x + r) - log z for a z-depth in disparity space, log z - log(x + r) in depth space.
        """
        sign = 1.0 if space == "disparity" else -1.0
        ends = self.rays[:, :, None] * (self.relative[:, None, None] + ratio) ** -sign
        span = ends[0] if len(ends) == 1 else ends[0] - ends[1]
        return sign * (np.log(np.linalg.norm(span, axis=0)) - np.log(self.metres))


def implied_log_scales(
    measurements: Sequence[ScaleMeasurement], ratio: Float[ndarray, "r"], space: Space
) -> Float[ndarray, "k r"]:
    """Return (k, r) log s that each measurement implies at each ratio, where all x + r are positive."""
    implied = np.empty((len(measurements), len(ratio)))
    along_z = np.array([measurement.rays is _ALONG_Z for measurement in measurements], bool)
    if along_z.any():
        depths = [measurement for measurement, one in zip(measurements, along_z, strict=True) if one]
        relative = np.array([measurement.relative[0] for measurement in depths])
        log_metres = np.log([measurement.metres for measurement in depths])
        sign = 1.0 if space == "disparity" else -1.0
        implied[along_z] = -np.log(relative[:, None] + ratio) - sign * log_metres[:, None]
    for k in np.flatnonzero(~along_z).tolist():
        implied[k] = measurements[k].log_scale(ratio, space)
    return implied


def own_variance(measurements: Sequence[ScaleMeasurement], ratio: Float[ndarray, "r"]) -> Float[ndarray, "k r"]:
    """Return the variance of each measurement's own error of log scale at each ratio."""
    variance = np.array([[measurement.log_sigma**2] for measurement in measurements])
    reading = np.array([[measurement.relative_sigma] for measurement in measurements])
    if not reading.any():
        return np.broadcast_to(variance, (len(measurements), len(ratio)))
    relative = np.array([[float(measurement.relative.mean())] for measurement in measurements])
    # What a ratio puts at infinity has no likelihood there anyway.
    return variance + (reading / np.maximum(relative + ratio, reading * _SMALLEST + (reading == 0))) ** 2


def log_scales_at(measurements: Sequence[ScaleMeasurement], head: MetricHead) -> Float[ndarray, "k"]:
    """Return log s implied by each measurement at a head's ratio; NaN where the head's depth there is not finite."""
    ratio = head.shift / head.scale
    implied = np.full(len(measurements), np.nan)
    finite = np.array([measurement.relative.min() + ratio > 0 for measurement in measurements], bool)
    seen = [measurement for measurement, one in zip(measurements, finite, strict=True) if one]
    implied[finite] = implied_log_scales(seen, np.array([ratio]), head.space)[:, 0]
    return implied


def landmark_measurements(
    evidence: Sequence[Evidence], *, shared_log_sigma: float = 0.0, shape_log_sigma: float = 0.0
) -> list[ScaleMeasurement]:
    """Return one measurement per used landmark, by image and landmark: medians of its relative depth and metric depth.

    Relative depths are aligned to the photo's. A person followed through a clip gives one for each distance at which
    they were seen; these are a group of their own, whose common bias is that of this person.

    Args:
        evidence: of the photo and of each painting.
        shared_log_sigma: common bias of painted people, and of people that state none of their own.
        shape_log_sigma: error of the relative depth at one place, which people and objects in the photo do not average
            out. That of painted people is in the sigma that their painter states.
    """
    measurements = []
    for image, one in enumerate(evidence):
        people = np.flatnonzero(np.bincount(one.person))
        for person in people:
            own = slice(None) if len(people) == 1 else one.person == person
            landmark = one.landmarks[person] if len(one.landmarks) > person else None
            log_sigma = (landmark.log_distance_sigma or 0.0) if landmark is not None else 0.0
            reading = 0.0 if landmark is None or landmark.painted else shape_log_sigma
            depths_m, relative = one.depth_m[own], one.relative[own]
            if landmark is None or landmark.track_log_sigma is None:
                depths_m, relative = [_median(depths_m)], [_median(relative)]
            measurements += [
                ScaleMeasurement(
                    float(depth_m),
                    np.array([value], float),
                    math.hypot(log_sigma, reading),
                    image=image,
                    person=int(person),
                    **_about(landmark, shared_log_sigma, int(person)),
                )
                for depth_m, value in zip(depths_m, relative, strict=True)
            ]
    return measurements


def _about(landmark: Landmark | None, shared_log_sigma: float, person: int) -> dict[str, Any]:
    """Return the fields of a measurement that its landmark states."""
    if landmark is None:
        return {"group": PEOPLE, "common_log_sigma": shared_log_sigma}
    own = None if landmark.painted else landmark.shared_log_sigma
    group, common = (
        landmark.label or (PAINTED if landmark.painted else PEOPLE),
        shared_log_sigma if own is None else own,
    )
    if landmark.track_log_sigma is not None:
        group, common = f"{group}, track {person}", math.hypot(common, landmark.track_log_sigma)
    return {
        "group": group,
        "common_log_sigma": common,
        "far_share": landmark.far_share,
        "far_log": landmark.far_log,
        "relative_sigma": landmark.relative_sigma,
    }


def _median(values: Float[ndarray, "n"]) -> float:
    """Return what np.median does, in a third of the time for the few thousand pixels of a body."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    middle = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return float(middle.mean())


def remaining_common_sigma(measurements: Sequence[ScaleMeasurement]) -> float:
    """Return the common bias that a fit leaves to be added to its posterior: that of the only group.

    Biases of several groups are in the posterior, where they are weighed against each other.
    """
    common = {one.group: one.common_log_sigma for one in measurements if not one.given}
    return next(iter(common.values())) if len(common) == 1 else 0.0


def weigh_people_equally(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Give every person SAMPLES_PER_PERSON samples where any has ground contacts; else return the evidence unchanged.

    Contacts are repeated, and bodies are thinned evenly over their depths. Without this a body of ten thousand pixels
    would outweigh every contact.
    """
    kinds = {one.evidence for image in evidence for one in image.landmarks if one.verdict == "used"}
    return [_thin(image) for image in evidence] if "contact" in kinds else list(evidence)


def _thin(evidence: Evidence) -> Evidence:
    chosen = [np.zeros(0, int)]
    for person in np.unique(evidence.person):
        own = np.flatnonzero(evidence.person == person)
        own = own[np.argsort(evidence.depth_m[own], kind="stable")]
        chosen.append(own[np.rint(np.linspace(0, len(own) - 1, SAMPLES_PER_PERSON)).astype(int)])
    picked = np.concatenate(chosen)
    return replace(
        evidence,
        relative=evidence.relative[picked],
        depth_m=evidence.depth_m[picked],
        person=evidence.person[picked],
    )


def rays_of(camera: Camera, pixels: Sequence[tuple[float, float]], what: str) -> Float[ndarray, "p 3"]:
    """Return the points at unit depth behind pixels (column, row), (X/Z, Y/Z, 1).

    Raises:
        InputError: for a pixel outside the photo, named by ``what``.
    """
    for x, y in pixels:
        if not (0 <= x <= camera.width - 1 and 0 <= y <= camera.height - 1):
            raise InputError(f"{what}: pixel {x:g},{y:g} is outside the photo, which is {camera.width}x{camera.height}")
    return unproject(camera, np.array(pixels, float), np.ones(len(pixels)))


def rays_between(
    camera: Camera, start_xy: tuple[float, float], end_xy: tuple[float, float], what: str
) -> Float[ndarray, "2 3"]:
    """Return the points at unit depth behind the two ends of a length.

    Raises:
        InputError: for a pixel outside the photo, or twice the same one.
    """
    if start_xy == end_xy:
        raise InputError(f"{what} starts and ends at one pixel: expected two different ones")
    return rays_of(camera, [start_xy, end_xy], what)


def relative_at(relative: RelativeDepth, xy: tuple[float, float], about: str = "") -> float:
    """Return the median relative depth around a pixel (column, row): a click is not exact.

    Raises:
        InputError: beginning with ``about``, where the relative depth around the pixel is mostly not valid.
    """
    x, y = relative.place(xy)
    column, row = round(x), round(y)
    rows = slice(max(row - _HALF_PATCH, 0), row + _HALF_PATCH + 1)
    columns = slice(max(column - _HALF_PATCH, 0), column + _HALF_PATCH + 1)
    if relative.valid_mask is None:
        return float(np.median(relative.values[rows, columns]))
    valid_mask = relative.valid_mask[rows, columns]
    if valid_mask.mean() < _LEAST_VALID:
        sky = ", which is sky" if relative.holes_are_sky else ""
        raise InputError(
            f"{about}the relative depth has no value at pixel {xy[0]:g},{xy[1]:g}{sky}: expected one where it has"
        )
    return float(np.median(relative.values[rows, columns][valid_mask]))
