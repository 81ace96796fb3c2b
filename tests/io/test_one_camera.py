"""Photos of one camera share its focal length."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.io.one_camera import shared_focal
from mfh.io.photo import load_photo


def photo(path: Path, *, focal_35mm: int | None = None, size: tuple[int, int] = (96, 64), turned: bool = False) -> Path:
    exif = Image.Exif()
    if focal_35mm is not None:
        exif.get_ifd(0x8769).update({0xA405: focal_35mm, 0xA002: size[0], 0xA003: size[1]})
    if turned:
        exif[0x0112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def test_a_photo_without_a_focal_length_has_that_of_the_others(tmp_path):
    says = photo(tmp_path / "a.jpg", focal_35mm=28)
    silent, upright = photo(tmp_path / "b.jpg"), photo(tmp_path / "c.jpg", turned=True)
    shared = shared_focal([silent, says, upright])
    assert shared is not None and shared.photo == "a.jpg"
    for path in (silent, upright):
        given = shared.given_to(load_photo(path))
        assert given.camera.fx == pytest.approx(96 * 28 / 36, rel=1e-3)
        assert given.focal.source == "exif-35mm" and "a.jpg, the same camera" in given.focal.detail
        assert given.focal.notes == load_photo(says).focal.notes
    assert shared.given_to(load_photo(says)).focal == load_photo(says).focal


def test_a_crop_keeps_the_default_with_a_note(tmp_path):
    shared = shared_focal([photo(tmp_path / "a.jpg", focal_35mm=28)])
    crop = load_photo(photo(tmp_path / "b.jpg", size=(64, 64)))
    assert shared is not None
    given = shared.given_to(crop)
    assert given.camera == crop.camera and "another shape" in given.notes[-1]


def test_two_zooms_are_refused_and_what_cannot_be_read_says_nothing(tmp_path):
    wide, long = photo(tmp_path / "a.jpg", focal_35mm=28), photo(tmp_path / "b.jpg", focal_35mm=70)
    with pytest.raises(InputError, match=r"a\.jpg and b\.jpg have other focal lengths"):
        shared_focal([wide, long])
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    assert shared_focal([tmp_path / "c.jpg", photo(tmp_path / "d.jpg")]) is None
    found = shared_focal([tmp_path / "c.jpg", wide])
    assert found is not None and found.photo == "a.jpg"


def test_two_zooms_are_refused_before_any_photo_is_measured(tmp_path, capsys):
    from mfh.cli.main import main

    paths = [photo(tmp_path / "a.jpg", focal_35mm=28), photo(tmp_path / "b.jpg", focal_35mm=70)]
    code = main(["predict", *map(str, paths), "--one-camera", "--out", str(tmp_path / "out")])
    assert code == 2 and "have other focal lengths" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
