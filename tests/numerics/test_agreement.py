import re

import numpy as np
import pytest

from mfh.numerics.agreement import people_spread, reject_disagreeing, reject_person
from mfh.types import Evidence, Landmark, MetricHead, RelativeDepth, Space

SPACES: list[Space] = ["disparity", "depth"]


def encode(depth_m: np.ndarray, space: Space) -> np.ndarray:
    return 3 * (1 / depth_m if space == "disparity" else depth_m) - 0.4


def room(space: Space) -> RelativeDepth:
    return RelativeDepth(encode(np.geomspace(1.5, 8, 600).reshape(20, 30), space), space)


def landmark(source: str) -> Landmark:
    return Landmark(source, "oracle", (0.0, 0.0, 1.0, 1.0), 0.9, 3.0, None, 40, "used", "measured")


def image_of(space: Space, people: list[tuple[float, float]], source: str = "photo") -> Evidence:
    """One image; each person is (true distance, factor the metres are wrong by)."""
    rng = np.random.default_rng(len(people))
    relative, depth_m = [], []
    for distance, factor in people:
        z = distance + rng.uniform(-0.1, 0.1, 40)
        relative.append(encode(z, space))
        depth_m.append(factor * z)
    person = np.repeat(np.arange(len(people)), 40)
    return Evidence(np.concatenate(relative), np.concatenate(depth_m), person, tuple(landmark(source) for _ in people))


def verdicts(evidence: list[Evidence]) -> list[list[str]]:
    return [[one.verdict for one in image.landmarks] for image in evidence]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(("factor", "word"), [(2.5, "farther"), (0.4, "nearer")])
def test_a_gross_outlier_among_people_is_rejected_with_its_factor(space: Space, factor: float, word: str):
    honest = [(2.0, 1.05), (3.0, 0.95), (5.0, 1.0)]
    evidence = [image_of(space, [*honest, (3.5, factor)])]
    (kept,) = reject_disagreeing(evidence, room(space))
    assert verdicts([kept]) == [["used", "used", "used", "rejected"]]
    # The honest ones are off by 5 % themselves.
    assert re.fullmatch(rf"2\.[3-7]x {word} than the other people imply", kept.landmarks[3].reason)
    assert set(kept.person) == {0, 1, 2}
    assert len(kept.relative) == len(kept.depth_m) == 120
    assert verdicts(evidence) == [["used"] * 4], "the evidence given is not changed"


@pytest.mark.parametrize("space", SPACES)
def test_the_majority_is_taken_over_all_images(space: Space):
    evidence = [
        image_of(space, [(d, f)], f"painting {n}") for n, (d, f) in enumerate([(2, 1), (3, 0.3), (4, 1.1), (6, 1)])
    ]
    assert verdicts(reject_disagreeing(evidence, room(space))) == [["used"], ["rejected"], ["used"], ["used"]]


@pytest.mark.parametrize("space", SPACES)
def test_honest_errors_are_no_contradiction(space: Space):
    rng = np.random.default_rng(0)
    for _ in range(20):
        people = [(distance, float(np.exp(rng.normal(0, 0.12)))) for distance in rng.uniform(1.6, 7, 5)]
        assert verdicts(reject_disagreeing([image_of(space, people)], room(space))) == [["used"] * 5]


@pytest.mark.parametrize("space", SPACES)
def test_two_people_have_no_majority(space: Space):
    evidence = [image_of(space, [(3.0, 1.0), (3.0, 4.0)])]
    assert reject_disagreeing(evidence, room(space)) == evidence


@pytest.mark.parametrize("space", SPACES)
def test_an_unknown_shift_is_not_mistaken_for_contradiction(space: Space):
    # Metres that fit a shift of their own, at distances a factor of four apart.
    relative = room(space)
    x = encode(np.array([1.8, 3.0, 5.0, 7.0]), space)
    value = 0.5 * (x + (0.2 if space == "disparity" else 1.5))
    depth_m = 1 / value if space == "disparity" else value
    evidence = [
        Evidence(np.repeat(x, 30), np.repeat(depth_m, 30), np.repeat(np.arange(4), 30), (landmark("photo"),) * 4)
    ]
    assert verdicts(reject_disagreeing(evidence, relative)) == [["used"] * 4]


def test_rejecting_one_person_keeps_the_others():
    evidence = image_of("depth", [(2.0, 1.0), (3.0, 1.0)])
    left = reject_person(evidence, 0, "because")
    assert verdicts([left]) == [["rejected", "used"]]
    assert left.landmarks[0].reason == "because"
    np.testing.assert_array_equal(left.depth_m, evidence.depth_m[40:])


@pytest.mark.parametrize("space", SPACES)
def test_people_spread_is_the_scatter_of_their_metres(space: Space):
    factors = np.exp(0.2 * np.random.default_rng(0).standard_normal(400))
    people = [(2 + 5 * k / 400, float(factor)) for k, factor in enumerate(factors)]
    true_head = MetricHead(1 / 3, 0.4 / 3, space, 0.0)
    spread = people_spread([image_of(space, people)], true_head)
    assert spread == pytest.approx(0.2, rel=0.12)
    assert people_spread([image_of(space, people[:2])], true_head) is None
    exact = people_spread([image_of(space, [(d, 1.0) for d in (2, 3, 5)])], true_head)
    assert exact is not None and exact < 0.02
