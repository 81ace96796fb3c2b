"""The CSV of shot types."""

import pytest

from mfh.errors import InputError
from mfh_lab.paper.annotate.shots import ANGLES, DISTANCES, Shot, read_shots, write_shots


def test_what_is_written_is_read(tmp_path):
    shots = {f"a/{angle},{distance}": Shot(angle, distance) for angle in ANGLES for distance in DISTANCES}
    write_shots(tmp_path / "s.csv", shots)
    assert (tmp_path / "s.csv").read_text().splitlines()[0] == "photo,angle,distance"
    assert read_shots(tmp_path / "s.csv") == shots and list(read_shots(tmp_path / "s.csv")) == list(shots)


def test_a_spreadsheets_csv_is_read(tmp_path):
    (tmp_path / "s.csv").write_bytes("\ufeffphoto,distance,angle,who\r\nx, Wide ,LOW,me\r\n".encode())
    assert read_shots(tmp_path / "s.csv") == {"x": Shot("low", "wide")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,angle\nx,low\n", "no column 'distance'"),
        ("photo,angle,distance\nx,tilted,wide\n", "line 2: angle 'tilted': expected one of level, high, low"),
        ("photo,angle,distance\nx,low,far\n", "line 2: distance 'far': expected one of close-up"),
        ("photo,angle,distance\nx,low,\n", "line 2: nothing in column 'distance'"),
        ("photo,angle,distance\nx,low,wide\nx,low,wide\n", "line 3: photo 'x' a second time"),
    ],
)
def test_what_is_no_shot_type_is_one_line(tmp_path, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_shots(tmp_path / "s.csv")
