"""Scenes are a function of their seed, and their truth is the truth: the algorithm recovers it exactly."""

import numpy as np
import pytest

from mfh.config import Config
from mfh.errors import NoLandmarkError
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.types import Camera, FocalProvenance, HumanMesh, Person, Photo, RelativeDepth
from mfh_lab.pocket.world.example import render_example
from mfh_lab.pocket.world.people import FIRST_PERSON_ID, place_body, seat_place
from mfh_lab.pocket.world.scene_builder import Place
from mfh_lab.pocket.world.scenes import Render, draw_scene, render

pytestmark = pytest.mark.slow

_SIZE = (160, 120)


@pytest.fixture(scope="module")
def scene(bank) -> Render:
    return render_example(bank, seed=106, samples=1, size=_SIZE)


class TrueDisparity:
    """Oracle: the true inverse depth under an unknown affine map (sky is 0)."""

    name = "oracle"
    shape_log_sigma = 0.0
    keeps_sky = True

    def __init__(self, render: Render, scale: float, shift: float, space: str = "disparity") -> None:
        depth = render.depth_m.astype(np.float64)
        truth = 1 / depth if space == "disparity" else depth
        self.map = RelativeDepth(((truth - shift) / scale).astype(np.float64), space)

    def predict(self, photos):
        return [self.map for _ in photos]


class TruePeople:
    """Oracle: exact masks and exact bodies."""

    name = "oracle"
    min_score = 0.0
    shared_log_sigma = 0.0

    def __init__(self, render: Render) -> None:
        self.render = render
        self.truth = [p for p in render.people if (render.ids == p.person_id).any()]

    def segment(self, photos):
        people = []
        for person in self.truth:
            mask = self.render.ids == person.person_id
            rows, columns = np.nonzero(mask)
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
            people.append(Person(box, mask, 1.0))
        return [people for _ in photos]

    def measure(self, photo, people, camera):
        return [
            HumanMesh(f.vertices_m.astype(np.float64), f.faces, self.name, stature_m=f.stature_m) for f in self.truth
        ]


def _photo(render: Render) -> Photo:
    height, width = render.depth_m.shape
    camera = Camera(render.f_px, render.f_px, (width - 1) / 2, (height - 1) / 2, width, height)
    return Photo(render.rgb.astype(np.float32) / 255, camera, FocalProvenance("explicit", "true", 0.0), "render")


@pytest.mark.parametrize(("space", "scale", "shift"), [("disparity", 0.37, 0.021), ("depth", 2.3, 0.4)])
def test_oracle_models_recover_the_true_depth(scene, space, scale, shift):
    config = Config(name="oracle", relative_depth="-", person_segmenter="-", human_mesh="-", painter=None)
    oracle = TruePeople(scene)
    assert len(oracle.truth) == 3
    run = MetricFromHuman(
        config, relative_depth=TrueDisparity(scene, scale, shift, space), person_segmenter=oracle, human_mesh=oracle
    )
    result = run(_photo(scene))
    seen = scene.depth_m > 0
    assert result.people_used == 3
    assert result.valid_mask[seen].all()
    assert np.abs(result.depth_m[seen] / scene.depth_m[seen] - 1).max() < 1e-4
    assert result.head.scale == pytest.approx(scale, rel=1e-3)


def test_a_scene_without_people_is_a_clear_failure(scene):
    config = Config(name="oracle", relative_depth="-", person_segmenter="-", human_mesh="-", painter=None)
    nobody = Render(scene.rgb, scene.depth_m, np.minimum(scene.ids, 99), scene.f_px, scene.kind, ())
    oracle = TruePeople(nobody)
    run = MetricFromHuman(
        config, relative_depth=TrueDisparity(nobody, 1.0, 0.0), person_segmenter=oracle, human_mesh=oracle
    )
    with pytest.raises(NoLandmarkError) as caught:
        run(_photo(nobody))
    assert caught.value.tried


def test_a_scene_is_a_function_of_its_seed(bank):
    scenes = [draw_scene(seed, bank, split="test", size=(64, 48)) for seed in (11, 11, 12)]
    first, again, other = (render(scene, bank, people=scene.people, samples=1) for scene in scenes)
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.depth_m, again.depth_m)
    assert not np.array_equal(first.depth_m, other.depth_m)


def test_people_of_a_scene_are_where_their_bodies_say(scene):
    for person in scene.people:
        rows, columns = np.nonzero(scene.ids == person.person_id)
        z = person.vertices_m[:, 2]
        seen = scene.depth_m[rows, columns]
        assert z.min() - 1e-3 <= seen.min() and seen.max() <= z.max() + 1e-3
        u = person.vertices_m[:, 0] / z * scene.f_px + (_SIZE[0] - 1) / 2
        assert u.min() - 1 <= columns.min() and columns.max() <= u.max() + 1


def test_bodies_stand_on_the_floor_and_sitters_sit_on_their_seat(bank):
    standing = bank.indices("test", poses=("stand", "walk"))
    sitting = bank.indices("test", poses=("sit",))
    body = place_body(bank, int(standing[0]), Place(2, 3, 0, 1.0))
    on_body = np.unique(bank.faces["body"])
    assert body[on_body, 2].min() == pytest.approx(0, abs=2e-3)
    assert np.ptp(body[on_body, 2]) == pytest.approx(float(bank.stature_m[standing[0]]), rel=0.06)
    seat = Place(1.0, 2.0, 0, 0.7)
    sitter = place_body(bank, int(sitting[0]), seat_place(bank, int(sitting[0]), seat))
    pelvis = (bank.rest[:, 2] > 0.48) & (bank.rest[:, 2] < 0.55) & (np.abs(bank.rest[:, 0]) < 0.12)
    assert np.hypot(*(sitter[pelvis].mean(0)[:2] - [1.0, 2.0])) < 0.05
    assert 0.3 < sitter[pelvis, 2].mean() < 0.7


def test_splits_share_no_body(bank):
    assert (bank.split == 2).all(), "the bank that ships holds test bodies only"
    assert FIRST_PERSON_ID == 100
