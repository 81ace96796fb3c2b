"""``mfh predict``: every bad input is one line on stderr and exit code 2, and nothing is written."""

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

BAD_WORDS = {
    "no photo": ([], "no photo given"),
    "unknown flag": (["photo.jpg", "--frobnicate"], "--frobnicate"),
    "unknown preset": (["photo.jpg", "--preset", "nope"], "unknown preset 'nope'"),
    "unknown people mode": (["photo.jpg", "--people", "some"], "some"),
    "paintings 0": (["photo.jpg", "--paintings", "0"], "--paintings is 0"),
    "attempts -1": (["photo.jpg", "--attempts", "-1"], "--attempts is -1"),
    "paintings no number": (["photo.jpg", "--paintings", "many"], "--paintings"),
    "budget 0": (["photo.jpg", "--budget", "0s"], "--budget is '0s'"),
    "alpha 0": (["photo.jpg", "--alpha", "0"], "--alpha is 0: expected 0 < alpha"),
    "alpha above beta": (["photo.jpg", "--alpha", "0.9"], "--alpha is 0.9"),
    "beta 2": (["photo.jpg", "--beta", "2"], "--beta is 2"),
    "alpha NaN": (["photo.jpg", "--alpha", "nan"], "--alpha is nan"),
    "alpha of boxes": (["photo.jpg", "--mask-shape", "person", "--alpha", "0.1"], "add --mask-shape strip"),
    "steps 0": (["photo.jpg", "--steps", "0"], "--steps is 0"),
    "guidance NaN": (["photo.jpg", "--guidance-scale", "nan"], "--guidance-scale is nan"),
    "guidance negative": (["photo.jpg", "--guidance-scale", "-1"], "--guidance-scale is -1"),
    "unknown masks": (["photo.jpg", "--mask-shape", "circle"], "circle"),
    "interval 0": (["photo.jpg", "--until-interval", "0"], "--until-interval is 0"),
    "interval 2": (["photo.jpg", "--until-interval", "2"], "--until-interval is 2"),
    "region of one corner": (["photo.jpg", "--region", "1,2"], "--region is '1,2'"),
    "one region of two photos": (["a.jpg", "b.jpg", "--region", "1,2:3,4"], "1,2:3,4 is about one photo"),
    "a length of one pixel": (["photo.jpg", "--measure", "1,2:1,2"], "--measure is '1,2:1,2'"),
    "one length of two photos": (["a.jpg", "b.jpg", "--measure", "1,2:3,4"], "1,2:3,4 is about one photo"),
    "budget words": (["photo.jpg", "--budget", "soon"], "--budget is 'soon'"),
    "unknown evidence": (["photo.jpg", "--evidence", "feet"], "feet"),
    "negative seed": (["photo.jpg", "--seed", "-1"], "--seed is -1"),
    "focal 0": (["photo.jpg", "--focal-px", "0"], "--focal-px is 0"),
    "focal NaN": (["photo.jpg", "--focal-px", "nan"], "--focal-px is nan"),
    "focal negative": (["photo.jpg", "--focal-px", "-500"], "--focal-px is -500"),
    "focal infinite": (["photo.jpg", "--focal-35mm", "inf"], "--focal-35mm is inf"),
    "field of view 180": (["photo.jpg", "--fov-x-deg", "180"], "--fov-x-deg is 180"),
    "two focals": (
        ["photo.jpg", "--focal-px", "500", "--fov-x-deg", "60"],
        "--focal-px and --fov-x-deg are both given: expected at most one",
    ),
    "megapixels 0": (["photo.jpg", "--max-megapixels", "0"], "--max-megapixels is 0"),
    "megapixels NaN": (["photo.jpg", "--max-megapixels", "nan"], "--max-megapixels is nan"),
    "no intrinsics file": (["photo.jpg", "--intrinsics", "absent.json"], "no such file: intrinsics absent.json"),
    "no out value": (["photo.jpg", "--out"], "--out"),
}


@pytest.mark.parametrize("case", BAD_WORDS)
def test_bad_words_are_one_line_and_exit_code_2(run_mfh, photo_path, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    words, expected = BAD_WORDS[case]
    run = run_mfh("predict", *words)
    assert run.code == 2 and expected in run.error_line and run.out == ""
    assert not (tmp_path / "out").exists()


def png_header(width, height):
    """A PNG that ends where its pixels would begin: enough to say a size, nothing to decode."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
        + struct.pack(">I", 100)
        + b"IDAT"
    )


def make_bad_photo(kind, tmp_path):
    path = tmp_path / f"{kind}.jpg"
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is text")
    elif kind == "truncated":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "1x1":
        Image.new("RGB", (1, 1)).save(path)
    elif kind == "huge":
        path.write_bytes(png_header(20_000, 20_000))
    elif kind == "zero-size":
        path.write_bytes(png_header(0, 0))
    return path


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", "no such file"),
        ("folder", "is a folder"),
        ("empty", "is empty"),
        ("text", "not a picture"),
        ("truncated", "truncated"),
        ("1x1", "1x1 pixels"),
        ("huge", "20000x20000"),
        ("zero-size", "zero-size.jpg"),
    ],
)
def test_bad_photos_are_one_line_and_exit_code_2(run_mfh, tmp_path, kind, expected):
    run = run_mfh("predict", make_bad_photo(kind, tmp_path), "--out", tmp_path / "out")
    assert run.code == 2 and expected in run.error_line and run.out == ""
    assert not (tmp_path / "out").exists()


def test_larger_photos_can_be_allowed(run_mfh, fake_pipeline, photo_path, tmp_path):
    refused = run_mfh("predict", photo_path, "--max-megapixels", "0.001", "--out", tmp_path / "out")
    assert refused.code == 2 and "at most 0.001 megapixels" in refused.error_line
    assert run_mfh("predict", photo_path, "--max-megapixels", "0.01", "--out", tmp_path / "out").code == 0


def test_intrinsics_of_another_size(run_mfh, photo_path, tmp_path):
    (tmp_path / "k.json").write_text(json.dumps({"fx": 525, "fy": 525, "cx": 319.5, "cy": 239.5}))
    run = run_mfh("predict", photo_path, "--intrinsics", tmp_path / "k.json", "--out", tmp_path / "out")
    assert run.code == 2 and "about 640x480 pixels" in run.error_line


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/mfh"])
def test_output_folder_is_checked_before_working(run_mfh, photo_path, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("mfh.io.photo.load_photo", lambda *_, **__: pytest.fail("worked before checking"))
    run = run_mfh("predict", photo_path, "--out", out)
    assert run.code == 2 and "output folder" in run.error_line
