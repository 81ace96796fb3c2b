"""Every format read back by another library: metres, colours, axes, sizes, and what a file says about itself."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.geometry.camera import project, resize_camera, unproject
from mfh.geometry.surface import normals
from mfh.io.cloud import cloud_of, grid_step
from mfh.io.depth_rows import rows_of_result
from mfh.io.formats import FORMATS, Formats, formats_named, write_formats
from mfh.io.intrinsics import read_intrinsics
from mfh.io.schema import KEY, SCHEMA
from mfh.types import Camera
from tests.io.depth_files import COMMANDS, read_plain_exr, rows_with, sure_result, write

MESHES, CLOUDS = ("mesh-ply", "mesh-glb"), ("ply", "glb")


@pytest.fixture(scope="module")
def rows():
    return rows_of_result(sure_result(), commands=COMMANDS)


@pytest.fixture(scope="module")
def depth_m():
    return sure_result().depth_m


@pytest.fixture
def trimesh():
    return pytest.importorskip("trimesh")


def geometry(trimesh, path):
    """What trimesh reads, in the axes of the camera frame."""
    loaded = trimesh.load(path)
    one = next(iter(loaded.geometry.values())) if hasattr(loaded, "geometry") else loaded
    turn = np.array([1, -1, -1]) if path.suffix == ".glb" else 1
    return one, np.asarray(one.vertices) * turn


def glb_tree(path):
    content = path.read_bytes()
    (size,) = struct.unpack_from("<I", content, 12)
    return json.loads(content[20 : 20 + size])


def says(path):
    """What a file says about itself, read without this package."""
    if path.suffix == ".npz":
        return json.loads(str(np.load(path)["about"]))
    if path.suffix == ".png":
        return json.loads(Image.open(path).info[KEY])
    if path.suffix == ".exr":
        return json.loads(read_plain_exr(path)[0][KEY])
    if path.suffix == ".glb":
        return glb_tree(path)["asset"]["extras"][KEY]
    if path.suffix == ".json":
        return json.loads(path.read_text())[KEY]
    lines = path.read_bytes().partition(b"end_header")[0].decode("ascii").splitlines()
    found: dict[str, str] = {}
    for line in lines:
        if line.startswith(f"comment {KEY} "):
            name, _, piece = line.removeprefix(f"comment {KEY} ").partition(": ")
            found[name] = found.get(name, "") + piece
    return {name: json.loads(text) for name, text in found.items()}


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("npy", "normals-npy")])
def test_every_file_says_what_it_is(tmp_path, rows, name):
    about = says(write(name, tmp_path, rows))
    assert (about["schema"], about["metric"], about["depth"], about["unit"]) == (SCHEMA, True, "z", "m")
    assert about["camera"] == {"fx": 81.3, "fy": 79.9, "cx": 30.25, "cy": 26.5, "width": 64, "height": 48}
    assert (about["level_80"], about["level_95"]) == ([0.8, 1.3], [0.65, 1.6])
    assert (about["photo"], about["preset"], about["seed"]) == ("photo.jpg", "pocket", 7)
    assert about["commands"] == list(COMMANDS) and about["pixel_centres"] == "integer"
    assert about["log_sigma"] == (name in ("npz", "exr"))
    assert about["metres_per_unit"] == {"png": 1 / 1000, "png256": 1 / 256}.get(name, 1)
    up = name in ("glb", "mesh-glb", "normals")
    assert about["axes"] == ("x right, y up, z backward" if up else "x right, y down, z forward")
    kinds = {"ply": "points", "glb": "points", "mesh-ply": "mesh", "mesh-glb": "mesh"}
    assert about["holds"] == {**kinds, "normals": "normals", "camera": "camera"}.get(name, "depth")
    left_out = name in kinds
    assert about["no_depth"] == ("left out" if left_out else "0" if name in ("png", "png256", "normals") else "NaN")


def test_arrays_and_pictures_hold_the_metres(tmp_path, rows, depth_m):
    np.testing.assert_array_equal(np.load(write("npy", tmp_path, rows)), depth_m)
    assert np.load(tmp_path / "depth.npy").dtype == np.float32
    for name, steps in (("png", 1000), ("png256", 256)):
        picture = np.asarray(Image.open(write(name, tmp_path, rows))).astype(float)
        np.testing.assert_array_equal(picture == 0, np.isnan(depth_m))
        there = picture > 0
        assert np.abs(picture[there] / steps - depth_m[there]).max() <= 0.5 / steps + 1e-6


def test_the_far_end_of_pictures_is_stated(tmp_path):
    deep = np.linspace(1, 300, 64 * 48, dtype=np.float32).reshape(48, 64)
    _, sentences = write_formats(tmp_path, rows_with(deep), Formats(("png", "png256")))
    assert sentences == [
        "depth.png ends at 65.535 m: 78.4% of the pixels are farther; format npz has all",
        "depth-256.png ends at 255.996 m: 14.7% of the pixels are farther; format npz has all",
    ]
    assert np.asarray(Image.open(tmp_path / "depth-256.png")).max() == 65535


def test_exr_in_a_second_reader(tmp_path, rows, depth_m):
    pytest.importorskip("OpenEXR", reason="the exr extra is not installed")
    texts, planes = read_plain_exr(write("exr", tmp_path, rows))
    np.testing.assert_array_equal(planes["Z"], depth_m)
    sigma = sure_result().log_sigma
    assert sigma is not None and planes["log_sigma"].dtype == np.float32
    # Half a step of half precision.
    np.testing.assert_array_less(np.abs(planes["log_sigma"] - sigma), np.spacing(sigma.astype(np.float16)) / 2 + 1e-7)
    assert "metres along the optical axis" in texts["comments"]


@pytest.mark.parametrize("name", [*CLOUDS, *MESHES])
def test_points_lie_on_their_pixels(tmp_path, trimesh, rows, depth_m, name):
    _, points = geometry(trimesh, write(name, tmp_path, rows))
    pixels = project(rows.about.camera, points)
    at = np.rint(pixels).astype(int)
    assert np.abs(pixels - at).max() < 0.01
    column, row = at.T
    stored = depth_m[row, column]
    assert (np.abs(points[:, 2] - stored) <= np.spacing(stored.astype(np.float16)).astype(float) / 2).all()
    assert len({tuple(one) for one in at.tolist()}) == len(at) > 0.6 * np.isfinite(depth_m).sum()


@pytest.mark.parametrize("name", CLOUDS)
def test_points_have_the_colours_of_their_pixels(tmp_path, trimesh, rows, name):
    one, points = geometry(trimesh, write(name, tmp_path, rows))
    column, row = np.rint(project(rows.about.camera, points)).astype(int).T
    expected = np.rint(sure_result().photo.rgb[row, column] * 255)
    colors = np.asarray(one.colors)[:, :3].astype(float)
    if name == "glb":
        # glTF's are linear.
        linear = (expected / 255 + 0.055) / 1.055
        expected = 255 * np.where(expected <= 0.04045 * 255, expected / 255 / 12.92, linear**2.4)
    assert np.abs(colors - expected).max() <= 1


def test_the_texture_is_the_photo_where_the_vertices_are(tmp_path, trimesh):
    height, width = 60, 80
    rgb = np.zeros((height, width, 3), np.uint8)
    # Smooth, so that JPEG keeps it.
    rgb[..., 0], rgb[..., 1] = np.linspace(0, 255, width)[None], np.linspace(0, 255, height)[:, None]
    flat = rows_with(np.full((height, width), 3.0, np.float32), rgb=rgb)
    one, points = geometry(trimesh, write("mesh-glb", tmp_path, flat))
    texture = np.asarray(one.visual.material.baseColorTexture.convert("RGB")).astype(float)
    column, row = np.rint(project(flat.about.camera, points)).astype(int).T
    # trimesh turns the vertical axis of textures round.
    u, v = one.visual.uv[:, 0] * width - 0.5, (1 - one.visual.uv[:, 1]) * height - 0.5
    np.testing.assert_allclose(u, column, atol=1e-3)
    np.testing.assert_allclose(v, row, atol=1e-3)
    assert np.abs(texture[row, column] - rgb[row, column]).max() < 12
    assert one.faces.shape == (2 * 59 * 79, 3)
    assert (one.face_normals[:, 2] > 0.99).all(), "towards the camera, which is at +z there"


@pytest.mark.parametrize("name", MESHES)
def test_meshes_are_cut_at_edges_and_have_no_sky(tmp_path, trimesh, name):
    depth_m = np.full((60, 80), 4.0, np.float32)
    depth_m[20:40, 30:50] = 2.0
    depth_m[:8] = np.nan
    one, points = geometry(trimesh, write(name, tmp_path, rows_with(depth_m)))
    z = points[:, 2][one.faces]
    np.testing.assert_allclose(z.max(1), z.min(1))
    assert len(points) == np.isfinite(depth_m).sum()
    parts = one.split(only_watertight=False)
    assert sorted(len(part.vertices) for part in parts) == [400, 52 * 80 - 400]


@pytest.mark.parametrize("name", [*CLOUDS, *MESHES])
def test_where_no_pixel_has_depth_the_file_is_empty_and_whole(tmp_path, trimesh, name):
    path = write(name, tmp_path, rows_with(np.full((20, 30), np.nan, np.float32)))
    if path.suffix == ".glb":
        assert glb_tree(path)["scenes"] == [{}] and trimesh.load(path).is_empty
    else:
        assert b"element vertex 0\n" in path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["glb", "mesh-glb", "ply", "mesh-ply"])
def test_a_photo_of_twelve_megapixels_stays_below_20_mb(tmp_path, trimesh, name):
    # The most points there can be, and the texture that is hardest to pack.
    rows = rows_with(np.full((3024, 4032), 3.0, np.float32), focal_px=3000.0)
    _, (sentence,) = write_formats(tmp_path, rows, Formats((name,)))
    path = tmp_path / FORMATS[name].file
    assert 8_000_000 < path.stat().st_size <= 20_000_000
    one, points = geometry(trimesh, path)
    step = 6 if name in MESHES else 4
    count = (-(-3024 // step)) * (-(-4032 // step))
    assert len(points) == count
    assert f"has {count:,} points of 12,192,768 pixels with depth: one of every {step} rows and columns" in sentence
    facts = says(path) if path.suffix == ".ply" else glb_tree(path)["asset"]["extras"]
    assert (facts["points"], facts["of_pixels_with_depth"], facts["grid_step"]) == (count, 12_192_768, step)
    at = project(rows.about.camera, points) / step
    assert np.abs(at - np.rint(at)).max() < 0.01, "every sixth, or fourth, pixel exactly"


def test_more_points_where_they_are_asked_for():
    rows = rows_with(np.full((30, 40), 3.0, np.float32))
    assert len(cloud_of(rows, most=1200).points_m) == 1200 and len(cloud_of(rows, most=1199).points_m) == 300
    for shape in ((30, 40), (7, 1000), (1, 1)):
        for most in (1, 2, 50, 333, 10_000):
            step = grid_step(shape, most)
            counts = [-(-shape[0] // one) * -(-shape[1] // one) for one in (step, max(step - 1, 1))]
            assert counts[0] <= most and (step == 1 or counts[1] > most)


def test_normals_in_a_picture_and_an_array(tmp_path):
    depth_m = np.full((60, 80), 4.0, np.float32)
    depth_m[:5] = np.nan
    rows = rows_with(depth_m)
    array = np.load(write("normals-npy", tmp_path, rows))
    picture = np.asarray(Image.open(write("normals", tmp_path, rows)))
    assert array.shape == picture.shape == (60, 80, 3) and array.dtype == np.float32
    np.testing.assert_allclose(array[5:], np.broadcast_to([0, 0, -1], (55, 80, 3)), atol=1e-4)
    assert np.isnan(array[:5]).all() and not picture[:5].any()
    assert (picture[5:] == (128, 128, 255)).all(), "as normal maps are: x right, y up, z to the camera"


def test_the_camera_in_three_forms(tmp_path, rows):
    path = write("camera", tmp_path, rows)
    tree = json.loads(path.read_text())
    camera = rows.about.camera
    assert tree["K"] == [[81.3, 0, 30.25], [0, 79.9, 26.5], [0, 0, 1]]
    # COLMAP's own projection: the centre of the first pixel is at (0.5, 0.5).
    point = unproject(camera, np.array([12.0, 34.0]), np.array(2.0))
    number, model, width, height, *params = tree["colmap"]["cameras_txt"].split()
    fx, fy, cx, cy = map(float, params)
    assert (number, model, int(width), int(height)) == ("1", "PINHOLE", 64, 48)
    np.testing.assert_allclose([fx * point[0] / 2 + cx, fy * point[1] / 2 + cy], [12.5, 34.5])
    assert tree["colmap"]["params"] == [fx, fy, cx, cy]
    nerf = tree["nerfstudio"]
    assert (nerf["fl_x"], nerf["fl_y"], nerf["cx"], nerf["cy"], nerf["w"], nerf["h"]) == (fx, fy, cx, cy, 64, 48)
    (tmp_path / "cameras.txt").write_text(tree["colmap"]["cameras_txt"])
    (tmp_path / "transforms.json").write_text(json.dumps(nerf))
    for name in ("camera.json", "cameras.txt", "transforms.json"):
        read = read_intrinsics(tmp_path / name)
        assert read.size == (64, 48)
        np.testing.assert_allclose([read.fx, read.fy, read.cx, read.cy], [81.3, 79.9, 30.25, 26.5])


def test_the_same_bytes_again(tmp_path, rows):
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        write_formats(folder, rows, Formats(tuple(FORMATS)))
    for one in FORMATS.values():
        assert (tmp_path / "a" / one.file).read_bytes() == (tmp_path / "b" / one.file).read_bytes(), one.file


def test_names_are_checked_before_any_work():
    assert formats_named([]).names == ("npz", "png")
    assert formats_named(["glb, npz", "glb"]).names == ("glb", "npz")
    with pytest.raises(InputError, match=r"format 'jpg' is unknown: expected npz, npy, png, .*camera$"):
        formats_named(["npz,jpg"])
    with pytest.raises(InputError, match="--max-points is 0"):
        formats_named(["glb"], max_points=0)


def test_without_the_exr_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr("mfh.io.exr.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'metric-from-human\[exr\]'"):
        formats_named(["exr"])


def test_without_a_photo_or_a_head_the_rest_can_be_written(tmp_path, rows):
    bare = replace(rows, rgb_rows=None, head=None)
    with pytest.raises(InputError, match="there is no photo"):
        write("glb", tmp_path, bare)
    with pytest.raises(InputError, match="metric head"):
        write("npz", tmp_path, bare)
    write("npy", tmp_path, bare)
    assert [one.name for one in tmp_path.iterdir()] == ["depth.npy"]


def test_a_long_command_is_kept_in_short_comments(tmp_path, rows):
    long = replace(rows, about=replace(rows.about, commands=("mfh predict " + "é" * 500,)))
    path = write("ply", tmp_path, long)
    assert says(path)["commands"] == ["mfh predict " + "é" * 500]
    header = path.read_bytes().partition(b"end_header")[0]
    assert max(map(len, header.splitlines())) < 256


def test_a_depth_that_is_not_of_the_middle_of_the_picture_stays_itself(tmp_path, trimesh):
    """A principal point far outside, as of a crop."""
    rows = rows_with(np.full((30, 40), 5.0, np.float32))
    about = replace(rows.about, camera=Camera(50.0, 60.0, -300.5, 900.25, 40, 30))
    _, points = geometry(trimesh, write("glb", tmp_path, replace(rows, about=about)))
    at = project(about.camera, points)
    assert np.abs(at - np.rint(at)).max() < 0.01


def test_every_file_has_the_size_of_the_photo_where_models_ran_on_a_smaller_one(tmp_path, trimesh):
    result = sure_result()
    height, width = 4 * 48, 4 * 64
    photo = replace(
        result.photo,
        pixels=np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8),
        camera=resize_camera(result.photo.camera, width=width, height=height),
    )
    result = replace(result, photo=photo, relative=replace(result.relative, photo_shape=(height, width)))
    rows = rows_of_result(result)
    for name in ("npy", "png", "png256", "normals", "normals-npy"):
        path = write(name, tmp_path, rows)
        found = np.load(path) if path.suffix == ".npy" else np.asarray(Image.open(path))
        assert found.shape[:2] == (height, width), name
    np.testing.assert_array_equal(np.load(tmp_path / "depth.npy"), result.depth_m)
    whole = normals(result.depth_m, photo.camera)
    np.testing.assert_array_equal(np.load(tmp_path / "normals.npy"), whole)
    _, points = geometry(trimesh, write("glb", tmp_path, rows))
    column, row = np.rint(project(photo.camera, points)).astype(int).T
    np.testing.assert_allclose(points[:, 2], result.depth_m[row, column], rtol=1e-6)
    assert column.max() > 64 and row.max() > 48
