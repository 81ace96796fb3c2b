"""From evidence to scale: verdicts, weights, and which head answers."""

import re

import numpy as np
import pytest

from mfh.config import HeadConfig
from mfh.errors import NoLandmarkError
from mfh.scale.fit import fit_scale, reject_person
from mfh.scale.head import fit_silog_head
from mfh.scale.measurements import ScaleMeasurement
from mfh.types import Evidence, Landmark, RelativeDepth, Space

SPACES: list[Space] = ["disparity", "depth"]
CONSENSUS, SILOG = HeadConfig(), HeadConfig("silog")


def encode(depth_m: np.ndarray, space: Space) -> np.ndarray:
    return 3 * (1 / depth_m if space == "disparity" else depth_m) - 0.4


def room(space: Space) -> RelativeDepth:
    return RelativeDepth(encode(np.geomspace(1.5, 8, 600).reshape(20, 30), space), space)


def landmark(source: str) -> Landmark:
    return Landmark(source, "oracle", (0.0, 0.0, 1.0, 1.0), 0.9, 3.0, 1.7, 40, "used", "measured")


def image_of(space: Space, people: list[tuple[float, float]], source: str = "photo") -> Evidence:
    """One image; each person is (true distance, factor the metres are wrong by), with a relief nothing explains."""
    rng = np.random.default_rng(len(people))
    relative, depth_m = [], []
    for distance, factor in people:
        z = distance + rng.uniform(-0.1, 0.1, 40)
        relative.append(encode(distance + rng.uniform(-0.1, 0.1, 40), space))
        depth_m.append(factor * z)
    person = np.repeat(np.arange(len(people)), 40)
    return Evidence(np.concatenate(relative), np.concatenate(depth_m), person, tuple(landmark(source) for _ in people))


def verdicts(evidence: tuple[Evidence, ...] | list[Evidence]) -> list[list[str]]:
    return [[one.verdict for one in image.landmarks] for image in evidence]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(("factor", "word"), [(4.0, "farther"), (0.25, "nearer")])
def test_a_gross_outlier_is_outvoted_and_shown_with_its_factor(space: Space, factor: float, word: str):
    honest = [(2.0, 1.05), (3.0, 0.95), (5.0, 1.0), (6.0, 1.02)]
    evidence = [image_of(space, [*honest, (3.5, factor)])]
    fit = fit_scale(evidence, room(space), config=CONSENSUS)
    assert verdicts(fit.evidence) == [["used"] * 4 + ["rejected"]]
    outvoted = fit.evidence[0].landmarks[4]
    assert re.fullmatch(rf"[345]\.\dx {word} than the others imply", outvoted.reason)
    assert outvoted.weight < 0.01
    assert sum(one.weight for one in fit.evidence[0].landmarks) == pytest.approx(1)
    assert set(fit.evidence[0].person) == {0, 1, 2, 3}
    assert verdicts(evidence) == [["used"] * 5], "the evidence given is not changed"


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_honest_errors_are_no_contradiction(space: Space):
    rng = np.random.default_rng(0)
    for _ in range(8):
        people = [(distance, float(np.exp(rng.normal(0, 0.12)))) for distance in rng.uniform(1.6, 7, 5)]
        fit = fit_scale([image_of(space, people)], room(space), config=CONSENSUS)
        assert verdicts(fit.evidence) == [["used"] * 5]


@pytest.mark.parametrize("space", SPACES)
def test_two_people_have_no_majority(space: Space):
    fit = fit_scale([image_of(space, [(3.0, 1.0), (3.0, 4.0)])], room(space), config=CONSENSUS)
    assert verdicts(fit.evidence) == [["used", "used"]]
    assert fit.spread is None


@pytest.mark.parametrize("space", SPACES)
def test_implied_scales_bracket_the_answer(space: Space):
    fit = fit_scale([image_of(space, [(2.0, 1.2), (3.0, 0.8), (5.0, 1.0)])], room(space), config=CONSENSUS)
    nearer, farther, right = (fit.evidence[0].landmarks[k].implied_scale for k in (1, 0, 2))
    assert nearer is not None and farther is not None and right is not None
    # In disparity a larger scale brings everything nearer; in depth, farther.
    assert (nearer > right > farther) == (space == "disparity")
    assert min(nearer, farther) < fit.head.scale < max(nearer, farther)


@pytest.mark.parametrize("space", SPACES)
def test_the_paper_s_head_outvotes_nobody(space: Space):
    evidence = [image_of(space, [(2.0, 1.05), (3.0, 0.95), (5.0, 1.0), (3.5, 4.0)])]
    fit = fit_scale(evidence, room(space), config=SILOG)
    paper = fit_silog_head(evidence, room(space), config=SILOG)
    assert (fit.head.scale, fit.head.shift) == (paper.scale, paper.shift)
    assert verdicts(fit.evidence) == [["used"] * 4]


@pytest.mark.parametrize("space", SPACES)
def test_exact_models_give_the_exact_head_and_no_doubt(space: Space):
    z = np.linspace(2.0, 3.0, 60)
    evidence = [Evidence(encode(z, space), z, np.zeros(60, int), (landmark("photo"),))]
    fit = fit_scale(evidence, room(space), config=CONSENSUS)
    assert (fit.head.scale, fit.head.shift) == pytest.approx((1 / 3, 0.4 / 3), rel=1e-6)
    assert fit.consensus.posterior.moments(np.array([0.5]))[1][0] < 1e-6


def test_known_sizes_alone_suffice_and_have_a_weight():
    known = [ScaleMeasurement(3.0, encode(np.array([3.0]), "disparity"), 0.03, given=True)]
    fit = fit_scale([], room("disparity"), config=SILOG, known=known)
    assert fit.known_weights.sum() == pytest.approx(1)
    assert 1 / (fit.head.scale * known[0].relative[0] + fit.head.shift) == pytest.approx(3.0, rel=0.02)
    with pytest.raises(NoLandmarkError, match="no person, no object and no known size is usable"):
        fit_scale([], room("disparity"), config=CONSENSUS)


@pytest.mark.parametrize("space", SPACES)
def test_spread_is_the_scatter_of_people_s_metres(space: Space):
    factors = np.exp(0.15 * np.random.default_rng(0).standard_normal(60))
    people = [(2 + 5 * k / 60, float(factor)) for k, factor in enumerate(factors)]
    spread = fit_scale([image_of(space, people)], room(space), config=CONSENSUS).spread
    assert spread == pytest.approx(0.15, rel=0.3)


def test_rejecting_one_person_keeps_the_others():
    evidence = image_of("depth", [(2.0, 1.0), (3.0, 1.0)])
    left = reject_person(evidence, 0, "because")
    assert verdicts([left]) == [["rejected", "used"]]
    assert left.landmarks[0].reason == "because"
    np.testing.assert_array_equal(left.depth_m, evidence.depth_m[40:])
