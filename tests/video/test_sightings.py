"""Where a track is in each key frame: by the clip's depth, and by its own size."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.types import Landmark
from mfh.video.chain import FrameHead
from mfh.video.linking import Track
from mfh.video.pooling import PooledTrack, TrackSighting, sightings_of_track
from mfh.video.records import Sighting

BOX = (10.0, 20.0, 40.0, 100.0)
HEADS = [FrameHead(0.1 * (k + 1), 0.05, np.eye(4)) for k in range(6)]


def seen(relative, depth_m, *, stature_m=None):
    used = relative is not None
    return Sighting(
        Landmark("photo", "made-up", BOX, 0.9, depth_m, stature_m, 50, "used" if used else "rejected", "measured"),
        relative,
        depth_m,
    )


def track(*each):
    return Track("", BOX, [(2 * k, one) for k, one in enumerate(each)])


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_metres_are_those_of_the_frame_s_own_head(space):
    found = sightings_of_track(track(seen(2.0, 3.0), seen(2.0, 4.0)), HEADS, space)
    values = [0.1 * 2 + 0.05, 0.3 * 2 + 0.05]
    assert [one.frame for one in found] == [0, 2]
    assert [one.distance_m for one in found] == pytest.approx(values if space == "depth" else [1 / v for v in values])
    assert [one.measured_m for one in found] == [3.0, 4.0] and found[0].box_xyxy == BOX


def test_one_body_has_one_size():
    found = sightings_of_track(
        track(seen(2.0, 3.0, stature_m=1.6), seen(None, None), seen(2.0, 3.0, stature_m=1.8)), HEADS, "disparity"
    )
    assert [one.measured_m for one in found] == [pytest.approx(3 * 1.7 / 1.6), None, pytest.approx(3 * 1.7 / 1.8)]
    assert found[1].distance_m is None


def test_what_was_never_measured_has_its_boxes():
    (found,) = sightings_of_track(track(seen(None, None)), HEADS, "disparity")
    assert found == TrackSighting(0, BOX, None, None)


def test_what_is_at_infinity_has_no_distance():
    (found,) = sightings_of_track(track(seen(-0.5, 3.0)), HEADS, "disparity")
    assert found.distance_m is None and found.measured_m == 3.0


def test_frames_are_numbered_as_the_clip_numbers_them():
    one = seen(2.0, 3.0)
    sightings = sightings_of_track(Track("", BOX, [(0, one), (1, one)]), HEADS, "disparity")
    row = replace(PooledTrack(one.landmark, 1, (0, 1), (1,), None), sightings=sightings).at_frames((-1, 26))
    assert (row.at, row.frames, [each.frame for each in row.sightings]) == (26, (-1, 26), [-1, 26])
