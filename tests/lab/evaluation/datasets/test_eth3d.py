import shutil

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.geometry.camera import project, unproject
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from mfh_lab.evaluation.protocols import AUTHORS_CODE, PAPER, view
from tests.lab.evaluation.datasets.layouts import write_eth3d, write_picture

NAME = "office/DSC_0219"
TRUTH = "depth/office_dslr_depth/office/ground_truth_depth/dslr_images/DSC_0219.JPG"


def test_infinite_truth_is_none(tmp_path):
    write_eth3d(tmp_path)
    sample = open_dataset("eth3d", tmp_path).load(NAME)
    assert sample.truth_m.shape == (504, 756)
    assert (sample.truth_m[:252] == 3).all() and (sample.truth_m[252:] == 0).all()


def test_camera_is_of_the_photo_s_size_with_the_origin_at_a_pixel_centre(tmp_path):
    write_eth3d(tmp_path)
    camera = open_dataset("eth3d", tmp_path).load(NAME).camera
    # cameras.txt is of 6048x4032, eight times the size; its origin is the corner of the first pixel.
    assert (camera.fx, camera.fy) == pytest.approx((3408.35 / 8, 3408.8 / 8))
    assert (camera.cx, camera.cy) == pytest.approx((3033.92 / 8 - 0.5, 2019.32 / 8 - 0.5))
    assert (camera.width, camera.height) == (756, 504)


def test_masks_count_in_the_paper_and_not_in_the_authors_code(tmp_path):
    write_eth3d(tmp_path)
    sample = open_dataset("eth3d", tmp_path).load(NAME)
    # Bit 1 only kept pixels from aligning photo and scan: their truth stands.
    assert not sample.official_mask[:, 5:10].any() and sample.official_mask[:, :5].all()
    assert sample.official_mask[:, 10:].all()
    paper, authors = (view(sample, protocol.of("eth3d")) for protocol in (PAPER, AUTHORS_CODE))
    assert paper.scored_mask.sum() == 252 * (756 - 5)
    assert authors.scored_mask.sum() == 252 * 756
    assert authors.photo.camera.fx == authors.photo.camera.fy == pytest.approx((3408.35 + 3408.8) / 2 * 480 / 4032)
    assert (authors.photo.camera.cx, authors.photo.camera.cy) == (360, 240)


def test_photo_is_resized_with_its_camera(tmp_path):
    write_eth3d(tmp_path)
    sample = open_dataset("eth3d", tmp_path).load(NAME)
    seen = view(sample, PAPER.of("eth3d"))
    assert seen.photo.rgb.shape == (480, 720, 3)
    pixel = np.array([600.0, 100.0])
    found = project(seen.photo.camera, unproject(sample.camera, pixel, np.array(3.0)))
    assert found == pytest.approx((pixel + 0.5) * 480 / 504 - 0.5)


def test_without_a_list_all_photos_of_the_scenes(tmp_path):
    write_eth3d(tmp_path, listed=False, scenes=("office", "facade"))
    dataset = open_dataset("eth3d", tmp_path)
    assert dataset.names == ("facade/DSC_0219", NAME)
    assert "2 of 13 scenes" in dataset.layout
    assert dataset.load("facade/DSC_0219").truth_m.max() == 3
    assert open_dataset("eth3d", tmp_path, limit=1).names == ("facade/DSC_0219",)


def test_how_many_official_masks_there_are_is_said(tmp_path):
    write_eth3d(tmp_path, scenes=("office", "facade"))
    beside_truth = tmp_path / "depth" / "facade_dslr_occlusion" / "facade"
    beside_truth.mkdir(parents=True)
    shutil.move(tmp_path / "rgb" / "facade" / "masks_for_images", beside_truth)
    shutil.rmtree(tmp_path / "rgb" / "office" / "masks_for_images")
    check = check_dataset("eth3d", tmp_path)
    assert any("1 of 2 photos have an official mask" in note for note in check.notes)
    dataset = open_dataset("eth3d", tmp_path)
    assert dataset.load(NAME).official_mask.all()
    assert not dataset.load("facade/DSC_0219").official_mask[:, 5:10].any()


def test_truth_of_another_size_is_refused(tmp_path):
    write_eth3d(tmp_path)
    dataset = open_dataset("eth3d", tmp_path)
    np.ones(1000, "<f4").tofile(tmp_path / TRUTH)
    with pytest.raises(InputError, match=r"DSC_0219\.JPG holds 1000 float32 numbers, but its photo is 756x504"):
        dataset.load(NAME)


def test_photo_of_another_shape_than_its_calibration_is_refused(tmp_path):
    write_eth3d(tmp_path, size=(756, 567))
    with pytest.raises(InputError, match=r"DSC_0219\.JPG is 756x567, its camera 6048x4032"):
        open_dataset("eth3d", tmp_path).load(NAME)


def test_calibration_that_does_not_fit(tmp_path):
    write_eth3d(tmp_path)
    calibration = tmp_path / "rgb" / "office" / "dslr_calibration_jpg"
    dataset = open_dataset("eth3d", tmp_path)
    (calibration / "images.txt").write_text("8 1 0 0 0 0 0 0 5 dslr_images/DSC_0219.JPG\n\n")
    with pytest.raises(InputError, match=r"cameras\.txt has no camera 5"):
        dataset.load(NAME)


def test_photo_that_the_calibration_does_not_know(tmp_path):
    write_eth3d(tmp_path)
    photo = tmp_path / "rgb" / "office" / "images" / "dslr_images" / "DSC_0999.JPG"
    write_picture(photo, (756, 504))
    shutil.copy(tmp_path / TRUTH, (tmp_path / TRUTH).with_name("DSC_0999.JPG"))
    (tmp_path / "eth3d_filename_list.txt").unlink()
    with pytest.raises(InputError, match=r"images\.txt has no photo DSC_0999\.JPG"):
        open_dataset("eth3d", tmp_path).load("office/DSC_0999")


def test_unknown_lens_is_refused(tmp_path):
    write_eth3d(tmp_path)
    cameras = tmp_path / "rgb" / "office" / "dslr_calibration_jpg" / "cameras.txt"
    cameras.write_text(cameras.read_text().replace("THIN_PRISM_FISHEYE", "FOV"))
    with pytest.raises(InputError, match=r"cameras\.txt has a line '1 FOV .*expected a camera of SIMPLE_PINHOLE"):
        open_dataset("eth3d", tmp_path).load(NAME)


@pytest.mark.parametrize("part", [TRUTH, "rgb/office/dslr_calibration_jpg/cameras.txt"])
def test_missing_files(tmp_path, part):
    write_eth3d(tmp_path)
    (tmp_path / part).unlink()
    with pytest.raises(InputError, match=f"{part} missing"):
        open_dataset("eth3d", tmp_path)


def test_nothing_there_and_a_wrong_list(tmp_path):
    with pytest.raises(InputError, match="does not hold ETH3D"):
        open_dataset("eth3d", tmp_path)
    write_eth3d(tmp_path)
    (tmp_path / "eth3d_filename_list.txt").write_text("DSC_0219.JPG\n")
    with pytest.raises(InputError, match="has a line 'DSC_0219.JPG'"):
        open_dataset("eth3d", tmp_path)
