"""The networks' pass over a clip: a record a frame, none made twice, and memory that does not grow."""

import gc
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pytest

from mfh.errors import BackendError
from mfh.geometry.camera import camera_from_focal_px
from mfh.types import Camera, FocalProvenance, RelativeDepth
from mfh.video.frames import Clip, Frame, FrameRange
from mfh.video.watching import Watcher, reading_of, watch_clip
from tests.video.made_up import shifted_grid
from tests.video.world import ROOM, Seen, Truth, WorldDepth, person, pipeline_of, pose_at, see, walk

CAMERA = camera_from_focal_px(150.0, width=160, height=120)


@dataclass(frozen=True)
class Endless(Clip):
    """A clip of any length whose frames are made when they are asked for."""

    seen: tuple[Seen, ...] = ()
    count: int = 0

    def read(self) -> Iterator[Frame]:
        """Yield the frames, over and over."""
        for index in range(self.count):
            yield Frame(index, index / 30, self.seen[index % len(self.seen)].pixels.copy())


def clip_of(seen, count: int, camera: Camera = CAMERA) -> Endless:
    focal = FocalProvenance("explicit", "given", 0.0)
    return Endless("clip", (), False, FrameRange(), camera, focal, 30.0, count, seen=tuple(seen), count=count)


@pytest.fixture(scope="module")
def seen() -> list[Seen]:
    return [see((*ROOM, person(-0.5, 3.0, 0)), pose) for pose in walk(3)]


def watcher_of(truth: Truth, folder, **words) -> Watcher:
    folder.mkdir(exist_ok=True)
    return Watcher(pipeline_of(truth).observer, folder, **{"mark": "mark", "key_every": 2, **words})


def test_each_frame_leaves_a_record_and_key_frames_those_who_are_in_them(tmp_path, seen):
    truth = Truth(seen)
    watcher, done = watcher_of(truth, tmp_path / "work"), []
    assert watch_clip(watcher, clip_of(seen, 3), done.append) == 3
    assert done == [1, 2, 3] and truth.asked == [0, 1, 2]
    records = [watcher.record(k) for k in range(3)]
    assert [one.is_key for one in records] == [True, False, True]
    assert [len(one.sightings) for one in records] == [1, 0, 1] and len(records[0].boxes) == 1
    assert records[0].grid is None and all(one.grid is not None and one.grid.holds.mean() > 0.3 for one in records[1:])
    for k, one in enumerate(records):
        span = np.ptp(truth.relative(k).values)
        np.testing.assert_allclose(one.relative.values, truth.relative(k).values, atol=2e-5 * span)


def test_what_is_there_is_not_made_again(tmp_path, seen):
    truth = Truth(seen)
    watcher = watcher_of(truth, tmp_path / "work")
    watch_clip(watcher, clip_of(seen, 3), lambda _: None)
    before = {path.name: path.read_bytes() for path in watcher.folder.iterdir()}
    watcher.path(1).unlink()
    watch_clip(watcher, clip_of(seen, 3), lambda _: None)
    assert truth.asked == [0, 1, 2, 1]
    assert {path.name: path.read_bytes() for path in watcher.folder.iterdir()} == before
    watch_clip(watcher_of(truth, tmp_path / "work", mark="other"), clip_of(seen, 3), lambda _: None)
    assert truth.asked == [0, 1, 2, 1, 0, 1, 2]


def test_memory_does_not_grow_with_the_clip(tmp_path, seen):
    class Quick(WorldDepth):
        """Says the same of every picture."""

        def predict(self, photos):
            return [self.truth.relative(0) for _ in photos]

    def swept(done):
        if done % 10 == 0:
            gc.collect()

    truth = Truth(seen)
    pipeline = pipeline_of(truth)
    pipeline.relative_depth = Quick(truth)
    (tmp_path / "work").mkdir()
    watcher = Watcher(pipeline.observer, tmp_path / "work", "mark", 1_000)
    watch_clip(watcher, clip_of(seen, 2), lambda _: None)
    tracemalloc.start()
    try:
        watch_clip(watcher, clip_of(seen, 8), swept)
        _, few = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        watch_clip(watcher, clip_of(seen, 48), swept)
        _, many = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 40 frames more, of 58 kB each, and maps of 77 kB: the checks of shapes hold a few kB a frame themselves.
    assert many < few + 1_500_000


def test_a_network_that_fails_is_one_line_and_what_was_done_stays(tmp_path, seen):
    class Failing(WorldDepth):
        """Fails at the third frame."""

        def predict(self, photos):
            if len(self.truth.asked) == 2:
                raise RuntimeError("out of memory\non the device")
            return super().predict(photos)

    truth = Truth(seen)
    pipeline = pipeline_of(truth)
    pipeline.relative_depth = Failing(truth)
    (tmp_path / "work").mkdir()
    with pytest.raises(BackendError, match="world") as error:
        watch_clip(Watcher(pipeline.observer, tmp_path / "work", "mark", 2), clip_of(seen, 3), lambda _: None)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["000000.npz", "000001.npz"]


def test_edges_and_holes_are_not_read_at():
    values = np.where(np.arange(160) < 80, 0.2, 1.0)[None].repeat(120, 0).astype(np.float32)
    valid = np.ones((120, 160), bool)
    valid[:30] = False
    grid = shifted_grid()
    reading = reading_of(
        RelativeDepth(values, "disparity"), RelativeDepth(values, "disparity", valid_mask=valid), grid_motion(grid)
    )
    points = grid.was_px
    near = np.abs(points[:, 0] - 79.5) < 3
    assert not reading.holds[near].any() and not reading.holds[points[:, 1] < 30].any()
    assert reading.holds[(np.abs(points[:, 0] - 79.5) > 8) & (points[:, 1] > 36)].all()
    np.testing.assert_allclose(reading.now[~near], values[0, np.rint(points[~near, 0]).astype(int)])


def grid_motion(grid):
    from mfh.video.motion import GridMotion

    return GridMotion(grid.was_px, grid.holds)


def test_a_still_picture_of_a_flat_map_is_read_everywhere():
    flat = RelativeDepth(np.full((120, 160), 0.5, np.float32), "disparity")
    reading = reading_of(flat, flat, grid_motion(shifted_grid()))
    assert reading.holds.all() and (reading.now == 0.5).all()
    assert {one.name for one in fields(reading)} == {"was_px", "now", "before", "holds"}
    assert see(ROOM, pose_at()).pixels.shape == (120, 160, 3)
