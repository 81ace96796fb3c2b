import sys

import h5py
import numpy as np
import pytest
from PIL import Image

from mfh.errors import BackendError, InputError
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from mfh_lab.evaluation.protocols import AUTHORS_CODE, PAPER, view
from tests.lab.evaluation.datasets.layouts import write_nyu_bts, write_nyu_marigold, write_nyu_pair

WINDOW = (471 - 45) * (601 - 41)
HOLE = 10 * 10


def test_bts_extraction_without_a_list_is_all_of_the_test_folder(tmp_path):
    write_nyu_bts(tmp_path, scene="office")
    write_nyu_bts(tmp_path)
    dataset = open_dataset("nyu", tmp_path)
    assert dataset.names == ("kitchen/rgb_00000", "kitchen/rgb_00008", "office/rgb_00000", "office/rgb_00008")
    assert "BTS" in dataset.layout
    sample = dataset.load("kitchen/rgb_00008")
    assert (sample.camera.fx, sample.camera.fy) == (518.8579, 519.4696)
    assert (sample.camera.cx, sample.camera.cy) == (325.5824, 253.7362)
    assert sample.rgb.dtype == np.float32
    assert sample.rgb[240, 320].min() > 0.99
    assert sample.truth_m[200, 200] == 2.5
    assert (sample.truth_m[100:110, 100:110] == 0).all()


def test_blank_border_does_not_count(tmp_path):
    write_nyu_bts(tmp_path)
    sample = open_dataset("nyu", tmp_path).load("kitchen/rgb_00000")
    assert sample.official_mask.sum() == (474 - 7) * (632 - 7)
    blank = sample.rgb.max(axis=2) < 0.5
    assert (blank == ~sample.official_mask).mean() > 0.999
    assert not sample.official_mask[0, 300] and sample.truth_m[0, 300] == 0.5


def test_protocols_count_the_eigen_window_without_the_hole(tmp_path):
    write_nyu_bts(tmp_path)
    sample = open_dataset("nyu", tmp_path).load("kitchen/rgb_00000")
    for protocol in (PAPER, AUTHORS_CODE):
        seen = view(sample, protocol.of("nyu"))
        assert seen.scored_mask.sum() == WINDOW - HOLE
        assert seen.scored_mask[45, 41] and seen.scored_mask[470, 600]
        assert not seen.scored_mask[44, 41] and not seen.scored_mask[471, 600]
        assert not seen.scored_mask[45, 40] and not seen.scored_mask[470, 601]
        # An answer of 2 m to a truth of 2.5 m: AbsRel 0.2.
        truth = seen.truth_m[seen.scored_mask]
        assert np.mean(np.abs(2.0 - truth) / truth) == pytest.approx(0.2)
        assert (seen.photo.camera.width, seen.photo.camera.height) == (640, 480)
    camera = view(sample, AUTHORS_CODE.of("nyu")).photo.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (518.8579, 518.8579, 320, 240)


@pytest.mark.parametrize(
    "line",
    [
        "/kitchen/rgb_00008.jpg /kitchen/sync_depth_00008.png 518.8579",
        "kitchen/rgb_00008.jpg kitchen/sync_depth_00008.png 0.0  /kitchen/sync_seg_00008.png",
    ],
)
def test_list_is_read_as_the_different_codes_have_it(tmp_path, line):
    write_nyu_bts(tmp_path)
    split = tmp_path / "some.txt"
    split.write_text(line + "\n")
    assert open_dataset("nyu", tmp_path, split=split).names == ("kitchen/rgb_00008",)
    split.rename(tmp_path / "nyudepthv2_test_files_with_gt.txt")
    assert open_dataset("nyu", tmp_path).names == ("kitchen/rgb_00008",)


def test_marigold_archive_gives_the_raw_depth(tmp_path):
    write_nyu_marigold(tmp_path)
    dataset = open_dataset("nyu", tmp_path)
    assert dataset.names == ("test/kitchen_0004/rgb_0001",)
    assert "Marigold" in dataset.layout
    assert dataset.load(dataset.names[0]).truth_m.max() == 2.5
    line = "test/kitchen_0004/rgb_0001.png test/kitchen_0004/depth_0001.png test/kitchen_0004/filled_0001.png"
    (tmp_path / "filename_list_test.txt").write_text(line)
    assert open_dataset("nyu", tmp_path).names == dataset.names


def test_root_may_be_the_test_folder_itself(tmp_path):
    assert len(open_dataset("nyu", write_nyu_bts(tmp_path)).names) == 2


def test_a_depth_without_photo_and_a_photo_without_depth_are_missing_not_skipped(tmp_path):
    base = write_nyu_bts(tmp_path)
    (base / "kitchen" / "rgb_00000.jpg").unlink()
    (base / "kitchen" / "sync_depth_00008.png").unlink()
    check = check_dataset("nyu", tmp_path)
    assert (check.listed, check.found, check.missing_total) == (2, 0, 2)
    with pytest.raises(InputError, match=r"kitchen/rgb_00000\.jpg and 1 more"):
        open_dataset("nyu", tmp_path)


def test_unknown_layout_says_what_is_expected(tmp_path):
    with pytest.raises(InputError, match="nyu_depth_v2_labeled.mat.*BTS.*Marigold"):
        open_dataset("nyu", tmp_path)


def test_photo_of_another_size_is_refused(tmp_path):
    base = write_nyu_bts(tmp_path)
    Image.new("RGB", (320, 240)).save(base / "kitchen" / "rgb_00000.jpg")
    with pytest.raises(InputError, match=r"rgb_00000\.jpg is 320x240: expected 640x480"):
        open_dataset("nyu", tmp_path).load("kitchen/rgb_00000")


def test_list_with_one_column_is_refused(tmp_path):
    write_nyu_bts(tmp_path)
    (tmp_path / "list.txt").write_text("kitchen/rgb_00008.jpg\n")
    with pytest.raises(InputError, match="expected a photo and a depth"):
        open_dataset("nyu", tmp_path, split=tmp_path / "list.txt")


def test_the_official_pair_is_named_and_cut_as_bts_writes_it(tmp_path):
    write_nyu_pair(tmp_path)
    dataset = open_dataset("nyu", tmp_path)
    assert dataset.names == ("kitchen/rgb_00000", "kitchen/rgb_00002"), "testNdxs count from 1"
    assert "official pair" in dataset.layout and dataset.split.endswith("splits.mat")
    sample = dataset.load("kitchen/rgb_00002")
    assert sample.rgb[240, 320] == pytest.approx([1, 120 / 255, 120 / 255]), "row 240, column 320, red first"
    assert sample.truth_m[200, 200] == np.float32(4.5), "the raw depth, cut to millimetres"
    assert (sample.truth_m[100:110, 100:110] == 0).all()
    assert (sample.rgb[:7] == 0).all() and (sample.rgb[:, 632:] == 0).all() and sample.rgb[7:474, 7:632].all()
    extracted = tmp_path / "extracted"
    write_nyu_bts(extracted)
    same = open_dataset("nyu", extracted).load("kitchen/rgb_00000")
    ours = dataset.load("kitchen/rgb_00000")
    np.testing.assert_array_equal(ours.truth_m, same.truth_m)
    np.testing.assert_array_equal(ours.official_mask, same.official_mask)
    assert ours.camera == same.camera


def test_a_list_chooses_among_the_official_pair_in_its_own_order(tmp_path):
    write_nyu_pair(tmp_path, test=(1, 2, 3))
    assert open_dataset("nyu", tmp_path).names == ("kitchen/rgb_00000", "kitchen/rgb_00002", "office/rgb_00001")
    (tmp_path / "nyudepthv2_test_files_with_gt.txt").write_text(
        "/office/rgb_00001.jpg /office/sync_depth_00001.png 518.8579\n/kitchen/rgb_00000.jpg x 518.8579\n"
    )
    assert open_dataset("nyu", tmp_path).names == ("office/rgb_00001", "kitchen/rgb_00000")


def test_the_labeled_file_alone_has_no_split(tmp_path):
    write_nyu_pair(tmp_path)
    (tmp_path / "splits.mat").unlink()
    check = check_dataset("nyu", tmp_path)
    assert "has no splits.mat beside it" in check.problem and not check.usable


def test_a_split_that_is_not_of_this_file_is_refused(tmp_path):
    write_nyu_pair(tmp_path, test=(1, 4))
    with pytest.raises(InputError, match=r"splits\.mat names frame 4, and nyu_depth_v2_labeled\.mat has 3"):
        open_dataset("nyu", tmp_path)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0", b"\x89HDF\r\n\x1a\n" + b"\0" * 600])
def test_a_damaged_labeled_file_is_one_line(tmp_path, content):
    write_nyu_pair(tmp_path).write_bytes(content)
    with pytest.raises(InputError, match=r"nyu_depth_v2_labeled\.mat") as error:
        open_dataset("nyu", tmp_path)
    assert "\n" not in str(error.value)


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    write_nyu_pair(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BackendError, match=r"needs the package 'h5py'.*metric-from-human\[datasets\]"):
        open_dataset("nyu", tmp_path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("images", np.zeros((3, 480, 640, 3), np.uint8)),
        ("images", np.zeros((3, 3, 640, 480), np.float32)),
        ("rawDepths", np.zeros((3, 640, 480), np.uint16)),
        ("rawDepths", np.zeros((3, 320, 240), np.float32)),
    ],
)
def test_a_pair_of_other_shapes_or_kinds_is_no_pair_before_any_photo_is_read(tmp_path, name, values):
    with h5py.File(write_nyu_pair(tmp_path), "r+") as file:
        del file[name]
        file[name] = values
    check = check_dataset("nyu", tmp_path)
    assert not check.usable and "expected n frames of (3, 640, 480) in 8 bits" in check.problem


def test_the_labeled_file_as_root_says_that_its_folder_is_expected(tmp_path):
    with pytest.raises(InputError, match=r"nyu_depth_v2_labeled\.mat is a file; expected the folder it lies in"):
        open_dataset("nyu", write_nyu_pair(tmp_path))
