"""The preset of the paper, end to end on the CPU: its own classes with random weights, then people it can see."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from mfh.config import PRESETS
from mfh.errors import BackendError, NoLandmarkError, WeightsError
from mfh.io.focal import FocalRequest
from mfh.io.photo import load_photo, photo_from_array
from mfh.io.receipt import receipt
from mfh.models.human_mesh.blazepose import BlazePose
from mfh.models.human_mesh.hmr2 import Hmr2
from mfh.models.painters.diffusers_inpainting import PAPER, DiffusersInpainting
from mfh.models.registry import load_models
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.types import PaintedPhoto, Photo
from tests.photos import PEOPLE, without

pytest.importorskip("diffusers", reason="the hub's libraries are not installed: pip install -e '.[hub]'")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Uncover:
    """A painter that paints what another photo shows there, and remembers what it was asked for."""

    people_rgb: np.ndarray
    asked: list[tuple[str, int]] = field(default_factory=list)
    paintings: list[PaintedPhoto] = field(default_factory=list)
    name: str = "uncover"
    provenance: str = "the people really stood there"
    shared_log_sigma: float = 0.01

    def paint(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        self.asked.extend(zip(prompts, seeds, strict=True))
        made = [
            PaintedPhoto(np.where(mask[..., None], self.people_rgb, photo), mask, prompt, seed)
            for mask, prompt, seed in zip(paint_masks, prompts, seeds, strict=True)
        ]
        self.paintings.extend(made)
        return made


@pytest.fixture
def random_paper(tiny_weights) -> MetricFromHuman:
    """Preset paper as it loads by name, with tiny random weights; Mask2Former, which needs no torchvision."""
    tiny_weights("sd2", "depth-anything-v1-large", "mask2former", "hmr2", "smpl")
    pipeline = MetricFromHuman.from_preset("paper", person_segmenter="mask2former")
    assert isinstance(pipeline.painter, DiffusersInpainting) and isinstance(pipeline.human_mesh, Hmr2)
    assert pipeline.painter.options == PAPER
    pipeline.painter.options = replace(PAPER, short_side_px=64, long_side_px=96, steps=2)
    return pipeline


def limited(pipeline: MetricFromHuman, **limits: object) -> MetricFromHuman:
    pipeline.config = replace(pipeline.config, painting=replace(pipeline.config.painting, **limits))
    return pipeline


def noise() -> Photo:
    rgb = np.random.default_rng(0).random((96, 128, 3)).astype(np.float32)
    return photo_from_array(rgb, focal=FocalRequest(focal_px=110.0), name="noise")


def test_random_weights_find_nobody_and_say_what_was_tried(random_paper):
    pipeline = limited(random_paper, max_attempts=5, batch_size=2)
    with pytest.raises(NoLandmarkError, match=r"5 paintings \(all 5 attempts made\): 0 found") as caught:
        pipeline(noise())
    assert caught.value.tried == ("5 paintings (all 5 attempts made): 0 found, 0 used",)


def test_random_weights_keep_to_the_time_they_are_given(random_paper):
    begin = time.monotonic()
    with pytest.raises(NoLandmarkError, match=r"the 0\.5 s for it are over"):
        limited(random_paper, max_attempts=10_000, budget_s=0.5)(noise())
    # Ten thousand paintings would take most of an hour.
    assert time.monotonic() - begin < 60, "it went on painting"


def test_what_random_weights_take_for_people_is_measured_and_refused(random_paper, monkeypatch):
    measured = []
    measure = Hmr2.measure

    def watched(self, photo, people, camera):
        meshes = measure(self, photo, people, camera)
        measured.extend(meshes)
        return meshes

    monkeypatch.setattr(Hmr2, "measure", watched)
    # Random weights are certain of nothing: here everything they see counts as somebody, until its body is seen.
    random_paper.person_segmenter.min_score = 0.0
    random_paper.config = replace(random_paper.config, gates=True)
    with pytest.raises(NoLandmarkError, match=r"2 paintings .*found, 0 used .*its body and its mask overlap by"):
        limited(random_paper, max_attempts=2, batch_size=2)(noise())
    assert any(mesh is not None for mesh in measured), "no body was measured"
    random_paper.config = replace(random_paper.config, gates=False)
    used = random_paper(noise()).landmarks
    assert any(one.verdict == "used" for one in used), "as published, whatever has a body counts"


def test_mask_rcnn_is_asked_for_by_name_and_says_what_it_needs(tiny_weights):
    tiny_weights("sd2", "depth-anything-v1-large", "hmr2", "smpl")
    # Without torchvision a package is missing, with it the weights are: never another model in its place.
    with pytest.raises((BackendError, WeightsError), match="mask_rcnn|torchvision") as caught:
        MetricFromHuman.from_preset("paper")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def blazepose() -> BlazePose:
    """The embedded model, loaded before the tiny copies, which have a cache of their own."""
    try:
        return BlazePose()
    except WeightsError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def some_people() -> Photo:
    """Five people standing in front of a depth sensor, or the people of the example."""
    return load_photo(PEOPLE.rgb_path, focal=FocalRequest(focal_px=PEOPLE.camera.fx))


@pytest.fixture(scope="module")
def empty_room(some_people, blazepose) -> Photo:
    """The same photo with its people smeared over."""
    everybody = np.any([person.instance_mask for person in blazepose.segment([some_people.rgb])[0]], axis=0)
    rgb = without(some_people.rgb, everybody | PEOPLE.people_mask)
    assert blazepose.segment([rgb])[0] == []
    return replace(some_people, pixels=rgb)


def test_the_papers_preset_measures_people_who_are_painted(blazepose, some_people, empty_room, tiny_weights):
    tiny_weights("depth-anything-v1-large")
    config = PRESETS["paper"]
    assert config.people == "paint" and config.head.kind == "silog"
    painter = Uncover(some_people.rgb)
    pipeline = MetricFromHuman(
        config,
        relative_depth=load_models({"relative_depth": config.relative_depth})["relative_depth"],
        person_segmenter=blazepose,
        human_mesh=blazepose,
        painter=painter,
    )
    result = limited(pipeline, max_paintings=4, max_attempts=12, batch_size=3)(empty_room)
    for painting in painter.paintings:
        np.testing.assert_array_equal(painting.rgb[~painting.paint_mask], empty_room.rgb[~painting.paint_mask])
    assert result.paintings == 4 and result.attempts == len(painter.asked) <= 12
    assert {prompt for prompt, _ in painter.asked} <= {"a man", "a woman"}
    assert len({seed for _, seed in painter.asked}) == len(painter.asked)
    assert result.people_used >= 4
    assert np.isfinite(result.depth_m[result.valid_mask]).all() and result.valid_mask.mean() > 0.5
    assert result.depth_m[result.valid_mask].min() > 0 and result.head.space == "disparity"
    # Metres of painted people against the sensor's, whatever random relative depth says of the room.
    sensor_m = PEOPLE.depth_m
    for one in result.landmarks:
        if one.verdict == "used":
            left, top, right, bottom = (round(side) for side in one.box_xyxy)
            around_m = sensor_m[top : bottom + 1, left : right + 1]
            # The sensor is blind (0) in a fifth of the pixels; behind people it sees the wall.
            assert one.distance_m == pytest.approx(np.percentile(around_m[around_m > 0], 25), rel=0.3)
    tree = receipt(result)
    assert tree["preset"] == "paper"
    assert tree["models"] == {
        "relative_depth": "depth-anything-v1-large",
        "person_segmenter": "blazepose",
        "human_mesh": "blazepose",
        "painter": "uncover",
    }
    assert {(row["measured_by"], row["source"].split()[0]) for row in tree["landmarks"]} == {("blazepose", "painting")}
    assert tree["versions"]["torch"] and tree["versions"]["transformers"]


def test_the_papers_numbers():
    paper = PRESETS["paper"]
    # Sec. 4: N = 32. App. B: full-height strips of 0.2 to 0.8 of the shorter side. Eq. 3: "a man", "a woman".
    assert paper.painting.max_paintings == 32 and paper.painting.mask_shape == "strip"
    assert (paper.painting.min_width, paper.painting.max_width) == (0.2, 0.8)
    assert paper.painting.prompts == ("a man", "a woman") and paper.people == "paint"
    assert (PAPER.guidance_scale, PAPER.steps, PAPER.short_side_px) == (20.0, 50, 512)
