"""From all evidence to the metric scale: the head, everybody's share in it, and who was outvoted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import HeadConfig
from mfh.numerics.clues import Clue, people_clues
from mfh.numerics.consensus import Consensus, ScaleBelief, fit_consensus
from mfh.numerics.evidence_choice import weigh_people_equally
from mfh.numerics.metric_head import exact_head, fit_silog_head, log_depth_at
from mfh.types import Evidence, MetricHead, RelativeDepth

MIN_TRUST = 0.1
"""People less probably right than this are outvoted: shown as rejected, with the factor they are off by."""
MIN_OFF = 0.4
"""Log factor that is never called a contradiction: a factor of 1.5 can be honest error of size and relative depth."""


@dataclass(frozen=True)
class ScaleFit:
    """Scale and shift with everything they rest on.

    Attributes:
        head: the answer.
        consensus: what people and known sizes say together, whichever head was asked for.
        evidence: as given, each landmark with its weight and implied scale; those outvoted are rejected.
        known_weights: (m,) share of each known size in the answer.
        spread: robust standard deviation of people's log metres about the head; None for fewer than three used.
    """

    head: MetricHead
    consensus: Consensus
    evidence: tuple[Evidence, ...]
    known_weights: Float[ndarray, "m"]
    spread: float | None


def fit_scale(
    evidence: Sequence[Evidence], relative: RelativeDepth, *, config: HeadConfig, known: Sequence[Clue] = ()
) -> ScaleFit:
    """Fit scale and shift to all evidence.

    Args:
        evidence: what the photo and each painting say; relative depths aligned to the photo's.
        relative: relative depth of the photo.
        config: which head. "silog" is the paper's and fits pixels of people alone: known sizes then only enter the
            interval.
        known: sizes and distances the user gave.

    Returns:
        The fit. Models without any error determine both numbers exactly, and then the consensus is just that.

    Raises:
        NoLandmarkError: where neither a person nor a known size gives metres.
    """
    clues = [*people_clues(evidence), *known]
    consensus = fit_consensus(clues, relative)
    exact = exact_head(evidence, relative) if not known else None
    if exact is not None:
        consensus = _certain(consensus, clues, exact)
    head = consensus.head
    if config.kind == "silog" and any(len(one.relative) for one in evidence):
        weighed = [one for one in weigh_people_equally(evidence) if len(one.relative)]
        head = fit_silog_head(weighed, relative, config=config)
    judged = _label(evidence, clues, consensus, head, outvote=config.kind == "consensus")
    people = len(clues) - len(known)
    return ScaleFit(head, consensus, judged, consensus.weight[people:], _spread(clues[:people], consensus, head))


def _certain(consensus: Consensus, clues: Sequence[Clue], head: MetricHead) -> Consensus:
    """Return the consensus of people without any error: everybody is right and counts alike."""
    belief = ScaleBelief(
        np.array([head.shift / head.scale]), np.log([[head.scale]]), np.ones((1, 1)), consensus.belief.space
    )
    alike = np.ones(len(clues))
    return Consensus(head, belief, alike, alike / len(clues), np.zeros(len(clues)), 0.0)


def _label(
    evidence: Sequence[Evidence], clues: Sequence[Clue], consensus: Consensus, head: MetricHead, *, outvote: bool
) -> tuple[Evidence, ...]:
    """Write each person's weight, implied scale and verdict on the landmark."""
    judged = list(evidence)
    ratio = np.array([head.shift / head.scale])
    for clue, trust, weight, off in zip(
        clues, consensus.trust, consensus.weight, consensus.deviation, strict=True
    ):
        if clue.image < 0:
            continue
        finite = clue.relative.min() + ratio[0] > 0
        implied = float(np.exp(clue.log_scale(ratio, head.space)[0])) if finite else None
        one = judged[clue.image]
        landmarks = list(one.landmarks)
        landmarks[clue.person] = replace(landmarks[clue.person], weight=float(weight), implied_scale=implied)
        one = replace(one, landmarks=tuple(landmarks))
        if outvote and trust < MIN_TRUST and abs(off) > MIN_OFF:
            times = f"{np.exp(abs(off)):.1f}x" if np.isfinite(off) else "far"
            one = reject_person(one, clue.person, f"{times} {'farther' if off > 0 else 'nearer'} than the others imply")
        judged[clue.image] = one
    return tuple(judged)


def reject_person(evidence: Evidence, person: int, reason: str) -> Evidence:
    """Return evidence without one person's pixels, and with the reason on the landmark.

    Args:
        evidence: what one image says.
        person: index of the person's landmark.
        reason: why, in a few words.

    Returns:
        The evidence without the person.
    """
    kept = evidence.person != person
    landmarks = list(evidence.landmarks)
    landmarks[person] = replace(landmarks[person], verdict="rejected", reason=reason)
    return Evidence(evidence.relative[kept], evidence.depth_m[kept], evidence.person[kept], tuple(landmarks))


def _spread(clues: Sequence[Clue], consensus: Consensus, head: MetricHead) -> float | None:
    off = np.array(
        [
            np.log(clue.metres) - float(log_depth_at(head, clue.relative)[0])
            for clue, trust in zip(clues, consensus.trust, strict=False)
            if trust >= MIN_TRUST
        ]
    )
    off = off[np.isfinite(off)]
    return float(1.4826 * np.median(np.abs(off - np.median(off)))) if len(off) >= 3 else None
