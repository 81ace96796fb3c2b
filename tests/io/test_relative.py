"""Relative depth from files: every format, and one line for everything that is no map of the photo."""

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.io.relative import RelativeDepthMap, read_relative_depth

MAP = np.linspace(100, 60_000, 6 * 8).reshape(6, 8).round()


def write(path, values):
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, values)
    else:
        Image.fromarray(values.astype(np.uint16)).save(path)
    return path


@pytest.mark.parametrize("name", ["m.npy", "m.npz", "m.png", "M.NPY"])
def test_every_format_gives_the_same_map(tmp_path, name):
    path = tmp_path / name
    if name == "M.NPY":
        with path.open("wb") as stream:
            np.save(stream, MAP)
    else:
        write(path, MAP)
    given = read_relative_depth(path, space="depth")
    np.testing.assert_array_equal(given.values, MAP.astype(np.float32))
    assert (given.space, given.name, given.values.dtype) == ("depth", name, np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.uint8])
def test_every_kind_of_number(tmp_path, dtype):
    values = np.arange(48).reshape(6, 8).astype(dtype)
    np.testing.assert_array_equal(read_relative_depth(write(tmp_path / "m.npy", values), space="depth").values, values)


@pytest.mark.parametrize("shape", [(1, 6, 8), (6, 8, 1), (1, 1, 6, 8)])
def test_axes_of_one_are_dropped(tmp_path, shape):
    given = read_relative_depth(write(tmp_path / "m.npy", MAP.reshape(shape)), space="disparity")
    assert given.values.shape == (6, 8)


def test_an_npz_of_several_arrays_is_read_by_name(tmp_path):
    np.savez(tmp_path / "m.npz", disparity=MAP, depth=MAP + 1, K=np.eye(3))
    for space, expected in (("disparity", MAP), ("depth", MAP + 1)):
        np.testing.assert_array_equal(read_relative_depth(tmp_path / "m.npz", space=space).values, expected)
    np.savez(tmp_path / "n.npz", first=MAP, second=MAP)
    with pytest.raises(InputError, match="holds first, second: expected one array"):
        read_relative_depth(tmp_path / "n.npz", space="depth")


def test_exr_is_read_where_opencv_can_or_says_what_to_do(tmp_path, monkeypatch):
    import cv2

    path = tmp_path / "m.exr"
    path.write_bytes(b"\x76\x2f\x31\x01" + bytes(64))
    monkeypatch.setattr(cv2, "haveImageReader", lambda _: False)
    with pytest.raises(InputError, match="save the map as npy"):
        read_relative_depth(path, space="depth")
    monkeypatch.setattr(cv2, "haveImageReader", lambda _: True)
    pixels = MAP.astype(np.float32)
    answers = {"grey": pixels, "three alike": np.repeat(pixels[..., None], 3, 2)}
    for answer in answers.values():
        monkeypatch.setattr(cv2, "imread", lambda *_, answer=answer: answer)
        np.testing.assert_array_equal(read_relative_depth(path, space="depth").values, pixels)
    monkeypatch.setattr(cv2, "imread", lambda *_: np.stack([pixels, pixels + 1, pixels], -1))
    with pytest.raises(InputError, match="3 different channels"):
        read_relative_depth(path, space="depth")
    monkeypatch.setattr(cv2, "imread", lambda *_: None)
    with pytest.raises(InputError, match="cannot be read by this OpenCV"):
        read_relative_depth(path, space="depth")


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
        write(path, MAP)
        path.write_bytes(path.read_bytes()[:-50])
    elif kind == "truncated npz":
        path = write(folder / "m.npz", MAP)
        path.write_bytes(path.read_bytes()[:-50])
    elif kind == "npy called npz":
        path = folder / "m.npz"
        with path.open("wb") as stream:
            np.save(stream, MAP)
    elif kind == "npz called npy":
        path.write_bytes(write(folder / "m.npz", MAP).read_bytes())
    elif kind == "truncated png":
        path = write(folder / "m.png", np.random.default_rng(0).integers(0, 60000, (64, 64)))
        path.write_bytes(path.read_bytes()[:1000])
    elif kind == "jpeg called png":
        path = folder / "m.png"
        Image.new("L", (8, 6)).save(path, "JPEG")
    elif kind == "8-bit png":
        path = folder / "m.png"
        Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(path)
    elif kind == "colour png":
        path = folder / "m.png"
        Image.new("RGB", (8, 6)).save(path)
    elif kind == "jpeg":
        path = folder / "m.jpg"
        Image.new("L", (8, 6)).save(path)
    elif kind == "no ending":
        path = folder / "m"
        path.touch()
    elif kind == "missing exr":
        path = folder / "m.exr"
    elif kind == "objects":
        np.save(path, np.array([{}], object))
    elif kind == "complex":
        write(path, MAP + 1j)
    elif kind == "three channels":
        write(path, np.stack([MAP] * 3, -1))
    elif kind == "one row":
        write(path, MAP[0])
    elif kind == "NaN":
        write(path, np.where(MAP > 50_000, np.nan, MAP))
    elif kind == "infinite":
        write(path, np.where(MAP > 50_000, np.inf, MAP))
    elif kind == "too large":
        write(path, MAP * 1e300)
    elif kind == "constant":
        write(path, np.full((6, 8), 7.5))
    elif kind == "no values":
        write(path, np.zeros((0, 8)))
    return path


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", "No such file"),
        ("folder", "cannot read"),
        ("empty", "damaged or no npy"),
        ("text", "damaged or no npy"),
        ("truncated", "damaged or no npy"),
        ("truncated npz", "damaged or no npz"),
        ("npy called npz", "it is no npz"),
        ("npz called npy", "damaged or no npy"),
        ("truncated png", "m.png"),
        ("jpeg called png", "does not begin like a png"),
        ("8-bit png", "expected 16-bit grey"),
        ("colour png", "pixel format RGB"),
        ("jpeg", "ending .jpg"),
        ("no ending", "ending of no format"),
        ("missing exr", "No such file"),
        ("objects", "damaged or no npy"),
        ("complex", "holds complex128"),
        ("three channels", "shape (6, 8, 3)"),
        ("one row", "shape (8,)"),
        ("NaN", "not finite"),
        ("infinite", "not finite"),
        ("too large", "not finite"),
        ("constant", "constant (7.5 everywhere)"),
        ("no values", "is constant"),
    ],
)
def test_anything_else_is_one_line(tmp_path, kind, expected):
    path = unusable(kind, tmp_path)
    with pytest.raises(InputError) as caught:
        read_relative_depth(path, space="depth")
    message = str(caught.value)
    assert expected in message and path.name in message and "\n" not in message


def test_the_photo_s_own_size_needs_nothing():
    given = RelativeDepthMap(MAP.astype(np.float32), "depth")
    assert given.fitted_to(8, 6) == (given, ())


@pytest.mark.parametrize(("width", "height"), [(80, 60), (4, 3), (401, 300)])
def test_the_same_view_at_another_size_is_resized_aloud(width, height):
    across = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (6, 1))
    fitted, (note,) = RelativeDepthMap(across, "depth", "m.npy").fitted_to(width, height)
    assert fitted.values.shape == (height, width) and (fitted.space, fitted.name) == ("depth", "m.npy")
    middle = fitted.values[:, width // 4 : 3 * width // 4]
    steps = np.diff(middle, axis=1)
    np.testing.assert_allclose(steps, 8 / 7 / width, rtol=1e-3, err_msg="bilinear: a ramp stays one")
    assert "from 8x6" in note and f"{width}x{height}" in note and "m.npy" in note


@pytest.mark.parametrize(("width", "height", "said"), [(8, 7, "8x7"), (6, 8, "turned by 90 degrees"), (800, 450, "")])
def test_another_shape_is_refused(width, height, said):
    given = RelativeDepthMap(MAP.astype(np.float32), "depth", "m.npy")
    with pytest.raises(InputError, match="m.npy has 8x6 values") as caught:
        given.fitted_to(width, height)
    assert said in str(caught.value)
