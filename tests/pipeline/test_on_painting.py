"""Paintings are reported as they are judged, with the answer so far; the answer itself does not change."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from mfh.config import HeadConfig
from mfh.errors import NoLandmarkError
from mfh.pipeline.request import PaintingSoFar, Request
from mfh.scale.known_sizes import KnownHeight, KnownSizes
from tests.toy_world import (
    LEFT_NEAR,
    NOBODY,
    PLACES,
    OraclePainter,
    OraclePeople,
    bodies_in,
    config,
    pipeline,
    render,
)

WRONG = {place: 1.12 if place % 2 else 0.9 for place in range(len(PLACES))}
"""People whose sizes are off, so that intervals have a width."""


def seen_in(options=None, **parts) -> tuple[list[PaintingSoFar], object]:
    seen: list[PaintingSoFar] = []
    model = pipeline(options or config("paint"), people=OraclePeople(error=WRONG), **parts)
    return seen, model(render([]), Request(on_painting=seen.append))


def test_every_attempt_is_reported_once_and_in_order():
    seen, result = seen_in()
    assert [one.painting.number for one in seen] == list(range(result.attempts))
    assert [one.attempts for one in seen] == list(range(1, result.attempts + 1))
    assert seen[-1].usable == result.paintings == sum(one.painting.used for one in seen) == 6
    assert {one.painting.used for one in seen} == {True, False}
    assert {(one.max_paintings, one.max_attempts) for one in seen} == {(6, 40)}
    for one in seen:
        assert (bodies_in(one.painting.rgb) != NOBODY).any() == bool(one.painting.landmarks)
        assert one.painting.reason == "measured" if one.painting.used else "no person was found in it"
        height, width = one.painting.rgb.shape[:2]
        for landmark in one.painting.landmarks:
            left, top, right, bottom = landmark.box_xyxy
            assert -0.5 <= left < right <= width and -0.5 <= top < bottom <= height


@pytest.mark.parametrize("head", ["consensus", "silog"])
def test_the_depth_so_far_ends_at_that_of_the_answer(head):
    seen, result = seen_in(replace(config("paint"), head=HeadConfig(head)))
    last = seen[-1].depth
    assert last.median_m == pytest.approx(result.depth_range_m[1], rel=1e-6)
    low, high = result.interval.level_80
    assert last.level_80_m == pytest.approx((low * last.median_m, high * last.median_m))
    used = next(number for number, one in enumerate(seen) if one.painting.used)
    assert all(one.depth is None for one in seen[:used]), "without people there is no scale"
    intervals = [one.depth.level_80_m for one in seen if one.depth is not None]
    assert len(intervals) >= 5 and all(low >= 0 and high >= low for low, high in intervals)
    if head == "consensus":
        assert intervals[-1][1] / intervals[-1][0] < intervals[0][1] / intervals[0][0]


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(
    "painting", [{}, {"until_interval": 0.2, "max_paintings": 20}], ids=["collected", "sure enough"]
)
def test_the_answer_is_the_same_to_the_last_byte(size, painting):
    options = config("paint", batch_size=size, **painting)
    known = KnownSizes(heights=(KnownHeight(1.9, 2),))
    for request in (Request(), Request(known=known)):
        model = pipeline(options, people=OraclePeople(error=WRONG))
        calls: list[PaintingSoFar] = []
        one, other = (
            model.gather(render([]), replace(request, on_painting=callback)) for callback in (None, calls.append)
        )
        assert len(calls) == other.attempts, "what a batch has beyond the end is not reported"
        assert pickle.dumps(replace(one, seconds={})) == pickle.dumps(replace(other, seconds={}))
        np.testing.assert_array_equal(
            model(render([]), request).depth_m, model(render([]), replace(request, on_painting=calls.append)).depth_m
        )


def test_what_the_photo_alone_gives_comes_first():
    seen: list[PaintingSoFar] = []
    unsure = replace(config(), enough_half_width=1e-9)
    pipeline(unsure, people=OraclePeople(error=WRONG))(render([LEFT_NEAR, 14]), Request(on_painting=seen.append))
    assert len({one.before for one in seen}) == 1
    before = seen[0].before
    assert before is not None and before.level_80_m[0] < before.median_m < before.level_80_m[1]
    assert all(one.before is None for one in seen_in()[0]), "an empty room gives no scale"


def test_nothing_is_reported_where_nothing_is_painted():
    seen: list[PaintingSoFar] = []
    pipeline(config("only"))(render([LEFT_NEAR]), Request(on_painting=seen.append))
    assert seen == []


def test_a_photo_without_scale_reports_its_paintings_and_fails_as_without():
    seen: list[PaintingSoFar] = []
    model = pipeline(config("paint", max_attempts=5), painter=OraclePainter(misses=1.0))
    with pytest.raises(NoLandmarkError, match="0 found, 0 used"):
        model(render([]), Request(on_painting=seen.append))
    assert len(seen) == 5 and all(one.depth is None and not one.painting.used for one in seen)


def test_what_the_callback_raises_ends_the_work():
    painter = OraclePainter()

    def stop(one: PaintingSoFar) -> None:
        if one.attempts == 2:
            raise ConnectionError("the page is closed")

    with pytest.raises(ConnectionError):
        pipeline(config("paint", batch_size=1), painter=painter)(render([]), Request(on_painting=stop))
    assert len(painter.seen) == 2
