"""Photos as files: what they are called, and what is refused."""

import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.evaluation.photo_files import find_photos


def test_photos_are_named_below_their_folder_and_files_by_their_stem(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/x.JPG", "a/b/y.png", "z.png"):
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    (tmp_path / "a" / "notes.txt").write_text("no photo")
    assert list(find_photos([tmp_path / "a", tmp_path / "z.png"])) == ["b/y", "x", "z"]
    Image.new("RGB", (32, 32)).save(tmp_path / "a" / "z.jpg")
    with pytest.raises(InputError, match="are both photo 'z'"):
        find_photos([tmp_path / "a", tmp_path / "z.png"])


def test_places_without_photos_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no picture"):
        find_photos([tmp_path])
    with pytest.raises(InputError, match="no photo or folder"):
        find_photos([tmp_path / "nowhere"])
