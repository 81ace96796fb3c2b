"""benchmarks/study_clips.py: what it reads of ``mfh video``, and its table."""

import json
import zipfile

import numpy as np
import pytest
from benchmarks.study_clips import Row, measure_video, read_video, table

from mfh.errors import InputError
from mfh.io.exr import write_exr
from mfh.types import Camera
from mfh_lab.pocket.clip_measures import ClipScores
from mfh_lab.pocket.world.export_clips import ClipFolder


@pytest.fixture
def vipe(tmp_path):
    """A clip's results in ViPE's layout: three frames of 6x4 at 2, 3 and 4 m, one pixel of each without depth."""
    folder = tmp_path / "frames"
    (folder / "depth").mkdir(parents=True)
    with zipfile.ZipFile(folder / "depth" / "frames.zip", "w") as archive:
        for number in range(3):
            depth = np.full((4, 6), 2.0 + number, np.float16)
            depth[0, 0] = np.nan
            path = tmp_path / "frame.exr"
            write_exr(path, {"Z": depth}, attributes={})
            archive.write(path, f"{number:05d}.exr")
    (folder / "receipt.json").write_text(json.dumps({"interval": {"level_80": [0.9, 1.2]}}))
    return folder


def test_the_layout_of_vipe_is_read(vipe):
    answer = read_video(vipe, frames=3, seconds=0.5)
    assert [float(np.nanmedian(one)) for one in answer.depth_m] == [2.0, 3.0, 4.0]
    assert all(np.isnan(one).sum() == 1 for one in answer.depth_m)
    assert answer.levels == [(0.9, 1.2)] and answer.seconds == 0.5


def test_a_folder_that_is_not_whole_is_refused(vipe):
    with pytest.raises(InputError, match="holds 3 frames: expected 4"):
        read_video(vipe, frames=4, seconds=0.5)
    (vipe / "depth" / "frames.zip").unlink()
    with pytest.raises(InputError, match="0 zip files"):
        read_video(vipe, frames=3, seconds=0.5)


def test_a_clip_that_was_measured_is_only_read(vipe, tmp_path):
    frames = tmp_path / "clip" / "frames"
    frames.mkdir(parents=True)
    for number in range(3):
        (frames / f"{number:05d}.png").write_bytes(b"")
    (vipe.parent / "seconds.json").write_text("6.0")
    clip = ClipFolder(tmp_path / "clip", {}, Camera(5.0, 5.0, 2.5, 1.5, 6, 4))
    assert measure_video(clip, vipe.parent, static=True).seconds == pytest.approx(2.0)


def row(name: str, way: str, *, flicker: float, levels: list, seconds: float) -> Row:
    scores = ClipScores(flicker, 0.2, np.array([0.2, 0.2]), 0.15, 0.1, np.array([0.0, 0.2]), 0.9)
    return Row(name, way, scores, levels, seconds)


def test_the_table_has_ways_medians_and_ratios():
    wide, narrow = (0.8, 1.2), (0.95, 1.1)
    rows = [
        row("moving-1", "alone", flicker=0.05, levels=[wide, narrow], seconds=1.0),
        row("moving-1", "clip", flicker=0.01, levels=[wide], seconds=0.5),
        row("static-1", "alone", flicker=0.05, levels=[wide, wide], seconds=1.0),
        row("static-1", "clip", flicker=1e-14, levels=[narrow], seconds=0.05),
    ]
    text = table(rows)
    # Frames that are right and 22 % too large, by intervals of their own: the first holds, the second does not.
    assert "| moving-1 | alone | 0.0500 | 0.2000 | 0.200 | 0.150 | +0.100 | 50% |" in text
    # The clip's one interval against the clip's one error.
    assert "| static-1 | clip | 0.0000 | 0.2000 | 0.200 | 0.150 | +0.100 | 0% |" in text
    assert "moving-1: flicker 5.0 x lower, AbsRel +0.000, 2.0 x faster" in text
    # Rounding is no flicker.
    assert "static-1: no flicker" in text
    assert "median of 1 static | clip" in text
