"""Which mask comes next: random as the paper's, or of several the one whose person is expected to tell most."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from mfh.config import HeadConfig
from mfh.models.protocols import ProposingPainter
from mfh.pipeline.planning import CANDIDATES, LEAST_PEOPLE, plan_next, plan_painting, who_proposes
from mfh.scale.fit import fit_scale
from mfh.scale.posterior import ScalePosterior
from mfh.scale.range_prior import PhotoRange
from mfh.types import Evidence, Landmark, Proposal, RelativeDepth
from tests.toy_world import CAMERA, FLOOR_M, OraclePainter, assert_exact, config, depth_in, pipeline, render

PHOTO = render([])
RELATIVE = RelativeDepth((1 / depth_in(PHOTO.rgb) - 0.02).astype(np.float32), "disparity")


@dataclass
class Proposing(OraclePainter):
    """Says beforehand where somebody would stand: in the middle of the mask, as far as its seed says.

    The camera sees the floor from 3.8 m on.
    """

    asked: list[int] = field(default_factory=list)

    def propose(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[Proposal | None]:
        self.asked.append(len(seeds))
        return [foot(mask, seed) for mask, seed in zip(paint_masks, seeds, strict=True)]


def depth_of(seed: int) -> float:
    return float(np.exp(np.random.default_rng((seed, 9)).uniform(np.log(3.9), np.log(8.5))))


def foot(mask: np.ndarray, seed: int) -> Proposal:
    column = float(np.flatnonzero(mask.any(0)).mean())
    return Proposal((column, CAMERA.fy * FLOOR_M / depth_of(seed) + CAMERA.cy))


def person(metres: float, off: float = 1.0) -> Evidence:
    one = Landmark("painting 0", "oracle", (0.0, 0.0, 1.0, 1.0), 1.0, metres, 1.7, 1, "used", "")
    return Evidence(np.full(3, 1 / metres - 0.02), np.full(3, metres * off), np.zeros(3, int), (one,))


NEAR = [person(3.9, 1.06), person(4.0, 0.93), person(4.2)]
INFORMATIVE = config(mask_choice="informative")


def posterior_of(evidence, relative: RelativeDepth = RELATIVE) -> ScalePosterior:
    return fit_scale(evidence, relative, config=HeadConfig()).consensus.posterior


def plan(painter, n: int, evidence, options=INFORMATIVE):
    posterior = posterior_of(evidence) if len(evidence) >= LEAST_PEOPLE else None
    return plan_next(painter, PHOTO, RELATIVE, n, posterior, wanted=None, config=options)


def drawn(n: int):
    height, width = RELATIVE.values.shape
    return plan_painting(n, seed=0, height=height, width=width, config=INFORMATIVE.painting)


def same(one, other) -> bool:
    return np.array_equal(one.paint_mask, other.paint_mask) and (one.prompt, one.seed) == (other.prompt, other.seed)


def test_who_can_propose():
    assert isinstance(Proposing(), ProposingPainter) and not isinstance(OraclePainter(), ProposingPainter)
    painter = Proposing()
    assert who_proposes(painter, INFORMATIVE) is painter
    assert who_proposes(OraclePainter(), INFORMATIVE) is None and who_proposes(painter, config()) is None
    assert who_proposes(painter, config(until_interval=0.1)) is painter
    assert who_proposes(painter, config(until_interval=0.1, mask_choice="random")) is None


@pytest.mark.parametrize(
    ("painter", "evidence", "options"),
    [
        (OraclePainter(), NEAR, INFORMATIVE),
        (Proposing(), NEAR, config()),
        (Proposing(), NEAR[: LEAST_PEOPLE - 1], INFORMATIVE),
        (Proposing(), [], INFORMATIVE),
    ],
    ids=["cannot propose", "random is asked for", "too few people", "nobody yet"],
)
def test_otherwise_masks_are_those_of_the_paper(painter, evidence, options):
    for n in (0, 3, 17):
        assert same(plan(painter, n, evidence, options), drawn(n))


@pytest.mark.slow
def test_where_people_stand_near_somebody_far_is_painted_next():
    painter = Proposing()
    depths = [depth_of(plan(painter, n, NEAR).seed) for n in range(3, 11)]
    random = [depth_of(drawn(n).seed) for n in range(3, 11)]
    assert min(depths) > 7 > np.median(random)
    assert painter.asked == [CANDIDATES] * 8


@pytest.mark.slow
def test_somebody_near_is_painted_next_where_near_things_are_wanted():
    far = [person(7.5, 1.06), person(7.8, 0.93), person(8.2)]
    near = PhotoRange(1 / 4.4, 1 / 4.0, 1 / 3.8)
    chosen = [
        depth_of(plan_next(Proposing(), PHOTO, RELATIVE, n, posterior_of(far), wanted=near, config=INFORMATIVE).seed)
        for n in range(3, 9)
    ]
    assert max(chosen) < 4.5


def test_masks_in_which_nobody_would_be_painted_are_passed_over():
    class Picky(Proposing):
        def propose(self, photo, paint_masks, prompts, seeds):
            return [
                one if depth_of(seed) < 6 else None
                for one, seed in zip(super().propose(photo, paint_masks, prompts, seeds), seeds, strict=True)
            ]

    class Never(Proposing):
        def propose(self, photo, paint_masks, prompts, seeds):
            return [None] * len(seeds)

    assert all(5 < depth_of(plan(Picky(), n, NEAR).seed) < 6 for n in range(3, 9))
    assert same(plan(Never(), 5, NEAR), drawn(5))


@pytest.mark.slow
def test_a_plan_is_a_function_of_seed_number_and_evidence():
    assert same(plan(Proposing(), 4, NEAR), plan(Proposing(), 4, NEAR))
    assert not same(plan(Proposing(), 4, NEAR), plan(Proposing(), 5, NEAR))
    others = [config(mask_choice="informative", seed=seed) for seed in (0, 1)]
    assert not same(*(plan(Proposing(), 4, NEAR, options) for options in others))


@pytest.mark.parametrize("outside", [(-40.0, 30.0), (500.0, 500.0), (10.2, -9.0)])
def test_feet_outside_the_photo_count_as_the_nearest_ground(outside):
    class Outside(Proposing):
        def propose(self, photo, paint_masks, prompts, seeds):
            return [Proposal(outside)] * len(seeds)

    assert plan(Outside(), 4, NEAR).paint_mask.any()


@pytest.mark.slow
def test_the_whole_loop_is_exact_and_the_same_for_any_batch_size():
    results, seeds = [], []
    for batch_size in (1, 5):
        painter = Proposing()
        options = config("paint", mask_choice="informative", batch_size=batch_size, max_paintings=8)
        results.append(pipeline(options, painter=painter)(PHOTO))
        seeds.append([one[2] for one in painter.seen])
    assert seeds[0] == seeds[1]
    np.testing.assert_array_equal(results[0].depth_m, results[1].depth_m)
    assert_exact(results[0])
    random = OraclePainter()
    pipeline(config("paint", max_paintings=8), painter=random)(PHOTO)
    assert [one[2] for one in random.seen][:LEAST_PEOPLE] == seeds[0][:LEAST_PEOPLE]
    assert [one[2] for one in random.seen] != seeds[0]


@pytest.mark.slow
def test_nobody_is_painted_where_the_map_has_a_hole():
    rows = np.arange(CAMERA.height)[:, None] + np.zeros(CAMERA.width)
    # Where somebody farther than 6 m would stand.
    holes = rows < CAMERA.fy * FLOOR_M / 6 + CAMERA.cy + 2
    relative = RelativeDepth(np.where(holes, 5.0, RELATIVE.values).astype(np.float32), "disparity", valid_mask=~holes)

    def chosen(n):
        return plan_next(Proposing(), PHOTO, relative, n, posterior_of(NEAR, relative), wanted=None, config=INFORMATIVE)

    assert all(depth_of(chosen(n).seed) < 6 for n in range(3, 9))
    nowhere = RelativeDepth(RELATIVE.values, "disparity", valid_mask=rows < CAMERA.cy)
    assert same(
        plan_next(Proposing(), PHOTO, nowhere, 5, posterior_of(NEAR, nowhere), wanted=None, config=INFORMATIVE),
        drawn(5),
    )
