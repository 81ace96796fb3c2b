"""The whole pipeline on people in the photo, in a world where everything is known."""

import math
from dataclasses import replace

import numpy as np
import pytest

import mfh.landmarks.bodies
import mfh.pipeline.pipeline
from mfh.config import FreeParameters, HeadConfig, SilogForm
from mfh.errors import BackendError, InputError, NoLandmarkError
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.request import Request
from mfh.types import (
    FocalProvenance,
    Space,
)
from tests.toy_world import (
    LEFT_NEAR,
    MIDDLE,
    PLACES,
    RIGHT_FAR,
    OraclePainter,
    OraclePeople,
    OracleRelativeDepth,
    assert_exact,
    bodies_in,
    config,
    depth_in,
    pipeline,
    render,
)


@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("form", ["pooled", "per-image-sum"])
def test_people_in_the_photo_recover_the_exact_depth(space: Space, form: SilogForm):
    photo = render([LEFT_NEAR, MIDDLE, RIGHT_FAR])
    result = pipeline(config(form=form), space=space)(photo)
    assert_exact(result)
    assert result.people_used == 3
    assert result.head.shift_determined
    assert (result.attempts, result.paintings) == (0, 0), "people in the photo suffice: nothing is painted"
    assert result.warnings == ()
    assert {landmark.source for landmark in result.landmarks} == {"photo"}
    assert result.landmarks[0].distance_m == pytest.approx(2.45, abs=0.01)


def test_people_who_hide_each_other_keep_their_own_depth():
    behind = PLACES.index((-0.9, 3.3))
    result = pipeline(config("only"))(render([LEFT_NEAR, behind, RIGHT_FAR]))
    assert_exact(result)
    assert result.people_used == 3


def test_one_person_is_enough_where_everything_is_exact_and_is_warned_about():
    # Seen from the side, so that the body has some depth of its own.
    result = pipeline(config("only"))(render([LEFT_NEAR]))
    assert_exact(result)
    assert any("one person alone" in warning for warning in result.warnings)


def test_nobody_in_the_photo_and_no_painter_says_what_to_do():
    people = OraclePeople()
    no_painter = MetricFromHuman(
        replace(config(), painter=None),
        relative_depth=OracleRelativeDepth(),
        person_segmenter=people,
        human_mesh=people,
    )
    with pytest.raises(NoLandmarkError, match="use a photo with at least one person") as caught:
        no_painter(render([]))
    assert caught.value.tried == (
        "people in the photo: 0 found, 0 used",
        "painting: not tried, preset 'oracle' has no painter",
    )


def test_a_questioned_focal_length_is_named_where_nobody_can_be_measured():
    photo = render([MIDDLE])
    doubted = replace(photo, focal=replace(photo.focal, source="explicit", notes=("--focal-px 18 is odd",)))
    with pytest.raises(NoLandmarkError, match="--focal-px 18 is odd"):
        pipeline(config("only"), people=OraclePeople(unmeasurable=True))(doubted)


def test_people_who_cannot_be_measured_are_counted_with_the_reason():
    with pytest.raises(NoLandmarkError) as caught:
        pipeline(config("only"), people=OraclePeople(unmeasurable=True))(render([LEFT_NEAR, MIDDLE]))
    assert caught.value.tried[0] == "people in the photo: 2 found, 0 used (2 could not be measured)"


def test_one_person_facing_the_camera_gives_the_scale_but_not_the_shift():
    # The front of a box is one depth: nothing tells the shift, and the answer must say so and stay sane.
    photo = render([MIDDLE])
    result = pipeline(config("only"))(photo)
    assert not result.head.shift_determined
    assert any("determine the shift" in warning for warning in result.warnings)
    on_person = bodies_in(photo.rgb) == MIDDLE
    np.testing.assert_allclose(result.depth_m[on_person], depth_in(photo.rgb)[on_person], rtol=5e-3)
    ratio = result.depth_m[result.valid_mask] / depth_in(photo.rgb)[result.valid_mask]
    assert result.valid_mask.mean() > 0.95
    assert 0.4 < ratio.min() <= ratio.max() < 2.5


def test_whoever_contradicts_the_others_is_rejected_with_the_factor():
    photo = render([LEFT_NEAR, MIDDLE, RIGHT_FAR, PLACES.index((-0.3, 5.2))])
    result = pipeline(config(), people=OraclePeople(error={MIDDLE: 2.5}))(photo)
    assert_exact(result)
    (wrong,) = [landmark for landmark in result.landmarks if landmark.verdict == "rejected"]
    assert wrong.reason in ("2.4x farther than the others imply", "2.5x farther than the others imply")


@pytest.mark.slow
def test_a_default_focal_length_is_warned_about():
    photo = replace(
        render([LEFT_NEAR, MIDDLE, RIGHT_FAR]), focal=FocalProvenance("default-fov", "unknown: 60° assumed", 0.2)
    )
    (warning,) = pipeline(config())(photo).warnings
    assert warning == "the focal length is not known (unknown: 60° assumed), and all distances scale with it"
    noted = replace(
        photo, focal=replace(photo.focal, notes=("no focal length, and all metres scale with it: give one",))
    )
    assert pipeline(config())(noted).warnings == noted.focal.notes


@pytest.mark.slow
def test_progress_is_reported_in_order_and_stages_are_timed():
    reports: list[tuple[str, float]] = []
    result = pipeline(config(batch_size=1))(
        render([]), Request(progress=lambda what, done: reports.append((what, done)))
    )
    stages = list(dict.fromkeys(what for what, _ in reports))
    assert stages == ["relative depth", "objects", "people", "painting", "fit"]
    assert [done for _, done in reports] == sorted(done for _, done in reports)
    assert all(0 <= done <= 1 for _, done in reports)
    assert list(result.seconds) == stages


def test_the_result_says_what_ran():
    result = pipeline(config(seed=3))(render([LEFT_NEAR]))
    assert (result.preset, result.seed) == ("oracle", 3)
    assert set(result.models) == {"relative_depth", "person_segmenter", "human_mesh", "painter"}


def test_a_path_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path):
    import mfh.io.photo

    opened = []

    def load_photo(path):
        opened.append(path)
        return render([LEFT_NEAR, MIDDLE])

    monkeypatch.setattr(mfh.io.photo, "load_photo", load_photo)
    assert_exact(pipeline(config())(tmp_path / "photo.png"))
    assert opened == [str(tmp_path / "photo.png")]


def test_large_photos_are_sampled_and_stay_exact(monkeypatch: pytest.MonkeyPatch):
    photo = render([LEFT_NEAR, RIGHT_FAR])
    whole = pipeline(config())(photo)
    monkeypatch.setattr(mfh.landmarks.bodies, "LONG_SIDE_PX", 50)
    sampled = pipeline(config())(photo)
    assert_exact(sampled)
    assert sampled.landmarks[0].pixels < whole.landmarks[0].pixels / 3


def test_a_camera_of_another_size_is_refused():
    photo = render([LEFT_NEAR])
    with pytest.raises(InputError, match="oracle.png is 96x72 pixels but its camera is for 96x71"):
        pipeline(config())(replace(photo, camera=replace(photo.camera, height=71)))
    with pytest.raises(InputError, match="fx is nan"):
        pipeline(config())(replace(photo, camera=replace(photo.camera, fx=math.nan)))


def test_models_are_held_to_their_contract():
    class Cropped(OracleRelativeDepth):
        def predict(self, photos):
            return [replace(one, values=one.values[1:]) for one in super().predict(photos)]

    class Holes(OracleRelativeDepth):
        def predict(self, photos):
            return [replace(one, values=one.values * np.float32(np.nan)) for one in super().predict(photos)]

    people = OraclePeople()
    for model, message in ((Cropped(), r"returned \(71, 96\)"), (Holes(), "not finite")):
        broken = MetricFromHuman(config(), relative_depth=model, person_segmenter=people, human_mesh=people)
        with pytest.raises(BackendError, match=message):
            broken(render([LEFT_NEAR]))


def test_unknown_presets_and_options_are_refused():
    with pytest.raises(InputError, match="unknown preset 'pockets'"):
        MetricFromHuman.from_preset("pockets")
    with pytest.raises(InputError, match="unknown option 'peple': expected one of name, relative_depth"):
        MetricFromHuman.from_preset("pocket", peple="auto")


def test_a_preset_brings_its_models(monkeypatch: pytest.MonkeyPatch):
    people, relative, painter = OraclePeople(), OracleRelativeDepth(), OraclePainter()
    asked = {}

    def load_models(names):
        asked.update(names)
        return {"relative_depth": relative, "person_segmenter": people, "human_mesh": people, "painter": painter}

    monkeypatch.setattr(mfh.pipeline.pipeline, "load_models", load_models)
    model = MetricFromHuman.from_preset("pocket", seed=9)
    assert asked == {
        "relative_depth": "pocket",
        "person_segmenter": "blazepose",
        "human_mesh": "blazepose",
        "painter": "sprite",
        "scale_prior": "scene",
    }
    assert model.config.seed == 9
    assert model.painter is painter
    assert_exact(model(render([LEFT_NEAR, MIDDLE])))


class FindsNothing:
    name = "nothing"
    min_score = 0.5

    def detect(self, photo):
        return []


def test_an_object_detector_that_cannot_be_had_is_no_error(monkeypatch: pytest.MonkeyPatch):
    people, relative, painter = OraclePeople(), OracleRelativeDepth(), OraclePainter()
    models = {"relative_depth": relative, "person_segmenter": people, "human_mesh": people, "painter": painter}
    monkeypatch.setattr(mfh.pipeline.pipeline, "load_models", lambda names: {role: models[role] for role in names})
    detector = FindsNothing()
    answers = {"nanodet": (detector, ""), "other": (None, "other files are not here: fetch them")}
    monkeypatch.setattr(mfh.pipeline.pipeline, "load_optional", lambda role, name: answers[name])
    found = {
        name: MetricFromHuman.from_preset("pocket", object_detector=name, scale_prior=None) for name in (*answers, None)
    }
    assert {name: (one.object_detector, one.missing_objects) for name, one in found.items()} == {
        **answers,
        None: (None, ""),
    }
    models_given = {"object_detector": detector, "scale_prior": None}
    given = MetricFromHuman.from_preset("pocket", models=models_given, object_detector="other")
    assert (given.object_detector, given.missing_objects) == (detector, "")


@pytest.mark.slow
@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_the_papers_head_is_exact_with_everything_free_and_not_otherwise(space: Space):
    """Table 4: alignment, scale and shift are all needed, even by models without any error."""
    photo = render([])

    def error(*, align: bool = True, free: FreeParameters = "scale-shift") -> float:
        options = replace(config("paint"), head=HeadConfig("silog", free=free), align=align)
        result = pipeline(options, space=space)(photo)
        depth_m = np.where(result.valid_mask, result.depth_m, 100.0)
        return float(np.mean(np.abs(depth_m / depth_in(photo.rgb) - 1)))

    assert error() < 1e-4
    assert min(error(align=False), error(free="scale"), error(free="shift")) > 0.01
