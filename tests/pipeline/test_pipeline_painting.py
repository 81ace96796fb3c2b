"""The painting loop: what it paints, when it ends, and that its answer is exact."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

import mfh.landmarks.bodies
import mfh.pipeline.painting
from mfh.errors import InputError, NoLandmarkError, Rejected
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.request import Request
from mfh.scale.known_sizes import KnownDistance, KnownSizes
from mfh.types import (
    PaintedPhoto,
    PastedSprite,
    ScaleInterval,
    Space,
)
from tests.toy_world import (
    FLOOR_M,
    LEFT_NEAR,
    MIDDLE,
    NOBODY,
    WIDE,
    OraclePainter,
    OraclePeople,
    OracleRelativeDepth,
    assert_exact,
    bodies_in,
    config,
    depth_in,
    draw,
    pipeline,
    render,
)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_painted_people_recover_the_exact_depth(space: Space):
    relative_depth = OracleRelativeDepth(space)
    result = pipeline(config(), relative_depth=relative_depth)(render([]))
    assert_exact(result)
    assert result.paintings == 6
    assert result.attempts > 6, "some attempts painted nobody"
    assert result.people_used == 6
    assert sum(relative_depth.batches) == 1 + 6, "the photo, and paintings with somebody in them"
    assert result.seconds["painting"] > 0


@pytest.mark.slow
def test_paint_mode_ignores_people_in_the_photo():
    result = pipeline(config("paint"))(render([LEFT_NEAR]))
    assert_exact(result)
    assert result.paintings == 6
    in_photo = [landmark for landmark in result.landmarks if "outside the paint mask" in landmark.reason]
    assert in_photo, "the person who was there before is found in paintings and is no painted one"
    assert all(landmark.source.startswith("painting ") for landmark in result.landmarks)


@pytest.mark.slow
@pytest.mark.parametrize("mask_shape", ["strip", "person"])
def test_any_batch_size_gives_the_identical_answer(mask_shape: str):
    results, orders = [], []
    for batch_size in (1, 4, 40):
        painter = OraclePainter()
        results.append(
            pipeline(config(batch_size=batch_size, mask_shape=mask_shape, seed=5), painter=painter)(render([]))
        )
        orders.append(painter.seen)
    for result, order in zip(results[1:], orders[1:], strict=True):
        np.testing.assert_array_equal(result.depth_m, results[0].depth_m)
        assert result.head == results[0].head
        assert result.landmarks == results[0].landmarks
        assert (result.attempts, result.paintings) == (results[0].attempts, results[0].paintings)
        assert order == orders[0], "not one painting more than one at a time would have made"


@pytest.mark.slow
def test_a_seed_decides_masks_prompts_and_painter_seeds():
    seen = []
    for seed in (0, 0, 1):
        painter = OraclePainter()
        pipeline(config(seed=seed), painter=painter)(render([]))
        seen.append(painter.seen)
    assert seen[0] == seen[1]
    assert not {painted[2] for painted in seen[0]} & {painted[2] for painted in seen[2]}
    assert {painted[1] for painted in seen[0]} == {"a man", "a woman"}


def test_painting_ends_after_max_attempts_and_says_what_was_tried():
    painter = OraclePainter(misses=1.0)
    with pytest.raises(NoLandmarkError) as caught:
        pipeline(config(max_attempts=7, batch_size=4), painter=painter)(render([]))
    assert len(painter.seen) == 7
    assert caught.value.tried == (
        "people in the photo: 0 found, 0 used",
        "7 paintings (all 7 attempts made): 0 found, 0 used",
    )
    # In the words of the command and of the library; and what would answer without anybody.
    for words in ("--attempts, --budget; max_attempts, budget_s in Python", "--seed", "--known-distance 320,240=2.31m"):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_painting_ends_when_its_time_is_spent(monkeypatch: pytest.MonkeyPatch):
    seconds = iter(range(1000))
    monkeypatch.setattr(mfh.pipeline.painting.time, "monotonic", lambda: float(next(seconds)))
    painter = OraclePainter(misses=1.0)
    with pytest.raises(NoLandmarkError, match="the 3 s for it are over"):
        pipeline(config(budget_s=3.0, batch_size=1), painter=painter)(render([]))
    assert len(painter.seen) == 2


def test_time_spent_keeps_the_paintings_there_are(monkeypatch: pytest.MonkeyPatch):
    seconds = iter(range(1000))
    monkeypatch.setattr(mfh.pipeline.painting.time, "monotonic", lambda: float(next(seconds)))
    result = pipeline(config(budget_s=4.0, batch_size=1), painter=OraclePainter(misses=0.0))(render([]))
    assert result.attempts == 3
    assert 1 <= result.paintings <= 3


def test_only_never_paints():
    painter = OraclePainter()
    with pytest.raises(NoLandmarkError, match='--people auto; people="auto" in Python'):
        pipeline(config("only"), painter=painter)(render([]))
    assert painter.seen == []


def test_a_painting_that_cannot_be_aligned_loses_its_people_with_the_reason():
    class UpsideDown(OracleRelativeDepth):
        def predict(self, photos):
            return [
                replace(one, values=-one.values) if (bodies_in(rgb) != NOBODY).any() else one
                for rgb, one in zip(photos, super().predict(photos), strict=True)
            ]

    people = OraclePeople()
    model = MetricFromHuman(
        config(max_attempts=5),
        relative_depth=UpsideDown(),
        person_segmenter=people,
        human_mesh=people,
        painter=OraclePainter(misses=0.0),
    )
    with pytest.raises(NoLandmarkError, match="the painting cannot be aligned: its background runs against"):
        model(render([]))


def test_painting_without_a_painter_is_refused_before_any_work():
    people = OraclePeople()
    with pytest.raises(InputError, match=r'people="paint" \(--people paint\) needs a painter'):
        MetricFromHuman(
            config("paint"), relative_depth=OracleRelativeDepth(), person_segmenter=people, human_mesh=people
        )
    with pytest.raises(InputError, match=r'people="paint" \(--people paint\) needs a painter'):
        MetricFromHuman.from_preset("pocket", people="paint", painter=None)


@pytest.mark.slow
def test_painting_stops_when_the_answer_is_sure_enough_whatever_the_batches():
    sure = [
        pipeline(config("paint", max_paintings=20, batch_size=size, until_interval=0.2))(render([])) for size in (1, 7)
    ]
    assert sure[0].ended_by.startswith("the 80 % interval is within")
    assert sure[0].paintings < 20
    assert sure[0].attempts == sure[1].attempts
    np.testing.assert_array_equal(sure[0].depth_m, sure[1].depth_m)


@pytest.mark.slow
def test_an_interrupted_run_answers_with_what_there_is():
    class Impatient(OraclePainter):
        def paint(self, photo, paint_masks, prompts, seeds):
            if len(self.seen) >= 6:
                raise KeyboardInterrupt
            return super().paint(photo, paint_masks, prompts, seeds)

    result = pipeline(config("paint", batch_size=2, max_paintings=20), painter=Impatient(misses=0.0))(render([]))
    assert result.ended_by == "interrupted after 6 paintings"
    assert result.paintings == 6
    with pytest.raises(KeyboardInterrupt):
        pipeline(config("paint", batch_size=2, max_paintings=20), painter=Impatient(misses=1.0))(render([]))


@pytest.mark.slow
def test_people_are_looked_for_where_was_painted():
    people = OraclePeople()
    result = pipeline(config("paint"), people=people, painter=OraclePainter(exact_mask=True))(render([LEFT_NEAR]))
    assert_exact(result)
    assert len(people.regions) == result.attempts
    assert len(result.landmarks) == result.people_used, "whoever was there before is not looked for"
    assert any(not region.any() for region in people.regions), "some attempts painted nobody"


@pytest.mark.slow
def test_the_painters_sense_of_size_is_said_where_it_counts():
    sentence = OraclePainter().provenance
    assert sentence in pipeline(config())(render([])).warnings
    assert sentence not in pipeline(config())(render([LEFT_NEAR, MIDDLE])).warnings


@pytest.mark.slow
def test_paintings_are_kept_only_where_asked_for():
    assert pipeline(config())(render([])).kept_paintings == ()
    result = pipeline(replace(config(), keep_paintings=True))(render([]))
    kept = result.kept_paintings
    assert [painting.number for painting in kept] == list(range(result.attempts))
    assert sum(painting.used for painting in kept) == result.paintings
    assert {painting.reason for painting in kept} == {"measured", "no person was found in it"}
    for painting in kept:
        assert len(painting.meshes) == len(painting.landmarks)
        assert all(landmark.source == f"painting {painting.number}" for landmark in painting.landmarks)
        assert (bodies_in(painting.rgb) != NOBODY).any() == bool(painting.landmarks)


@dataclass
class OracleCards:
    """Pastes flat figures on their feet and says how large they are."""

    name: str = "cards"
    provenance: str = "cards have the size they have"
    shared_log_sigma: float = 0.0
    knows: bool = True
    believed: Sequence[float | None] = (None,)

    def paint(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        return [self._one(photo, *each) for each in zip(paint_masks, prompts, seeds, strict=True)]

    def _one(self, photo: np.ndarray, paint_mask: np.ndarray, prompt: str, seed: int) -> PaintedPhoto:
        rng = np.random.default_rng(seed)
        z = float(rng.uniform(2.6, 8))
        foot = (float(np.flatnonzero(paint_mask.any(0)).mean()), WIDE.cy + WIDE.fy * FLOOR_M / z)
        rows, columns = np.mgrid[: WIDE.height, : WIDE.width]
        height_px = 1.7 * WIDE.fy / z
        card = (rows <= foot[1]) & (rows > foot[1] - height_px) & (np.abs(columns - foot[0]) < 0.2 * height_px)
        card &= paint_mask & (z < depth_in(photo) + 0.3)
        rgb = np.where(card[..., None], draw(np.full(card.shape, z), np.zeros(card.shape)), photo)
        believed = self.believed[seed % len(self.believed)]
        figure = PastedSprite(card, foot, WIDE.fy / z, 1.7, shared_log_sigma=believed) if self.knows else None
        return PaintedPhoto(rgb.astype(np.float32), card, prompt, seed, figure)


@pytest.mark.parametrize("kind", ["body", "contact", "either"])
def test_figures_of_known_size_recover_the_depth_and_are_not_looked_for(kind):
    people = OraclePeople()
    options = replace(config("paint", max_paintings=8), painted_people="known", painting_evidence=kind)
    run = pipeline(options, people=people, painter=OracleCards())
    result = run(render([], WIDE))
    error = np.abs(result.depth_m / depth_in(result.photo.rgb) - 1)
    assert error.max() < (1e-4 if kind == "body" else 0.02)
    assert result.paintings == 8 and people.regions == []
    assert {one.measured_by for one in result.landmarks} == {"cards"}
    assert {one.evidence for one in result.landmarks if one.verdict == "used"} <= {kind, "contact", "body"}


@pytest.mark.slow
def test_what_a_painter_believes_of_its_own_sizes_widens_the_interval():
    options = replace(config("paint", max_paintings=8), painted_people="known")

    def interval(painter: OracleCards) -> ScaleInterval:
        interval = pipeline(options, people=OraclePeople(), painter=painter)(render([], WIDE)).interval
        assert interval is not None
        return interval

    usual, unsure = OracleCards(shared_log_sigma=0.1), OracleCards(shared_log_sigma=0.1, believed=(0.3,))
    assert interval(usual).common.shared == 0.1
    assert interval(unsure).common.shared == 0.3
    assert interval(unsure).half_width > 2 * interval(usual).half_width
    # Several beliefs: the middle one, and never that of a figure which does not count.
    assert 0.2 <= interval(OracleCards(believed=(0.2, 0.3, 0.4))).common.shared <= 0.4


@pytest.mark.slow
def test_a_painter_that_does_not_know_its_figures_is_measured():
    people = OraclePeople()
    options = replace(config("paint"), painted_people="known")
    result = pipeline(options, people=people, painter=OraclePainter())(render([]))
    assert_exact(result)
    assert len(people.regions) == result.attempts
    measured = replace(config("paint", max_paintings=2, max_attempts=2), painted_people="measured")
    with pytest.raises(NoLandmarkError):
        pipeline(measured, people=OraclePeople(unmeasurable=True), painter=OracleCards())(render([], WIDE))


@dataclass
class ChoosyPainter(OraclePainter):
    """An oracle that refuses every photo."""

    def refuses(self, photo: np.ndarray) -> Rejected | None:
        return Rejected("a view from far away")


def test_a_photo_the_painter_refuses_is_not_painted_and_what_helps_is_named():
    painter = ChoosyPainter()
    with pytest.raises(NoLandmarkError, match="--known-distance") as error:
        pipeline(config(), painter=painter)(render([]))
    assert not painter.seen
    assert "looks like a view from far away, where painted people say nothing about the scale" in str(error.value)
    assert len(error.value.tried) == 2 and "\n" not in str(error.value)


def test_a_photo_the_painter_refuses_is_measured_by_people_in_it_or_by_what_is_known():
    assert_exact(pipeline(config(), painter=ChoosyPainter())(render([LEFT_NEAR, MIDDLE])))
    known = KnownSizes(distances=(KnownDistance(40.0, 30.0, 5.0),))
    result = pipeline(config("paint"), painter=ChoosyPainter())(render([]), Request(known=known))
    assert result.depth_m[30, 40] == pytest.approx(5.0, rel=0.02)
    assert result.attempts == 0


def test_the_paper_asks_nobody_what_a_photo_is():
    painter = ChoosyPainter()
    pipeline(replace(config("paint"), gates=False), painter=painter)(render([]))
    assert painter.seen
