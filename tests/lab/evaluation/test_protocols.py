from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.geometry.camera import project, unproject
from mfh.types import Camera
from mfh_lab.evaluation.datasets.registry import DATASETS
from mfh_lab.evaluation.datasets.sample import DatasetSample
from mfh_lab.evaluation.protocols import (
    AUTHORS_CODE,
    DEFAULT_PROTOCOL,
    PAPER,
    PROTOCOLS,
    Rules,
    garg_window,
    kb_crop,
    view,
)

PLAIN = Rules(min_m=0.1, max_m=80.0)


def make(width, height, *, truth_m=None, mask=None):
    """A sample of noise with a camera that has nothing round about it."""
    rng = np.random.default_rng(width * height)
    return DatasetSample(
        name="made-up",
        rgb=rng.random((height, width, 3), np.float32),
        camera=Camera(1.1 * width, 1.2 * width, 0.47 * width, 0.55 * height, width, height),
        truth_m=np.full((height, width), 5.0, np.float32) if truth_m is None else truth_m,
        official_mask=np.ones((height, width), bool) if mask is None else mask,
    )


def edges(mask):
    rows, columns = np.nonzero(mask)
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def test_both_protocols_have_rules_for_every_dataset_and_the_paper_s_are_the_default():
    assert DEFAULT_PROTOCOL == "paper" and set(PROTOCOLS) == {"paper", "authors_code"}
    for protocol in PROTOCOLS.values():
        assert set(protocol.rules) == set(DATASETS)
    with pytest.raises(InputError, match="protocol paper has no rules for 'sintel'"):
        PAPER.of("sintel")


def test_range_of_every_dataset():
    ranges = {name: (rules.min_m, rules.max_m) for name, rules in PAPER.rules.items()}
    assert ranges == {
        "nyu": (1e-3, 10),
        "kitti": (1e-3, 80),
        "diode": (1e-3, 10),
        "ibims1": (0, 10),
        "eth3d": (1e-3, 80),
        "pocket": (0.1, 80),
        "folder": (0.1, 80),
    }
    assert {name: (rules.min_m, rules.max_m) for name, rules in AUTHORS_CODE.rules.items()} == ranges


def test_only_the_authors_code_fixes_a_scale_and_only_on_kitti():
    fixed = {(p.name, name): rules.fixed_scale for p in PROTOCOLS.values() for name, rules in p.rules.items()}
    assert {key: scale for key, scale in fixed.items() if scale is not None} == {("authors_code", "kitti"): 1.0}


def test_own_datasets_are_the_same_under_both():
    """But for how Table 3 reads relative depth in the other space, which is no rule of a dataset."""
    for name in ("pocket", "folder"):
        assert replace(AUTHORS_CODE.of(name), other_space="negated") == PAPER.of(name)


def test_rules_are_plain_values_for_the_record():
    import json

    kept = json.loads(json.dumps(asdict(AUTHORS_CODE.of("kitti"))))
    assert Rules(**kept) == AUTHORS_CODE.of("kitti")


def test_garg_window_of_the_benchmark_crop_and_of_a_whole_frame():
    assert edges(garg_window((352, 1216))) == (143, 349, 43, 1172)
    assert edges(garg_window((375, 1242))) == (153, 371, 44, 1197)
    assert garg_window((352, 1216)).sum() == (349 - 143) * (1172 - 43)


@pytest.mark.parametrize(
    "size, top, left", [((375, 1242), 23, 13), ((370, 1226), 18, 5), ((374, 1238), 22, 11), ((376, 1241), 24, 12)]
)
def test_benchmark_crop_of_kitti_s_four_sizes(size, top, left):
    rows, columns = kb_crop(size)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (top, size[0], left, left + 1216)


@pytest.mark.parametrize("size", [(375, 1242), (370, 1226), (374, 1238), (376, 1241)])
def test_garg_window_of_a_whole_frame_lies_in_the_benchmark_crop(size):
    # So nothing that BTS scores is lost by showing only the crop.
    top, bottom, left, right = edges(garg_window(size))
    rows, columns = kb_crop(size)
    assert rows.start <= top and bottom <= rows.stop and columns.start <= left and right <= columns.stop


@pytest.mark.parametrize("window", ["garg-whole-frame", "garg-kb-crop"])
def test_garg_windows_agree_where_nothing_is_cropped(window):
    seen = view(make(1216, 352), replace(PLAIN, window=window))
    assert (seen.scored_mask == garg_window((352, 1216))).all()


def test_eigen_window_is_pixels_whatever_the_size():
    for width, height in ((640, 480), (1024, 768)):
        seen = view(make(width, height), replace(PLAIN, window="eigen"))
        assert edges(seen.scored_mask) == (45, 471, 41, 601)
    with pytest.raises(InputError, match="made-up is 600x471: expected at least 601x471"):
        view(make(600, 471), replace(PLAIN, window="eigen"))


def test_range_is_strict_and_no_truth_never_counts():
    truth_m = np.full((40, 50), 5.0, np.float32)
    truth_m[0, :5] = 0, 0.5, 1, 10, 11
    seen = view(make(50, 40, truth_m=truth_m), Rules(min_m=1.0, max_m=10.0))
    assert seen.scored_mask[0, :6].tolist() == [False, False, False, False, False, True]
    assert (seen.min_m, seen.max_m) == (1, 10)
    zero = view(make(50, 40, truth_m=truth_m), Rules(min_m=0.0, max_m=10.0))
    assert zero.scored_mask[0, :4].tolist() == [False, True, True, False]


def test_official_mask_counts_where_asked_and_moves_with_the_crop():
    mask = np.ones((375, 1242), bool)
    mask[100] = False
    sample = make(1242, 375, mask=mask)
    for asked in (True, False):
        seen = view(sample, replace(PLAIN, kb_crop=True, use_official_mask=asked))
        assert seen.scored_mask[100 - 23].any() != asked
        assert seen.scored_mask.sum() == (352 - asked) * 1216
    assert not mask[100].any() and mask.sum() == 374 * 1242


def test_a_crop_takes_the_same_pixels_of_photo_and_truth():
    truth_m = np.random.default_rng(0).uniform(1, 70, (376, 1241)).astype(np.float32)
    sample = make(1241, 376, truth_m=truth_m)
    seen = view(sample, replace(PLAIN, kb_crop=True))
    assert (seen.photo.rgb == sample.rgb[24:, 12 : 12 + 1216]).all()
    assert (seen.truth_m == truth_m[24:, 12 : 12 + 1216]).all()


def test_a_photo_of_its_own_size_is_not_touched():
    sample = make(64, 48)
    seen = view(sample, PLAIN)
    assert (seen.photo.rgb == sample.rgb).all() and seen.photo.camera == sample.camera
    assert seen.photo.focal.source == "intrinsics-file" and seen.photo.focal.relative_sigma == 0
    assert seen.name == seen.photo.name == "made-up"


@pytest.mark.parametrize("size", [(1024, 768), (768, 1024)])
def test_short_side_of_landscape_and_portrait(size):
    seen = view(make(*size), replace(PLAIN, short_side_px=480))
    assert (seen.photo.camera.width, seen.photo.camera.height) == ((640, 480) if size[0] > size[1] else (480, 640))
    assert seen.photo.rgb.shape[:2] == (seen.photo.camera.height, seen.photo.camera.width)
    assert seen.truth_m.shape == size[::-1]


def test_a_photo_made_smaller_is_averaged_not_picked():
    sample = make(960, 960)
    shrunk = view(sample, replace(PLAIN, short_side_px=240)).photo.rgb
    assert np.abs(shrunk - sample.rgb.reshape(240, 4, 240, 4, 3).mean((1, 3))).max() < 1e-5
    assert shrunk.dtype == np.float32


def test_one_focal_length_as_the_authors_have_it():
    sample = make(1024, 768)
    fx, fy = sample.camera.fx, sample.camera.fy
    seen = view(sample, replace(PLAIN, one_focal="mean", short_side_px=480)).photo
    assert seen.camera.fx == seen.camera.fy == pytest.approx((fx + fy) / 2 * 480 / 768)
    assert (seen.camera.cx, seen.camera.cy) == (320, 240)
    assert "as one number" in seen.focal.detail
    assert view(sample, replace(PLAIN, one_focal="fx")).photo.camera.fy == fx


@pytest.mark.slow
@given(
    width=st.integers(1216, 1300),
    height=st.integers(352, 420),
    column=st.floats(0, 1200),
    row=st.floats(0, 350),
    short_side_px=st.sampled_from([None, 100, 352, 480]),
    crop=st.booleans(),
)
def test_a_point_stays_on_its_pixel_through_crop_and_resize(width, height, column, row, short_side_px, crop):
    sample = make(width, height, truth_m=np.zeros((height, width), np.float32))
    camera = view(sample, replace(PLAIN, kb_crop=crop, short_side_px=short_side_px)).photo.camera
    rows, columns = kb_crop((height, width)) if crop else (slice(0, height), slice(0, width))
    ratio = (camera.width / (columns.stop - columns.start), camera.height / (rows.stop - rows.start))
    point = unproject(sample.camera, np.array([column, row]), np.array(7.0))
    expected = [(column - columns.start + 0.5) * ratio[0] - 0.5, (row - rows.start + 0.5) * ratio[1] - 0.5]
    assert project(camera, point) == pytest.approx(expected, abs=1e-6)


def test_a_range_that_is_none():
    for least, most in ((1.0, 1.0), (-1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(InputError, match="expected 0 <= min_m < max_m"):
            Rules(min_m=least, max_m=most)
