import base64
import io

import numpy as np
import pytest
from PIL import Image

from mfh.report.clip_frames import MOST_FRAMES, PAGE_BYTES, ClipFrames, choose_frames
from tests.report.test_encode import decoded


def test_a_short_clip_is_shown_whole_and_a_long_one_evenly():
    assert choose_frames(7) == list(range(7)) and choose_frames(1) == [0]
    chosen = choose_frames(10_000)
    assert len(chosen) == MOST_FRAMES and chosen[0] == 0 and chosen[-1] == 9_999
    assert np.ptp(np.diff(chosen)) <= 1


def test_key_frames_at_hand_are_taken():
    keys = range(0, 3_000, 15)
    chosen = choose_frames(3_000, key_frames=keys)
    assert len(chosen) == MOST_FRAMES and chosen[-1] == 2_999
    assert all(one in keys for one in chosen[:-1])
    even = choose_frames(3_000)
    assert np.abs(np.array(chosen) - even).max() <= 15
    # Where key frames are rare, nothing is moved far for them.
    assert np.abs(np.array(choose_frames(3_000, key_frames=[700])) - even).max() <= 3_000 / MOST_FRAMES / 2


def clip_of(count, width=640, height=480, *, noise=0.0, same=False):
    rng = np.random.default_rng(0)
    frames = ClipFrames(choose_frames(count), width, height, same_depth=same)
    rows, columns = np.mgrid[:height, :width]
    depths = []
    for index in range(count):
        depth_m = np.exp(rows / height + 0.5 * columns / width + 0.01 * index + rng.normal(0, noise, (height, width)))
        depth_m[:40] = np.nan
        depths.append(depth_m)
        pixels = rng.integers(0, 255, (height // 16, width // 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        frames.add(index, index / 10, pixels, depths[0] if same else depth_m)
    return frames, depths


def test_depth_is_within_a_hundredth_at_the_size_of_the_picture():
    frames, depths = clip_of(4, 320, 240, noise=0.05)
    assert frames.size == (320, 240) and frames.holes and frames.depth is None
    for one, depth_m in zip(frames.frames, depths, strict=True):
        again = np.exp(decoded(one.depth))
        np.testing.assert_array_equal(np.isnan(again), np.isnan(depth_m))
        np.testing.assert_allclose(again, depth_m, rtol=0.0095)
        assert Image.open(io.BytesIO(base64.b64decode(one.jpeg))).size == (320, 240)
    assert list(frames.seconds) == [0.0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_page_of_sixty_frames_is_no_larger_than_it_may_be(noise):
    frames, _ = clip_of(MOST_FRAMES, noise=noise)
    assert max(frames.size) == 480 and len(frames.frames) == MOST_FRAMES
    assert sum(len(one.jpeg) + len(one.depth.data) for one in frames.frames) <= PAGE_BYTES


def test_a_camera_that_stands_still_has_one_depth_and_larger_pictures():
    frames, depths = clip_of(MOST_FRAMES, same=True)
    assert max(frames.size) == 640 and all(one.depth is None for one in frames.frames)
    np.testing.assert_allclose(np.exp(decoded(frames.depth)), depths[0], rtol=0.0011)


def test_a_small_clip_is_not_enlarged():
    frames, _ = clip_of(2, 96, 64)
    assert frames.size == (96, 64)
