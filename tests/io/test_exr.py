"""EXR maps: every layout and compression, one channel of several, and one line where the decoder fails or is absent."""

import subprocess
import sys

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.io.exr import choose_channel, decode, read_exr
from mfh.io.maps import read_map

DEPTH = np.linspace(1, 60, 40 * 56, dtype=np.float32).reshape(40, 56)
COMPRESSIONS = ("NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")


@pytest.fixture
def exr():
    return pytest.importorskip("OpenEXR", reason="the exr extra is not installed")


def header(exr, compression="ZIP", *, tiled=False, **attributes):
    made = {"compression": getattr(exr, f"{compression}_COMPRESSION"), "type": exr.scanlineimage, **attributes}
    return {**made, "type": exr.tiledimage, "tiles": exr.TileDescription()} if tiled else made


def write(exr, path, channels, **attributes):
    exr.File(header(exr, **attributes), channels).write(str(path))
    return path


def read(path, *names):
    return read_exr(path, what="a map", expected="an exr", names=names or ("depth",))


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_of_scanlines_and_tiles(exr, tmp_path, compression, tiled):
    for kind in (np.float16, np.float32):
        path = write(exr, tmp_path / "m.exr", {"Z": DEPTH.astype(kind)}, compression=compression, tiled=tiled)
        values = decode(str(path), ["z"], max_pixels=10_000, max_bytes=10**6)
        assert values.dtype == kind
        np.testing.assert_allclose(values, DEPTH, rtol=0.05 if compression in ("B44", "B44A") else 1e-3)


@pytest.mark.parametrize("name", ["Z", "Y", "R", "depth", "disparity", "anything"])
def test_a_single_channel_may_have_any_name(exr, tmp_path, name):
    np.testing.assert_array_equal(read(write(exr, tmp_path / "m.exr", {name: DEPTH})), DEPTH)


@pytest.mark.slow
def test_it_is_a_map_with_holes(exr, tmp_path):
    values = DEPTH.copy()
    values[0, :3] = (np.inf, -np.inf, np.nan)
    path = write(exr, tmp_path / "m.exr", {"Z": values})
    np.testing.assert_array_equal(read_map(path, what="a map", names=("depth",)), values)
    whole = np.where(DEPTH > 50, 0, DEPTH).astype(np.uint32)
    path = write(exr, tmp_path / "w.exr", {"Z": whole})
    read_whole = read_map(path, what="a map", names=("depth",), zero_is_none=True)
    np.testing.assert_array_equal(np.isnan(read_whole), whole == 0)


@pytest.mark.parametrize(
    ("channels", "names", "chosen"),
    [
        (["R", "G", "B", "A", "Z"], ("depth",), ["Z"]),
        (["View.Combined.R", "View.Combined.G", "View.Depth.Z"], ("depth",), ["View.Depth.Z"]),
        (["Y", "depth.V", "disparity"], ("disparity",), ["disparity"]),
        (["Z", "Y"], ("disparity",), ["Y"]),
        (["Z", "Y"], ("depth",), ["Z"]),
        (["R", "G", "B"], ("depth",), ["R", "G", "B"]),
        (["A", "B", "G", "R"], ("depth",), ["B", "G", "R"]),
    ],
)
def test_which_of_several_channels(exr, tmp_path, channels, names, chosen):
    path = write(exr, tmp_path / "m.exr", {one: DEPTH if one in chosen else DEPTH + 1 for one in channels})
    np.testing.assert_array_equal(read(path, *names), DEPTH)


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        (["left.Z", "right.Z"], "several channels named z (left.Z, right.Z)"),
        (["X", "N"], "has the channels N, X: expected one, or one named depth"),
        (["R", "G"], "has the channels G, R"),
    ],
)
def test_where_no_channel_is_meant_it_says_which_there_are(exr, tmp_path, channels, said):
    path = write(exr, tmp_path / "m.exr", dict.fromkeys(channels, DEPTH))
    with pytest.raises(InputError) as caught:
        read(path)
    assert said in str(caught.value) and "m.exr cannot be read" in str(caught.value)


def test_colours_that_differ_are_no_depth(exr, tmp_path):
    path = write(exr, tmp_path / "m.exr", {"R": DEPTH, "G": DEPTH + 1, "B": DEPTH})
    with pytest.raises(InputError, match="channels B, G, R differ"):
        read(path)


def test_parts_are_looked_through(exr, tmp_path):
    colours = exr.Part(header(exr), {"R": DEPTH, "G": DEPTH + 1, "B": DEPTH}, "beauty")
    exr.File([colours, exr.Part(header(exr), {"Z": 2 * DEPTH}, "depth")]).write(str(tmp_path / "m.exr"))
    np.testing.assert_array_equal(read(tmp_path / "m.exr"), 2 * DEPTH)


@pytest.mark.slow
@pytest.mark.parametrize(("left", "top"), [(2, 3), (-2, -3), (30, 20), (500, 0)])
def test_a_data_window_is_placed_in_what_is_shown(exr, tmp_path, left, top):
    rows, columns = DEPTH.shape
    corners = np.array([left, top], np.int32), np.array([left + columns - 1, top + rows - 1], np.int32)
    shown = np.array([0, 0], np.int32), np.array([69, 49], np.int32)
    path = write(exr, tmp_path / "m.exr", {"Z": DEPTH}, dataWindow=corners, displayWindow=shown)
    canvas = np.full((50 + 2 * 40, 70 + 2 * 56), np.nan, np.float32)
    if left < 70:
        canvas[40 + top : 40 + top + rows, 56 + left : 56 + left + columns] = DEPTH
    np.testing.assert_array_equal(read(path), canvas[40:90, 56:126])


def test_sizes_are_limited_before_anything_is_decoded(exr, tmp_path):
    path = str(write(exr, tmp_path / "m.exr", {"Z": DEPTH, "Y": DEPTH}))
    pixels = DEPTH.size
    decode(path, ["z"], max_pixels=pixels, max_bytes=8 * pixels)
    with pytest.raises(ValueError, match="56x40 pixels"):
        decode(path, ["z"], max_pixels=pixels - 1, max_bytes=8 * pixels)
    with pytest.raises(ValueError, match="keep the depth alone"):
        decode(path, ["z"], max_pixels=pixels, max_bytes=8 * pixels - 1)
    path = str(write(exr, tmp_path / "t.exr", {"Z": DEPTH[:4, :4].copy()}, tiled=True))
    with pytest.raises(ValueError, match="tiles have 32x32 pixels"):
        decode(path, ["z"], max_pixels=32 * 32 - 1, max_bytes=10**6)


def damaged(exr, kind, path):
    whole = write(exr, path, {"Z": DEPTH}).read_bytes()
    if kind == "text":
        path.write_text("no exr")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut header":
        path.write_bytes(whole[:100])
    elif kind == "cut pixels":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_bytes(whole[:400] + bytes(255 - byte for byte in whole[400:]))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "empty", "cut header", "cut pixels", "other pixels"])
def test_damaged_files_are_one_line_and_the_decoder_s_remarks_are_not_shown(exr, tmp_path, capfd, kind):
    path = damaged(exr, kind, tmp_path / "m.exr")
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert "m.exr" in message and "expected an exr" in message and "\n" not in message
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_it_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "m.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(64))
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(InputError, match=r"pip install 'metric-from-human\[exr\]'"):
        read(tmp_path / "m.exr")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (subprocess.CompletedProcess([], -11, b""), "ended with -11"),
        (subprocess.TimeoutExpired([], 60), "more than 60"),
    ],
)
def test_a_decoder_that_dies_or_hangs_is_one_line(exr, tmp_path, monkeypatch, returned, said):
    def run(*_, **__):
        if isinstance(returned, Exception):
            raise returned
        return returned

    path = write(exr, tmp_path / "m.exr", {"Z": DEPTH})
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(InputError, match=said):
        read(path)


@pytest.mark.slow
def test_nothing_in_the_current_folder_is_run(exr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(exr, tmp_path / "m.exr", {"Z": DEPTH})
    for name in ("OpenEXR", "numpy", "io", "mfh"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()")
    np.testing.assert_array_equal(read(tmp_path / "m.exr"), DEPTH)
    assert not (tmp_path / "ran").exists()


def test_the_only_channel_needs_no_name():
    assert choose_channel([(0, "odd")], []) == [(0, "odd")]
