"""Sightings of one person become one track: where people cross, are missed, and where the picture moves."""

from dataclasses import replace

import pytest

from mfh.geometry.camera import camera_from_focal_px
from mfh.video.linking import link_sightings, overlap
from tests.video.made_up import SIZE, shifted_grid, sighting

CAMERA = camera_from_focal_px(150.0, width=SIZE[0], height=SIZE[1])


def box_at(x: float, wide: float = 24.0) -> tuple[float, float, float, float]:
    return float(x), 20.0, float(x + wide), 100.0


def linked(frames, *, dx: float = 0.0, every: int = 1):
    """Link boxes per key frame; a box may have a label, and a stature that says who it is."""
    seen = {
        every * k: [sighting(box=box_at(x), label=label, stature_m=who) for x, label, who in each]
        for k, each in enumerate(frames)
    }
    count = every * len(frames)
    return link_sightings(seen.get, lambda k: shifted_grid(dx) if k else None, count, CAMERA)


def whom(track):
    return {one.landmark.stature_m for _, one in track.seen}


def test_two_people_who_cross_stay_two():
    # One passes behind the other, and is not seen where they meet; the picture of each moves as they do.
    left, right = [30.0 + 6 * k for k in range(12)], [110.0 - 6 * k for k in range(12)]

    def reading(k):
        if k == 0:
            return None
        grid = shifted_grid()
        was, now = grid.was_px.copy(), grid.was_px
        for x, dx in ((right[k], -6), (left[k], 6)):
            within = (now[:, 0] >= x) & (now[:, 0] <= x + 24) & (now[:, 1] >= 20) & (now[:, 1] <= 100)
            was[within] = now[within] - (dx, 0)
        return replace(grid, was_px=was)

    def seen(k):
        front, behind = (sighting(box=box_at(x), stature_m=who) for x, who in ((left[k], 1.6), (right[k], 1.8)))
        return [front, behind] if abs(left[k] - right[k]) > 14 else [front]

    tracks = link_sightings(seen, reading, 12, CAMERA)
    assert [whom(one) for one in tracks] == [{1.6}, {1.8}]
    assert len(tracks[0].seen) == 12


def test_the_better_overlap_is_taken_first():
    tracks = linked([[(40, "", 1.6), (60, "", 1.8)], [(62, "", 1.8), (43, "", 1.6)]])
    assert [whom(one) for one in tracks] == [{1.6}, {1.8}]
    assert [[index for index, _ in one.seen] for one in tracks] == [[0, 1], [0, 1]]


def test_somebody_missed_for_a_while_is_the_same_and_for_long_is_another():
    present, gone = [(50, "", 1.7)], []
    assert len(linked([present, *[gone] * 3, present])) == 1
    tracks = linked([present, *[gone] * 9, present])
    assert [[index for index, _ in one.seen] for one in tracks] == [[0], [10]]


def test_labels_are_never_mixed():
    tracks = linked([[(50, "chair", None)], [(50, "", None)], [(50, "chair", None)]])
    assert [(one.label, len(one.seen)) for one in tracks] == [("chair", 2), ("", 1)]


def test_a_track_goes_with_the_picture_between_key_frames():
    # The camera turns: 7.5 pixels a frame, 60 from key frame to key frame, more than twice the width of the box.
    frames = [[(10 + 60 * k, "", 1.7)] for k in range(3)]
    assert len(linked(frames, dx=7.5, every=8)) == 1
    assert len(linked(frames, dx=0.0, every=8)) == 3


def test_nobody_gives_no_track():
    assert linked([[], [], []]) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 1, 1), (1, 1, 2, 2), 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
    ],
)
def test_overlap(one, other, expected):
    assert overlap(tuple(map(float, one)), tuple(map(float, other))) == pytest.approx(expected)
