"""Maps of numbers from files of every format, and one line for everything that is no map."""

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.io.maps import SUFFIXES, read_map
from tests.io.map_files import write_map, write_pfm, write_tiff

MAP = np.linspace(100, 60_000, 6 * 8).reshape(6, 8).round()


def read(path, **options):
    return read_map(path, what="a map", names=("depth", "pred"), **options)


@pytest.mark.parametrize("name", ["m.npy", "m.npz", "m.png", "m.tif", "m.tiff", "M.NPY", "M.PNG"])
def test_every_format_gives_the_same_map(tmp_path, name):
    path = write_map(tmp_path / name.lower(), MAP).rename(tmp_path / name)
    values = read(path)
    np.testing.assert_array_equal(values, MAP.astype(np.float32))
    assert values.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.uint8, np.uint64])
def test_every_kind_of_number(tmp_path, dtype):
    values = np.arange(48).reshape(6, 8).astype(dtype)
    np.testing.assert_array_equal(read(write_map(tmp_path / "m.npy", values)), values)


@pytest.mark.parametrize("shape", [(1, 6, 8), (6, 8, 1), (1, 1, 6, 8)])
def test_axes_of_one_are_dropped(tmp_path, shape):
    np.testing.assert_array_equal(read(write_map(tmp_path / "m.npy", MAP.reshape(shape))), MAP)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.int32, np.float32])
def test_tiff_of_16_and_32_bits(tmp_path, dtype, order):
    if (dtype, order) == (np.uint32, ">"):
        with pytest.raises(InputError, match="not a picture this can read"):
            read(write_tiff(tmp_path / "m.tif", MAP.astype(dtype), order=order))
        return
    values = MAP.astype(dtype) if dtype != np.int16 else (MAP - 40_000).clip(-30_000, 30_000).astype(dtype)
    if dtype == np.uint32:
        values[0, 0] = 4_000_000_000
    if dtype == np.float32:
        values[0, :3] = (np.inf, np.nan, -1.5)
    np.testing.assert_array_equal(read(write_tiff(tmp_path / "m.tif", values, order=order)), values.astype(np.float32))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "zstd"])
def test_compressed_float_tiff(tmp_path, compression):
    values = np.random.default_rng(0).normal(5, 2, (70, 90)).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "m.tiff", compression=compression)
    np.testing.assert_array_equal(read(tmp_path / "m.tiff"), values)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("scale", ["1.0", "0.00392156862745098", "1e-3"])
def test_pfm_of_either_byte_order_is_from_the_bottom_up(tmp_path, order, scale):
    values = np.random.default_rng(0).normal(5, 2, (6, 8)).astype(np.float32)
    values[0, :2] = (np.inf, np.nan)
    np.testing.assert_array_equal(read(write_pfm(tmp_path / "m.pfm", values, order=order, scale=scale)), values)
    alike = np.repeat(values[..., None], 3, 2)
    np.testing.assert_array_equal(read(write_pfm(tmp_path / "m.pfm", alike, order=order, scale=scale)), values)


@pytest.mark.parametrize("name", ["m.npy", "m.npz", "m.png", "m.tif"])
def test_0_among_whole_numbers_is_none_where_that_is_said(tmp_path, name):
    values = MAP.astype(np.uint16)
    values[1, 2] = 0
    path = write_map(tmp_path / name, values)
    np.testing.assert_array_equal(read(path), values)
    np.testing.assert_array_equal(np.isnan(read(path, zero_is_none=True)), values == 0)
    floats = write_map(tmp_path / "f.npy", values.astype(np.float32))
    np.testing.assert_array_equal(read(floats, zero_is_none=True), values)


def test_an_npz_of_several_arrays_is_read_by_name(tmp_path):
    np.savez(tmp_path / "m.npz", pred=MAP + 1, depth=MAP, K=np.eye(3), names=np.array([{}], object))
    np.testing.assert_array_equal(read(tmp_path / "m.npz"), MAP)


def unusable(kind, folder):
    path = folder / "m.npy"
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no map")
    elif kind == "truncated":
        write_map(path, MAP)
        path.write_bytes(path.read_bytes()[:-50])
    elif kind == "huge":
        path.write_bytes(huge_npy())
    elif kind == "truncated npz":
        path = write_map(folder / "m.npz", MAP)
        path.write_bytes(path.read_bytes()[:-50])
    elif kind == "no arrays":
        path = folder / "m.npz"
        np.savez(path)
    elif kind == "npy called npz":
        path = write_map(path, MAP).rename(folder / "m.npz")
    elif kind == "npz called npy":
        path = write_map(folder / "m.npz", MAP).rename(path)
    elif kind == "truncated png":
        path = write_map(folder / "m.png", np.random.default_rng(0).integers(0, 60000, (64, 64)))
        path.write_bytes(path.read_bytes()[:1000])
    elif kind == "jpeg called png":
        path = folder / "m.png"
        Image.new("L", (8, 6)).save(path, "JPEG")
    elif kind == "8-bit png":
        path = folder / "m.png"
        Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(path)
    elif kind == "8-bit tiff":
        path = folder / "m.tif"
        Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(path)
    elif kind == "colour png":
        path = folder / "m.png"
        Image.new("RGB", (8, 6)).save(path)
    elif kind == "64-bit tiff":
        path = write_tiff(folder / "m.tif", MAP)
    elif kind == "jpeg":
        path = folder / "m.jpg"
        Image.new("L", (8, 6)).save(path)
    elif kind == "no ending":
        path = folder / "m"
        path.touch()
    elif kind == "truncated pfm":
        path = write_pfm(folder / "m.pfm", MAP)
        path.write_bytes(path.read_bytes()[:-4])
    elif kind == "huge pfm":
        path = folder / "m.pfm"
        path.write_bytes(b"Pf\n99999999 99999999\n-1.0\n" + bytes(64))
    elif kind == "coloured pfm":
        path = write_pfm(folder / "m.pfm", np.stack([MAP, MAP + 1, MAP], -1))
    elif kind == "pgm called pfm":
        path = folder / "m.pfm"
        path.write_bytes(b"P5\n8 6\n255\n" + bytes(48))
    elif kind == "objects":
        np.save(path, np.array([{}], object))
    elif kind == "complex":
        write_map(path, MAP + 1j)
    elif kind == "truth values":
        write_map(path, MAP > 5)
    elif kind == "three channels":
        write_map(path, np.stack([MAP] * 3, -1))
    elif kind == "one row":
        write_map(path, MAP[0])
    return path


def huge_npy():
    """Return an npy whose header asks for a petabyte."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (16777216, 16777216), }"
    header += b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", "no such file"),
        ("folder", "is a folder"),
        ("empty", "is empty"),
        ("text", "magic string"),
        ("truncated", "bytes"),
        ("huge", "at most are read"),
        ("truncated npz", "no zip archive"),
        ("no arrays", "holds no array"),
        ("npy called npz", "no zip archive"),
        ("npz called npy", "magic string"),
        ("truncated png", "m.png"),
        ("jpeg called png", "is not a picture this can read"),
        ("8-bit png", "pixel format L: expected one grey channel of 16 bits"),
        ("8-bit tiff", "pixel format L"),
        ("colour png", "pixel format RGB"),
        ("64-bit tiff", "expected npy, npz, 16-bit png, 16- or 32-bit tiff"),
        ("jpeg", "ending .jpg"),
        ("no ending", "ending of no format"),
        ("truncated pfm", "ends after 188 of 192 bytes"),
        ("huge pfm", "99999999x99999999 pixels"),
        ("coloured pfm", "3 different channels"),
        ("pgm called pfm", "begins with b'P5"),
        ("objects", "only numbers and text are read"),
        ("complex", "holds complex128"),
        ("truth values", "holds bool"),
        ("three channels", "shape (6, 8, 3)"),
        ("one row", "shape (8,)"),
    ],
)
def test_anything_else_is_one_line(tmp_path, kind, expected):
    path = unusable(kind, tmp_path)
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert expected in message and path.name in message and "\n" not in message


@pytest.mark.slow
def test_the_endings_that_are_looked_for_are_those_that_are_read(tmp_path):
    for suffix in SUFFIXES:
        path = tmp_path / f"m{suffix}"
        path.write_bytes(b"nothing of the kind")
        with pytest.raises(InputError) as caught:
            read(path)
        assert "has the ending" not in str(caught.value)
