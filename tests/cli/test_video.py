"""``mfh video``: the command as it is typed, with models that know the truth."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.video.films import film, ramp
from tests.video.test_run import COUNT, walking
from tests.video.world import FOCAL_PX, Truth, WorldPeople, pipeline_of, write_pictures

pytest.importorskip("OpenEXR")
FOCAL = ("--focal-px", FOCAL_PX)


@pytest.fixture
def truth(monkeypatch) -> Truth:
    """Replace the models by those that know a clip."""
    import mfh.pipeline.pipeline

    known = Truth(list(walking()))
    pipeline = pipeline_of(known, WorldPeople(known))

    class Made(mfh.pipeline.pipeline.MetricFromHuman):
        """Made from any configuration."""

        @classmethod
        def from_config(cls, config, **_models):
            pipeline.config = config
            pipeline.config = type(config)(**{**vars(config), "people": "only", "painter": None})
            return pipeline

    monkeypatch.setattr(mfh.pipeline.pipeline, "MetricFromHuman", Made)
    return known


@pytest.fixture
def folder(tmp_path):
    return write_pictures(tmp_path / "walk", walking())


def test_a_clip_in_metres(run_mfh, truth, folder, tmp_path):
    done = run_mfh("video", folder, *FOCAL, "--people-every", "0.05", "--out", tmp_path / "out")
    assert done.code == 0 and done.err == ""
    lines = done.out.splitlines()
    assert lines[0].endswith(f"({COUNT} frames, 160x120)")
    names = {line.split()[0] for line in lines[1:] if line.startswith("  ") and not line.startswith("    ")}
    assert {"tracks", "interval", "depth", "focal", "seconds", "files"} <= names
    assert done.out.count("person 1.70 m tall") == 3
    written = tmp_path / "out" / "walk"
    assert sorted(path.name for path in written.iterdir()) == [
        "depth", "intrinsics", "pose", "receipt.json", "rgb", "side_by_side.mp4",
    ]  # fmt: skip
    assert run_mfh("verify", tmp_path / "out").code == 0


def test_commands_for_photos_say_that_a_folder_is_of_a_clip(run_mfh, truth, folder, tmp_path):
    assert run_mfh("video", folder, *FOCAL, "--people-every", "0.05", "--out", tmp_path / "out", "--quiet").code == 0
    (results,) = (tmp_path / "out").iterdir()
    for words, expected in (
        (("report", results), "mfh video CLIP --report"),
        (("convert", results, "--format", "glb"), f"its frames are in depth/{results.name}.zip"),
    ):
        told = run_mfh(*words)
        assert told.code == 2 and "holds a clip" in told.err and expected in told.err


def test_one_object_with_json_and_nothing_with_quiet(run_mfh, truth, folder, tmp_path):
    told = run_mfh("video", folder, *FOCAL, "--json", "--out", tmp_path / "out")
    answer = json.loads(told.out)
    assert told.code == 0 and told.err == "" and answer["clip"]["frames"] == COUNT
    assert answer["folder"] == str(tmp_path / "out" / "walk")
    quiet = run_mfh("video", folder, *FOCAL, "--quiet", "--out", tmp_path / "out")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_a_video_part_of_it_every_other_frame_smaller(run_mfh, truth, tmp_path):
    path = film(tmp_path / "walk.mkv", [one.pixels for one in walking()], fps=10)
    words = ("--from", "0.1", "--to", "0.6", "--every", "2", "--size", "80")
    done = run_mfh("video", path, "--focal-px", FOCAL_PX, *words, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert answer["clip"]["frames"] == 3 and answer["clip"]["frames_a_second"] == 5
    # The same view at half the size.
    assert answer["camera"]["fx"] == pytest.approx(FOCAL_PX / 2) and answer["size"] == {"width": 80, "height": 60}
    assert set(truth.asked) == {1, 3, 5}
    assert any("--size gives another long side" in note for note in answer["warnings"])
    with zipfile.ZipFile(tmp_path / "out" / "walk" / "depth" / "walk.zip") as archive:
        assert len(archive.namelist()) == 3


def test_relative_depth_of_another_model(run_mfh, truth, folder, tmp_path):
    (tmp_path / "maps").mkdir()
    for k, one in enumerate(walking()):
        np.save(tmp_path / "maps" / f"{k}.npy", (3 / one.depth_m + 0.5).astype(np.float32))
    words = ("--relative-depth", tmp_path / "maps", "--space", "disparity", "--out", tmp_path / "out", "--json")
    done = run_mfh("video", folder, *FOCAL, *words)
    assert done.code == 0 and truth.asked == [], done.err
    nearest = np.median([np.percentile(one.depth_m, 1) for one in walking()])
    assert json.loads(done.out)["depth_m"]["nearest"] == pytest.approx(nearest, rel=0.1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "no clip given"),
        (("missing.mp4",), "no such file"),
        (("CLIP", "--every", "0"), "--every"),
        (("CLIP", "--size", "9"), "--size"),
        (("CLIP", "--people-every", "0"), "--people-every"),
        (("CLIP", "--from", "3", "--to", "2"), "--from 3 --to 2 is empty"),
        (("CLIP", "--from", "nan"), "--from"),
        (("CLIP", "--from", "1"), "of a video"),
        (("CLIP", "--space", "depth"), "--relative-depth"),
        (("CLIP", "--relative-depth", "MAPS"), "needs --space"),
        (("CLIP", "--relative-depth", "MAPS", "--space", "depth"), "4 maps, and 7 frames"),
        (("CLIP", "--relative-depth", "MAPS", "--space", "depth", "--static-camera"), "drop one of them"),
        (("CLIP", "--relative-depth", "MAPS", "--space", "depth", "--relative-depth-model", "pocket"), "drop one"),
        (("CLIP", "--relative-depth", "CLIP", "--space", "near"), "near"),
        (("CLIP", "--static-camera"), "leave out --static-camera"),
        (("CLIP", "--person-height", "tall"), "--person-height"),
        (("CLIP", "--out", "notes.txt"), "notes.txt"),
        (("CLIP", "--out", "/proc/self/nothing"), "/proc/self/nothing"),
        (("STILL.png",), "one picture"),
        (("text.mp4",), "text.mp4"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    run_mfh, truth, folder, tmp_path, monkeypatch, words, expected
):
    monkeypatch.chdir(tmp_path)
    np.save("maps.npy", np.stack([one.depth_m for one in walking()][:4]))
    (tmp_path / "notes.txt").write_text("of the user")
    (tmp_path / "text.mp4").write_text("no video")
    Image.fromarray(ramp(1)[0]).save("STILL.png")
    before = sorted(tmp_path.rglob("*"))
    given = [{"CLIP": "walk", "MAPS": "maps.npy"}.get(word, word) for word in words]
    done = run_mfh("video", *given, *FOCAL)
    assert done.code == 2 and expected in done.error_line and done.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_nobody_is_exit_code_3_with_what_was_tried(run_mfh, truth, tmp_path):
    write_pictures(tmp_path / "empty", [one for one in walking()])
    truth.frames = [type(one)(one.pixels, one.depth_m, np.full_like(one.who, -1), one.pose) for one in walking()]
    done = run_mfh("video", tmp_path / "empty", *FOCAL, "--out", tmp_path / "out")
    assert done.code == 3 and "people and objects in 1 frames" in done.error_line
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(run_mfh, truth, folder, tmp_path, monkeypatch):
    import errno

    import mfh.video.records

    whole = mfh.video.records.atomic_path

    def full(path):
        if path.name == "000003.npz":
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(path)

    words = ("video", folder, *FOCAL, "--out", tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr("mfh.video.records.atomic_path", full)
        done = run_mfh(*words)
    assert done.code == 2 and "No space left on device" in done.error_line
    asked = list(truth.asked)
    assert run_mfh(*words).code == 0
    assert truth.asked[len(asked) :] == [3, 4, 5, 6]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["walk"]


def test_the_guide_reads_a_frame_and_the_reference_has_every_key(run_mfh, truth, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_mfh("video", folder, *FOCAL, "--people-every", "0.05", "--quiet").code == 0
    docs = Path(__file__).resolve().parents[2] / "docs"
    (code,) = re.findall(r"```python\n(.*?)```", (docs / "guide" / "video.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "video.md", "exec"), names)
    depth_m = names["depth_m"]
    assert isinstance(depth_m, np.ndarray) and depth_m.shape == (120, 160) and depth_m.dtype == np.float16
    assert np.nanmedian(np.abs(np.log(depth_m / walking()[3].depth_m))) < 0.05
    reference = (docs / "reference" / "files.md").read_text(encoding="utf-8")
    about = json.loads(Path("out/walk/receipt.json").read_text(encoding="utf-8"))["clip"]
    assert not [key for key in (*about, *about["tracks"][0]) if f"`{key}`" not in reference]
