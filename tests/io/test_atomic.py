"""Folders for output are made, or one line says why not."""

import pytest

from mfh.errors import InputError
from mfh.io.atomic import check_writable, make_folder


def test_a_folder_is_made_with_all_above_it(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
        check_writable(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["file", "loop", "nowhere", "file/x", "loop/x", "nowhere/x", "x" * 300])
def test_what_cannot_be_a_folder_is_one_line(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("absent/too")
    before = sorted(tmp_path.iterdir())
    for refuse in (make_folder, check_writable) if name[0] != "x" else (make_folder,):
        with pytest.raises(InputError, match="--out") as caught:
            refuse(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
