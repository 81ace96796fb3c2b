"""Measurements: what one person, or one known size, says about the scale, as a function of the ratio r = t/s.

A head is s·(x + r) in relative depth's own space (disparity or depth). A distance z at a pixel of relative depth x, or
a length between two pixels, fixes log s once r is chosen. The person is the unit of evidence: one measurement each,
whatever number of pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.types import Evidence, MetricHead, Space

SAMPLES_PER_PERSON = 32
"""Pairs each person gives where some of them give a contact: a foot is one pair, a body thousands."""
_ALONG_Z = np.array([[0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class ScaleMeasurement:
    """One measurement in metres with where it meets relative depth.

    Attributes:
        metres: z-depth of one point, or the straight distance between two.
        relative: (1,) or (2,) relative depth there, aligned to the photo's.
        log_sigma: one-sigma error of log metres, as the measurement itself knows it; 0 where it does not.
        rays: (1, 3) or (2, 3) points at unit depth, (X/Z, Y/Z, 1); for a z-depth just (0, 0, 1).
        given: known by the user: its error is log_sigma and nothing else, and people cannot outvote it.
        image: which evidence it comes from; -1 where given.
        person: index of its landmark there.
    """

    metres: float
    relative: Float[ndarray, "p"]
    log_sigma: float = 0.0
    rays: Float[ndarray, "p 3"] = field(default_factory=lambda: _ALONG_Z)
    given: bool = False
    image: int = -1
    person: int = -1

    def log_scale(self, ratio: Float[ndarray, "r"], space: Space) -> Float[ndarray, "r"]:
        """Return the log of the scale it implies at each ratio.

        Args:
            ratio: (r,) values of t/s; x + r must be positive.
            space: of the relative depth.

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
    """Return the log of the scale that each measurement implies at each ratio: people's all at once.

    Args:
        measurements: any.
        ratio: (r,) values of t/s; x + r must be positive.
        space: of the relative depth.
    """
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


def log_scales_at(measurements: Sequence[ScaleMeasurement], head: MetricHead) -> Float[ndarray, "k"]:
    """Return log s implied by each measurement at a head's ratio; NaN where the head's depth there is not finite."""
    ratio = head.shift / head.scale
    implied = np.full(len(measurements), np.nan)
    finite = np.array([measurement.relative.min() + ratio > 0 for measurement in measurements], bool)
    seen = [measurement for measurement, one in zip(measurements, finite, strict=True) if one]
    implied[finite] = implied_log_scales(seen, np.array([ratio]), head.space)[:, 0]
    return implied


def people_measurements(evidence: Sequence[Evidence]) -> list[ScaleMeasurement]:
    """Return one measurement per person used: the medians of the person's relative depth and metres.

    Args:
        evidence: what each image says; relative depths aligned to the photo's.

    Returns:
        Measurements, by image and person.
    """
    measurements = []
    for image, one in enumerate(evidence):
        people = np.flatnonzero(np.bincount(one.person))
        for person in people:
            own = slice(None) if len(people) == 1 else one.person == person
            landmark = one.landmarks[person] if len(one.landmarks) > person else None
            measurements.append(
                ScaleMeasurement(
                    _median(one.depth_m[own]),
                    np.array([_median(one.relative[own])]),
                    (landmark.log_distance_sigma or 0.0) if landmark is not None else 0.0,
                    image=image,
                    person=int(person),
                )
            )
    return measurements


def _median(values: Float[ndarray, "n"]) -> float:
    """Return what np.median does, in a third of the time for the few thousand pixels of a body."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    middle = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return float(middle.mean())


def weigh_people_equally(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Give every person the same number of pairs where some give a contact; else leave the evidence as it is.

    Contacts are repeated, bodies thinned evenly over their depths. The person is the unit of evidence: without this a
    body of ten thousand pixels would silence every contact.

    Returns:
        The same people with SAMPLES_PER_PERSON pairs each, or the evidence given.
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
