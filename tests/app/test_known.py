"""What the user of the page knows: clicks and numbers become words, and sentences speak of what is on the page."""

import pytest

from mfh.app.known import DISTANCE, HEIGHT, LENGTH, SIZE, added, for_page, options_of
from mfh.errors import InputError

CLICKS = [[10, 20], [30, 40]]


@pytest.mark.parametrize(
    ("kind", "clicks", "text", "line"),
    [
        (DISTANCE, CLICKS, "2,31", "distance 30,40=2.31"),
        (LENGTH, CLICKS, "203cm", "length 10,20:30,40=203cm"),
        (SIZE, CLICKS, " 0.3 ", "size 10,20:30,40=0.3"),
        (HEIGHT, [], "1.75", "height 1.75"),
        (HEIGHT, CLICKS, "1.75", "height 7=1.75"),
    ],
)
def test_a_click_and_a_number_are_a_line(kind, clicks, text, line):
    session = {"people": [(7, (0, 0, 50, 50)), (3, (0, 0, 90, 90))]}
    assert added(clicks, kind, text, "height 1.6\n", session) == (f"height 1.6\n{line}", "", "")


@pytest.mark.parametrize(
    ("kind", "clicks", "text", "expected"),
    [
        (DISTANCE, CLICKS, " ", "give a number"),
        (DISTANCE, [], "2", "click the place"),
        (LENGTH, CLICKS[:1], "2", "click both places"),
        (DISTANCE, CLICKS, "far", "a distance you know"),
        (HEIGHT, [], "9", "the height of a person"),
    ],
)
def test_what_is_missing_or_wrong_is_one_line_and_nothing_is_lost(kind, clicks, text, expected):
    words, left, line = added(clicks, kind, text, "height 1.6", {})
    assert (words, left) == ("height 1.6", text) and expected in line and "--" not in line


def test_lines_are_fields_of_a_request():
    fields = options_of("distance 1,2=3m\n\n length 1,2:3,4=5 \nsize 1,2:3,4=6\nheight 1.7", " 28 ", ["npz"])
    assert fields == {
        "known_distance": ["1,2=3m"],
        "known_length": ["1,2:3,4=5"],
        "known_size": ["1,2:3,4=6"],
        "person_height": ["1.7"],
        "formats": ["npz"],
        "focal_35mm": "28",
    }
    with pytest.raises(InputError, match="'width 3' is unknown"):
        options_of("width 3", "", [])


def test_sentences_name_what_is_on_the_page():
    line = "a field of view of 60° is assumed: give --focal-px, --fov-x-deg or --focal-35mm"
    assert for_page(line) == "a field of view of 60° is assumed: give the focal length above"
    assert for_page("try --known-distance 320,240=2.31m, or a tape") == "try a distance you know, or a tape"
