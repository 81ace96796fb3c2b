import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from mfh_lab.evaluation.protocols import AUTHORS_CODE, PAPER, view
from tests.lab.evaluation.datasets.layouts import write_grey16, write_ibims1


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
