import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.geometry.camera import project, unproject
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from mfh_lab.evaluation.protocols import AUTHORS_CODE, PAPER, view
from tests.lab.evaluation.datasets.layouts import KITTI_DRIVE, write_grey16, write_kitti, write_picture

FIRST = f"{KITTI_DRIVE}/image_02/data/0000000069"


@pytest.mark.parametrize("halves", [None, ("train", "val"), ("val", "val")])
def test_flattened_and_official_layouts_give_the_same(tmp_path, halves):
    write_kitti(tmp_path, halves=halves)
    dataset = open_dataset("kitti", tmp_path)
    assert dataset.names == (FIRST, f"{KITTI_DRIVE}/image_02/data/0000000054")
    sample = dataset.load(FIRST)
    assert sample.truth_m[200, 0] == 20 and sample.truth_m[201, 0] == 0
    assert (sample.camera.fx, sample.camera.cx, sample.camera.cy) == (721.5377, 609.5593, 172.854)
    assert dataset.layout.startswith("truth flattened" if halves is None else "truth as in the official archive")


def test_lines_without_truth_do_not_count_and_are_said(tmp_path):
    write_kitti(tmp_path)
    listed = tmp_path / "kitti_eigen_test_files_with_gt.txt"
    lines = listed.read_text().splitlines()
    none = [f"2011_09_26/{KITTI_DRIVE}/image_02/data/{k:010d}.png None 721.5377" for k in range(200, 244)]
    listed.write_text("\n".join([*none[:20], *lines, *none[20:]]))
    check = check_dataset("kitti", tmp_path)
    assert (check.listed, check.found, check.missing_total) == (2, 2, 0)
    assert check.usable and not check.complete
    assert check.expected == 652
    assert any("45 of 47 lines" in note for note in check.notes)
    assert any("2 of 2 listed" in line and "652" in line for line in check.lines())


def test_a_missing_truth_is_an_error_not_a_none(tmp_path):
    write_kitti(tmp_path)
    gone = tmp_path / "gts" / KITTI_DRIVE / "proj_depth/groundtruth/image_02/0000000069.png"
    gone.unlink()
    with pytest.raises(InputError, match=r"image_02/0000000069\.png missing"):
        open_dataset("kitti", tmp_path)


def test_list_without_dates_and_photos_as_jpeg(tmp_path):
    write_kitti(tmp_path)
    listed = tmp_path / "kitti_eigen_test_files_with_gt.txt"
    listed.write_text(listed.read_text().replace("2011_09_26/2011", "2011"))
    photo = tmp_path / "raw" / "2011_09_26" / f"{FIRST}.png"
    Image.open(photo).save(photo.with_suffix(".jpg"))
    photo.unlink()
    dataset = open_dataset("kitti", tmp_path)
    assert dataset.frames[FIRST].files["rgb"].suffix == ".jpg"
    assert dataset.load(FIRST).rgb.shape == (375, 1242, 3)


def test_without_calibration_the_list_gives_the_focal_length(tmp_path):
    write_kitti(tmp_path, calibration=False)
    dataset = open_dataset("kitti", tmp_path)
    camera = dataset.load(FIRST).camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (721.5377, 721.5377, 620.5, 187)
    assert any("2 frames have no calib_cam_to_cam.txt" in note for note in dataset.notes)


def test_calibration_of_another_day_is_refused(tmp_path):
    write_kitti(tmp_path)
    path = tmp_path / "raw" / "2011_09_26" / "calib_cam_to_cam.txt"
    path.write_text(path.read_text().replace("7.215377e+02", "7.070493e+02"))
    with pytest.raises(InputError, match=r"calib_cam_to_cam\.txt has a focal length of 707"):
        open_dataset("kitti", tmp_path).load(FIRST)


def test_paper_scores_the_garg_window_of_the_whole_frame(tmp_path):
    write_kitti(tmp_path)
    seen = view(open_dataset("kitti", tmp_path).load(FIRST), PAPER.of("kitti"))
    assert seen.photo.rgb.shape == (352, 1216, 3) and seen.truth_m.shape == (352, 1216)
    # Rows int(.40810811 * 375) = 153 to 370, columns int(.03594771 * 1242) = 44 to 1196, moved by (23, 13).
    rows, columns = np.nonzero(seen.scored_mask)
    assert (columns.min(), columns.max()) == (44 - 13, 1196 - 13)
    assert (rows.min(), rows.max()) == (155 - 23, 298 - 23)
    assert seen.scored_mask.sum() == 51 * (1197 - 44)
    # 2 of 22 m at 50 rows, 10 of 10 m at one.
    truth = seen.truth_m[seen.scored_mask]
    assert np.mean(np.abs(22 - truth) / truth) == pytest.approx((50 * 0.1 + 1 * 1.2) / 51)


def test_authors_code_scores_the_garg_window_of_the_cropped_frame_with_scale_one(tmp_path):
    write_kitti(tmp_path)
    rules = AUTHORS_CODE.of("kitti")
    seen = view(open_dataset("kitti", tmp_path).load(FIRST), rules)
    rows, columns = np.nonzero(seen.scored_mask)
    # Row 371 is 348 of the crop: inside 143:349; row 155 is 132: outside.
    assert (rows.min(), rows.max()) == (200 - 23, 371 - 23)
    assert (columns.min(), columns.max()) == (43, 1171)
    assert seen.scored_mask.sum() == 51 * (1172 - 43)
    truth = seen.truth_m[seen.scored_mask]
    assert np.mean(np.abs(22 - truth) / truth) == pytest.approx((50 * 0.1 + 1 * 0.45) / 51)
    camera = seen.photo.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (721.5377, 721.5377, 608, 176)
    assert rules.fixed_scale == 1.0 and PAPER.of("kitti").fixed_scale is None


@pytest.mark.parametrize("size", [(1242, 375), (1226, 370), (1238, 374), (1241, 376)])
def test_a_point_is_seen_at_the_same_pixel_of_the_cropped_photo(tmp_path, size):
    write_kitti(tmp_path, size=size)
    sample = open_dataset("kitti", tmp_path).load(FIRST)
    seen = view(sample, PAPER.of("kitti"))
    top, left = size[1] - 352, (size[0] - 1216) // 2
    point = unproject(sample.camera, np.array([700.0, 200.0]), np.array(20.0))
    assert project(seen.photo.camera, point) == pytest.approx([700 - left, 200 - top])
    assert seen.truth_m[200 - top, 700 - left] == sample.truth_m[200, 700] == 20


def test_photo_and_truth_of_different_sizes(tmp_path):
    write_kitti(tmp_path)
    path = tmp_path / "gts" / KITTI_DRIVE / "proj_depth/groundtruth/image_02/0000000069.png"
    write_grey16(path, np.zeros((370, 1226)))
    with pytest.raises(InputError, match=r"0000000069\.png is 1226x370, but its photo 1242x375"):
        open_dataset("kitti", tmp_path).load(FIRST)


def test_a_frame_smaller_than_the_benchmark_crop_is_refused(tmp_path):
    write_kitti(tmp_path, size=(1200, 376), calibration=False)
    sample = open_dataset("kitti", tmp_path).load(FIRST)
    with pytest.raises(InputError, match="1200x376: expected at least 1216x352"):
        view(sample, PAPER.of("kitti"))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="kitti_eigen_test_files_with_gt.txt"):
        open_dataset("kitti", tmp_path)
    listed = tmp_path / "eigen_test_files_with_gt.txt"
    listed.write_text(f"{FIRST}.png None 721.5377\n")
    with pytest.raises(InputError, match="raw/<date>"):
        open_dataset("kitti", tmp_path)
    write_picture(tmp_path / "raw" / "2011_09_26" / f"{FIRST}.png", (1242, 375))
    with pytest.raises(InputError, match="ground truth"):
        open_dataset("kitti", tmp_path)
    (tmp_path / "gts" / KITTI_DRIVE / "proj_depth" / "groundtruth").mkdir(parents=True)
    with pytest.raises(InputError, match="the split is empty"):
        open_dataset("kitti", tmp_path)
    for line in ("photo.png", f"{FIRST}.png truth.png many", "photo.png truth.png 721"):
        listed.write_text(line)
        with pytest.raises(InputError, match="has a line"):
            open_dataset("kitti", tmp_path)
