"""Pictures: sizes, colours that mean what the bar says, marks where they belong."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.types import (
    Camera,
    CommonErrors,
    MeasuredLength,
    MetricDepth,
    Region,
    RegionDepth,
    ScaleInterval,
    Segment,
)
from mfh.viz import bar_ticks_m, colour_depth, depth_limits_m, preview
from tests.made_up import with_depth


def resized(result: MetricDepth, height: int, width: int) -> MetricDepth:
    rgb = np.full((height, width, 3), 0.5, np.float32)
    depth_m = np.linspace(1, 20, height * width, dtype=np.float32).reshape(height, width)
    camera = Camera(fx=50.0, fy=50.0, cx=(width - 1) / 2, cy=(height - 1) / 2, width=width, height=height)
    return with_depth(result, depth_m, photo=replace(result.photo, pixels=rgb, camera=camera))


def test_the_region_is_outlined_where_it_is(metric_depth):
    interval = ScaleInterval((0.9, 1.1), (0.8, 1.2), 0.1, 0.05, CommonErrors(), 0.0, 4.0, "people")
    result = resized(metric_depth, 480, 640)
    asked = replace(result, region=RegionDepth(Region(160, 240, 480, 360), 4.0, interval))
    changed = np.abs(preview(asked, panel_px=640).astype(int) - preview(result, panel_px=640)).max(-1) > 40
    rows, columns = np.nonzero(changed)
    # The label stands above the box.
    assert rows.max() - rows.min() > 120
    left, bottom = columns.min(), rows.max()
    assert changed[bottom - 100 : bottom, left : left + 4].any(1).all(), "the left side, without a gap"
    assert columns.max() - left == pytest.approx(320, abs=4)
    assert not changed[bottom - 60, left + 10 : left + 300].any(), "an outline, nothing inside"


@pytest.mark.parametrize("metres", [2.5, float("nan")])
def test_lengths_are_drawn_from_end_to_end(metric_depth, metres):
    result = resized(metric_depth, 480, 640)
    length = MeasuredLength(Segment((100.0, 100.0), (400.0, 300.0)), metres, (2.0, 3.0), (1.0, 4.0))
    changed = (
        np.abs(
            preview(replace(result, lengths=(length,)), panel_px=640).astype(int) - preview(result, panel_px=640)
        ).max(-1)
        > 40
    )
    rows, columns = np.nonzero(changed)
    assert columns.max() - columns.min() == pytest.approx(300, abs=12)
    assert rows.max() - rows.min() == pytest.approx(200, abs=12)
    left, top = columns.min(), rows.min()
    for share in (0.1, 0.3, 0.7, 0.9):
        x, y = round(left + 4 + 300 * share), round(top + 4 + 200 * share)
        assert changed[y - 3 : y + 4, x - 3 : x + 4].any()


@given(near_m=st.floats(0.01, 100), ratio=st.floats(1.02, 1000))
def test_ticks_are_rising_round_metres_inside_the_bar(near_m, ratio):
    limits_m = (near_m, near_m * ratio)
    ticks = bar_ticks_m(limits_m)
    assert 2 <= len(ticks) <= 20
    assert all(low < high for low, high in zip(ticks, ticks[1:], strict=False))
    assert limits_m[0] * (1 - 1e-9) <= ticks[0] and ticks[-1] <= limits_m[1] * (1 + 1e-9)
    # Round: at most two significant digits over a wide range.
    if ratio >= 4:
        assert all(float(f"{tick:.1e}") == pytest.approx(tick) for tick in ticks)


@pytest.mark.parametrize("limits_m", [(1.0, 2.0), (0.5, 40.0)], ids=["even", "by ratio"])
def test_nearer_is_brighter(limits_m):
    depth_m = np.linspace(*limits_m, 200, dtype=np.float32)[None]
    colours = colour_depth(depth_m, np.ones(depth_m.shape, bool), limits_m).astype(float)
    luminance = colours[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) <= 1.5).all()
    assert luminance[0] > 200 and luminance[-1] < 40


def test_ratios_share_colours_over_a_wide_range():
    limits_m = (1.0, 64.0)
    depth_m = np.array([[2.0, 8.0, 32.0]], np.float32)
    every = np.ones((1, 3), bool)
    wide = colour_depth(depth_m, every, limits_m)
    np.testing.assert_array_equal(wide, colour_depth(depth_m * 100, every, (100.0, 6400.0)))


def test_pixels_without_depth_are_grey():
    depth_m = np.full((60, 60), np.nan, np.float32)
    depth_m[:, 30:] = 2.0
    colours = colour_depth(depth_m, np.isfinite(depth_m), (1.0, 3.0))
    grey = colours[:, :30]
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 1] == grey[..., 2]).all()
    assert len(np.unique(grey)) == 2, "hatched"
    assert not (colours[:, 30:, 0] == colours[:, 30:, 2]).any()


def test_limits_of_nothing_and_of_a_flat_wall():
    depth_m = np.full((4, 4), 3.0, np.float32)
    assert depth_limits_m(depth_m, np.zeros((4, 4), bool)) == (1.0, 10.0)
    near_m, far_m = depth_limits_m(depth_m, np.ones((4, 4), bool))
    assert near_m < 3 < far_m


@pytest.mark.parametrize("size", [(48, 64), (900, 300), (40, 2000), (32, 32)])
def test_preview_has_two_equal_panels_and_a_bar(metric_depth, size):
    picture = preview(resized(metric_depth, *size), panel_px=400)
    assert picture.dtype == np.uint8 and picture.ndim == 3
    panel_height, panel_width = (round(side * 400 / max(size)) for side in size)
    assert picture.shape[0] > panel_height and picture.shape[1] > 2 * panel_width


def test_preview_outlines_used_people_in_the_photo(metric_depth):
    plain = replace(metric_depth, landmarks=())
    marked = preview(metric_depth, panel_px=640)
    unmarked = preview(plain, panel_px=640)
    changed = (marked != unmarked).any(-1)
    # Scale is 10: the used person's box is columns 100 to 300, rows 50 to 450 of the left panel.
    rows, columns = np.nonzero(changed[:-60])
    left, top = 15, 30
    assert columns.min() == pytest.approx(left + 100, abs=3) and columns.max() <= left + 640
    assert rows.max() == pytest.approx(top + 450, abs=3)
    assert changed[top + 250, left + 100] and not changed[top + 250, left + 200], "an outline, not a filled box"


def test_people_of_paintings_are_not_drawn_on_the_photo(metric_depth):
    painted = tuple(replace(landmark, source="painting 1") for landmark in metric_depth.landmarks)
    with_painting = preview(replace(metric_depth, landmarks=painted), panel_px=640)
    without = preview(replace(metric_depth, landmarks=painted[:1]), panel_px=640)
    np.testing.assert_array_equal(with_painting[:-60], without[:-60])


def test_labels_of_people_close_together_do_not_cover_each_other(metric_depth):
    used = metric_depth.landmarks[0]
    crowd = tuple(replace(used, box_xyxy=(20.0 + k, 20.0, 40.0 + k, 46.0), distance_m=2.0 + k) for k in range(3))
    picture = preview(replace(metric_depth, landmarks=crowd), panel_px=640)
    lone = preview(replace(metric_depth, landmarks=crowd[:1]), panel_px=640)
    dark = (picture[30:510, 15:655] < 60).all(-1).sum()
    dark_of_one = (lone[30:510, 15:655] < 60).all(-1).sum()
    # Labels are dark plates: three that do not overlap cover about three times one.
    assert dark > 2.5 * dark_of_one
