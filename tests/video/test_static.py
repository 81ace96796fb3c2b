"""A camera that stands still: the picture without what comes and goes, and the frames that show most of it."""

from functools import cache

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.video.frames import Frame, open_clip
from mfh.video.static import choose_looks, evenly, look
from tests.video.world import (
    CAMERA,
    FOCAL,
    ROOM,
    Seen,
    Truth,
    person,
    pipeline_of,
    pose_at,
    see,
    walk,
    write_pictures,
)

COUNT = 24


@cache
def frames() -> tuple[Seen, ...]:
    """A room that somebody crosses in the middle third, and the empty room at the end."""
    seen = [
        see((*ROOM, person(-1.5 + 0.3 * (k - 8), 4.0, 0)) if 8 <= k < 16 else ROOM, pose_at()) for k in range(COUNT)
    ]
    return (*seen, see(ROOM, pose_at()))


@pytest.fixture
def clip(tmp_path):
    return open_clip([write_pictures(tmp_path / "clip", frames()[:COUNT])], focal=FOCAL)


def test_the_median_picture_is_the_room_without_who_crosses_it(clip):
    looks = choose_looks(clip)
    assert looks.count == COUNT
    np.testing.assert_array_equal(looks.empty, frames()[-1].pixels)


def test_the_busiest_frames_show_somebody_and_lie_apart(clip):
    busiest = [frame.index for frame in choose_looks(clip).busiest]
    assert busiest and list(busiest) == sorted(busiest)
    assert any((frames()[k].who >= 0).any() for k in busiest)
    assert all(after - before >= 3 for before, after in zip(busiest, busiest[1:], strict=False))


@pytest.mark.parametrize("light", [0.8, 0.3])
def test_a_change_of_light_is_no_motion_of_the_camera(tmp_path, light):
    lit = [frames()[-1]] * 3
    dim = [Seen((one.pixels * light).astype(np.uint8), one.depth_m, one.who, one.pose) for one in [*lit, *lit]]
    looks = choose_looks(open_clip([write_pictures(tmp_path / "clip", [*lit, *dim])], focal=FOCAL))
    assert looks.count == 9


def test_a_crowd_that_fills_much_of_the_picture_is_no_motion_of_the_camera(tmp_path):
    crowd = [[person(-2.5 + 0.8 * who + 0.1 * k, 2.5, who) for who in range(6)] for k in range(9)]
    seen = [see((*ROOM, *people), pose_at()) for people in crowd]
    assert np.mean([one.who >= 0 for one in seen]) > 0.3
    assert choose_looks(open_clip([write_pictures(tmp_path / "clip", seen)], focal=FOCAL)).count == 9


@pytest.mark.parametrize(
    "poses", [walk(8), [pose_at(turn_deg=0.5 * k) for k in range(8)], [pose_at(z_m=0.08 * k) for k in range(12)]]
)
def test_a_camera_that_moves_is_refused_in_one_line(tmp_path, poses):
    moving = [see(ROOM, pose) for pose in poses]
    clip = open_clip([write_pictures(tmp_path / "clip", moving)], focal=FOCAL)
    with pytest.raises(InputError, match="leave out --static-camera") as error:
        choose_looks(clip)
    assert "\n" not in str(error.value) and "clip" in str(error.value)


def test_pictures_are_aligned_to_the_empty_one_where_nobody_is(clip):
    truth = Truth(list(frames()))
    looks = choose_looks(clip)
    seen = look(pipeline_of(truth).observer, clip, looks)
    assert seen.indices == (-1, *(frame.index for frame in looks.busiest))
    scale, shift = truth.affine(truth.number(looks.empty.astype(np.float32) / 255))
    assert looks.busiest
    for head, index in zip(seen.chain()(0, (scale, shift)), seen.indices, strict=True):
        if index >= 0:
            own = truth.affine(truth.number(frames()[index].pixels.astype(np.float32) / 255))
            assert (head.scale, head.shift) == pytest.approx(own, rel=0.02, abs=0.01)
    people = [one for each in seen.watched.sightings for one in each or ()]
    assert people and all(one.used for one in people)
    assert seen.watched.photo(0).camera == CAMERA


@pytest.mark.parametrize("length", [1, 7, 64, 1000])
def test_frames_of_a_clip_of_any_length_are_spread_evenly(length):
    made = (Frame(k, k / 30, np.zeros((2, 2, 3), np.uint8)) for k in range(length))
    kept, count = evenly(made, 16)
    indices = [frame.index for frame in kept]
    assert count == length and indices[0] == 0 and min(length, 8) <= len(indices) <= 16
    assert len(set(np.diff(indices).tolist())) <= 1, "evenly"
