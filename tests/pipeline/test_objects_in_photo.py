"""Objects of known size through the pipeline: beside people, before painting, in files, and after the fact."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from mfh.config import HeadConfig, preset
from mfh.errors import InputError, NoLandmarkError
from mfh.io.evidence import load_evidence, save_evidence
from mfh.io.focal import FocalRequest
from mfh.io.receipt import receipt
from mfh.landmarks.object_sizes import OBJECT_SIZES
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.refit import refit
from mfh.pipeline.request import Request
from mfh.scale.known_sizes import KnownDistance, KnownHeight, KnownSizes
from mfh.types import DetectedObject, MetricDepth
from tests.flat_world import FloorWorld


@dataclass
class ToldObjects:
    """A detector that finds what it was told."""

    objects: Sequence[DetectedObject] = ()
    name: str = "told"
    min_score: float = 0.35
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def detect(self, photo: np.ndarray) -> list[DetectedObject]:
        self.asked.append(photo.shape)
        return list(self.objects)


def thing(world: FloorWorld, label: str, x: int, y: int, *, factor: float = 1.0, score: float = 0.8) -> DetectedObject:
    """The box of an object of typical size at a pixel's true distance, or measured too far by a factor."""
    size = OBJECT_SIZES[label]
    side = size.metres * world.focal_px / (factor * float(world.depth_m[y, x]))
    aspect = float(np.sqrt(size.aspect[0] * size.aspect[1]))
    wide = side / np.sqrt(aspect) if size.dimension == "mean" else side / aspect
    tall = wide * aspect
    return DetectedObject(label, (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2), score)


def pipeline(world: FloorWorld, *objects: DetectedObject, **overrides) -> MetricFromHuman:
    config = replace(preset("pocket"), seed=0, **overrides)
    return MetricFromHuman(config, **world.models(), object_detector=ToldObjects(objects))


def furnished(world: FloorWorld, *, factor: float = 1.0) -> list[DetectedObject]:
    """Chairs, a refrigerator and a cup: enough for a narrow interval."""
    return [
        thing(world, "chair", 40, 60, factor=factor),
        thing(world, "refrigerator", 80, 50, factor=factor),
        thing(world, "couch", 120, 62, factor=factor),
        thing(world, "bed", 60, 64, factor=factor),
        thing(world, "dining table", 110, 66, factor=factor),
    ]


def median_ratio(result: MetricDepth, world: FloorWorld) -> float:
    return float(np.nanmedian(result.depth_m / world.depth_m))


def test_objects_alone_give_the_scale_and_nobody_is_painted():
    world = FloorWorld()
    result = pipeline(world, *furnished(world), enough_half_width=0.5)(world.photo())
    assert result.attempts == 0 and result.objects_used == 5 and result.people_used == 0
    # A little nearer than their sizes say: some may be hidden in part.
    assert 0.9 < median_ratio(result, world) < 1.0
    assert result.interval is not None and result.interval.sources == "objects"
    assert result.interval.level_80[0] < 1 < result.interval.level_80[1]
    rows = receipt(result)
    assert (rows["objects_used"], rows["people_used"]) == (5, 0)
    assert {one["label"] for one in rows["landmarks"]} == {"chair", "refrigerator", "couch", "bed", "dining table"}


def test_people_are_painted_where_objects_leave_the_interval_wide():
    world = FloorWorld()
    unsure = thing(world, "truck", 60, 60)
    narrow = pipeline(world, unsure, enough_half_width=0.02)(world.photo())
    wide = pipeline(world, unsure, enough_half_width=5.0)(world.photo())
    assert wide.attempts == 0 < narrow.attempts
    assert narrow.interval is not None and wide.interval is not None
    assert narrow.interval.half_width < wide.interval.half_width
    assert narrow.interval.sources == "objects and painted people"
    # The truck counts for little beside painters that know their sizes.
    truck = next(one for one in narrow.landmarks if one.is_object)
    assert truck.weight < 0.1


def test_people_and_objects_are_weighed_together():
    world = FloorWorld([3.0])
    people = pipeline(world, people="only")(world.photo())
    both = pipeline(world, *furnished(world, factor=1.1), people="only")(world.photo())
    assert both.people_used == people.people_used == 1 and both.objects_used >= 4
    assert both.interval is not None and people.interval is not None
    assert both.interval.half_width < people.interval.half_width
    assert sum(one.weight for one in both.landmarks) == pytest.approx(1)


def test_nothing_is_looked_for_where_people_are_to_be_painted():
    world = FloorWorld()
    made = pipeline(world, *furnished(world), people="paint")
    result = made(world.photo())
    assert made.object_detector.asked == [] and result.objects_used == 0 and result.attempts > 0


def test_without_its_detector_the_answer_says_so():
    world = FloorWorld([3.0])
    config = preset("pocket")
    result = MetricFromHuman(config, **world.models(), missing_objects="npm is not on the path")(world.photo())
    assert "objects of known size were not looked for: npm is not on the path" in result.warnings


def test_kept_evidence_answers_the_same(tmp_path):
    world = FloorWorld([3.0])
    made = pipeline(world, *furnished(world), people="only")
    gathered = made.gather(world.photo())
    save_evidence(tmp_path / "evidence.npz", gathered)
    again, before = refit(load_evidence(tmp_path / "evidence.npz")), refit(gathered)
    assert again.head == before.head and again.landmarks == before.landmarks
    number = next(k for k, one in enumerate(before.landmarks) if one.label == "couch")
    without = refit(gathered, exclude=[number])
    assert without.landmarks[number].reason == "excluded by the user"
    assert without.objects_used == before.objects_used - 1


def test_another_focal_length_moves_objects_as_it_moves_people():
    world = FloorWorld()
    gathered = pipeline(world, *furnished(world), people="only").gather(world.photo())
    before, after = refit(gathered), refit(gathered, focal=FocalRequest(focal_px=2 * world.focal_px))
    assert np.nanmedian(after.depth_m / before.depth_m) == pytest.approx(2, rel=1e-3)


def test_the_papers_head_fits_people_and_no_objects():
    world = FloorWorld([3.0, 5.0])
    gathered = pipeline(world, *furnished(world, factor=1.2), people="only").gather(world.photo())
    fitted = refit(gathered, head="silog")
    assert fitted.objects_used == 0 and fitted.people_used == 2
    reasons = {one.reason for one in fitted.landmarks if one.is_object and not one.reason.startswith("too small")}
    assert reasons == {"the SIlog head fits the pixels of people alone"}
    alone = replace(
        gathered, evidence=tuple(one for one in gathered.evidence if any(x.is_object for x in one.landmarks))
    )
    assert refit(alone, head="silog").objects_used >= 3, "where there are only objects, the consensus answers"


def test_the_papers_head_has_the_interval_of_people_alone():
    world = FloorWorld([3.0, 5.0])
    gathered = pipeline(world, *furnished(world), people="only").gather(world.photo())
    people = [one for one in gathered.evidence if not any(x.is_object for x in one.landmarks)]
    biased = [
        replace(one, landmarks=tuple(replace(x, shared_log_sigma=0.3) for x in one.landmarks))
        if any(one is other for other in people)
        else one
        for one in gathered.evidence
    ]
    with_objects = refit(replace(gathered, evidence=tuple(biased)), head="silog").interval
    without = replace(gathered, evidence=tuple(one for one in biased if not any(x.is_object for x in one.landmarks)))
    assert with_objects == refit(without, head="silog").interval
    assert with_objects is not None and with_objects.sources == "people"
    assert with_objects.common.shared == pytest.approx(0.3)


def test_a_refusal_says_that_objects_were_not_looked_for():
    world = FloorWorld()
    config = replace(preset("pocket"), people="only")
    made = MetricFromHuman(config, **world.models(), missing_objects="npm is not on the path")
    with pytest.raises(NoLandmarkError, match="nothing in it gives .*objects of known size were not looked for: npm"):
        made(world.photo())


def test_an_object_has_no_height_of_a_person():
    world = FloorWorld([3.0])
    gathered = pipeline(world, *furnished(world), people="only").gather(world.photo())
    landmarks = [one for image in gathered.evidence for one in image.landmarks]
    number = next(k for k, one in enumerate(landmarks) if one.label == "couch")
    known = KnownSizes(heights=(KnownHeight(1.8, person=number),))
    with pytest.raises(InputError, match=f"number {number} on the receipt is a couch"):
        refit(gathered, Request(known=known))


def test_what_is_given_is_said_to_contradict_objects():
    world = FloorWorld()
    gathered = pipeline(world, *furnished(world), people="only").gather(world.photo())
    far = KnownSizes(distances=(KnownDistance(80.0, 70.0, 5 * float(world.depth_m[70, 80])),))
    (said,) = [one for one in refit(gathered, Request(known=far)).warnings if "contradict each other" in one]
    assert "m by the objects)" in said and "what the objects imply" in said and "people" not in said


def test_the_paper_preset_looks_for_no_objects():
    assert preset("paper").object_detector is None and preset("pocket").object_detector == "nanodet"
    assert HeadConfig().kind == "consensus"
