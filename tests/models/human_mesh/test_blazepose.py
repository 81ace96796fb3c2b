"""The real networks on real photos; skips, with the reason, where their files have not been fetched."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.geometry.masks import erode_3x3
from mfh.geometry.rasterize import rasterize_depth
from mfh.io.photo import load_photo
from mfh.models.human_mesh.blazepose import BlazePose
from mfh.types import Camera, HumanMesh, Person
from mfh.weights import store as weights
from tests.photos import PEOPLE, REPOSITORY, empty_room

SURE = 0.5
"""Score that people in photos exceed and what is nobody does not."""


@pytest.fixture(scope="module")
def blazepose() -> BlazePose:
    if not weights.installed("blazepose"):
        pytest.skip("BlazePose files are not here: run 'mfh weights fetch blazepose'")
    return BlazePose()


@pytest.fixture(scope="module")
def some_people() -> tuple[np.ndarray, Camera, np.ndarray]:
    """Photo, camera and true depth of five people who walk away from a depth camera, or of those in the example."""
    return PEOPLE.rgb, PEOPLE.camera, PEOPLE.depth_m


@pytest.fixture(scope="module")
def found(blazepose: BlazePose, some_people) -> list[Person]:
    return blazepose.segment([some_people[0]])[0]


@pytest.fixture(scope="module")
def bodies(blazepose: BlazePose, some_people, found: list[Person]) -> list[HumanMesh]:
    rgb, camera, _ = some_people
    return [body for body in blazepose.measure(rgb, found, camera) if body is not None]


def assert_same_people(a: list[Person], b: list[Person]) -> None:
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        assert one.score == other.score
        np.testing.assert_array_equal(one.instance_mask, other.instance_mask)
        assert one.pose is not None and other.pose is not None
        np.testing.assert_array_equal(one.pose.image_px, other.pose.image_px)
        np.testing.assert_array_equal(one.pose.world_m, other.pose.world_m)


def test_missing_files_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="run 'mfh weights fetch blazepose'"):
        BlazePose()


def test_five_of_five_people_are_found_and_nobody_else(found: list[Person]):
    assert len(found) == len(PEOPLE.hips_px)
    assert min(person.score for person in found) > SURE
    assert [person.score for person in found] == sorted((person.score for person in found), reverse=True)
    hips = sorted(float(person.pose.image_px[[23, 24], 0].mean()) for person in found if person.pose is not None)
    np.testing.assert_allclose(hips, PEOPLE.hips_px, atol=25)


def test_masks_share_no_pixel_fill_their_boxes_and_lie_on_their_person(found: list[Person], some_people):
    _, _, sensor_m = some_people
    together = np.sum([person.instance_mask for person in found], axis=0)
    assert together.max() == 1
    for person in found:
        left, top, right, bottom = person.box_xyxy.astype(int)
        outside = person.instance_mask.copy()
        outside[top : bottom + 1, left : right + 1] = False
        assert not outside.any()
        inner = erode_3x3(person.instance_mask) & (sensor_m > 0)
        # A person is within half a metre of depth: the wall behind is not in the mask.
        near = np.abs(sensor_m[inner] - np.median(sensor_m[inner])) < 0.5
        assert near.mean() > 0.9


def test_bodies_stand_where_the_sensor_sees_them(bodies: list[HumanMesh], found: list[Person], some_people):
    _, camera, sensor_m = some_people
    assert len(bodies) == len(PEOPLE.hips_px)
    log_ratios = []
    for body, person in zip(bodies, found, strict=True):
        depth = rasterize_depth(body.vertices_m, body.faces, camera)
        silhouette = np.isfinite(depth)
        overlap = (silhouette & person.instance_mask).sum() / (silhouette | person.instance_mask).sum()
        assert overlap > 0.7
        both = erode_3x3(silhouette & person.instance_mask) & (sensor_m > 0)
        log_ratios.append(np.log(np.mean(depth[both] / sensor_m[both])))
        assert body.source == "blazepose"
        assert body.stature_m is not None and 1.5 < body.stature_m < 1.9
        assert body.reprojection_px is not None and body.reprojection_px < 20
        assert body.log_depth_sigma is not None and 0.07 < body.log_depth_sigma < 0.12
        assert abs(log_ratios[-1]) < 2 * body.log_depth_sigma
        # Whoever it is may be a child, and then they are nearer.
        assert 0 < body.near_share < 0.5 and body.near_log > 0
    # They are 1.74 m tall on average where adults are 1.69 m: 3 % of this nobody can see.
    assert abs(np.median(log_ratios)) < 0.08


@pytest.mark.slow
def test_a_batch_is_the_same_as_one_by_one_and_as_before(blazepose: BlazePose, some_people, found: list[Person]):
    rgb = some_people[0]
    other = np.ascontiguousarray(rgb[:, 440:])
    first, second = blazepose.segment([other, rgb])
    assert_same_people(second, found)
    assert_same_people(first, blazepose.segment([other])[0])


def test_people_of_a_region_are_those_of_the_photo_and_nobody_else(blazepose: BlazePose, some_people, found, bodies):
    rgb, camera, _ = some_people
    regions = [cv2.dilate(person.instance_mask.astype(np.uint8), np.ones((9, 9))) > 0 for person in found]
    differences = []
    for person, body, there in zip(found, bodies, blazepose.segment([rgb] * len(found), regions), strict=True):
        assert len(there) == 1 and there[0].score > SURE
        together = (there[0].instance_mask & person.instance_mask).sum()
        assert together / (there[0].instance_mask | person.instance_mask).sum() > 0.65
        left, top, right, bottom = there[0].box_xyxy.astype(int)
        assert there[0].instance_mask[top : bottom + 1, left : right + 1].sum() == there[0].instance_mask.sum()
        (measured,) = blazepose.measure(rgb, there, camera)
        assert measured is not None
        differences.append(abs(np.log(np.median(measured.vertices_m[:, 2]) / np.median(body.vertices_m[:, 2]))))
    # Neighbours in the crop would pull people 12 % nearer.
    assert max(differences) < 0.06


def test_a_region_of_a_large_photo_is_seen_at_full_size(blazepose: BlazePose, some_people, found):
    rgb = some_people[0]
    small = np.full((1440, 1920, 3), 0.5, np.float32)
    small[700:940, 800:1120] = cv2.resize(rgb, (320, 240), interpolation=cv2.INTER_AREA)
    left, top, right, bottom = (found[0].box_xyxy / 2 + np.tile([800, 700], 2)).astype(int)
    region = np.zeros(small.shape[:2], bool)
    region[top : bottom + 1, left : right + 1] = True
    (person,) = blazepose.segment([small], [region])[0]
    assert person.instance_mask.shape == (1440, 1920)
    assert person.pose is not None and found[0].pose is not None
    expected = found[0].pose.image_px / 2 + [800, 700]
    assert np.hypot(*(person.pose.image_px - expected)[[11, 12, 23, 24]].T).mean() < 12


NOISE = np.random.default_rng(0).random((300, 400, 3), np.float32)


def looks_at_noise(blazepose: BlazePose, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Inputs of the pose detector, which sees nobody from here on."""
    looks: list[np.ndarray] = []

    def spy(tensor):
        looks.append(tensor)
        return np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -100, np.float32)

    monkeypatch.setattr(blazepose, "_detector", spy)
    return looks


def test_a_region_costs_at_most_two_looks_of_the_detector(blazepose: BlazePose, monkeypatch: pytest.MonkeyPatch):
    looks = looks_at_noise(blazepose, monkeypatch)
    region = np.zeros((300, 400), bool)
    region[100:250, 150:200] = True
    assert blazepose.segment([NOISE], [region]) == [[]]
    assert len(looks) == 2
    with pytest.raises(ValueError):
        blazepose.segment([NOISE], [])


def test_boxes_lead_to_the_people_of_the_photo_in_less_time(blazepose, some_people, found, monkeypatch):
    rgb = some_people[0]
    boxes = [tuple((person.box_xyxy + [-4, -4, 4, 4]).tolist()) for person in found]
    runs: list[int] = []
    run = blazepose._run_detector
    monkeypatch.setattr(blazepose, "_run_detector", lambda tensor: runs.append(1) or run(tensor))
    led = blazepose.segment([rgb], boxes=[boxes])[0]
    # The whole photo, and one or two crops a box.
    assert len(runs) <= 1 + 2 * len(boxes)
    assert len(led) == len(found) and min(person.score for person in led) > SURE
    for person in found:
        shared = [(one.instance_mask & person.instance_mask).sum() for one in led]
        best = led[int(np.argmax(shared))]
        assert max(shared) / (best.instance_mask | person.instance_mask).sum() > 0.65


def test_a_false_detection_beside_a_box_hides_nobody(blazepose):
    """A picture on the wall behind them resembles an upside-down person, which once took the pixels of a head."""
    rgb = load_photo(REPOSITORY / "docs" / "images" / "meeting.jpg").rgb
    boxes = [(327.0, 156.0, 529.0, 619.0), (619.0, 209.0, 821.0, 636.0), (0.0, 209.0, 190.0, 634.0)]
    boxes += [(450.0, 219.0, 639.0, 635.0), (791.0, 202.0, 960.0, 633.0)]
    (people,) = blazepose.segment([rgb], boxes=[boxes])
    middles = sorted(float(one.box_xyxy[[0, 2]].mean()) for one in people if one.score >= 0.6)
    np.testing.assert_allclose(middles, [95, 250, 435, 555, 740, 880], atol=30)


def test_a_small_person_is_found_in_a_box_and_an_empty_wall_is_not(blazepose: BlazePose, some_people, found):
    rgb = some_people[0]
    photo = np.full((900, 1200, 3), 0.6, np.float32)
    small = cv2.resize(rgb, (160, 120), interpolation=cv2.INTER_AREA)
    photo[500:620, 300:460] = small
    box = tuple((found[0].box_xyxy / 4 + np.tile([300, 500], 2)).tolist())
    (person,) = [one for one in blazepose.segment([photo], boxes=[[box]])[0] if one.score > SURE]
    assert person.instance_mask[500:620, 300:460].sum() > 0.9 * person.instance_mask.sum()
    assert blazepose.segment([photo], boxes=[[(800.0, 100.0, 860.0, 280.0)]]) == [[]]


def test_without_boxes_one_run_on_the_photo_is_made(blazepose: BlazePose, monkeypatch: pytest.MonkeyPatch):
    looks = looks_at_noise(blazepose, monkeypatch)
    assert blazepose.segment([NOISE], boxes=[[]]) == [[]]
    assert len(looks) == 1


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_colours_arrive_in_rgb_order(blazepose: BlazePose, monkeypatch: pytest.MonkeyPatch, channel: int):
    seen: list[np.ndarray] = []

    def spy(tensor):
        seen.append(tensor.copy())
        return np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -100, np.float32)

    monkeypatch.setattr(blazepose, "_detector", spy)
    photo = np.zeros((200, 200, 3), np.float32)
    photo[..., channel] = 1
    assert blazepose.segment([photo]) == [[]]
    for tensor in seen:
        np.testing.assert_allclose(tensor[0, 112, 112], np.where(np.arange(3) == channel, 1, -1), atol=1e-5)
    # Swapped channels would not only be a matter of taste: the landmark network gets the same treatment.
    seen.clear()
    monkeypatch.setattr(blazepose, "_landmarks", lambda tensor: seen.append(tensor.copy()) or _no_landmarks())
    blazepose.measure(photo, [Person(np.array([50.0, 50, 150, 150]), np.ones((200, 200), bool), 0.9)], _camera(200))
    np.testing.assert_allclose(seen[0][0, 128, 128], np.eye(3)[channel], atol=1e-5)


def _no_landmarks() -> list[np.ndarray]:
    return [
        np.zeros((1, 195), np.float32),
        np.zeros((1, 1), np.float32),
        np.zeros((1, 256, 256, 1), np.float32),
        np.zeros((1, 64, 64, 39), np.float32),
        np.zeros((1, 117), np.float32),
    ]


def _camera(side: int, f_px: float = 300.0) -> Camera:
    return Camera(f_px, f_px, (side - 1) / 2, (side - 1) / 2, side, side)


@pytest.mark.slow
def test_twice_the_focal_length_is_twice_as_far(blazepose: BlazePose, found: list[Person], bodies, some_people):
    rgb, camera, _ = some_people
    longer = replace(camera, fx=2 * camera.fx, fy=2 * camera.fy)
    for near, far in zip(bodies, blazepose.measure(rgb, found, longer), strict=True):
        assert far is not None
        ratio = np.median(far.vertices_m[:, 2]) / np.median(near.vertices_m[:, 2])
        # Not exactly: a longer lens sees the person less from the side, and bodies have a thickness.
        assert abs(ratio / 2 - 1) < 0.06


@pytest.mark.slow
def test_a_large_photo_gives_the_same_people_at_its_own_size(blazepose: BlazePose, some_people, bodies):
    rgb, camera, _ = some_people
    large = cv2.resize(rgb, (2560, 1920), interpolation=cv2.INTER_LINEAR)
    people = [person for person in blazepose.segment([large])[0] if person.score > SURE]
    assert len(people) == len(PEOPLE.hips_px)
    assert all(person.instance_mask.shape == (1920, 2560) for person in people)
    assert np.sum([person.instance_mask for person in people], axis=0).max() == 1
    wide = Camera(4 * camera.fx, 4 * camera.fy, 4 * camera.cx + 1.5, 4 * camera.cy + 1.5, 2560, 1920)
    far = sorted(np.median(body.vertices_m[:, 2]) for body in blazepose.measure(large, people, wide) if body)
    near = sorted(np.median(body.vertices_m[:, 2]) for body in bodies)
    np.testing.assert_allclose(far, near, rtol=0.08)


def test_a_person_known_by_a_box_alone_is_measured_too(blazepose: BlazePose, found, bodies, some_people):
    rgb, camera, _ = some_people
    (body,) = blazepose.measure(rgb, [replace(found[0], pose=None)], camera)
    assert body is not None
    assert abs(np.log(np.median(body.vertices_m[:, 2]) / np.median(bodies[0].vertices_m[:, 2]))) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pcl_office1", "promptda_arkit"])
def test_nobody_is_surely_seen_in_an_empty_room(blazepose: BlazePose, tmp_path: Path, name: str):
    people = blazepose.segment([empty_room(name, tmp_path / name).rgb])[0]
    assert all(person.score < SURE for person in people)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 3), (40, 30)])
def test_tiny_photos_have_nobody_in_them(blazepose: BlazePose, size: tuple[int, int]):
    photo = np.random.default_rng(0).random((*size, 3), np.float32)
    assert blazepose.segment([photo]) == [[]]


def test_no_photos_no_people(blazepose: BlazePose):
    assert blazepose.segment([]) == []
    assert blazepose.measure(np.zeros((20, 20, 3), np.float32), [], _camera(20)) == []
