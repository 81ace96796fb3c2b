import numpy as np
import pytest

from mfh.errors import InputError
from mfh.geometry.camera import project, unproject
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from mfh_lab.evaluation.protocols import AUTHORS_CODE, PAPER, view
from tests.lab.evaluation.datasets.layouts import write_diode, write_picture

STEM = "00019_00183_indoors_000_010"
NAME = f"scene_00019/scan_00183/{STEM}"


def test_frame_as_it_lies_on_disk(tmp_path):
    write_diode(tmp_path)
    dataset = open_dataset("diode", tmp_path)
    assert dataset.names == (NAME,)
    sample = dataset.load(NAME)
    assert sample.truth_m.shape == (768, 1024) and sample.truth_m[150, 0] == 8
    assert (sample.official_mask == (sample.truth_m == 2)).all()
    assert (sample.camera.fx, sample.camera.fy, sample.camera.cx, sample.camera.cy) == (886.81, 927.06, 512, 384)


def test_the_mask_counts_in_the_paper_and_not_in_the_authors_code(tmp_path):
    write_diode(tmp_path)
    sample = open_dataset("diode", tmp_path).load(NAME)
    paper, authors = (view(sample, protocol.of("diode")) for protocol in (PAPER, AUTHORS_CODE))
    # 100 of 768 rows are invalid.
    assert paper.scored_mask.sum() == (768 - 100) * 1024
    # NYUv2's pixels of a frame that is larger: its upper left part, the invalid rows in it.
    assert authors.scored_mask.sum() == (471 - 45) * (601 - 41)
    assert authors.scored_mask[150, 300] and not authors.scored_mask[600, 800]
    errors = {}
    for seen in (paper, authors):
        truth = seen.truth_m[seen.scored_mask]
        errors[seen is paper] = np.mean(np.abs(2 - truth) / truth)
    assert errors[True] == 0
    # 100 of the window's 426 rows are 8 m: |2 - 8| / 8.
    assert errors[False] == pytest.approx(0.75 * 100 / 426)


@pytest.mark.slow
def test_photo_is_resized_with_its_camera_and_the_truth_is_not(tmp_path):
    write_diode(tmp_path)
    sample = open_dataset("diode", tmp_path).load(NAME)
    seen = view(sample, PAPER.of("diode"))
    assert seen.photo.rgb.shape == (480, 640, 3) and seen.truth_m.shape == (768, 1024)
    pixel = np.array([100.0, 700.0])
    found = project(seen.photo.camera, unproject(sample.camera, pixel, np.array(3.0)))
    assert found == pytest.approx((pixel + 0.5) * 640 / 1024 - 0.5)
    camera = view(sample, AUTHORS_CODE.of("diode")).photo.camera
    assert camera.fx == camera.fy == pytest.approx((886.81 + 927.06) / 2 * 480 / 768)
    assert (camera.cx, camera.cy) == (320, 240)


def test_every_part_of_a_frame_is_looked_for(tmp_path):
    folder = write_diode(tmp_path, stems=(STEM, f"{STEM[:-3]}020", f"{STEM[:-3]}030"))
    (folder / f"{STEM}_depth_mask.npy").unlink()
    (folder / f"{STEM[:-3]}020_depth.npy").unlink()
    (folder / f"{STEM[:-3]}030.png").unlink()
    check = check_dataset("diode", tmp_path)
    assert (check.listed, check.found, check.missing_total, check.expected) == (3, 0, 3, 325)
    with pytest.raises(InputError, match=rf"{STEM}_depth_mask\.npy and 2 more"):
        open_dataset("diode", tmp_path)


def test_a_list_chooses_and_orders(tmp_path):
    write_diode(tmp_path, stems=(STEM, f"{STEM[:-3]}020", f"{STEM[:-3]}030"))
    split = tmp_path / "list.txt"
    split.write_text(f"indoors/{NAME[:-3]}030.png a b\n{NAME}\n")
    assert open_dataset("diode", tmp_path, split=split).names == (f"{NAME[:-3]}030", NAME)
    split.write_text("indoors/scene_1/scan_2/x.png\n")
    with pytest.raises(InputError, match=r"list\.txt names indoors/scene_1/scan_2/x\.png, which is not there"):
        open_dataset("diode", tmp_path, split=split)


def test_damaged_frames_name_their_file(tmp_path):
    folder = write_diode(tmp_path)
    dataset = open_dataset("diode", tmp_path)
    np.save(folder / f"{STEM}_depth.npy", np.ones((767, 1024, 1), np.float32))
    with pytest.raises(InputError, match=r"_depth\.npy is 1024x767, but its photo 1024x768"):
        dataset.load(NAME)
    (folder / f"{STEM}_depth.npy").write_bytes(b"no array")
    with pytest.raises(
        InputError, match=r"_depth\.npy is damaged or of another kind .*expected an npy file of numbers"
    ):
        dataset.load(NAME)
    write_picture(folder / f"{STEM}.png", (512, 384))
    with pytest.raises(InputError, match=r"\.png is 512x384: expected 1024x768"):
        dataset.load(NAME)


def test_folder_without_scenes(tmp_path):
    with pytest.raises(InputError, match="no indoor scenes"):
        open_dataset("diode", tmp_path)
    (tmp_path / "val" / "indoors" / "scene_00019" / "scan_00183").mkdir(parents=True)
    with pytest.raises(InputError, match="the split is empty"):
        open_dataset("diode", tmp_path)
