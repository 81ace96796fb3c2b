"""Rows on disk come back as they were, or as one line that names their file."""

import json
import math
from dataclasses import asdict

import pytest

from mfh.errors import InputError
from mfh_lab.evaluation.kept_rows import read_rows, write_rows
from mfh_lab.paper.measure import ResultRow

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
