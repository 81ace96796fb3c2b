"""Evidence on disk: what comes back gives the same metres, and anything else is one clear line."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from mfh.config import HeadConfig
from mfh.errors import InputError, NoLandmarkError
from mfh.geometry.camera import camera_from_focal_px
from mfh.io.evidence import load_evidence, save_evidence
from mfh.io.figures import FIGURE_KINDS
from mfh.pipeline.conclude import conclude, with_camera
from mfh.types import FocalProvenance, Region, Segment
from tests.io.evidence_files import redescribed, rewritten, stored

__all__ = ["stored"]


def test_what_comes_back_is_what_was_gathered(stored, gathered):
    back = load_evidence(stored)
    np.testing.assert_array_equal(back.relative.values, gathered.relative.values)
    assert back.relative.values.dtype == np.float32
    assert (back.relative.space, back.relative.log_range) == (gathered.relative.space, gathered.relative.log_range)
    assert replace(back.photo, pixels=gathered.photo.pixels) == gathered.photo, "all but the pixels"
    assert np.abs(back.photo.rgb - gathered.photo.rgb).max() < 0.05, "a JPEG, for pictures"
    assert len(back.evidence) == len(gathered.evidence)
    for one, other in zip(back.evidence, gathered.evidence, strict=True):
        assert one.landmarks == other.landmarks
        np.testing.assert_array_equal(one.person, other.person)
        np.testing.assert_allclose(one.depth_m, other.depth_m, rtol=1e-7)
        np.testing.assert_allclose(one.relative, other.relative, rtol=1e-6, atol=1e-7)
    alike = replace(back, photo=gathered.photo, relative=gathered.relative, evidence=gathered.evidence)
    assert alike == gathered


def test_what_landmarks_look_like_comes_back_and_may_be_missing(stored, gathered):
    before = [one.figure for image in gathered.evidence for one in image.landmarks]
    after = [one.figure for image in load_evidence(stored).evidence for one in image.landmarks]
    assert [one is None for one in after] == [one is None for one in before] == [False, False, True, True, True]
    for one, other in zip(before[:2], after[:2], strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
        np.testing.assert_array_equal(one.vertices_m, other.vertices_m)
        np.testing.assert_array_equal(one.faces, other.faces)
    rewritten(stored, **dict.fromkeys(FIGURE_KINDS))
    assert all(one.figure is None for image in load_evidence(stored).evidence for one in image.landmarks)


def test_what_was_asked_comes_back_and_files_from_before_ask_nothing(tmp_path, stored, gathered):
    asked = replace(gathered, region=Region(3, 4, 20, 30), lengths=(Segment((1.0, 2.5), (30.0, 4.0)),))
    save_evidence(tmp_path / "asked.npz", asked)
    back = load_evidence(tmp_path / "asked.npz")
    assert (back.region, back.lengths) == (asked.region, asked.lengths)
    assert load_evidence(stored).region is None and load_evidence(stored).lengths == ()
    with np.load(stored) as arrays:
        about = json.loads(str(arrays["about"]))
    del about["region"], about["lengths"]
    rewritten(stored, about=np.str_(json.dumps(about)))
    assert load_evidence(stored).region is None and load_evidence(stored).lengths == ()
    for damage in ({"region": {"left": 1}}, {"lengths": [{"start_xy": [1, 2]}]}, {"lengths": [{"start_xy": 1}]}):
        redescribed(stored, **{"region": None, "lengths": [], **damage})
        with pytest.raises(InputError, match="is damaged"):
            load_evidence(stored)


@pytest.mark.parametrize("kind", ["consensus", "silog"])
def test_it_gives_the_same_metres(stored, gathered, kind):
    head = HeadConfig(kind=kind)
    first, second = conclude(gathered, head=head), conclude(load_evidence(stored), head=head)
    np.testing.assert_allclose(second.depth_m, first.depth_m, rtol=1e-6)
    assert second.interval.level_80 == pytest.approx(first.interval.level_80, rel=1e-6)
    np.testing.assert_allclose(second.log_sigma, first.log_sigma, rtol=1e-5)
    assert [one.verdict for one in second.landmarks] == [one.verdict for one in first.landmarks]
    assert second.attempts == first.attempts and second.paintings == first.paintings


def test_paintings_are_not_kept(tmp_path, gathered, painting):
    save_evidence(tmp_path / "evidence.npz", replace(gathered, paintings=(painting,)))
    assert load_evidence(tmp_path / "evidence.npz").paintings == ()


def test_nobody_in_it_is_kept_too(tmp_path, gathered):
    save_evidence(tmp_path / "evidence.npz", replace(gathered, evidence=(), attempts=0))
    assert load_evidence(tmp_path / "evidence.npz").evidence == ()


def test_it_is_smaller_than_its_arrays(stored, gathered):
    raw = gathered.relative.values.nbytes + gathered.photo.rgb.nbytes
    assert stored.stat().st_size < raw


def test_writing_that_fails_leaves_the_old_file_and_nothing_else(stored, gathered, monkeypatch):
    before = stored.read_bytes()
    monkeypatch.setattr(np, "savez_compressed", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(InputError, match="No space left"):
        save_evidence(stored, gathered)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


def test_a_photo_too_long_for_jpeg(tmp_path, gathered):
    long = replace(gathered.photo, pixels=np.zeros((1, 65_501, 3), np.float32))
    with pytest.raises(InputError, match="65501x1 pixels"):
        save_evidence(tmp_path / "evidence.npz", replace(gathered, photo=long))
    assert not list(tmp_path.iterdir())


def unreadable(kind, path):
    whole = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no evidence")
    elif kind == "cut at the end":
        path.write_bytes(whole[:-200])
    elif kind == "cut in the middle":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "flipped bytes":
        path.write_bytes(whole[:600] + bytes(255 - byte for byte in whole[600:700]) + whole[700:])
    elif kind == "npy":
        with path.open("wb") as stream:
            np.save(stream, np.zeros(3))
    elif kind == "pickle":
        rewritten(path, about=np.array([{}], object))
    elif kind == "another npz":
        np.savez(path, depth_m=np.zeros((2, 2)))
    elif kind == "another description":
        rewritten(path, about=np.str_("[1, 2]"))
    elif kind == "no JSON":
        rewritten(path, about=np.str_("{"))
    elif kind == "older":
        redescribed(path, version=0)
    elif kind == "lacks a field":
        redescribed(path, camera={})
    elif kind == "another space":
        redescribed(path, space="inverse")
    elif kind == "another size":
        rewritten(path, relative=np.zeros((3, 4), np.float32))
    elif kind == "not finite":
        rewritten(path, relative=np.full((48, 64), np.nan, np.float32))
    elif kind == "no picture":
        rewritten(path, photo_jpeg=np.zeros(10, np.uint8))
    elif kind == "fewer pixels":
        rewritten(path, pixel_depth_m=np.zeros(3, np.float32))
    elif kind == "unknown person":
        with np.load(path) as arrays:
            rewritten(path, pixel_person=arrays["pixel_person"] + 99)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", "no such file"),
        ("folder", "is a folder"),
        ("empty", "is empty"),
        ("text", "no zip archive"),
        ("cut at the end", "no zip archive"),
        ("cut in the middle", "no zip archive"),
        ("flipped bytes", "damaged"),
        ("npy", "no zip archive"),
        ("pickle", "only numbers and text are read"),
        ("another npz", "it has no about, relative"),
        ("another description", "another program's"),
        ("no JSON", "is damaged"),
        ("older", "format version 0"),
        ("lacks a field", "is damaged"),
        ("another space", "'inverse'"),
        ("another size", "is damaged"),
        ("not finite", "not finite"),
        ("no picture", "is not a picture this can read"),
        ("fewer pixels", "is damaged"),
        ("unknown person", "not in the list"),
    ],
)
def test_anything_else_is_one_line(stored, kind, expected):
    unreadable(kind, stored)
    with pytest.raises(InputError) as caught:
        load_evidence(stored)
    message = str(caught.value)
    assert expected in message and "\n" not in message and "mfh predict --save-evidence" in message
    assert str(stored) in message


def test_another_focal_length_ends_the_note_that_asked_for_one(gathered):
    assert any("give --focal-px" in note for note in gathered.photo.focal.notes)
    camera = camera_from_focal_px(80.0, width=64, height=48)
    moved = with_camera(gathered, camera, FocalProvenance("explicit", "given: 80 px", 0.0))
    assert moved.photo.notes == ("an odd photo",) and moved.photo.focal.notes == ()
    assert moved.photo.camera == camera


@pytest.mark.slow
def test_more_people_than_can_be_fitted_are_refused(stored):
    with np.load(stored) as arrays:
        about = json.loads(str(arrays["about"]))
    one = {**about["landmarks"][0][0], "verdict": "rejected"}
    about["landmarks"][0] += [one] * 4_000
    rewritten(stored, about=np.str_(json.dumps(about)))
    with pytest.raises(InputError, match="number of people is 4005"):
        load_evidence(stored)


def test_a_larger_photo_than_its_camera_is_not_decoded(stored, monkeypatch):
    from PIL import Image, ImageFile

    stream = io.BytesIO()
    Image.new("RGB", (3000, 2000)).save(stream, "JPEG")
    rewritten(stored, photo_jpeg=np.frombuffer(stream.getvalue(), np.uint8))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(InputError, match="3000x2000 pixels"):
        load_evidence(stored)
    stream = io.BytesIO()
    Image.new("RGB", (48, 64)).save(stream, "JPEG")
    rewritten(stored, photo_jpeg=np.frombuffer(stream.getvalue(), np.uint8))
    with pytest.raises(InputError, match="its photo is 48x64, its camera 64x48"):
        load_evidence(stored)


@pytest.mark.slow
@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_holes_come_back(tmp_path, gathered, space):
    valid_mask = np.ones(gathered.relative.values.shape, bool)
    valid_mask[:10, 20:] = False
    relative = replace(gathered.relative, space=space, valid_mask=valid_mask)
    path = tmp_path / "holes.npz"
    save_evidence(path, replace(gathered, relative=relative))
    back = load_evidence(path).relative
    np.testing.assert_array_equal(back.valid_mask, valid_mask)
    np.testing.assert_array_equal(back.values, relative.values)
    with np.load(path) as arrays:
        good = {one: arrays[one] for one in arrays.files}
    assert json.loads(str(good["about"]))["version"] == 5, "earlier programs know of no holes"
    for bad in (valid_mask[1:], valid_mask.astype(np.uint8), np.zeros_like(valid_mask)):
        rewritten(path, valid_mask=bad)
        with pytest.raises(InputError, match="valid"):
            load_evidence(path)
    np.savez(path, **{one: array for one, array in good.items() if one != "valid_mask"})
    with pytest.raises(InputError, match="valid_mask"):
        load_evidence(path)


def test_the_version_is_none_that_programs_without_objects_read(stored):
    with np.load(stored) as arrays:
        assert "valid_mask" not in arrays.files and json.loads(str(arrays["about"]))["version"] == 4


def test_numbers_that_are_not_finite_are_kept_as_unknown(tmp_path, gathered):
    odd = replace(gathered.evidence[0].landmarks[1], reprojection_px=float("nan"), stature_m=float("inf"))
    first = replace(gathered.evidence[0], landmarks=(gathered.evidence[0].landmarks[0], odd))
    save_evidence(tmp_path / "e.npz", replace(gathered, evidence=(first, *gathered.evidence[1:])))
    back = load_evidence(tmp_path / "e.npz").evidence[0].landmarks[1]
    assert back.reprojection_px is None and back.stature_m is None


def test_text_can_be_printed_whatever_the_photo_is_called(tmp_path, gathered):
    photo = replace(gathered.photo, name="a\udcff\x1b[2J.jpg", notes=("größer, 80\u202f%",))
    save_evidence(tmp_path / "e.npz", replace(gathered, photo=photo))
    back = load_evidence(tmp_path / "e.npz").photo
    assert (back.name, back.notes) == ("a\\udcff\\x1b[2J.jpg", photo.notes)


def test_what_was_saved_from_a_file_is_that_file(tmp_path, stored):
    save_evidence(tmp_path / "again.npz", load_evidence(stored))
    with np.load(stored) as first, np.load(tmp_path / "again.npz") as second:
        assert first.files == second.files
        for name in first.files:
            if name != "photo_jpeg":
                assert first[name].dtype == second[name].dtype
                np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("focal_px", [1.0, 0.01])
def test_a_focal_length_that_puts_people_behind_the_camera_rejects_them(gathered, focal_px):
    relief = gathered.evidence[0]
    depth_m = relief.depth_m + np.linspace(-0.3, 0.3, len(relief.depth_m))
    gathered = replace(gathered, evidence=(replace(relief, depth_m=depth_m),), attempts=0)
    camera = camera_from_focal_px(focal_px, width=64, height=48)
    moved = with_camera(gathered, camera, FocalProvenance("explicit", "given", 0.0))
    assert not len(moved.evidence[0].depth_m)
    assert moved.evidence[0].landmarks[0].reason == "reaches behind the camera with this focal length"
    with pytest.raises(NoLandmarkError):
        conclude(moved, head=HeadConfig())


def test_a_name_without_a_suffix_is_kept_and_nothing_is_left_over(tmp_path, gathered):
    save_evidence(tmp_path / "kept", gathered)
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]
    assert load_evidence(tmp_path / "kept").seed == gathered.seed
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        save_evidence(tmp_path / "folder", gathered)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "kept"]
