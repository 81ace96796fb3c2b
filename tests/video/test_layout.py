"""Files of a clip as ViPE's readers find them, and the same bytes from the same clip."""

import zipfile

import av
import numpy as np
import pytest

from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_px
from mfh.video.layout import depth_path, depth_zip, even, limits_of_clip_m, mp4, write_cameras
from tests.video.films import ramp

OpenEXR = pytest.importorskip("OpenEXR")
CAMERA = camera_from_focal_px(70.0, width=64, height=48)


def depths(count):
    rng = np.random.default_rng(0)
    maps = [rng.uniform(1, 9, (48, 64)).astype(np.float32) for _ in range(count)]
    maps[0][:5] = np.nan
    maps[0][5, 5], maps[0][5, 6] = np.inf, 1e6
    return maps


def write(folder, maps):
    with depth_zip(depth_path(folder, "clip")) as archive:
        for one in maps:
            archive.add(one)
    return depth_path(folder, "clip")


def test_depth_is_a_zip_of_half_precision_exr_files_with_one_channel_z(tmp_path):
    maps = depths(12)
    path = write(tmp_path, maps)
    assert path == tmp_path / "depth" / "clip.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{k:05d}.exr" for k in range(12)]
        for k, name in enumerate(archive.namelist()):
            archive.extract(name, tmp_path)
            with OpenEXR.File(str(tmp_path / name)) as file:
                (channel,) = file.channels().values()
                assert channel.name == "Z" and channel.pixels.dtype == np.float16
                expected = np.where(maps[k] <= 65504, maps[k], np.nan)
                np.testing.assert_allclose(channel.pixels, expected, rtol=1e-3)
    assert int(name.split(".")[0]) == 11, "names are the frames' numbers"


def test_the_same_depth_twice_is_the_same_bytes(tmp_path):
    first, second = (write(tmp_path / name, depths(3)) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    same = depths(1) * 4
    once, again = (write(tmp_path / name, maps) for name, maps in (("c", same), ("d", [one.copy() for one in same])))
    assert once.read_bytes() == again.read_bytes(), "one map of all frames is packed once"


def test_cameras_are_those_of_vipe(tmp_path):
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 0, 3] = (0, 0.5, 1)
    for folder in ("a", "b"):
        write_cameras(tmp_path / folder, "clip", CAMERA, poses)
    with np.load(tmp_path / "a" / "intrinsics" / "clip.npz") as file:
        assert file["inds"].tolist() == [0, 1, 2] and file["data"].dtype == np.float32
        np.testing.assert_allclose(file["data"], [[70, 70, 31.5, 23.5]] * 3)
    with np.load(tmp_path / "a" / "pose" / "clip.npz") as file:
        assert file["inds"].tolist() == [0, 1, 2] and file["data"].shape == (3, 4, 4)
        np.testing.assert_allclose(file["data"], poses)
    lines = (tmp_path / "a" / "intrinsics" / "clip_camera.txt").read_text().splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["PINHOLE"] * 3
    for name in ("intrinsics/clip.npz", "pose/clip.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("fps", [10.0, 24000 / 1001, 29.97, 0.5, 120.0])
def test_a_video_has_as_many_frames_at_its_rate(tmp_path, fps):
    frames = ramp(7)
    for name in ("a.mp4", "b.mp4"):
        with mp4(tmp_path / "rgb" / name, (64, 48), fps) as video:
            for one in frames:
                video.add(one)
    with av.open(str(tmp_path / "rgb" / "a.mp4")) as container:
        stream = container.streams.video[0]
        shown = list(container.decode(stream))
        assert (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height) == ("h264", "yuv420p", 64, 48)
        assert float(stream.average_rate) == pytest.approx(fps, rel=1e-3)
    assert len(shown) == 7
    assert np.diff([one.time for one in shown]) == pytest.approx([1 / fps] * 6, rel=0.02)
    assert np.abs(shown[3].to_ndarray(format="rgb24").astype(int) - frames[3]).mean() < 10
    assert (tmp_path / "rgb" / "a.mp4").read_bytes() == (tmp_path / "rgb" / "b.mp4").read_bytes()


def test_a_video_that_cannot_be_encoded_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be encoded"), mp4(tmp_path / "a.mp4", (63, 48), 10.0) as video:
        video.add(ramp(1, (63, 48))[0])


def test_sides_are_even():
    assert [even(side) for side in (0.3, 3.0, 5.1, 64.0, 101.0)] == [2, 4, 6, 64, 100]


@pytest.mark.parametrize(
    ("quantiles", "low", "high"),
    [
        ([], 1, 10),
        ([(np.nan, np.nan)], 1, 10),
        ([(2.0, 8.0)] * 5, 2, 8),
        ([(2.0, 8.0)] * 40 + [(0.01, 900.0)], 2, 8),
        ([(3.0, 3.0)], 2.9, 3.1),
    ],
)
def test_one_colour_bar_for_all_frames(quantiles, low, high):
    near_m, far_m = limits_of_clip_m(quantiles)
    assert near_m < far_m and (near_m, far_m) == pytest.approx((low, high), rel=0.05)
