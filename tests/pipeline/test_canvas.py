"""Large photos are painted at a smaller size, and nothing of the answer is lost by it."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.errors import BackendError
from mfh.geometry import camera as camera_module
from mfh.geometry.camera import project, resize_camera
from mfh.pipeline.painting import canvas_of, on_photo
from mfh.pipeline.request import Request
from mfh.scale.known_sizes import KnownDistance, KnownSizes
from mfh.types import Evidence, Landmark, LogRange, Photo, Region, RelativeDepth, Segment
from tests.toy_world import (
    CAMERA,
    LEFT_NEAR,
    MIDDLE,
    RIGHT_FAR,
    WIDE,
    OraclePainter,
    OraclePeople,
    OracleRelativeDepth,
    assert_exact,
    config,
    pipeline,
    render,
)

TIMES = 4


def enlarged(photo: Photo) -> Photo:
    """Every pixel as a block of them: the mean over a block is the pixel again, exactly."""
    camera = resize_camera(photo.camera, width=TIMES * photo.camera.width, height=TIMES * photo.camera.height)
    return replace(photo, pixels=photo.rgb.repeat(TIMES, 0).repeat(TIMES, 1), camera=camera)


def test_a_large_photo_gets_the_same_exact_depth_from_small_paintings():
    small = render([])
    options = replace(config("paint", max_pixels=small.camera.width * small.camera.height), keep_paintings=True)
    painter = OraclePainter(camera=CAMERA)
    result = pipeline(options, painter=painter)(enlarged(small))
    assert result.depth_m.shape == (TIMES * CAMERA.height, TIMES * CAMERA.width)
    assert_exact(result)
    assert {painting.rgb.shape for painting in result.kept_paintings} == {(CAMERA.height, CAMERA.width, 3)}
    usual = pipeline(options)(small)
    assert [one.verdict for one in result.landmarks] == [one.verdict for one in usual.landmarks]
    for ours, theirs in zip(result.landmarks, usual.landmarks, strict=True):
        np.testing.assert_allclose(ours.box_xyxy, np.array(theirs.box_xyxy) * TIMES)
        assert ours.distance_m == pytest.approx(theirs.distance_m, rel=1e-5)


def test_a_photo_that_is_small_enough_is_its_own_canvas():
    photo = render([])
    relative = RelativeDepth(np.ones(photo.rgb.shape[:2], np.float32), "disparity")
    pixels = photo.camera.width * photo.camera.height
    assert canvas_of(photo, relative, max_pixels=pixels) == (photo, relative)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (601, 1999), (5000, 70)])
def test_a_canvas_has_about_the_pixels_asked_for_and_sees_the_same_directions(width: int, height: int):
    photo = replace(
        render([]),
        pixels=np.ones((height, width, 3), np.float32),
        camera=resize_camera(CAMERA, width=width, height=height),
    )
    ramp = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
    canvas, relative = canvas_of(photo, RelativeDepth(ramp, "depth"), max_pixels=30_000)
    rows, columns = relative.values.shape
    assert canvas.rgb.shape == (rows, columns, 3) and canvas.rgb.max() <= 1
    assert rows * columns == pytest.approx(30_000, rel=0.05)
    point = np.array([[0.3, -0.2, 2.0]])
    here, there = project(photo.camera, point)[0], project(canvas.camera, point)[0]
    np.testing.assert_allclose((here + 0.5) / (width, height), (there + 0.5) / (columns, rows))
    np.testing.assert_allclose(relative.values[0], (np.arange(columns) + 0.5) * width / columns - 0.5, atol=0.51)


def test_pixels_of_the_canvas_become_pixels_of_the_photo():
    photo, canvas = enlarged(render([])), render([])
    landmark = Landmark(
        "painting 0", "oracle", (1.0, 2.0, 3.0, 4.0), 0.9, 2.0, 1.7, 40, "used", "measured", reprojection_px=1.5
    )
    evidence = Evidence(np.ones(1), np.ones(1), np.zeros(1, int), (landmark,))
    (moved,) = on_photo(evidence, canvas, photo).landmarks
    assert moved == replace(landmark, box_xyxy=(4.0, 8.0, 12.0, 16.0), reprojection_px=6.0)
    assert on_photo(evidence, canvas, canvas) is evidence


def test_holes_are_holes_on_the_canvas():
    small = render([])
    photo = enlarged(small)
    height, width = photo.rgb.shape[:2]
    ramp = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width)).copy()
    holes = np.zeros((height, width), bool)
    holes[40:120, 80:200] = True
    ramp[holes] = 1e6
    log_range = LogRange(((1.0, 1.0, 0.5),))
    _, seen = canvas_of(
        photo,
        RelativeDepth(ramp, "depth", log_range, ~holes),
        max_pixels=small.camera.width * small.camera.height,
    )
    assert seen.log_range == log_range and seen.valid_mask is not None
    np.testing.assert_array_equal(seen.valid_mask, ~holes[::TIMES, ::TIMES])
    assert seen.values.max() < width


@pytest.fixture
def whole_is_small(monkeypatch):
    """Photos of more pixels than the wide camera has are too large to be looked at whole."""
    monkeypatch.setattr(camera_module, "WHOLE_PIXELS", WIDE.width * WIDE.height)
    monkeypatch.setattr(camera_module, "VIEW_PIXELS", WIDE.width * WIDE.height)


def larger(xy: tuple[float, float]) -> tuple[float, float]:
    x, y = xy
    return (x + 0.5) * TIMES - 0.5, (y + 0.5) * TIMES - 0.5


@pytest.mark.slow
@pytest.mark.parametrize("people", ["only", "paint"])
def test_a_photo_too_large_to_be_looked_at_whole_gets_the_answer_of_the_smaller_one(whole_is_small, people):
    small = render([LEFT_NEAR, MIDDLE, RIGHT_FAR] if people == "only" else [], WIDE)
    ends, wall = ((20.0, 90.0), (70.0, 80.0)), (48.0, 20.0)
    known = KnownSizes(distances=(KnownDistance(*wall, 9.6),))
    usual = pipeline(config(people), painter=OraclePainter(camera=WIDE))(
        small, Request(known=known, region=Region(10, 80, 40, 96), lengths=[Segment(*ends)])
    )
    result = pipeline(config(people), painter=OraclePainter(camera=WIDE))(
        enlarged(small),
        Request(
            known=KnownSizes(distances=(KnownDistance(*larger(wall), 9.6),)),
            region=Region(10 * TIMES, 80 * TIMES, 40 * TIMES, 96 * TIMES),
            lengths=[Segment(*map(larger, ends))],
        ),
    )
    assert result.relative.values.shape == small.rgb.shape[:2]
    np.testing.assert_allclose(result.map_m, usual.depth_m, rtol=1e-6)
    assert result.head.scale == pytest.approx(usual.head.scale)
    assert result.region is not None and usual.region is not None
    assert result.region.depth_m == pytest.approx(usual.region.depth_m, rel=1e-6)
    assert result.lengths[0].metres == pytest.approx(usual.lengths[0].metres, rel=1e-6)
    for ours, theirs in zip(result.landmarks, usual.landmarks, strict=True):
        np.testing.assert_allclose(ours.box_xyxy, np.array(theirs.box_xyxy) * TIMES)
    # Between the pixels that were looked at, what lies between them.
    assert result.depth_m.shape == result.photo.pixels.shape[:2]
    blocks_m = usual.depth_m.repeat(TIMES, 0).repeat(TIMES, 1)
    assert np.median(np.abs(result.depth_m / blocks_m - 1)) < 0.01


@pytest.mark.parametrize("who", ["relative_depth", "people", "painter"])
def test_whatever_a_model_stumbles_on_is_an_error_of_that_model(who):
    def stumble(*_, **__):
        raise RuntimeError("no kernel image\nis available")

    models = {"relative_depth": OracleRelativeDepth(), "people": OraclePeople(), "painter": OraclePainter()}
    for name in ("predict", "segment", "paint"):
        if hasattr(models[who], name):
            setattr(models[who], name, stumble)
    with pytest.raises(BackendError, match="the model oracle failed on this photo") as caught:
        pipeline(config(), **models)(render([]))
    assert "RuntimeError: no kernel image is available" in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_lack_of_memory_is_not_the_models_fault():
    def stumble(*_, **__):
        raise MemoryError

    people = OraclePeople()
    people.segment = stumble
    with pytest.raises(MemoryError):
        pipeline(config(), people=people)(render([]))
