"""Files that this program did not write are never replaced; its own are, as often as wanted."""

import json
import os
from pathlib import Path

import pytest

from mfh.errors import InputError
from mfh.io.written import RECORD, check_apart, check_own, is_inside, is_same, own_path


def write(path, text):
    with own_path(path) as temporary:
        temporary.write_text(text)


def test_own_files_are_replaced_and_nothing_else_is(tmp_path):
    path = tmp_path / "table.md"
    for text in ("one", "two", "three"):
        write(path, text)
        assert path.read_text() == text
    assert sorted(one.name for one in tmp_path.iterdir()) == [RECORD, "table.md"]
    path.write_text("three, and my notes")
    with pytest.raises(InputError, match=r"table.md is there already, and this program did not write it") as caught:
        write(path, "four")
    assert path.read_text() == "three, and my notes" and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["file", "folder", "link to nothing", "link to a file"])
def test_what_was_there_before_stays(tmp_path, kind):
    path, mine = tmp_path / "table.md", tmp_path / "mine"
    mine.write_text("mine")
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(mine if kind == "link to a file" else tmp_path / "nothing")
    before = sorted(one.name for one in tmp_path.iterdir())
    for refused in (lambda: write(path, "new"), lambda: check_own(tmp_path, ["other.md", "table.md"])):
        with pytest.raises(InputError, match="table.md is there already"):
            refused()
    assert sorted(one.name for one in tmp_path.iterdir()) == before and mine.read_text() == "mine"


def test_a_run_killed_before_it_replaced_a_file_can_go_on(tmp_path):
    path = tmp_path / "table.md"
    write(path, "one")
    before = path.read_bytes()
    write(path, "two")
    # As if the list had been written, and the file not yet.
    path.write_bytes(before)
    write(path, "three")
    assert path.read_text() == "three"


def test_a_failure_leaves_everything_as_it_was(tmp_path):
    path = tmp_path / "table.md"
    write(path, "one")
    with pytest.raises(KeyError), own_path(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "one"
    write(path, "two")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"table.md": 1}', '{"table.md": [[[]]]}', "[" * 1000])
def test_a_damaged_list_is_one_line_and_nothing_is_replaced(tmp_path, text):
    path = tmp_path / "table.md"
    path.write_text("mine")
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(InputError) as caught:
        write(path, "two")
    assert "\n" not in str(caught.value) and path.read_text() == "mine"


def test_a_list_that_somebody_made_does_not_open_other_folders(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out" / RECORD).write_text(json.dumps({"../mine": ["0" * 64]}))
    write(tmp_path / "out" / "table.md", "one")
    assert (tmp_path / "mine").read_text() == "mine"


def test_the_same_file_is_known_by_any_path(tmp_path, monkeypatch):
    (tmp_path / "key.json").write_text("{}")
    (tmp_path / "link.json").symlink_to("key.json")
    os.link(tmp_path / "key.json", tmp_path / "hard.json")
    monkeypatch.chdir(tmp_path)
    for other in (Path("key.json"), tmp_path / "x" / ".." / "key.json", tmp_path / "link.json", tmp_path / "hard.json"):
        assert is_same(tmp_path / "key.json", other)
        with pytest.raises(InputError, match="--key would write .*read too"):
            check_apart([tmp_path / "key.json"], [tmp_path / "none", other], flag="--key")
    assert is_same(tmp_path / "new", Path("new")) and not is_same(tmp_path / "new", tmp_path / "key.json")
    assert not is_same(Path("a\0b"), tmp_path)
    check_apart([tmp_path / "new"], [tmp_path / "key.json"])


def test_what_lies_in_a_folder_is_known_through_links(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    assert is_inside(tmp_path / "link" / "b" / "new", tmp_path / "a")
    assert is_inside(tmp_path / "a", tmp_path / "link")
    assert not is_inside(tmp_path / "a", tmp_path / "a" / "b")
    assert not is_inside(tmp_path / "ab", tmp_path / "a")
