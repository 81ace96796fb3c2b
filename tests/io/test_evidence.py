"""Evidence on disk: what comes back gives the same metres, and anything else is one clear line."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mfh.conclusion import conclude, with_camera
from mfh.config import HeadConfig
from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_px
from mfh.io.evidence import load_evidence, save_evidence
from mfh.types import FocalProvenance, Region, Segment


@pytest.fixture
def stored(tmp_path, gathered):
    path = tmp_path / "evidence.npz"
    save_evidence(path, gathered)
    return path


def rewritten(path, **changes):
    """Write the file anew with some arrays changed, or dropped where None."""
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    kept |= changes
    np.savez_compressed(path, **{name: value for name, value in kept.items() if value is not None})


def redescribed(path, **changes):
    with np.load(path) as arrays:
        about = json.loads(str(arrays["about"]))
    rewritten(path, about=np.str_(json.dumps({**about, **changes})))


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
        ("folder", "cannot read"),
        ("empty", "not evidence"),
        ("text", "not evidence"),
        ("cut at the end", "not evidence of this program, or damaged"),
        ("cut in the middle", "not evidence of this program, or damaged"),
        ("flipped bytes", "damaged"),
        ("npy", "it is no npz"),
        ("pickle", "not evidence of this program, or damaged"),
        ("another npz", "it has no relative"),
        ("another description", "not evidence"),
        ("no JSON", "not evidence"),
        ("older", "format version 0"),
        ("lacks a field", "is damaged"),
        ("another space", "'inverse'"),
        ("another size", "is damaged"),
        ("not finite", "not finite"),
        ("no picture", "is damaged"),
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


def test_another_focal_length_ends_the_note_that_asked_for_one(gathered):
    assert any("give --focal-px" in note for note in gathered.photo.notes)
    camera = camera_from_focal_px(80.0, width=64, height=48)
    moved = with_camera(gathered, camera, FocalProvenance("explicit", "given: 80 px", 0.0))
    assert moved.photo.notes == ("an odd photo",)
    assert moved.photo.camera == camera
