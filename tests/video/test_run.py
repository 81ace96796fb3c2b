"""A clip from its frames to its files, with models that know the truth."""

import json
import shutil
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mfh.errors import InputError, NoLandmarkError
from mfh.io.contents import RECEIPT
from mfh.io.results import Place, check_results
from mfh.pipeline.request import Request
from mfh.pipeline.words import request_of
from mfh.types import Space
from mfh.video.frames import open_clip
from mfh.video.given import ClipDepth, read_clip_depth
from mfh.video.run import WORK, ClipRequest, MeasuredClip, measure_clip, notes_of
from tests.video.world import (
    FOCAL,
    ROOM,
    Seen,
    Truth,
    WorldPeople,
    person,
    pipeline_of,
    pose_at,
    see,
    walk,
    write_pictures,
)

OpenEXR = pytest.importorskip("OpenEXR")
COUNT = 7
ALL = ClipRequest(key_every_s=1 / 30)


@cache
def walking() -> tuple[Seen, ...]:
    """Three people at different distances, one of them walking, before a camera that moves."""
    near, far = person(-0.5, 2.2, 0), [person(-0.9 + 0.04 * k, 6.5, 2) for k in range(COUNT)]
    walker = [person(0.5, 3 + 0.2 * k, 1) for k in range(COUNT)]
    return tuple(see((*ROOM, near, walker[k], far[k]), pose) for k, pose in enumerate(walk(COUNT)))


@cache
def standing() -> tuple[Seen, ...]:
    """Somebody crosses a room before a camera that stands; somebody stays; the empty room is the last."""
    stays, far = person(-1.0, 2.6, 1), person(1.2, 6.5, 2)
    crossing = [
        see((*ROOM, stays, *((far,) if k < 9 else ()), person(-1.2 + 0.25 * k, 4.0, 0)), pose_at()) for k in range(12)
    ]
    return (*crossing, see((*ROOM, stays, far), pose_at()))


def run(folder: Path, truth: Truth, asked: ClipRequest = ALL, *, frames=None, people=None, out="out") -> MeasuredClip:
    """Measure a clip of these frames."""
    if not (folder / "clip").exists():
        write_pictures(folder / "clip", truth.frames if frames is None else frames)
    clip = open_clip([folder / "clip"], focal=FOCAL)
    place = Place(folder / out, folder / "clip", name=clip.name, inputs=(folder / "clip",))
    return measure_clip(pipeline_of(truth, people), clip, place, asked)


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> MeasuredClip:
    """Measure the usual clip once."""
    return run(tmp_path_factory.mktemp("usual"), Truth(list(walking())))


def depths(measured: MeasuredClip, folder: Path) -> list[np.ndarray]:
    """Read the depth of all frames."""
    with zipfile.ZipFile(measured.written.folder / "depth" / "clip.zip") as archive:
        names = archive.namelist()
        archive.extractall(folder / "read")
    return [OpenEXR.File(str(folder / "read" / one)).channels()["Z"].pixels.astype(float) for one in names]


def errors(found: list[np.ndarray], frames) -> list[float]:
    return [float(np.nanmedian(np.abs(np.log(one / seen.depth_m)))) for one, seen in zip(found, frames, strict=True)]


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_exact_models_give_exact_metres_in_all_frames(tmp_path, space: Space):
    measured = run(tmp_path, Truth(list(walking()), space))
    assert max(errors(depths(measured, tmp_path), walking())) < 0.02
    with np.load(measured.written.folder / "pose" / "clip.npz") as file:
        poses = file["data"]
    for k, seen in enumerate(walking()):
        expected = (np.linalg.inv(walking()[0].pose) @ seen.pose)[:3, 3]
        np.testing.assert_allclose(poses[k][:3, 3], expected, atol=0.02 + 0.15 * np.linalg.norm(expected))
    tracks = measured.solved.tracks
    assert [one.landmark.verdict for one in tracks] == ["used"] * 3
    assert check_results(measured.written.folder).problems == ()
    assert not (tmp_path / "out" / WORK).exists()


def test_the_unit_of_each_frame_is_of_no_matter(tmp_path):
    found = []
    for scramble in (True, False):
        truth = Truth(list(walking()), scramble=scramble, noise=0.02)
        people = WorldPeople(truth, farther={0: 1.05, 1: 0.96, 2: 1.02})
        found.append(run(tmp_path, truth, people=people, out=f"out{scramble}"))
    first, second = (one.solved.result for one in found)
    assert first.depth_range_m == pytest.approx(second.depth_range_m, rel=0.02)
    assert first.interval is not None and second.interval is not None
    assert first.interval.level_80 == pytest.approx(second.interval.level_80, rel=0.03)


def test_the_receipt_says_what_the_clip_rests_on(usual):
    measured = usual
    receipt = json.loads((measured.written.folder / RECEIPT).read_text())
    about = receipt["clip"]
    assert about["frames"] == COUNT and about["frames_a_second"] == 30 and not about["static_camera"]
    assert about["cuts"] == [] and len(about["heads"]) == COUNT and about["median_misfit"] < 0.02
    assert about["reference_frame"] == measured.solved.anchor
    near_m, far_m = about["colour_bar_m"]
    assert 1.5 < near_m < 3 and 6 < far_m < 9
    for track in about["tracks"]:
        assert track["label"] == "person" and set(track["measured_frames"]) <= set(track["frames"])
        assert track["verdict"] == "used" and 0 < track["weight"] < 1
    assert receipt["focal"]["source"] == "explicit" and receipt["people_used"] == 3


def test_key_frames_alone_are_searched_for_people(tmp_path):
    measured = run(tmp_path, Truth(list(walking())), replace(ALL, key_every_s=0.1))
    assert {index for one in measured.solved.tracks for index in one.frames} == {0, 3, 6}
    assert max(errors(depths(measured, tmp_path), walking())) < 0.03


def test_a_cut_is_on_the_receipt_with_what_to_do(tmp_path):
    elsewhere = [pose_at(turn_deg=50) @ pose for pose in walk(4)]
    frames = [*walking()[:4], *(see((*ROOM, person(3.5, 4.0, 0)), pose) for pose in elsewhere)]
    receipt = run(tmp_path, Truth(frames)).written.receipt
    assert receipt["clip"]["cuts"] == [4]
    (note,) = [one for one in receipt["warnings"] if "changes wholly" in one]
    assert "at 0.13 s" in note and "--from and --to" in note


def test_a_cut_and_missing_frames_are_told_in_the_time_of_the_file(usual, tmp_path):
    write_pictures(tmp_path / "clip", walking())
    clip = replace(open_clip([tmp_path / "clip"], focal=FOCAL), is_video=True, frames=40)
    heads = [replace(one, still=0.0 if k == 3 else one.still) for k, one in enumerate(usual.solved.heads)]
    seconds = [5.5 + 0.2 * k for k in range(COUNT)]
    damaged, cut = notes_of(clip, replace(usual.solved, heads=tuple(heads)), seconds)
    assert "announces 40 frames and 7 could be decoded" in damaged and "at 6.10 s" in cut
    assert notes_of(replace(clip, frames=COUNT), usual.solved, seconds) == ()


def test_nobody_leaves_nothing_behind(tmp_path):
    frames = [see(ROOM, pose) for pose in walk(3)]
    with pytest.raises(NoLandmarkError, match="nothing in clip gives a metric scale") as error:
        run(tmp_path, Truth(frames))
    # What is advised there is: mfh video has no known distances.
    assert "--from, --to" in str(error.value) and "--known" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_same_command_gives_the_same_bytes_wherever_it_was_ended(tmp_path):
    whole = run(tmp_path, Truth(list(walking())), out="whole")
    truth = Truth(list(walking()))

    def ended(done, share):
        if done.startswith("frame 4"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, truth, replace(ALL, progress=ended))
    assert truth.asked == [0, 1, 2, 3] and not (tmp_path / "out" / "clip").exists()
    (work,) = [one for one in (tmp_path / "out" / WORK).iterdir() if one.is_dir()]
    # Half a record of a machine that went down is made again.
    record = work / "000002.npz"
    record.write_bytes(record.read_bytes()[:500])
    again = run(tmp_path, truth)
    assert truth.asked == [0, 1, 2, 3, 2, 4, 5, 6], "only what was missing"
    same_files(whole.written.folder, again.written.folder)
    assert not (tmp_path / "out" / WORK).exists()


def same_files(one: Path, other: Path) -> None:
    """Hold two folders of results to be the same bytes; of receipts, but for times."""
    names = [sorted(str(path.relative_to(each)) for path in each.rglob("*") if path.is_file()) for each in (one, other)]
    assert names[0] == names[1]
    for name in names[0]:
        if name != RECEIPT:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
    first, second = (json.loads((each / RECEIPT).read_text()) for each in (one, other))
    for receipt in (first, second):
        for key in ("seconds", "receipt_sha256"):
            receipt.pop(key)
    assert first == second


def test_other_settings_do_not_use_what_was_watched_with_these(tmp_path):
    truth = Truth(list(walking()))

    def ended(done, share):
        if done == "scale":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, truth, replace(ALL, progress=ended))
    run(tmp_path, truth, replace(ALL, key_every_s=0.1))
    assert truth.asked == [*range(COUNT)] * 2
    assert len([one for one in (tmp_path / "out" / WORK).iterdir() if one.is_dir()]) == 1, "those of the other run stay"


def test_a_known_height_scales_the_clip(tmp_path, usual):
    truth = Truth(list(walking()))
    people = WorldPeople(truth, farther=dict.fromkeys(range(3), 1.2))
    words = {"distances": (), "lengths": (), "objects": (), "region": None, "measure": ()}
    request = request_of(heights=("1.70",), **words)
    known = run(tmp_path, truth, replace(ALL, request=request), people=people, out="known").solved.result
    # The oracle's bodies say 1.70 m of everybody, and too far.
    far_m = [1.2 * one for one in usual.solved.result.depth_range_m]
    assert known.depth_range_m == pytest.approx(far_m, rel=0.02)
    tall = run(tmp_path, truth, replace(ALL, request=request_of(heights=("1.87",), **words)), people=people, out="tall")
    assert tall.solved.result.depth_range_m[1] == pytest.approx(1.1 * far_m[1], rel=0.03)


def test_a_static_camera_has_one_depth(tmp_path):
    truth = Truth(list(standing()))
    measured = run(tmp_path, truth, replace(ALL, static_camera=True), frames=standing()[:12])
    found = depths(measured, tmp_path)
    assert len(found) == 12 and measured.frames == 12
    for one in found:
        np.testing.assert_array_equal(one, found[0])
    empty = standing()[-1]
    assert float(np.nanmedian(np.abs(np.log(found[0] / empty.depth_m)))) < 0.03
    assert len(truth.asked) < 6, "the networks ran on a few pictures"
    assert measured.solved.anchor is None and measured.written.receipt["clip"]["static_camera"]
    assert len(measured.written.receipt["clip"]["heads"]) == 1
    assert not (tmp_path / "out" / WORK).exists()


def test_a_camera_that_moves_is_not_measured_as_one_that_stands(tmp_path):
    with pytest.raises(InputError, match="leave out --static-camera"):
        run(tmp_path, Truth(list(walking())), replace(ALL, static_camera=True))
    assert not (tmp_path / "out").exists()


def given_depth(folder: Path, space: Space, scale: float = 0.7, shift: float = 0.1) -> ClipDepth:
    """What a model for clips says: one unknown scale and shift for all frames."""
    exact = np.stack([1 / one.depth_m if space == "disparity" else one.depth_m for one in walking()])
    np.savez(folder / "clip.npz", depths=((exact - shift) / scale).astype(np.float32))
    return read_clip_depth(folder / "clip.npz", space=space)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_depth_of_a_clip_model_is_put_into_metres(tmp_path, space: Space):
    truth = Truth(list(walking()))
    measured = run(tmp_path, truth, replace(ALL, given=given_depth(tmp_path, space)))
    assert truth.asked == [], "the network of the preset is not asked"
    assert max(errors(depths(measured, tmp_path), walking())) < 0.01
    assert len({one.scale for one in measured.solved.heads}) == 1


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_maps_of_the_other_space_are_told_by_the_order_of_people(tmp_path, space: Space):
    other: Space = "depth" if space == "disparity" else "disparity"
    given = replace(given_depth(tmp_path, space), space=other)
    with pytest.raises(InputError, match=f"so it holds {space}, not {other}: pass --space {space}"):
        run(tmp_path, Truth(list(walking())), replace(ALL, given=given))
    assert not (tmp_path / "out").exists()


def test_depth_of_a_clip_model_is_written_as_it_is_and_not_averaged(tmp_path):
    given = given_depth(tmp_path, "depth")
    rough = [np.random.default_rng(k).normal(0, 0.02, (120, 160)) for k in range(COUNT)]
    exact = np.stack([one.depth_m * np.exp(off) for one, off in zip(walking(), rough, strict=True)])
    np.savez(tmp_path / "clip.npz", depths=exact.astype(np.float32))
    given = read_clip_depth(tmp_path / "clip.npz", space="depth")
    measured = run(tmp_path, Truth(list(walking())), replace(ALL, given=given))
    head = measured.solved.heads[0]
    for one, own in zip(depths(measured, tmp_path), exact, strict=True):
        np.testing.assert_allclose(one, head.scale * own + head.shift, rtol=2e-3)


@pytest.mark.parametrize("count", [3, COUNT + 2])
def test_another_number_of_maps_is_one_line_before_anything_is_done(tmp_path, count):
    given = replace(given_depth(tmp_path, "depth"), count=count)
    with pytest.raises(InputError, match=f"has {count} maps, and {COUNT} frames of the clip are measured"):
        run(tmp_path, Truth(list(walking())), replace(ALL, given=given))
    assert not (tmp_path / "out").exists()


def test_results_of_a_clip_are_replaced_whole_and_files_of_the_user_stay(tmp_path):
    first = run(tmp_path, Truth(list(walking())))
    (first.written.folder / "notes.txt").write_text("of the user")
    shutil.rmtree(tmp_path / "clip")
    again = run(tmp_path, Truth(list(walking())), frames=walking()[:4])
    assert again.written.folder == first.written.folder
    assert len(depths(again, tmp_path)) == 4
    assert (first.written.folder / "notes.txt").read_text() == "of the user"
    assert check_results(again.written.folder).problems == ()


def test_the_request_of_a_photo_is_none_of_a_clip():
    assert ClipRequest().request == Request()
