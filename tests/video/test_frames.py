"""Frames of a clip: odd but good files just work, and what is no clip is one line."""

import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mfh.errors import BackendError, InputError
from mfh.io.focal import FocalRequest
from mfh.video.frames import FrameRange, natural, open_clip
from tests.video.films import film, ramp, sound

IPHONE = "com.apple.quicktime.camera.focal_length.35mm_equivalent"


def read(path, *, focal=None, **which):
    """Open a clip and read it all: the clip, times, and pixels."""
    clip = open_clip([Path(path)], focal=focal, which=FrameRange(**which))
    frames = list(clip.read())
    assert [one.index for one in frames] == list(range(len(frames)))
    assert all(one.pixels.shape == (clip.camera.height, clip.camera.width, 3) for one in frames)
    return clip, [one.seconds for one in frames], [one.pixels for one in frames]


def refusal(path, **which) -> str:
    with pytest.raises(InputError) as error:
        read(path, **which)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_frames_come_in_order_with_their_times(tmp_path, suffix):
    frames = ramp(7)
    clip, seconds, pixels = read(film(tmp_path / f"a.b{suffix}", frames))
    assert seconds == pytest.approx(np.arange(7) / 10, abs=2e-3)
    np.testing.assert_array_equal(pixels, frames)
    assert (clip.name, clip.frames_a_second, clip.frames) == ("a.b", pytest.approx(10), 7)
    assert clip.focal.source == "default-fov"
    assert clip.photo(next(clip.read())).camera == clip.camera


def test_part_of_a_clip_and_every_nth_frame(tmp_path):
    frames = ramp(20)
    path = film(tmp_path / "clip.mkv", frames)
    clip, seconds, pixels = read(path, start_s=0.5, end_s=1.5, every=3)
    assert seconds == pytest.approx([0.5, 0.8, 1.1, 1.4], abs=2e-3)
    np.testing.assert_array_equal(pixels, [frames[k] for k in (5, 8, 11, 14)])
    assert clip.frames == 4 and clip.frames_a_second == pytest.approx(10 / 3)
    assert "has no frame from 9" in refusal(path, start_s=9.0)
    assert "has no frame from 0.31 to 0.35 s" in refusal(path, start_s=0.31, end_s=0.35)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_turned_video_comes_upright_with_its_camera(tmp_path, turned):
    (frame,) = ramp(1, (64, 48))
    upright = np.rot90(frame, -turned // 90)
    clip, _, (pixels,) = read(film(tmp_path / "clip.mov", [frame], turned=turned), focal=FocalRequest(focal_px=70.0))
    np.testing.assert_array_equal(pixels, upright)
    assert (clip.camera.width, clip.camera.height) == upright.shape[1::-1] and clip.camera.fx == 70


@pytest.mark.parametrize(("size", "expected"), [((65, 49), (64, 48)), ((35, 32), (36, 32)), ((1281, 33), (1280, 32))])
def test_odd_sides_become_even_as_videos_need(tmp_path, size, expected):
    clip, _, (pixels,) = read(film(tmp_path / "clip.mkv", ramp(1, size)), focal=FocalRequest(focal_px=100.0))
    assert pixels.shape[1::-1] == expected
    assert clip.camera.fx == pytest.approx(100 * expected[0] / size[0], rel=1e-6)
    assert clip.camera.cx == pytest.approx((expected[0] - 1) / 2)


def test_large_frames_are_made_smaller_and_a_note_says_so(tmp_path):
    path = film(tmp_path / "clip.mkv", ramp(2, (400, 200)))
    clip, _, pixels = read(path, focal=FocalRequest(focal_px=300.0), long_side_px=100)
    assert pixels[0].shape == (50, 100, 3) and clip.camera.fx == pytest.approx(75)
    (note,) = clip.notes
    assert "100x50, of 400x200" in note and "--size" in note
    assert read(path)[0].notes == ()


def test_a_variable_rate_keeps_its_times(tmp_path):
    path = film(tmp_path / "clip.mkv", ramp(5), ticks=[0, 1, 2, 12, 13])
    _, seconds, _ = read(path)
    assert seconds == pytest.approx([0, 0.1, 0.2, 1.2, 1.3], abs=2e-3)
    _, seconds, _ = read(path, start_s=0.5)
    assert seconds == pytest.approx([1.2, 1.3], abs=2e-3)


def test_one_frame_is_a_clip(tmp_path):
    clip, seconds, pixels = read(film(tmp_path / "clip.mkv", ramp(1)))
    assert seconds == [0] and len(pixels) == 1 and clip.frames == 1


@pytest.mark.parametrize("name", ["empty.mp4", "text.mp4", "half.mp4", "noise.mkv"])
def test_what_is_no_video_is_one_line(tmp_path, name):
    path = tmp_path / name
    content = film(tmp_path / "whole.mp4", ramp(4)).read_bytes()
    rng = np.random.default_rng(0)
    path.write_bytes(
        {"empty": b"", "text": b"no video\n", "half": content[: len(content) // 2], "noise": rng.bytes(4000)}[path.stem]
    )
    assert name in refusal(path)


def test_no_frames_sound_alone_folders_and_nothing(tmp_path):
    assert "video" in refusal(film(tmp_path / "none.mkv", []))
    assert "only sound" in refusal(sound(tmp_path / "sound.wav"))
    assert "no such file" in refusal(tmp_path / "absent.mp4")
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in refusal(tmp_path / "empty")


@pytest.mark.parametrize("seed", range(25))
def test_a_damaged_video_gives_frames_or_one_line(tmp_path, seed):
    path, rng = film(tmp_path / "clip.mkv", ramp(6)), np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for at in rng.integers(0, len(content), 40):
        content[at] = rng.integers(0, 256)
    path.write_bytes(content[: rng.integers(len(content) // 2, len(content))] if seed % 3 == 0 else content)
    try:
        read(path)
    except InputError as error:
        assert "\n" not in str(error) and "clip" in str(error)


def test_a_phones_lens_is_in_the_metadata(tmp_path):
    clip, _, _ = read(film(tmp_path / "clip.mov", ramp(1), metadata={IPHONE: "26"}))
    # 36 mm are the long side.
    assert clip.camera.fx == pytest.approx(26 / 36 * 64, rel=0.02) and "35" in clip.focal.source
    turned, _, _ = read(film(tmp_path / "turned.mov", ramp(1), metadata={IPHONE: "26"}, turned=90))
    assert turned.camera.fx == pytest.approx(clip.camera.fx)
    given, _, _ = read(tmp_path / "clip.mov", focal=FocalRequest(focal_px=99.0))
    assert given.camera.fx == 99 and given.focal.source == "explicit"


@pytest.mark.parametrize("value", ["", "wide", "-3", "0", "nan", "1e9"])
def test_a_lens_that_is_none_is_as_if_nothing_were_said(tmp_path, value):
    clip, _, _ = read(film(tmp_path / "clip.mov", ramp(1), metadata={IPHONE: value}))
    assert clip.focal.source == "default-fov"


def pictures(folder: Path, frames, names=None, **about) -> Path:
    folder.mkdir()
    for k, one in enumerate(frames):
        Image.fromarray(one).save(folder / (names[k] if names else f"{k}.png"), **about)
    return folder


def test_pictures_of_a_folder_are_in_the_order_people_count_in(tmp_path):
    frames = ramp(12)
    folder = pictures(tmp_path / "walk", frames)
    (folder / "notes.txt").write_text("of the user")
    clip, seconds, pixels = read(folder)
    np.testing.assert_array_equal(pixels, frames)
    assert clip.name == "walk" and clip.frames == 12 and seconds[1] == pytest.approx(1 / 30)
    assert sorted(map(Path, ("f10", "f2", "F1", "2", "a10b2", "a10b10")), key=natural) == [
        Path(one) for one in ("2", "F1", "a10b2", "a10b10", "f2", "f10")
    ]
    every, _, pixels = read(folder, every=5)
    np.testing.assert_array_equal(pixels, frames[::5])
    assert every.frames == 3 and every.frames_a_second == 6


def test_pictures_in_order_grey_and_deep_ones_too(tmp_path):
    folder = tmp_path / "walk"
    folder.mkdir()
    grey = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    Image.fromarray(grey).save(folder / "b.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "a.png")
    paths = [folder / "b.png", folder / "a.png"]
    first, second = (one.pixels for one in open_clip(paths).read())
    np.testing.assert_array_equal(first, np.repeat(grey[..., None], 3, 2))
    assert np.abs(second.astype(int) - first).max() <= 1


def test_pictures_that_are_no_clip_are_one_line(tmp_path):
    one = pictures(tmp_path / "one", ramp(1))
    assert "one picture" in refusal(one) and "mfh predict" in refusal(one / "0.png")
    with pytest.raises(InputError, match="2 clips are given"):
        open_clip([one, one])
    assert "--from and --to" in refusal(pictures(tmp_path / "two", ramp(2)), start_s=1.0)
    mixed = pictures(tmp_path / "mixed", [*ramp(2), *ramp(1, (48, 64)), *ramp(1)])
    assert "2.png is 48x64, and the first one has another shape" in refusal(mixed)
    smaller = pictures(tmp_path / "smaller", [*ramp(1, (128, 96)), *ramp(1)])
    _, _, pixels = read(smaller)
    assert pixels[1].shape == (96, 128, 3), "the same view at another size"
    broken = pictures(tmp_path / "broken", ramp(3))
    (broken / "1.png").write_bytes((broken / "1.png").read_bytes()[:60])
    assert "1.png" in refusal(broken)


def test_pictures_with_two_focal_lengths_are_refused_unless_one_is_given(tmp_path):
    folder = pictures(tmp_path / "zoom", ramp(2), names=["0.jpg", "1.jpg"])
    for k, focal_35mm in enumerate((28, 56)):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0xA405] = focal_35mm
        with Image.open(folder / f"{k}.jpg") as image:
            image.save(folder / f"{k}.jpg", exif=exif)
    said = refusal(folder)
    assert "one camera and zoom" in said and "--focal-px" in said
    clip, _, _ = read(folder, focal=FocalRequest(focal_px=50.0))
    assert clip.camera.fx == 50


def test_without_the_package_one_line_says_which(tmp_path, monkeypatch):
    path = film(tmp_path / "clip.mkv", ramp(1))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BackendError, match=r"metric-from-human\[video\]"):
        open_clip([path])


def test_opening_reads_one_frame_and_reading_holds_one(tmp_path, monkeypatch):
    decoded = []
    whole = av.container.InputContainer.decode

    def counted(self, *streams, **words):
        for frame in whole(self, *streams, **words):
            decoded.append(frame.pts)
            yield frame

    path = film(tmp_path / "clip.mkv", ramp(30))

    class Counting:
        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.container.close()

        def decode(self, *streams):
            return counted(self.container, *streams)

    opened = av.open
    monkeypatch.setattr(av, "open", lambda path, **words: Counting(opened(path, **words)))
    clip = open_clip([path])
    assert len(decoded) == 1
    next(clip.read())
    assert len(decoded) == 2
