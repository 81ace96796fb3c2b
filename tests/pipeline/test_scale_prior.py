"""The scale prior through the pipeline: beside people and objects, never alone, in files, at other focal lengths."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from mfh.config import HeadConfig, preset
from mfh.errors import NoLandmarkError
from mfh.io.evidence import load_evidence, save_evidence
from mfh.io.focal import FocalRequest
from mfh.io.receipt import receipt
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.refit import refit
from mfh.pipeline.request import Request
from mfh.scale.known_sizes import KnownDistance, KnownSizes
from mfh.types import SCALE_PRIOR, Landmark, MetricDepth, ViewSize
from tests.flat_world import FloorWorld
from tests.pipeline.test_objects_in_photo import ToldObjects, median_ratio, thing


class SmallRoom(FloorWorld):
    """A room whose wall is nearer: larger views are rejected."""

    wall_m = 5.0


@dataclass
class ToldView:
    """A prior that says what it was told."""

    size: ViewSize
    name: str = "told"
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def predict(self, photo: np.ndarray) -> ViewSize:
        self.asked.append(photo.shape)
        return self.size


def true_view(world: FloorWorld, *, factor: float = 1.0, log_sigma: float = 0.3) -> ViewSize:
    """The size of the view at the median depth, or too large by a factor."""
    camera = world.photo().camera
    median_m = float(np.median(world.depth_m))
    return ViewSize(factor * median_m * camera.height / camera.fy, log_sigma)


def pipeline(world: FloorWorld, size: ViewSize | None, *, chairs: int = 1, wrong: float = 1.0, **overrides):
    config = replace(preset("pocket"), seed=0, **overrides)
    objects = [thing(world, "chair", 40 + 30 * k, 60, factor=wrong) for k in range(chairs)]
    prior = None if size is None else ToldView(size)
    return MetricFromHuman(config, **world.models(), object_detector=ToldObjects(objects), scale_prior=prior)


def _receipt(result: MetricDepth) -> Any:
    return receipt(result)


def prior_of(result: MetricDepth) -> Landmark:
    (found,) = [one for one in result.landmarks if one.is_prior]
    return found


def test_it_narrows_the_interval_and_is_a_row_of_the_receipt():
    world = SmallRoom()
    alone = pipeline(world, None, people="only")(world.photo())
    both = pipeline(world, true_view(world), people="only")(world.photo())
    assert alone.interval is not None and both.interval is not None
    assert both.interval.half_width < 0.8 * alone.interval.half_width
    prior = prior_of(both)
    assert (prior.verdict, prior.label, prior.measured_by) == ("used", SCALE_PRIOR, "told")
    assert 0 < prior.weight < 1 and sum(one.weight for one in both.landmarks) == pytest.approx(1)
    assert (both.people_used, both.objects_used) == (0, 1)
    assert both.interval.sources == "objects and the scale prior"
    row = _receipt(both)["landmarks"][-1]
    assert (row["evidence"], row["label"], row["size_m"]) == ("prior", SCALE_PRIOR, pytest.approx(prior.size_m))
    assert _receipt(both)["models"]["scale_prior"] == "told"


def test_it_pulls_a_wrong_object_towards_the_truth():
    world = SmallRoom()
    without = pipeline(world, None, wrong=1.6, people="only")(world.photo())
    with_it = pipeline(world, true_view(world), wrong=1.6, people="only")(world.photo())
    assert 1 < median_ratio(with_it, world) < median_ratio(without, world) - 0.1


def test_a_wide_prior_says_nothing():
    world = SmallRoom()
    without = pipeline(world, None, people="only")(world.photo())
    with_it = pipeline(world, true_view(world, factor=5, log_sigma=5.0), people="only")(world.photo())
    np.testing.assert_allclose(with_it.depth_m, without.depth_m, rtol=0.03)


def test_alone_it_gives_no_scale():
    world = SmallRoom()
    with pytest.raises(NoLandmarkError, match="nothing in it gives a metric scale"):
        pipeline(world, true_view(world), chairs=0, people="only")(world.photo())


def test_the_prediction_of_a_large_view_is_rejected():
    world = FloorWorld()
    result = pipeline(world, true_view(world), people="only")(world.photo())
    prior = prior_of(result)
    assert prior.verdict == "rejected" and prior.weight == 0
    assert prior.reason == "a view 6.4 m high: above 5 m the prediction says too little"
    np.testing.assert_array_equal(result.depth_m, pipeline(world, None, people="only")(world.photo()).depth_m)


def test_with_a_given_distance_alone_it_does_not_count():
    world = SmallRoom()
    known = KnownSizes(distances=(KnownDistance(80.0, 60.0, float(world.depth_m[60, 80])),))
    answers = [
        pipeline(world, size, chairs=0, people="only")(world.photo(), Request(known=known))
        for size in (None, true_view(world, factor=0.5))
    ]
    np.testing.assert_array_equal(answers[0].depth_m, answers[1].depth_m)
    assert prior_of(answers[1]).reason.startswith("it counts only beside a person or an object")


def test_the_papers_head_is_fitted_to_people_alone():
    world = SmallRoom()
    size = true_view(world)
    result = pipeline(world, size, chairs=0, head=HeadConfig("silog"), photo_evidence="body")(world.photo())
    assert result.people_used and prior_of(result).reason == "the SIlog head fits the pixels of people alone"
    assert "prior" not in (result.interval.sources if result.interval else "")


def test_it_is_not_asked_where_people_are_to_be_painted():
    world = SmallRoom()
    made = pipeline(world, true_view(world), people="paint")
    result = made(world.photo())
    assert (
        isinstance(made.scale_prior, ToldView)
        and not made.scale_prior.asked
        and not any(one.is_prior for one in result.landmarks)
    )
    assert "scale_prior" not in result.models


def test_it_scales_with_the_focal_length_and_can_be_excluded(tmp_path):
    world = SmallRoom()
    made = pipeline(world, true_view(world, factor=1.5), people="only")
    photo = world.photo()
    gathered = made.gather(photo)
    save_evidence(tmp_path / "evidence.npz", gathered)
    loaded = load_evidence(tmp_path / "evidence.npz")
    result = made(photo)
    again = refit(loaded)
    np.testing.assert_allclose(again.depth_m, result.depth_m, rtol=1e-5)
    longer = refit(loaded, focal=FocalRequest(focal_px=2 * world.focal_px))
    assert prior_of(longer).distance_m == pytest.approx(2 * (prior_of(result).distance_m or 0))
    np.testing.assert_allclose(longer.depth_m, 2 * result.depth_m, rtol=0.02)
    number = result.landmarks.index(prior_of(result))
    without = refit(loaded, exclude=[number])
    np.testing.assert_allclose(
        without.depth_m, pipeline(world, None, people="only")(photo).depth_m, rtol=1e-5, equal_nan=True
    )


def test_presets():
    assert preset("pocket").scale_prior == "scene"
    assert preset("paper").scale_prior is None and preset("standard").scale_prior is None
