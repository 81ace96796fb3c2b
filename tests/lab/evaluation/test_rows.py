"""Rows on disk come back as they were, or as one line that names their file."""

import json
import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh_lab.evaluation.rows import read_csv_rows, read_rows, write_rows
from mfh_lab.evaluation.score_files import read_scores
from mfh_lab.paper.annotate.shots import read_shots
from mfh_lab.paper.measure import ResultRow
from mfh_lab.paper.study.meter_bar import read_bars


def test_rows_with_their_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffphoto , x\r\n a , 1 \r\n\r\n"b\nc",2,more\r\n'.encode())
    assert read_csv_rows(path, ("photo", "x")) == [(2, {"photo": "a", "x": "1"}), (5, {"photo": "b\nc", "x": "2"})]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"photo,x\n\x00,1\n" + b"\xff", b"photo,x\n" + b"9" * 10_000_000 + b",1\n", b"photo\na\n",
     b'photo,x\n"' + b"a" * 200_000, b"photo,x\na\n", b"\n\n\n", b"PK\x03\x04" + bytes(300)],
)  # fmt: skip
def test_what_is_no_such_file_is_one_line(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv") as caught:
        read_csv_rows(path, ("photo", "x"))
    assert len(str(caught.value)) <= 2000 and "\n" not in str(caught.value)


PIECES = st.lists(st.sampled_from([b"photo", b"max_m", b"angle", b"distance", b"name", b"answered", b"abs_rel", b"1",
                                   b"delta1", b",", b",", b"\n", b"\n", b'"', b"nan", b"1e999", b"0", b"level", b"wide",
                                   b"\0", b"\xff", b"a", b"-1", b"\r", b" "]), max_size=40).map(b"".join)  # fmt: skip


@pytest.mark.slow
@given(PIECES | st.binary(max_size=80))
def test_any_bytes_give_a_value_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(content)
    for read in (read_shots, read_scores, lambda path: read_bars(path, ["a", "1"])):
        try:
            read(path)
        except InputError as error:
            assert "\n" not in str(error) and "\x1b" not in str(error)


ROW = ResultRow("a", ("x", "y"), 0, 0.5, 0.1, 3.0, 1.0, None, 0.25, 4, 0.0, "no person")
BOUND = ResultRow(
    "scene-7", ("bound", "0"), 0, 0.5, 0.1, math.nan, math.nan, 0.0, None, 0, 0.1, "", "room", True, 1.0, 0.0, 0.2
)


def test_rows_come_back_as_they_were(tmp_path):
    assert read_rows(tmp_path / "a.json", ResultRow) is None
    write_rows(tmp_path / "deep" / "a.json", [ROW, ROW])
    assert read_rows(tmp_path / "deep" / "a.json", ResultRow) == [ROW, ROW]
    write_rows(tmp_path / "b.json", [BOUND])
    (found,) = read_rows(tmp_path / "b.json", ResultRow) or ()
    assert math.isnan(found.silog) and repr(found) == repr(BOUND)
    write_rows(tmp_path / "c.json", [])
    assert read_rows(tmp_path / "c.json", ResultRow) == []


@pytest.mark.parametrize(
    "change",
    [{"photo": 3}, {"seed": "0"}, {"seed": 1.5}, {"seed": True}, {"label": "xy"}, {"label": [1]}, {"abs_rel": None},
     {"abs_rel": "0.1"}, {"more": 1}, {"failure": None}, {"scale_error": []}, {"shift_determined": 1},
     {"covered_80": True}, {"half_width": "x"}, {"scale_error": 10**299 * 10**50}],
)  # fmt: skip
def test_other_values_are_one_line(tmp_path, change):
    (tmp_path / "a.json").write_text(json.dumps([asdict(ROW) | change]))
    with pytest.raises(InputError, match=r"a\.json is damaged .*delete it and run again") as caught:
        read_rows(tmp_path / "a.json", ResultRow)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}", "3", "null", '["a"]', "[[]]", "[{}]", "[", "[" * 9999, "\0", '{"a": []}'])
def test_other_files_are_one_line(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json") as caught:
        read_rows(tmp_path / "a.json", ResultRow)
    assert "\n" not in str(caught.value)
