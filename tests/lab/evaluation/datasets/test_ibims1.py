import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mfh.errors import InputError
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from mfh_lab.evaluation.protocols import AUTHORS_CODE, PAPER, view
from tests.lab.evaluation.datasets.layouts import write_grey16, write_ibims1, write_ibims1_mat


def test_photo_as_it_lies_on_disk(tmp_path):
    write_ibims1(tmp_path)
    dataset = open_dataset("ibims1", tmp_path)
    assert dataset.names == ("corridor_01", "kitchen_02")
    sample = dataset.load("corridor_01")
    assert sample.truth_m[0, 0] == pytest.approx(6554 * 50 / 65535)
    camera = sample.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (559.9, 560.1, 312.8, 246.5)
    assert not sample.official_mask[100].any() and not sample.official_mask[101].any()
    assert sample.official_mask.sum() == 478 * 640


def test_depth_reaches_50_m_and_0_is_none(tmp_path):
    folder = write_ibims1(tmp_path)
    depth = np.full((480, 640), 65535)
    depth[0, 0] = 0
    write_grey16(folder / "depth" / "kitchen_02.png", depth)
    truth_m = open_dataset("ibims1", tmp_path).load("kitchen_02").truth_m
    assert truth_m[0, 0] == 0 and truth_m[0, 1] == 50


def test_both_protocols_use_the_eigen_window_and_both_masks(tmp_path):
    write_ibims1(tmp_path)
    sample = open_dataset("ibims1", tmp_path).load("corridor_01")
    for protocol in (PAPER, AUTHORS_CODE):
        seen = view(sample, protocol.of("ibims1"))
        assert seen.scored_mask.sum() == (471 - 45 - 2) * (601 - 41)
        assert (seen.min_m, seen.max_m) == (0.0, 10.0)
    camera = view(sample, AUTHORS_CODE.of("ibims1")).photo.camera
    assert camera.fx == camera.fy == 560.0 and (camera.cx, camera.cy) == (320, 240)
    assert view(sample, PAPER.of("ibims1")).photo.camera == sample.camera


@pytest.mark.parametrize("part", ["rgb", "depth", "mask_invalid", "mask_transp"])
def test_missing_parts(tmp_path, part):
    folder = write_ibims1(tmp_path)
    (folder / part / "kitchen_02.png").unlink()
    with pytest.raises(InputError, match=rf"{part}/kitchen_02\.png missing"):
        open_dataset("ibims1", tmp_path)
    assert open_dataset("ibims1", tmp_path, limit=1).names == ("corridor_01",)
    check = check_dataset("ibims1", folder)
    assert (check.listed, check.found, check.missing_total) == (2, 1, 1)


def test_no_list_and_an_empty_one(tmp_path):
    folder = write_ibims1(tmp_path)
    (folder / "imagelist.txt").write_text("\n\n")
    with pytest.raises(InputError, match=r"imagelist\.txt is empty"):
        open_dataset("ibims1", tmp_path)
    (folder / "imagelist.txt").unlink()
    with pytest.raises(InputError, match=r"no such file: the split list .*imagelist\.txt"):
        open_dataset("ibims1", tmp_path)


def test_bad_calibration_and_sizes(tmp_path):
    folder = write_ibims1(tmp_path)
    dataset = open_dataset("ibims1", tmp_path)
    (folder / "calib" / "corridor_01.txt").write_text("559.9,560.1\n")
    with pytest.raises(InputError, match=r"corridor_01\.txt is damaged .*expected one line fx,fy,cx,cy"):
        dataset.load("corridor_01")
    (folder / "calib" / "corridor_01.txt").write_text("-1,560.1,1,1\n")
    with pytest.raises(InputError, match=r"corridor_01\.txt: fx is -1"):
        dataset.load("corridor_01")
    Image.new("1", (640, 479), 1).save(folder / "mask_transp" / "kitchen_02.png")
    with pytest.raises(InputError, match=r"mask_transp/kitchen_02\.png and .* differ in size"):
        dataset.load("kitchen_02")
    Image.new("1", (640, 479), 1).save(folder / "mask_invalid" / "kitchen_02.png")
    with pytest.raises(InputError, match=r"mask_invalid/kitchen_02\.png is 640x479, but its photo 640x480"):
        dataset.load("kitchen_02")


@pytest.mark.parametrize("listed", [True, False])
def test_a_file_of_matlab_a_photo_is_the_same_photo(tmp_path, listed):
    write_ibims1(tmp_path / "raw")
    write_ibims1_mat(tmp_path / "mat", listed=listed)
    raw, mat = (open_dataset("ibims1", tmp_path / kind) for kind in ("raw", "mat"))
    assert mat.names == raw.names and "core_mat" in mat.layout
    one, same = raw.load("kitchen_02"), mat.load("kitchen_02")
    np.testing.assert_array_equal(same.rgb, one.rgb)
    np.testing.assert_allclose(same.truth_m, one.truth_m, rtol=1e-6)
    np.testing.assert_array_equal(same.official_mask, one.official_mask)
    assert same.camera == one.camera


def test_the_camera_of_matlab_may_lie_either_way(tmp_path):
    upright = np.array([[559.9, 0, 312.8], [0, 560.1, 246.5], [0, 0, 1]])
    write_ibims1_mat(tmp_path, calib=upright)
    camera = open_dataset("ibims1", tmp_path).load("corridor_01").camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (559.9, 560.1, 312.8, 246.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"calib": np.zeros(4)}, "calib of"),
        ({"calib": np.zeros((3, 3))}, "corridor_01.mat"),
        ({"rgb": np.zeros((480, 640), np.uint8)}, "an rgb of"),
        ({"mask_transp": np.ones((4, 4), np.uint8)}, "masks of two sizes"),
        ({"depth": np.ones((4, 4))}, "expected one size"),
    ],
)
def test_a_struct_of_other_things_is_one_line(tmp_path, changes, said):
    write_ibims1_mat(tmp_path, **changes)
    with pytest.raises(InputError, match=said) as error:
        open_dataset("ibims1", tmp_path).load("corridor_01")
    assert "corridor_01.mat" in str(error.value) and "\n" not in str(error.value)


def test_a_file_of_matlab_without_the_struct_is_one_line(tmp_path):
    folder = write_ibims1_mat(tmp_path)
    savemat(folder / "corridor_01.mat", {"other": 1})
    with pytest.raises(InputError, match=r"corridor_01\.mat.*no variable data"):
        open_dataset("ibims1", tmp_path).load("corridor_01")
