"""Messages are one line without anything that a terminal obeys, whatever names and libraries put into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.cli.exits import error_line
from mfh.errors import (
    BackendError,
    InputError,
    MfhError,
    NoLandmarkError,
    WeightsError,
    kind_and_message,
    one_line,
    printable,
    shown,
)

ANYTHING = st.text(st.characters(codec=None), max_size=60)
WRITTEN = (
    ("plain  text: ä 人 👩\u200d👧", "plain  text: ä 人 👩\u200d👧"),
    ("two\n   lines\r\nthree", "two lines three"),
    (" ends \n", "ends"),
    ("\x1b[2Jgone\x07", r"\x1b[2Jgone\x07"),
    ("a\0b", r"a\x00b"),
    ("caf\udce9.jpg", r"caf\xe9.jpg"),
    ("\ud83d", r"\ud83d"),
    ("gpj\u202ephoto", r"gpj\u202ephoto"),
    ("a\u2028b", "a b"),
)


@pytest.mark.parametrize(("text", "line"), WRITTEN)
def test_text_is_written_as_one_line(text, line):
    assert printable(text) == line


def test_names_keep_their_line_breaks_visible():
    assert shown("a\nb\tc\r\udcff\u2028 d") == r"a\nb\tc\r\xff\u2028 d"


def is_one_line(text: str) -> bool:
    return len(text.splitlines()) <= 1 and "\x1b" not in text and text.encode("utf-8") is not None


@given(ANYTHING)
def test_any_message_is_one_line(text):
    for kind in (MfhError, InputError, WeightsError, BackendError, NoLandmarkError):
        assert (
            is_one_line(str(kind(text))) and is_one_line(one_line(kind(text))) and is_one_line(error_line(kind(text)))
        )
    assert is_one_line(kind_and_message(KeyError(text))) and is_one_line(one_line(ValueError(text)))
    assert is_one_line(shown(text)) and is_one_line(error_line(NoLandmarkError("no", tried=(text,))))


@pytest.mark.slow
def test_long_messages_keep_both_ends():
    line = str(InputError("file " + "x" * 10_000_000 + ": expected a map"))
    assert len(line) <= 2000 and line.startswith("file xxx") and line.endswith("expected a map")


def test_an_error_without_a_message_says_its_kind():
    assert (one_line(ValueError()), error_line(InputError("\n"))) == ("ValueError", "InputError")
