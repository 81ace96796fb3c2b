"""From all evidence to the metric scale: the head, each person's share in it, and who is rejected as an outlier."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import HeadConfig
from mfh.scale.consensus import Consensus, fit_consensus
from mfh.scale.head import exact_head, fit_silog_head, log_depth_at
from mfh.scale.measurements import (
    ScaleMeasurement,
    landmark_measurements,
    log_scales_at,
    weigh_people_equally,
)
from mfh.scale.posterior import ScalePosterior
from mfh.types import Evidence, Landmark, MetricHead, RelativeDepth, any_used

MIN_INLIER_PROBABILITY = 0.25
"""People below this are rejected as outliers: reported with their residual as a factor."""
NEARLY_EXACT = 0.1
"""Rms of people's log residuals above which their models certainly have errors."""
MIN_RESIDUAL = 0.4
"""Log residual below which no person is an outlier: size and relative depth may well be off by a factor of 1.5."""
_PEOPLE_ALONE = "the SIlog head fits the pixels of people alone"
_NO_LONE_PRIOR = "it counts only beside a person or an object: alone it says too little"


@dataclass(frozen=True)
class ScaleFit:
    """Scale and shift with everything they rest on.

    Attributes:
        head: the answer.
        consensus: the robust fit to people and known sizes, whichever head was asked for.
        evidence: as given, each landmark with its weight and implied scale; outliers are rejected.
        known_weights: (m,) share of each known size in the answer.
        spread: robust standard deviation of people's log metres about the head; None for fewer than three used.
    """

    head: MetricHead
    consensus: Consensus
    evidence: tuple[Evidence, ...]
    known_weights: Float[ndarray, "m"]
    spread: float | None


def fit_scale(
    evidence: Sequence[Evidence],
    relative: RelativeDepth,
    *,
    config: HeadConfig,
    landmarks: Sequence[ScaleMeasurement] | None = None,
    known: Sequence[ScaleMeasurement] = (),
    common_log_sigma: float = 0.0,
) -> ScaleFit:
    """Fit scale and shift to all evidence.

    Args:
        evidence: of the photo and each painting, aligned to the photo's relative depth; what :func:`evidence_for` left.
        relative: relative depth of the photo.
        config: which head. "silog" is the paper's and fits pixels of people alone: where sizes are known, or where
            there are only objects, the consensus answers instead.
        landmarks: the measurements of the evidence; None for those without common biases.
        known: sizes and distances the user gave; the head meets them, whatever people imply.
        common_log_sigma: standard deviation of people's common bias; used where sizes are known.

    Returns:
        The fit. Models without any error determine both numbers exactly, and then the consensus is just that.

    Raises:
        NoLandmarkError: where neither a person nor a known size is usable as scale evidence.
    """
    paper = _by_paper(evidence, config, known=bool(known))
    used = [landmark for one in evidence for landmark in one.landmarks if landmark.verdict == "used"]
    people_alone = all(landmark.is_person for landmark in used)
    measurements = [*(landmark_measurements(evidence) if landmarks is None else landmarks), *known]
    consensus = fit_consensus(measurements, relative, common_log_sigma=common_log_sigma)
    kept = list(evidence) if paper else _reject_outliers(evidence, measurements, consensus)
    weighed = [one for one in weigh_people_equally(kept) if len(one.relative)]
    exact = exact_head(weighed, relative) if not known and people_alone and _nearly_exact(consensus) else None
    if exact is not None:
        consensus = _exact_consensus(consensus, exact)
    head = fit_silog_head(weighed, relative, config=config) if paper and weighed else consensus.head
    people = len(measurements) - len(known)
    return ScaleFit(
        head=head,
        consensus=consensus,
        evidence=_weighed(kept, measurements, consensus, head),
        known_weights=consensus.weight[people:],
        spread=_spread(measurements[:people], consensus, head),
    )


def _nearly_exact(consensus: Consensus) -> bool:
    """Return whether people's residuals are so small that models might be free of error; only all pixels can tell."""
    residual = consensus.residual[consensus.inlier_probability >= MIN_INLIER_PROBABILITY]
    return bool(len(residual) and np.sqrt(np.mean(residual**2)) <= NEARLY_EXACT)


def _exact_consensus(consensus: Consensus, head: MetricHead) -> Consensus:
    """Return the consensus of people without any error; outliers stay rejected."""
    posterior = ScalePosterior(
        np.array([head.shift / head.scale]), np.log([[head.scale]]), np.ones((1, 1)), consensus.posterior.space
    )
    inlier = (consensus.inlier_probability >= MIN_INLIER_PROBABILITY).astype(float)
    return replace(consensus, head=head, posterior=posterior, weight=inlier / inlier.sum(), range_sigma=0.0)


def _reject_outliers(
    evidence: Sequence[Evidence], measurements: Sequence[ScaleMeasurement], consensus: Consensus
) -> list[Evidence]:
    """Reject the people who are probably outliers, with the factor they are off by."""
    kept = list(evidence)
    for (image, person), own in _by_landmark(measurements).items():
        # Of a person followed through a clip all sightings, or none.
        inlier = float(np.mean(consensus.inlier_probability[own]))
        residual = float(np.median(consensus.residual[own]))
        if inlier < MIN_INLIER_PROBABILITY and abs(residual) > MIN_RESIDUAL:
            times = f"{np.exp(abs(residual)):.1f}x" if np.isfinite(residual) else "far"
            others = "the others imply" if consensus.disagreement is None else "what is given implies"
            reason = f"{times} {'farther' if residual > 0 else 'nearer'} than {others}"
            kept[image] = reject_person(kept[image], person, reason)
    return kept


def _by_landmark(measurements: Sequence[ScaleMeasurement]) -> dict[tuple[int, int], list[int]]:
    """Return which measurements are of each landmark, by image and number; those the user gave are of none."""
    found: dict[tuple[int, int], list[int]] = {}
    for k, one in enumerate(measurements):
        if one.image >= 0:
            found.setdefault((one.image, one.person), []).append(k)
    return found


def _weighed(
    evidence: Sequence[Evidence], measurements: Sequence[ScaleMeasurement], consensus: Consensus, head: MetricHead
) -> tuple[Evidence, ...]:
    """Write each person's weight and implied scale on the landmark."""
    images = list(evidence)
    log_scales = log_scales_at(measurements, head)
    for (image, person), own in _by_landmark(measurements).items():
        landmarks = list(images[image].landmarks)
        if len(landmarks) > person:
            log_scale = float(np.median(log_scales[own]))
            landmarks[person] = replace(
                landmarks[person],
                weight=float(consensus.weight[own].sum()),
                implied_scale=None if np.isnan(log_scale) else float(np.exp(log_scale)),
            )
        images[image] = replace(images[image], landmarks=tuple(landmarks))
    return tuple(images)


def reject_person(evidence: Evidence, person: int, reason: str) -> Evidence:
    """Return evidence without one person's pixels, and with the reason on the landmark."""
    kept = evidence.person != person
    landmarks = list(evidence.landmarks)
    landmarks[person] = replace(landmarks[person], verdict="rejected", reason=reason)
    return Evidence(evidence.relative[kept], evidence.depth_m[kept], evidence.person[kept], tuple(landmarks))


def evidence_for(config: HeadConfig, evidence: Sequence[Evidence], *, known: bool) -> list[Evidence]:
    """Return the evidence that a head is fitted to.

    The paper's head is fitted to people alone, where there are any. The scale prior counts only beside something else.

    Args:
        config: which head.
        evidence: of the photo and each painting.
        known: whether the user gave sizes, which only the consensus meets.
    """
    if _by_paper(evidence, config, known=known):
        return [_without(one, lambda of: not of.is_person, _PEOPLE_ALONE) for one in evidence]
    if not any_used(evidence):
        return [_without(one, lambda of: of.is_prior, _NO_LONE_PRIOR) for one in evidence]
    return list(evidence)


def _by_paper(evidence: Sequence[Evidence], config: HeadConfig, *, known: bool) -> bool:
    """Return whether the paper's head answers."""
    used = [landmark for one in evidence for landmark in one.landmarks if landmark.verdict == "used"]
    return config.kind == "silog" and not known and not (used and not any(landmark.is_person for landmark in used))


def _without(evidence: Evidence, which: Callable[[Landmark], bool], reason: str) -> Evidence:
    """Return evidence in which some landmarks do not count."""
    for number, landmark in enumerate(evidence.landmarks):
        if landmark.verdict == "used" and which(landmark):
            evidence = reject_person(evidence, number, reason)
    return evidence


def _spread(measurements: Sequence[ScaleMeasurement], consensus: Consensus, head: MetricHead) -> float | None:
    residual = np.array(
        [
            np.log(measurement.metres) - float(log_depth_at(head, measurement.relative)[0])
            for measurement, inlier in zip(measurements, consensus.inlier_probability, strict=False)
            if inlier >= MIN_INLIER_PROBABILITY and measurement.of_people
        ]
    )
    residual = residual[np.isfinite(residual)]
    return float(1.4826 * np.median(np.abs(residual - np.median(residual)))) if len(residual) >= 3 else None
