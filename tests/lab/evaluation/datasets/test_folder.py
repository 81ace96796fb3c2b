import json

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from mfh_lab.evaluation.protocols import PAPER, view
from tests.lab.evaluation.datasets.layouts import write_folder, write_picture
from tests.photos import PEOPLE, as_folder


@pytest.mark.parametrize("depth", ["depth.npy", "depth.npz", "depth.png"])
def test_depth_in_every_format(tmp_path, depth):
    metres = np.full((64, 96), 4.25, np.float32)
    metres[:3] = 0
    write_folder(tmp_path, depth=depth, metres=metres)
    sample = open_dataset("folder", tmp_path).load("garden")
    assert (sample.truth_m == metres).all()
    assert (sample.camera.fx, sample.camera.fy, sample.camera.cx, sample.camera.cy) == (90, 91, 47, 31)
    seen = view(sample, PAPER.of("folder"))
    assert seen.scored_mask.sum() == 61 * 96
    assert seen.photo.rgb.shape == (64, 96, 3)


def test_what_is_not_finite_and_positive_is_no_truth(tmp_path):
    metres = np.full((64, 96), 4.0, np.float32)
    metres[0, :4] = np.nan, np.inf, -np.inf, -1
    write_folder(tmp_path, metres=metres)
    truth_m = open_dataset("folder", tmp_path).load("garden").truth_m
    assert (truth_m[0, :5] == [0, 0, 0, 0, 4]).all()


def test_range_is_strict(tmp_path):
    metres = np.full((64, 96), 4.0, np.float32)
    metres[0, :4] = 0.1, np.nextafter(np.float32(0.1), np.float32(1)), 80, np.nextafter(np.float32(80), np.float32(99))
    write_folder(tmp_path, metres=metres)
    scored = view(open_dataset("folder", tmp_path).load("garden"), PAPER.of("folder")).scored_mask
    assert scored[0, :5].tolist() == [False, True, False, False, True]


def test_photo_as_its_pixels_lie_whatever_exif_says(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "rgb.png").unlink()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (96, 64), (255, 0, 0)).save(folder / "rgb.jpg", exif=exif)
    rgb = open_dataset("folder", tmp_path).load("garden").rgb
    assert rgb.shape == (64, 96, 3) and rgb[0, 0] == pytest.approx([1, 0, 0], abs=0.02)


def test_intrinsics_of_another_size_are_refused_by_their_path(tmp_path):
    folder = write_folder(tmp_path)
    k = {"fx": 90.0, "fy": 91.0, "cx": 47.0, "cy": 31.0, "width": 96, "height": 64}
    (folder / "intrinsics.json").write_text(json.dumps(k))
    assert open_dataset("folder", tmp_path).load("garden").camera.fx == 90
    (folder / "intrinsics.json").write_text(json.dumps(k | {"width": 192}))
    with pytest.raises(InputError, match=r"garden/intrinsics\.json: .*192x64"):
        open_dataset("folder", tmp_path).load("garden")


def test_missing_parts_and_order(tmp_path):
    write_folder(tmp_path, "b")
    write_folder(tmp_path, "a")
    (tmp_path / "notes").mkdir()
    assert open_dataset("folder", tmp_path).names == ("a", "b")
    for part in ("rgb.png", "depth.npy", "intrinsics.json"):
        path = tmp_path / "b" / part
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(InputError, match=rf"b/{part} missing"):
            open_dataset("folder", tmp_path)
        check = check_dataset("folder", tmp_path)
        assert (check.listed, check.found, check.missing_total) == (2, 1, 1) and not check.usable
        assert str(path) in "\n".join(check.lines())
        path.write_bytes(kept)


def test_sizes_that_differ(tmp_path):
    folder = write_folder(tmp_path)
    np.save(folder / "depth.npy", np.ones((63, 96), np.float32))
    with pytest.raises(InputError, match=r"garden/depth\.npy is 96x63, but its photo 96x64"):
        open_dataset("folder", tmp_path).load("garden")


def test_damaged_files_name_themselves(tmp_path):
    folder = write_folder(tmp_path)
    dataset = open_dataset("folder", tmp_path)
    np.save(folder / "depth.npy", np.ones((64, 96, 3), np.float32))
    with pytest.raises(InputError, match=r"depth\.npy holds float32 of shape \(64, 96, 3\)"):
        dataset.load("garden")
    (folder / "rgb.png").write_bytes((folder / "rgb.png").read_bytes()[:80])
    with pytest.raises(InputError, match=r"rgb\.png is damaged"):
        dataset.load("garden")
    (folder / "rgb.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"rgb\.png is not a picture this can read"):
        dataset.load("garden")


def test_depth_png_must_have_16_bits_and_npz_a_depth(tmp_path):
    folder = write_folder(tmp_path, depth="depth.png")
    write_picture(folder / "depth.png", (96, 64))
    with pytest.raises(InputError, match=r"depth\.png has pixel format RGB: expected 16-bit"):
        open_dataset("folder", tmp_path).load("garden")
    (folder / "depth.png").unlink()
    np.savez(folder / "depth.npz", a=np.ones((64, 96)), b=np.ones((64, 96)))
    with pytest.raises(InputError, match=r"depth\.npz holds a, b: expected an array depth_m"):
        open_dataset("folder", tmp_path).load("garden")
    np.savez(folder / "depth.npz", metres=np.full((64, 96), 3.0))
    assert open_dataset("folder", tmp_path).load("garden").truth_m.max() == 3


def test_a_list_of_names(tmp_path):
    for name in ("a", "b", "c"):
        write_folder(tmp_path, name)
    split = tmp_path / "split.txt"
    split.write_text("c\n\na\n")
    dataset = open_dataset("folder", tmp_path, split=split)
    assert dataset.names == ("c", "a") and dataset.split == str(split)
    split.write_text("a\nb\na\n")
    with pytest.raises(InputError, match=r"split\.txt lists a 2 times"):
        open_dataset("folder", tmp_path, split=split)
    split.write_text("d\n")
    with pytest.raises(InputError, match="names d, which is not there"):
        open_dataset("folder", tmp_path, split=split)


def test_real_photos(tmp_path):
    folder = as_folder(tmp_path)
    dataset = open_dataset("folder", folder)
    assert check_dataset("folder", folder).complete
    assert PEOPLE.name in dataset.names
    for name in dataset.names:
        sample = dataset.load(name)
        raw = np.load(folder / name / "depth.npy")
        assert (sample.truth_m == raw).all()
        assert (sample.camera.height, sample.camera.width) == raw.shape
        seen = view(sample, PAPER.of("folder"))
        assert seen.scored_mask.mean() == pytest.approx((raw > 0).mean(), abs=1e-3)
