"""The strip of paintings: sizes, which paintings, bodies where they are."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.types import HumanMesh, Landmark, MeasuredPainting, MetricDepth, Verdict
from mfh.viz import painting_strip
from mfh.viz.strip import draw_bodies


def board(column: float, half_px: float = 6.0, z: float = 2.0) -> HumanMesh:
    """A square that faces the 55-pixel camera of the made-up result, around (column, 24)."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half_px + [column - 31.5, 24 - 23.5]
    return HumanMesh(
        np.concatenate([corners / 55 * z, np.full((4, 1), z)], 1), np.array([[0, 1, 2], [0, 2, 3]]), "board"
    )


def painting(number: int, verdict: Verdict | None, *meshes: HumanMesh | None) -> MeasuredPainting:
    landmarks = tuple(
        Landmark(f"painting {number}", "fake", (1.0, 30.0, 5.0, 40.0), 0.9, None, None, 9, verdict or "used", "because")
        for _ in meshes
    )
    # Each painting has a grey level of its own, to be told by.
    rgb = np.full((48, 64, 3), (number + 1) / 16, np.float32)
    return MeasuredPainting(number, rgb, np.ones((48, 64), bool), landmarks, meshes)


def with_paintings(result: MetricDepth, *paintings: MeasuredPainting) -> MetricDepth:
    return replace(result, kept_paintings=paintings)


def test_bodies_are_drawn_where_they_are(metric_depth):
    camera = metric_depth.photo.camera
    drawn = np.asarray(draw_bodies(painting(3, "used", board(20.0), None), camera, photo_height=48)).astype(int)
    changed = (drawn != 64).any(-1)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (18, 30, 14, 26)
    assert (drawn[24, 20, 2] > drawn[24, 20, 0] + 40).all(), "used: blue"
    grey = np.asarray(draw_bodies(painting(3, "rejected", board(20.0)), camera, photo_height=48)).astype(int)
    assert abs(grey[24, 20, 2] - grey[24, 20, 0]) <= 1, "rejected: grey"


def test_the_nearer_body_is_in_front(metric_depth):
    camera = metric_depth.photo.camera
    both = painting(3, "used", board(20.0, z=2.0), board(22.0, z=4.0))
    mixed = replace(both, landmarks=(both.landmarks[0], replace(both.landmarks[1], verdict="rejected")))
    drawn = np.asarray(draw_bodies(mixed, camera, photo_height=48)).astype(int)
    assert drawn[24, 24, 2] > drawn[24, 24, 0] + 40
    assert abs(drawn[24, 28, 2] - drawn[24, 28, 0]) <= 1


def test_paintings_with_evidence_come_first(metric_depth):
    result = with_paintings(
        metric_depth,
        painting(0, None),
        painting(1, "rejected", board(20.0)),
        painting(2, "used", board(20.0)),
        painting(3, "used", board(30.0)),
    )
    strip = painting_strip(result, count=2, height_px=200)
    assert strip.dtype == np.uint8
    levels = [round((number + 1) / 16 * 255) for number in range(4)]
    present = [(strip == level).all(-1).sum() > 1000 for level in levels]
    assert present == [False, False, True, True]


@pytest.mark.slow
def test_the_strip_grows_by_a_painting_at_a_time(metric_depth):
    paintings = [painting(number, "used", board(20.0)) for number in range(5)]
    widths = [painting_strip(with_paintings(metric_depth, *paintings[:n])).shape[1] for n in (1, 2, 4, 5)]
    assert widths[1] - widths[0] == (widths[2] - widths[1]) / 2 > 100
    assert widths[3] == widths[2], "four at most"


def test_without_paintings_there_is_no_strip(metric_depth):
    with pytest.raises(InputError, match="keep_paintings=True"):
        painting_strip(metric_depth)
