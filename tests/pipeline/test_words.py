"""Known sizes from words: what they say, and one line for words that say nothing."""

import pytest

from mfh.cli.refit import parse_numbers
from mfh.errors import InputError
from mfh.pipeline.words import (
    known_sizes,
    parse_distance,
    parse_heights,
    parse_length,
    parse_metres,
    parse_region,
    parse_segment,
)
from mfh.scale.known_sizes import KnownDistance, KnownHeight, KnownLength, KnownSizes
from mfh.types import Region, Segment


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("2.31", 2.31),
        ("2.31m", 2.31),
        (" 231 cm ", 2.31),
        ("2310mm", 2.31),
        ("10ft", 3.048),
        ("100 IN", 2.54),
        (".5", 0.5),
        ("2.", 2.0),
        ("1e1", 10.0),
    ],
)
def test_lengths_with_units(text, metres):
    assert parse_metres(text) == pytest.approx(metres)


@pytest.mark.parametrize("text", ["", "m", "nan", "inf", "0", "-2", "2 3", "2km", "2,31", "2.31 m m", "1e999"])
def test_what_is_no_length(text):
    assert parse_metres(text) is None


def test_distances_and_lengths_with_their_pixels():
    assert parse_distance("320,240=2.31m") == KnownDistance(320.0, 240.0, 2.31)
    assert parse_distance(" 10.5 , 20 = 50cm") == KnownDistance(10.5, 20.0, 0.5)
    assert parse_length("100,50:100,410=0.90m") == KnownLength((100.0, 50.0), (100.0, 410.0), 0.9)


@pytest.mark.parametrize("word", ["10,20:30,60", "30,60:10,20", " 10 , 60 : 30 , 20 ", "10.4,20.9:29.1,59.2"])
def test_a_region_by_any_two_opposite_corners(word):
    assert parse_region(word) == Region(10, 20, 30, 60)
    assert parse_region(None) is None


def test_what_to_measure():
    assert parse_segment("100,50: 30.5,410") == Segment((100.0, 50.0), (30.5, 410.0))


def test_heights_of_everybody_come_before_a_person_s_own():
    assert parse_heights(["1=170cm", "1.80"]) == (KnownHeight(1.8), KnownHeight(1.7, 1))
    assert parse_heights([]) == ()


def test_nothing_given_is_nothing_known():
    assert known_sizes(heights=[], distances=[], lengths=[]) == KnownSizes()


def test_all_kinds_together():
    known = known_sizes(heights=["0=6ft"], distances=["1,2=3", "4,5=6"], lengths=["1,2:3,4=5"])
    assert known, "a distance suffices without people"
    assert [len(one) for one in (known.heights, known.distances, known.lengths)] == [1, 2, 1]
    only_heights = known_sizes(heights=["1.8"], distances=[], lengths=[])
    assert not only_heights, "a height needs its person"


@pytest.mark.parametrize(
    ("parse", "word"),
    [(parse_distance, word) for word in ("", "2.31", "320=2", "320,240", "320,240=", "320,240=far", "a,b=2", "1,2,3=4")]
    + [(parse_length, word) for word in ("", "1,2=3", "1,2:3=4", "1,2:3,4", "1,2:3,4=0", "1,2:1,2=3", "1,2:3,4:5,6=7")]
    + [(parse_region, word) for word in ("", "1,2", "1,2:3", "1,2:1,4", "1,2:3,2", "a,b:c,d", "1,2:3,4:5,6", "1,2,3,4")]
    + [(parse_segment, word) for word in ("", "1,2", "1,2:3", "1,2:1,2", "a,b:c,d", "1,2:3,4:5,6", "1,2:3,4=5")]
    + [(lambda word: parse_heights([word]), word) for word in ("", "tall", "0=", "x=1.8", "-1=1.8", "5", "0.3", "0=9")],
)
def test_words_that_say_nothing_are_one_line(parse, word):
    with pytest.raises(InputError) as caught:
        parse(word)
    assert repr(word) in str(caught.value) and "expected" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("words", "whose"), [(["1.8", "1.7"], "all people"), (["2=1.8", "2=1.7"], "person 2")])
def test_two_heights_of_one_person(words, whose):
    with pytest.raises(InputError, match=f"twice for {whose}"):
        parse_heights(words)


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_without_end_are_one_short_line(digits):
    """Past what a float holds, and past what Python turns into an integer."""
    many = "9" * digits
    for parse, word in (
        (parse_region, f"{many},0:5,5"),
        (parse_segment, f"0,0:{many},5"),
        (parse_distance, f"{many},0=3m"),
        (parse_distance, f"1,1={many}m"),
        (parse_distance, f"1,1=1e{many}m"),
        (parse_length, f"0,0:1,{many}=3m"),
        (lambda text: parse_heights([text]), f"{many}=1.8"),
        (parse_numbers, many),
    ):
        with pytest.raises(InputError, match="expected") as caught:
            parse(word)
        assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)
