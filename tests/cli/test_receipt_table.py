import math
from dataclasses import replace

import pytest

from mfh.cli.receipt_table import MAX_ROWS, receipt_rows
from mfh.config import HeadConfig
from mfh.pipeline.conclude import conclude
from mfh.scale.known_sizes import KnownDistance, KnownSizes
from mfh.types import CommonErrors, MeasuredLength, ScaleInterval, Segment
from mfh.types.summary import describe_interval, describe_length


def test_every_person_has_a_row_with_number_weight_and_verdict(gathered):
    known = KnownSizes(distances=(KnownDistance(10.0, 20.0, 3.0),))
    result = conclude(gathered, head=HeadConfig(), known=known)
    header, *rows = receipt_rows(result)
    assert header.split() == ["#", "where", "metres", "size", "scale", "weight", "verdict"]
    assert len(rows) == len(result.landmarks) + 1
    numbers = [int(row.split()[0]) for row in rows[:-1]]
    assert sorted(numbers) == list(range(len(result.landmarks)))
    weights = [result.landmarks[number].weight for number in numbers]
    assert weights == sorted(weights, reverse=True), "those that count most come first"
    assert (
        rows[-1].strip().startswith("distance 3 m at 10,20") and "given; 0.671 times as large by the people" in rows[-1]
    )
    for number, row in zip(numbers, rows, strict=False):
        landmark = result.landmarks[number]
        assert (landmark.reason in row) == (landmark.verdict == "rejected")


def test_long_tables_say_how_many_more_there_are(gathered):
    result = conclude(gathered, head=HeadConfig())
    many = replace(result, landmarks=result.landmarks * 10)
    rows = receipt_rows(many)
    assert len(rows) == MAX_ROWS + 2
    assert rows[-1] == f"... and {len(many.landmarks) - MAX_ROWS} more in receipt.json"


def test_lengths_in_words():
    segment = Segment((10.0, 20.5), (30.0, 40.0))
    line = describe_length(MeasuredLength(segment, 1.234, (1.0, 1.5), (0.8, 2.0)))
    assert line == "1.23 m from 10,20.5 to 30,40, 1.00 to 1.50 m with 80 % probability"
    nothing = (math.nan, math.nan)
    assert "none from 10,20.5 to 30,40" in describe_length(MeasuredLength(segment, math.nan, nothing, nothing))


def test_the_interval_in_words():
    interval = ScaleInterval(
        (0.8, 1.3), (0.7, 1.6), 0.3, 0.12, CommonErrors(shared=0.05, focal=0.25), 0.26, 4.2, "the focal length"
    )
    line = describe_interval(interval)
    assert line.startswith("-20% to +30% with 80 % probability")
    assert "people 12%" in line and "focal length 25%" in line and "relative depth" not in line
    assert line.endswith("limited by: the focal length")
    assert interval.half_width == pytest.approx(0.25)
