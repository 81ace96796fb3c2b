"""A clip beside its depth: one bar for all frames, and what has no depth is hatched."""

import numpy as np
import pytest

from mfh.video.side_by_side import PANEL_PX, SideBySide
from tests.video.films import ramp


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (1280, 720), (161, 97)])
def test_pictures_have_one_even_size(size):
    drawing = SideBySide(*size, (1.0, 9.0), "a caption that is much longer than a small picture is wide, and is cut")
    width, height = drawing.size
    assert width % 2 == height % 2 == 0
    assert 2 * min(max(size), PANEL_PX) * size[0] / max(size) - 4 < width
    drawn = drawing.draw(ramp(1, size)[0], np.full(size[::-1], 2.0, np.float32), 1.0)
    assert drawn.shape == (height, width, 3) and drawn.dtype == np.uint8


def test_a_depth_has_one_colour_in_all_frames():
    drawing = SideBySide(160, 120, (1.0, 9.0), "clip")
    frame = ramp(1, (160, 120))[0]
    near, far = np.full((120, 160), 2.0, np.float32), np.full((120, 160), 8.0, np.float32)
    half = np.where(np.arange(160) < 80, 2.0, 8.0)[None].repeat(120, 0).astype(np.float32)
    pictures = [drawing.draw(frame, one, 0.0) for one in (near, far, half)]
    differs = [np.flatnonzero((one != pictures[2]).any(2).any(0)) for one in pictures[:2]]
    # The left half of the panel is that of the near picture, the right half that of the far one.
    assert differs[0].min() > differs[1].max()
    assert len(differs[0]) == len(differs[1]) == 80


def test_the_frame_itself_the_time_and_nothing_else_change():
    drawing = SideBySide(64, 48, (1.0, 9.0), "clip")
    depth_m = np.full((48, 64), 3.0, np.float32)
    one, same, later = (drawing.draw(ramp(2)[0], depth_m, seconds) for seconds in (0.0, 0.0, 1.5))
    np.testing.assert_array_equal(one, same)
    changed = np.flatnonzero((one != later).any(2).any(1))
    assert len(changed) and changed.min() > 48, "below the pictures"


def test_what_has_no_depth_is_grey():
    drawing = SideBySide(64, 48, (1.0, 9.0), "clip")
    known, unknown = np.full((48, 64), 3.0, np.float32), np.full((48, 64), np.nan, np.float32)
    coloured, hatched = (drawing.draw(ramp(1)[0], one, 0.0).astype(int) for one in (known, unknown))
    panel = (coloured != hatched).any(2)
    assert panel.sum() > 0.5 * 48 * 64
    assert np.ptp(hatched[panel], axis=1).max() <= 30
