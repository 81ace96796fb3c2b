"""Folders for output are made, or one line says why not."""

import os
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.io.atomic import MAX_BYTES, check_writable, make_folder, plain_name

ANYTHING = st.text(st.characters(codec=None), max_size=300)
"""Surrogates too: that is how names that are no UTF-8 arrive."""
HOSTILE = st.lists(
    st.sampled_from(["/", "\\", "..", ".", " ", "\0", "\n", "\x1b[2J", "CON", "nul", "a", "é", "\udcff", "~", "\u202e",
                     "x" * 130, "人" * 60, "com1", ":", "~0123456789ab"]), max_size=8).map("".join)  # fmt: skip
PLAIN = ("photo", "IMG_2024-01-02 10.11.12", "a.b", "ünï-码", "scene-7000000", "a" * 120, "-x", "console", "nullx",
         "com10", "lpt", "x~", "x~0123456789a", "👩\u200d👧", "ar")  # fmt: skip
MENDED = (
    ("", "_~"), (".", "_~"), ("..", "_~"), ("...", "_~"), (" ", "_~"), ("../x", "_x~"), ("/etc/passwd", "_etc_passwd~"),
    ("a\\b", "a_b~"), ("a\0b", "a_b~"), ("..jpg", "jpg~"), ("photo.", "photo~"), ("photo ", "photo~"), ("c:", "c_~"),
    ("a\nb", "a_b~"), ("\x1b[31mred", "_[31mred~"), ("CON", "_CON~"), ("aux.h", "_aux.h~"), ("Lpt¹", "_Lpt¹~"),
    ("nul .txt", "_nul .txt~"), ("\udcff\udcfe", "__~"), ("x" * 121, "x" * 107 + "~"), ("人" * 41, "人" * 35 + "~"),
    ("photo\u202egpj", "photo_gpj~"), ("x~0123456789ab", "x~0123456789ab~"),
)  # fmt: skip


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


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_stays(name):
    assert plain_name(name) == name


@pytest.mark.parametrize(("text", "begins"), MENDED)
def test_any_other_is_mended_and_marked(text, begins):
    assert plain_name(text).startswith(begins)


def check(text: str) -> None:
    name = plain_name(text)
    assert 0 < len(name.encode("utf-8")) <= MAX_BYTES
    assert os.path.basename(name) == name and name not in (".", "..")
    assert not {unicodedata.category(one) for one in name} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(name) & set('/\\<>:"|?*')
    assert name == name.strip().strip(".")
    assert name.split(".")[0].strip().casefold() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert name == text or name[-13] == "~"


@pytest.mark.slow
@given(ANYTHING | HOSTILE)
@example("~0123456789ab")
def test_any_text_gives_a_plain_name(text):
    check(text)
    assert plain_name(text) == plain_name(text)


@given(ANYTHING | HOSTILE, ANYTHING | HOSTILE)
def test_different_texts_keep_different_names(one, other):
    assert (plain_name(one) == plain_name(other)) == (one == other)


def test_what_looks_like_a_mended_name_is_not_taken_for_it():
    mended = plain_name("a/b")
    assert plain_name(mended) != mended


@given(ANYTHING | HOSTILE)
def test_the_name_can_be_made_and_lies_in_its_folder(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("names")
    (folder / f".{plain_name(text)}.12345.tmp.npz").touch()
    assert len(list(folder.iterdir())) == 1
