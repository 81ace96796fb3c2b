"""Meter bars: chosen, read, named; and what is refused."""

import numpy as np
import pytest

from mfh.errors import InputError
from mfh_lab.paper.study.meter_bar import MeterBar, bar_to, choose_bar, read_bars


def test_range_names_are_those_of_table_10():
    names = [bar_to(float(max_m)).range_name for max_m in (10, 15, 15.1, 20, 40, 41, 80)]
    assert names == ["short", "short", "medium", "medium", "medium", "long", "long"]


@pytest.mark.parametrize(("far_m", "max_m"), [(3, 10), (10, 10), (10.1, 15), (19, 20), (21, 40), (60, 80), (500, 80)])
def test_bar_is_the_next_round_end(far_m, max_m):
    assert choose_bar([np.full((4, 4), far_m, np.float32)]) == bar_to(float(max_m))


def test_one_wild_method_does_not_decide_nor_do_holes():
    calm = np.full((4, 4), 8.0, np.float32)
    calm[0, 0] = np.nan
    assert choose_bar([calm, calm * 1000, calm]).max_m == 10


def test_a_bar_needs_a_depth():
    with pytest.raises(InputError, match="no method has a depth"):
        choose_bar([np.full((2, 2), np.nan, np.float32)])


def test_bars_are_read_with_and_without_a_near_end(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("photo, max_m, min_m\na, 20, 2\nb/c, 80,\n")
    assert read_bars(path, {"a", "b/c"}) == {"a": MeterBar(2.0, 20.0), "b/c": MeterBar(4.0, 80.0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo\na\n", "no column 'max_m'"),
        ("photo,max_m\na,10\n", "has no bar for 1 of 2 photos, first 'b'"),
        ("photo,max_m\na,10\nx,10\n", "line 3: no photo 'x'"),
        ("photo,max_m\na,10\na,10\n", "line 3: photo 'a' a second time"),
        ("photo,max_m\na,ten\n", "line 2: could not convert"),
        ("photo,max_m,min_m\na,10,12\n", "from 12 to 10 m"),
        ("photo,max_m\na,inf\n", "expected 0 < min < max"),
        ("photo,max_m\na,\n", "nothing in column 'max_m'"),
    ],
)
def test_what_is_no_bar_is_one_line(tmp_path, text, message):
    path = tmp_path / "bars.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_bars(path, {"a", "b"})
