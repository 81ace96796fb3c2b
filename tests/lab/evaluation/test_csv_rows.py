"""CSV files of anything give rows or one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh_lab.evaluation.csv_rows import read_rows
from mfh_lab.evaluation.score_files import read_scores
from mfh_lab.paper.annotate.shots import read_shots
from mfh_lab.paper.study.meter_bar import read_bars


def test_rows_with_their_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffphoto , x\r\n a , 1 \r\n\r\n"b\nc",2,more\r\n'.encode())
    assert read_rows(path, ("photo", "x")) == [(2, {"photo": "a", "x": "1"}), (5, {"photo": "b\nc", "x": "2"})]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"photo,x\n\x00,1\n" + b"\xff", b"photo,x\n" + b"9" * 10_000_000 + b",1\n", b"photo\na\n",
     b'photo,x\n"' + b"a" * 200_000, b"photo,x\na\n", b"\n\n\n", b"PK\x03\x04" + bytes(300)],
)  # fmt: skip
def test_what_is_no_such_file_is_one_line(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv") as caught:
        read_rows(path, ("photo", "x"))
    assert len(str(caught.value)) <= 2000 and "\n" not in str(caught.value)


PIECES = st.lists(st.sampled_from([b"photo", b"max_m", b"angle", b"distance", b"name", b"answered", b"abs_rel", b"1",
                                   b"delta1", b",", b",", b"\n", b"\n", b'"', b"nan", b"1e999", b"0", b"level", b"wide",
                                   b"\0", b"\xff", b"a", b"-1", b"\r", b" "]), max_size=40).map(b"".join)  # fmt: skip


@given(PIECES | st.binary(max_size=80))
def test_any_bytes_give_a_value_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(content)
    for read in (read_shots, read_scores, lambda path: read_bars(path, ["a", "1"])):
        try:
            read(path)
        except InputError as error:
            assert "\n" not in str(error) and "\x1b" not in str(error)
