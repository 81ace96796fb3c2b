"""The sky through the pipeline: no depth there, said once, and no error to ask about."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mfh.config import HeadConfig
from mfh.errors import InputError
from mfh.geometry.masks import resize_relative
from mfh.io.evidence import load_evidence, save_evidence
from mfh.io.receipt import receipt
from mfh.io.relative import relative_depth_map
from mfh.models import sky
from mfh.pipeline.conclude import conclude
from mfh.pipeline.inference import Models
from mfh.pipeline.own_depth import GivenRelativeDepth
from mfh.scale.known_sizes import KnownDistance, KnownSizes
from mfh.types import Region, Segment
from mfh.types.observations import Gathered
from tests.toy_world import OraclePeople, OracleRelativeDepth, render

HEAD = HeadConfig()
ROWS = 12
"""Of the made-up photo's 48: its far end, where the disparity is least."""


@pytest.fixture
def under_sky(gathered: Gathered) -> Gathered:
    valid_mask = np.ones(gathered.relative.values.shape, bool)
    valid_mask[:ROWS] = False
    return replace(gathered, relative=replace(gathered.relative, valid_mask=valid_mask, holes_are_sky=True))


def test_the_sky_has_no_depth_and_its_share_is_said(under_sky: Gathered, gathered: Gathered):
    result = conclude(under_sky, head=HEAD)
    assert np.isnan(result.depth_m[:ROWS]).all() and not np.isnan(result.depth_m[ROWS:]).any()
    assert any("the sky (25.0% of the photo) has no depth" in one for one in result.warnings)
    assert receipt(result)["sky_fraction"] == 0.25 and receipt(conclude(gathered, head=HEAD))["sky_fraction"] == 0
    assert not any("sky" in one for one in conclude(gathered, head=HEAD).warnings)


def test_a_region_in_the_sky_has_no_depth_and_one_partly_in_it_has(under_sky: Gathered):
    above = conclude(replace(under_sky, region=Region(0, 0, 30, ROWS)), head=HEAD)
    assert above.region is None and any("in the region is sky" in one for one in above.warnings)
    partly = conclude(replace(under_sky, region=Region(0, ROWS - 4, 30, ROWS + 12)), head=HEAD)
    assert partly.region is not None
    assert partly.region.depth_m == pytest.approx(np.nanmedian(partly.depth_m[ROWS - 4 : ROWS + 12, :30]), rel=1e-5)
    assert any("25.0% of the region is sky: its metres are of the rest" in one for one in partly.warnings)


def test_a_length_that_ends_in_the_sky_is_none(under_sky: Gathered):
    ends = (Segment((10.0, 3.0), (20.0, 40.0)), Segment((10.0, 30.0), (20.0, 40.0)))
    to_sky, below = conclude(replace(under_sky, lengths=ends), head=HEAD).lengths
    assert math.isnan(to_sky.metres) and below.metres > 0
    holes = replace(under_sky, relative=replace(under_sky.relative, holes_are_sky=False), lengths=ends)
    with pytest.raises(InputError, match="no value at pixel 10,3"):
        conclude(holes, head=HEAD)


def test_what_was_measured_in_the_sky_is_no_sky(under_sky: Gathered):
    result = conclude(under_sky, head=HEAD, known=KnownSizes((KnownDistance(10.0, 3.0, 50.0),)))
    assert np.isfinite(result.depth_m[3, 10]) and not result.relative.sky_fraction
    elsewhere = conclude(under_sky, head=HEAD, known=KnownSizes((KnownDistance(10.0, 40.0, 3.0),)))
    assert elsewhere.relative.sky_fraction == 0.25 and np.isnan(elsewhere.depth_m[3, 10])


def test_it_comes_back_from_the_evidence(under_sky: Gathered, tmp_path):
    save_evidence(tmp_path / "evidence.npz", under_sky)
    back = load_evidence(tmp_path / "evidence.npz")
    assert back.relative.holes_are_sky and back.relative.sky_fraction == 0.25
    np.testing.assert_array_equal(back.relative.valid_mask, under_sky.relative.valid_mask)
    assert conclude(back, head=HEAD).warnings == conclude(under_sky, head=HEAD).warnings


def test_models_cut_it_where_they_are_asked_to(monkeypatch: pytest.MonkeyPatch):
    rgb = render([]).rgb

    def upper_half(photo: np.ndarray) -> np.ndarray:
        height, width = photo.shape[:2]
        return np.repeat((np.arange(height) < height / 2).astype(np.float32)[:, None], width, 1)

    monkeypatch.setattr(sky, "sky_probability", upper_half)
    people, depth = OraclePeople(), OracleRelativeDepth(keeps_sky=False)
    assert Models(depth, people, people).predict_depth(rgb).valid_mask is None
    cut = Models(depth, people, people, cuts_sky=True).predict_depth(rgb)
    assert cut.holes_are_sky and 0.3 < cut.sky_fraction < 0.7
    given = GivenRelativeDepth(relative_depth_map(depth.predict([rgb])[0].values, space="disparity"), rgb)
    assert Models(given, people, people, cuts_sky=True).predict_depth(rgb).valid_mask is None


def test_smaller_relative_depth_keeps_its_sky_and_the_values_there(under_sky: Gathered):
    relative = under_sky.relative
    small = resize_relative(relative, (32, 24), cv2.INTER_AREA)
    assert small.holes_are_sky and small.sky_fraction == pytest.approx(0.25, abs=0.03)
    assert small.log_range == relative.log_range
    whole = cv2.resize(relative.values, (32, 24), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(small.values, whole, atol=0.05)
    plain = resize_relative(replace(relative, valid_mask=None, holes_are_sky=False), (32, 24), cv2.INTER_AREA)
    np.testing.assert_array_equal(plain.values, whole)
    holes = resize_relative(replace(relative, holes_are_sky=False), (32, 24), cv2.INTER_AREA)
    assert not holes.holes_are_sky and holes.valid_mask is not None


@pytest.mark.parametrize("reach_m", [2.0, math.inf])
def test_beyond_the_reach_is_said_as_such(gathered: Gathered, reach_m: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mfh.pipeline.solve.reach_m", lambda *args: reach_m)
    result = conclude(replace(gathered, lengths=(Segment((1.0, 1.0), (50.0, 45.0)),)), head=HEAD)
    said = [one for one in result.warnings if "beyond 2 m, farther than the evidence reaches" in one]
    assert result.reach_m == reach_m and receipt(result)["reach_m"] == (2.0 if reach_m == 2 else None)
    if reach_m == math.inf:
        assert not said and "beyond" not in str(result) and result.max_depth_m == gathered.max_depth_m
        return
    assert len(said) == 1 and said[0].startswith(f"{1 - result.valid_mask.mean():.1%} of the pixels")
    assert np.nanmax(result.depth_m) <= 2 and "the rest beyond 2 m" in str(result)
    assert math.isnan(result.lengths[0].metres)
    everywhere = conclude(gathered, head=HeadConfig("silog"))
    assert everywhere.reach_m == math.inf and np.nanmax(everywhere.depth_m) > 2
