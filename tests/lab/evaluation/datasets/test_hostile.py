"""Whatever lies where a dataset's file should be: one line that names it, nothing started, nothing believed."""

import os
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.evaluation.datasets import eth3d, ibims1, kitti, pocket
from mfh_lab.evaluation.datasets.frames import Frame
from mfh_lab.evaluation.datasets.reading import as_mask, as_truth, read_grey16, read_mask, read_npy, read_npz, read_rgb
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from tests.lab.evaluation.datasets.layouts import write_folder, write_kitti, write_picture

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\nshowpage\n%%EOF\n"


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text and "\x1b" not in text and len(text) <= 2000
    return text


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, *, bits: int = 8, colour: int = 2) -> bytes:
    """A png that says a size and holds nothing."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.slow
def test_no_picture_starts_a_program(tmp_path):
    root, marker, programs = tmp_path / "root", tmp_path / "started", tmp_path / "programs"
    folder = write_folder(root)
    (folder / "rgb.png").write_bytes(EPS)
    programs.mkdir()
    for name in ("gs", "gswin64c", "gswin32c"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (programs / name).chmod(0o755)
    code = (
        "from PIL import Image; import sys; from pathlib import Path\n"
        "from mfh_lab.evaluation.datasets.registry import open_dataset\n"
        "Image.init()\n"
        "try: open_dataset('folder', Path(sys.argv[1])).load('garden')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.stdout.startswith("InputError") and "rgb.png is not a picture" in done.stdout, done.stderr
    assert not marker.exists()


@pytest.mark.parametrize("read", [read_rgb, read_grey16, read_mask])
def test_pictures_that_are_none(tmp_path, read):
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 60000, (64, 96)).astype(np.uint16)).save(whole)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, content in (
        ("cut.png", whole.read_bytes()[:500]),
        ("eps.png", EPS),
        ("text.png", b"no picture"),
        ("empty.png", b""),
        ("bomb.png", png_of(200_000, 200_000)),
        ("nothing.png", png_of(640, 480)),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as caught:
            read(tmp_path / name)
        assert name in one_line(caught)
    for name in ("pipe", "loop", "absent", "x" * 300, "a\0b", os.fsdecode(b"\xff\n\x1b")):
        with pytest.raises(InputError) as caught:
            read(tmp_path / name)
        one_line(caught)


def test_a_png_with_other_than_16_bits_is_no_depth(tmp_path):
    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(tmp_path / "big.tif")
    with pytest.raises(InputError, match="70000: expected 16-bit grey depth"):
        read_grey16(tmp_path / "big.tif")


def test_arrays_that_are_no_depth(tmp_path):
    path = tmp_path / "depth.npy"
    for array in (
        np.array(["a"]), np.ones((2, 2), complex), np.ones((2, 2), "datetime64[s]"), np.ones((0, 5)), np.ones((5, 0)),
        np.ones((2, 2, 3)), np.ones(4), np.array(3.0), np.zeros((2, 2), bool), np.zeros((2, 2), [("a", "f4")]),
        np.array([[None]]),
    ):  # fmt: skip
        np.save(path, array, allow_pickle=True)
        with pytest.raises(InputError) as caught:
            as_truth(read_npy(path), path)
        assert "depth.npy" in one_line(caught)
    with pytest.raises(InputError, match="expected depth"):
        as_mask(np.array([["x"]]), path)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.uint8, np.int64, np.uint64])
def test_every_kind_of_number_is_a_truth_without_a_warning(tmp_path, dtype):
    values = np.array([[1.5, 2, 3]])
    if np.issubdtype(dtype, np.floating):
        values = np.array([[1.5, np.inf, np.nan, -np.inf, -1, np.finfo(dtype).max]], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = as_truth(values.astype(dtype), tmp_path / "a")
    assert found.dtype == np.float32 and np.isfinite(found).all() and found[0, 0] in (1, 1.5)
    assert not found[0, 1:5][~(values[0, 1:5] > 0)].any()


def test_a_mask_counts_finite_positive_numbers(tmp_path):
    values = np.array([[0, 1, 0.5, -1, np.nan, np.inf]])
    assert as_mask(values, tmp_path).tolist() == [[False, True, True, False, False, False]]
    assert as_mask(np.array([[True, False]]), tmp_path).tolist() == [[True, False]]


def test_archives_that_are_none(tmp_path):
    path = tmp_path / "depth.npz"
    np.savez(path, depth_m=np.array([{}], object), other=np.ones(3))
    with pytest.raises(InputError, match="only numbers and text"):
        read_npz(path, key="depth_m")
    whole = path.read_bytes()
    for content in (whole[:-30], whole[30:], b"PK\x05\x06" + bytes(18), b""):
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_npz(path, key="depth_m")
        assert "depth.npz" in one_line(caught)


def test_a_file_that_vanishes_is_that_samples_fault(tmp_path):
    folder = write_folder(tmp_path)
    dataset = open_dataset("folder", tmp_path)
    (folder / "depth.npy").unlink()
    with pytest.raises(InputError, match=r"no such file: .*depth\.npy"):
        dataset.load("garden")


def test_whatever_a_reader_did_not_think_of_is_one_line(tmp_path, monkeypatch):
    write_folder(tmp_path)
    dataset = open_dataset("folder", tmp_path)
    for cause in (RecursionError("deep"), AttributeError("x"), MemoryError(), ZeroDivisionError()):
        monkeypatch.setitem(dataset.__dict__, "read", lambda frame, cause=cause: (_ for _ in ()).throw(cause))
        with pytest.raises(InputError, match="sample garden of") as caught:
            dataset.load("garden")
        one_line(caught)


def test_names_that_are_no_text_are_written_out(tmp_path):
    folder = write_folder(tmp_path)
    name = os.fsdecode(b"caf\xe9\n\x1b[2J")
    folder.rename(tmp_path / name)
    dataset = open_dataset("folder", tmp_path)
    assert list(dataset.names) == [r"caf\xe9\n\x1b[2J"]
    assert dataset.load(r"caf\xe9\n\x1b[2J").rgb.shape == (64, 96, 3)


def test_lists_of_anything(tmp_path):
    write_folder(tmp_path / "root")
    listed = tmp_path / "split.txt"
    for content in (b"\xff\xfe\x00", b"", b"\n\n", b"x" * 5000, b"../../etc/passwd", b"a\x00b"):
        listed.write_bytes(content)
        with pytest.raises(InputError) as caught:
            open_dataset("folder", tmp_path / "root", split=listed)
        one_line(caught)
        assert check_dataset("folder", tmp_path / "root", listed).problem


def test_lists_of_names_that_no_file_can_have(tmp_path):
    write_kitti(tmp_path)
    drive = "2011_09_26_drive_0002_sync"
    for photo, focal in (("x" * 5000, "721"), ("a\0b", "721"), ("x", "inf"), ("x", "nan"), ("x", "-1"), ("x", "1e999")):
        (tmp_path / "kitti_eigen_test_files_with_gt.txt").write_text(f"{drive}/{photo}.png {photo} {focal}\n")
        with pytest.raises(InputError) as caught:
            open_dataset("kitti", tmp_path)
        one_line(caught)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "nan,1,1,1", "1e999,1,1,1", "0,1,1,1", "-1,1,1,1",
                                  "a,b,c,d", "1,1,inf,1", "9" * 5000 + ",1,1,1", "\0,1,1,1"])  # fmt: skip
def test_calibrations_of_ibims(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.txt") as caught:
        ibims1._camera(path, width=640, height=480)
    one_line(caught)


@pytest.mark.parametrize("number", ["nan", "inf", "0", "-5", "9" * 5000, "x"])
def test_calibrations_of_kitti(tmp_path, number):
    path = tmp_path / "calib_cam_to_cam.txt"
    path.write_text(f"P_rect_02: {number} 0 600 0 0 721 170 0 0 0 1 0\n")
    camera = open_dataset_camera(tmp_path)
    with pytest.raises(InputError, match="calib_cam_to_cam") as caught:
        kitti._calibrated(path, camera, image="image_02")
    one_line(caught)


def open_dataset_camera(root):
    write_kitti(root / "whole")
    dataset = open_dataset("kitti", root / "whole")
    return dataset.load(dataset.names[0]).camera


@pytest.mark.parametrize("words", ["PINHOLE 0 10 1 1 1 1", "PINHOLE 10 10 nan 1 1 1", "PINHOLE 10 10 1e999 1 1 1",
                                   f"PINHOLE {'9' * 5000} 10 1 1 1 1", "PINHOLE -1 10 1 1 1 1", "FISHEYE 1 1 1 1 1 1",
                                   "PINHOLE 10 10 1"])  # fmt: skip
def test_cameras_of_eth3d(tmp_path, words):
    path = tmp_path / "cameras.txt"
    path.write_text(f"0 {words}\n")
    with pytest.raises(InputError, match=r"cameras\.txt") as caught:
        eth3d._lenses(path)
    one_line(caught)


def test_a_truth_of_eth3d_of_any_size_is_not_read(tmp_path):
    path = tmp_path / "truth"
    path.write_bytes(bytes(100))
    os.truncate(path, 10 << 40)
    with pytest.raises(InputError, match="float32 numbers"):
        eth3d._read_truth(path, width=5, height=5)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        eth3d._read_truth(tmp_path / "pipe", width=5, height=5)


@pytest.mark.parametrize("text", ["[]", "null", "{}", '{"camera": 3}', '{"camera": {"fx": "a"}}', "{" * 500,
                                  '{"camera":',
                                  '{"camera": {"fx": 1, "fy": 1, "cx": 0, "cy": 0, "width": 0, "height": 5}}',
                                  '{"camera": {"fx": 1, "fy": null, "cx": 0, "cy": 0, "width": 5, "height": 5}}',
                                  '{"camera": {"fx": 1e308, "fy": -1, "cx": 0, "cy": 0, "width": 5, "height": 5}}',
                                  ])  # fmt: skip
def test_scenes_of_the_pocket_world(tmp_path, text):
    path = tmp_path / "scene.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"scene\.json") as caught:
        pocket._camera_and_kind(path)
    one_line(caught)


def test_a_frame_name_is_always_text():
    assert Frame("a\udcff/b", {}).name == r"a\xff/b"


def test_a_root_of_anything(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    write_picture(tmp_path / "picture.png", (8, 8))
    for root in (tmp_path / "loop", tmp_path / "picture.png", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        for name in ("folder", "nyu", "kitti", "diode", "ibims1", "eth3d", "pocket"):
            with pytest.raises(InputError) as caught:
                open_dataset(name, root)
            one_line(caught)
