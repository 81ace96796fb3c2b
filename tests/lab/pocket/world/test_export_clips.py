"""Clips on disk."""

import av
import numpy as np
import pytest

from mfh.errors import InputError
from mfh_lab.pocket.world.bodies import sample_bank_path
from mfh_lab.pocket.world.clips import ClipOptions, draw_clip, render_frame
from mfh_lab.pocket.world.export_clips import export_clip, read_clip

pytestmark = pytest.mark.slow

OPTIONS = ClipOptions(frames=3, width=64, height=48, samples=1, fps=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("clips") / "clip"
    assert export_clip(7, out, sample_bank_path(), options=OPTIONS) == 3
    return out


def test_what_is_read_is_what_was_rendered(bank, folder):
    clip, drawn = read_clip(folder), draw_clip(7, bank, OPTIONS)
    assert clip.camera == drawn.camera and len(clip.pictures()) == 3
    for number in range(3):
        rendered, found = render_frame(drawn, bank, number), clip.truth(number)
        for name in ("rgb", "depth_m", "person_ids", "T_world_camera"):
            np.testing.assert_array_equal(getattr(found, name), getattr(rendered, name))


def test_clip_json_has_the_people_and_a_pose_a_frame(folder):
    about = read_clip(folder).about
    assert len(about["T_world_camera"]) == 3
    assert [one["id"] for one in about["people"]] == list(range(1, len(about["people"]) + 1))
    assert all(1.45 < one["stature_m"] < 2.0 for one in about["people"])
    np.testing.assert_allclose(about["T_world_camera"][2], read_clip(folder).truth(2).T_world_camera, atol=1e-6)


def test_the_film_shows_the_frames(folder):
    clip = read_clip(folder)
    with av.open(str(clip.film)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert float(film.streams.video[0].average_rate) == 5
    assert len(frames) == 3
    for number, frame in enumerate(frames):
        difference = np.abs(frame.astype(int) - clip.truth(number).rgb)
        assert difference.mean() < 8
        others = [np.abs(frame.astype(int) - clip.truth(k).rgb).mean() for k in range(3) if k != number]
        assert difference.mean() < min(others)


def test_two_processes_write_the_same_frames(folder, tmp_path):
    export_clip(7, tmp_path / "two", sample_bank_path(), options=OPTIONS, workers=2)
    for path in sorted((folder / "frames").iterdir()):
        assert (tmp_path / "two" / "frames" / path.name).read_bytes() == path.read_bytes()
    assert (tmp_path / "two" / "clip.json").read_bytes() == (folder / "clip.json").read_bytes()


def test_folders_of_something_else_are_refused(tmp_path):
    with pytest.raises(InputError, match="clip"):
        read_clip(tmp_path)
    (tmp_path / "clip.json").write_text("{}")
    with pytest.raises(InputError, match="mfh pocket clip"):
        read_clip(tmp_path)
