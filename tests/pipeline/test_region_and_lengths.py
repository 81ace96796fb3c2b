"""What is asked of one photo: how far a region is, painting until that is sure enough, and lengths."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.config import HeadConfig
from mfh.errors import InputError
from mfh.pipeline.conclude import conclude
from mfh.pipeline.request import Request
from mfh.scale.fit import fit_scale
from mfh.scale.interval import region_interval
from mfh.scale.known_sizes import KnownDistance, KnownSizes
from mfh.scale.range_prior import region_range
from mfh.types import CommonErrors, Evidence, Landmark, LogRange, Region, RelativeDepth, Segment
from tests.toy_world import MIDDLE, OraclePainter, OraclePeople, config, depth_in, pipeline, render

FLOOR = Region(10, 60, 40, 70)


@pytest.mark.slow
def test_the_region_is_as_far_as_it_is():
    photo = render([])
    result = pipeline(config())(photo, Request(region=FLOOR))
    assert result.region is not None and result.region.region == FLOOR
    assert result.region.depth_m == pytest.approx(np.median(depth_in(photo.rgb)[60:70, 10:40]), rel=1e-3)
    low, high = result.region.interval.level_80
    assert low <= 1.001 and high >= 0.999
    assert pipeline(config())(photo).region is None


def test_the_answer_for_the_photo_is_the_same_with_and_without():
    photo = render([MIDDLE])
    with_region, without = pipeline(config())(photo, Request(region=FLOOR)), pipeline(config())(photo)
    np.testing.assert_array_equal(with_region.depth_m, without.depth_m)
    assert with_region.interval == without.interval


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(10, 10, 10, 20), "is empty"),
        (Region(10, 20, 30, 10), "is empty"),
        (Region(-1, 10, 30, 20), "reaches outside oracle.png, which is 96x72"),
        (Region(10, 10, 97, 20), "reaches outside oracle.png, which is 96x72"),
        (Region(10, 10, 30, 73), "reaches outside oracle.png, which is 96x72"),
    ],
)
def test_no_region_of_the_photo_is_one_line(region, expected):
    painter = OraclePainter()
    with pytest.raises(InputError, match=expected) as caught:
        pipeline(config("paint"), painter=painter)(render([]), Request(region=region))
    assert "\n" not in str(caught.value)
    assert not painter.seen, "said before anybody is painted"
    gathered = pipeline(config()).gather(render([MIDDLE]))
    with pytest.raises(InputError, match=expected):
        conclude(replace(gathered, region=region), head=HeadConfig())


def test_a_region_without_metres_is_said_to_have_none():
    """Farther than answers go: the wall."""
    wall = Region(40, 0, 60, 10)
    near = replace(config(), max_depth_m=6.0)
    result = pipeline(near)(render([MIDDLE]), Request(region=wall))
    assert result.region is None
    assert any("in the region" in warning for warning in result.warnings)
    assert not any("in the region" in warning for warning in pipeline(near)(render([MIDDLE])).warnings)


@pytest.mark.slow
def test_a_region_partly_without_metres_is_as_far_as_its_median():
    """Wall and floor, where answers end between them."""
    near = replace(config(), max_depth_m=6.0)
    result = pipeline(near)(render([]), Request(region=Region(40, 50, 60, 72)))
    inside_m = result.depth_m[50:72, 40:60]
    assert 0.05 < np.isnan(inside_m).mean() < 0.5 and result.region is not None
    assert result.region.depth_m == pytest.approx(np.median(np.nan_to_num(inside_m, nan=np.inf)))


def test_whatever_was_gathered_can_be_asked_about_another_region():
    photo = render([MIDDLE])
    gathered = pipeline(config()).gather(photo)
    asked = conclude(replace(gathered, region=FLOOR), head=HeadConfig()).region
    assert asked == pipeline(config())(photo, Request(region=FLOOR)).region


@pytest.mark.slow
def test_the_shape_of_the_relative_depth_counts_whole():
    gathered = replace(pipeline(config()).gather(render([])), shape_log_sigma=0.3, region=FLOOR)
    result = conclude(gathered, head=HeadConfig())
    assert result.region is not None and result.interval is not None
    assert result.region.interval.common_log_sigma == pytest.approx(0.3)
    assert result.interval.common_log_sigma < 0.2
    assert result.region.interval.half_width == pytest.approx(np.sinh(1.2816 * 0.3), rel=0.1)


@pytest.mark.slow
def test_painting_goes_on_until_the_region_is_sure_whatever_the_batches():
    wrong = {place: float(np.exp(0.12 * (-1) ** place)) for place in range(30)}
    runs = [
        pipeline(
            config("paint", max_paintings=20, batch_size=size, until_interval=0.2), people=OraclePeople(error=wrong)
        )(render([]), Request(region=FLOOR))
        for size in (1, 7)
    ]
    assert "over the region" in runs[0].ended_by
    assert runs[0].region is not None and runs[0].region.interval.half_width_over_photo <= 0.2
    assert runs[0].paintings < 20
    assert runs[0].attempts == runs[1].attempts and runs[0].region == runs[1].region


@pytest.mark.slow
def test_lengths_are_those_of_the_world_and_the_same_from_the_evidence():
    photo = render([])
    across, away = Segment((10.0, 65.0), (80.0, 65.0)), Segment((48.0, 68.0), (48.0, 55.0))
    result = pipeline(config())(photo, Request(lengths=[across, away]))
    assert [one.segment for one in result.lengths] == [across, away]
    points = result.points_m().reshape(*photo.rgb.shape[:2], 3)
    for one in result.lengths:
        (x1, y1), (x2, y2) = ((round(x), round(y)) for x, y in (one.segment.start_xy, one.segment.end_xy))
        assert one.metres == pytest.approx(np.linalg.norm(points[y1, x1] - points[y2, x2]), rel=1e-3)
    gathered = pipeline(config()).gather(photo, Request(lengths=[across]))
    assert conclude(gathered, head=HeadConfig()).lengths == result.lengths[:1]
    assert conclude(replace(gathered, lengths=(away,)), head=HeadConfig()).lengths == result.lengths[1:]


@pytest.mark.slow
def test_what_a_guessed_focal_length_spoils():
    """People fix widths and leave depth to it; a known distance fixes depth and leaves widths to it."""
    across, ahead = Segment((10.0, 65.0), (80.0, 65.0)), Segment((48.0, 68.0), (48.0, 55.0))
    gathered = pipeline(config()).gather(render([]), Request(lengths=[across, ahead]))
    guessed = replace(gathered.photo, focal=replace(gathered.photo.focal, relative_sigma=0.25))
    people = conclude(replace(gathered, photo=guessed), head=HeadConfig())
    distance = KnownSizes(distances=(KnownDistance(48.0, 60.0, 5.6),))
    alone = replace(gathered, photo=guessed, evidence=(), attempts=0)
    measured = conclude(alone, head=HeadConfig(), known=distance)

    def width(result, k: int) -> float:
        low, high = result.lengths[k].level_80
        return float(np.log(high / low) / 2 / 1.2816)

    assert people.interval is not None and measured.interval is not None
    assert (people.interval.common.focal, measured.interval.common.focal) == (0.25, 0.0)
    assert width(people, 0) < 0.02 and width(people, 1) > 0.2
    assert width(measured, 0) > 0.25


def test_a_length_outside_is_said_before_anybody_is_painted():
    painter = OraclePainter()
    with pytest.raises(InputError, match="pixel 500,2 is outside the photo, which is 96x72"):
        pipeline(config("paint"), painter=painter)(render([]), Request(lengths=[Segment((1.0, 2.0), (500.0, 2.0))]))
    assert not painter.seen


def test_the_sky_has_no_interval():
    depth_m = np.geomspace(3.0, 40.0, 30)
    values = np.concatenate([np.zeros(50), 1 / depth_m])[:, None] * np.ones((1, 40))
    seen = RelativeDepth(values - 0.5, "disparity", LogRange(((1.0, float(np.log(30.0)), 0.15),)))

    def person(metres: float) -> Evidence:
        one = Landmark("painting 0", "cards", (0.0, 0.0, 1.0, 1.0), 1.0, metres, 1.7, 1, "used", "",
                       log_distance_sigma=0.05)  # fmt: skip
        return Evidence(np.full(3, 1 / metres - 0.5), np.full(3, metres * 1.02), np.zeros(3, int), (one,))

    fit = fit_scale([person(z) for z in (4.0, 5.0, 7.0, 9.0)], seen, config=HeadConfig())
    sky, street = Region(0, 0, 40, 20), Region(0, 60, 40, 80)
    assert region_interval(fit.consensus, fit.head, region_range(seen, sky), CommonErrors()) is None
    assert region_interval(fit.consensus, fit.head, region_range(seen, street), CommonErrors()) is not None
