"""One fit for the stop rule and the answer: what painting stopped for is what the answer has."""

import re
from dataclasses import replace

import pytest

from mfh.config import HeadConfig
from mfh.pipeline.conclude import conclude
from mfh.pipeline.refit import refit
from mfh.pipeline.request import Request
from mfh.pipeline.solve import heights_so_far, solve
from mfh.scale.known_sizes import KnownDistance, KnownHeight, KnownSizes
from mfh.types import Region
from tests.toy_world import PLACES, OraclePeople, config, pipeline, render

NEAR_WALL = KnownSizes(distances=(KnownDistance(20.0, 20.0, 9.3),))
WRONG = {place: 1.12 if place % 2 else 0.9 for place in range(len(PLACES))}
PAINTED = KnownSizes(heights=(KnownHeight(1.9, 0), KnownHeight(1.6, 2)))


@pytest.mark.parametrize("known", [KnownSizes(), NEAR_WALL, PAINTED], ids=["nothing", "distance", "heights"])
@pytest.mark.parametrize("region", [None, Region(30, 50, 70, 70)], ids=["photo", "region"])
def test_the_interval_that_painting_stopped_for_is_the_answer_s(known, region):
    options = config("paint", max_paintings=30, until_interval=0.25)
    model = pipeline(options, people=OraclePeople(error=WRONG))
    result = model(render([]), Request(known=known, region=region))
    found = re.search(r"the 80 % interval is within ±([\d.]+)% over the (photo|region)", result.ended_by)
    assert found, result.ended_by
    interval = result.interval if region is None else result.region.interval
    assert float(found[1]) == pytest.approx(100 * interval.half_width_over_photo, abs=0.051)
    assert found[2] == ("photo" if region is None else "region")


def test_a_known_distance_is_in_the_fit_that_stops_painting():
    options = config("paint", max_paintings=30, until_interval=0.25)
    wrong = OraclePeople(error=WRONG)
    alone = pipeline(options, people=wrong)(render([]))
    known = pipeline(options, people=wrong)(render([]), Request(known=NEAR_WALL))
    assert known.ended_by != alone.ended_by


def test_heights_of_people_who_are_not_painted_yet_wait(gathered):
    known = KnownSizes(heights=(KnownHeight(1.8), KnownHeight(1.7, 0), KnownHeight(1.6, 1), KnownHeight(1.5, 99)))
    assert [one.person for one in heights_so_far(known, gathered.evidence).heights] == [None, 0], "1 was not measured"
    assert heights_so_far(known, gathered.evidence[1:2]).heights == (KnownHeight(1.7, 0),), "no person of the photo"
    assert heights_so_far(known, ()).heights == ()


def test_the_solution_is_what_the_answer_is_made_of(gathered):
    solution = solve(
        gathered.evidence,
        gathered.relative,
        gathered.photo,
        head=HeadConfig(),
        known=KnownSizes(),
        shared_log_sigma=gathered.shared_log_sigma,
        shape_log_sigma=gathered.shape_log_sigma,
    )
    result = conclude(gathered, head=HeadConfig())
    assert solution.fit.head == result.head and solution.interval() == result.interval
    region = Region(3, 20, 40, 40)
    assert conclude(replace(gathered, region=region), head=HeadConfig()).region.interval == solution.region_interval(
        region
    )


def test_refit_is_the_conclusion_with_other_settings(gathered):
    assert refit(gathered).head == conclude(gathered, head=HeadConfig()).head
    assert refit(gathered, head="silog").head == conclude(gathered, head=HeadConfig("silog")).head
    region = Region(3, 20, 40, 40)
    asked = refit(refit_region := replace(gathered, region=region))
    assert asked.region is not None and asked.region.region == region, "a region asked for before stays"
    other = Region(3, 20, 30, 30)
    assert refit(refit_region, Request(region=other)).region.region == other
    without = refit(gathered, exclude=[0])
    assert without.landmarks[0].reason == "excluded by the user"
