"""What is given is met whatever people say; a contradiction widens the interval, agreement narrows it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mfh.scale.consensus import Consensus, fit_consensus
from mfh.scale.given import MOST_DOUBT, NOTABLE_DOUBT, find_feasible, given_scale
from mfh.scale.head import log_depth_at
from mfh.scale.interval import depth_log_sigma, scale_interval
from mfh.scale.known_sizes import KNOWN_LOG_SIGMA
from mfh.scale.measurements import ScaleMeasurement
from mfh.scale.range_prior import photo_range
from mfh.types import CommonErrors, LogRange, RelativeDepth, ScaleInterval, Space

SPACES: list[Space] = ["disparity", "depth"]


def encode(depth_m: np.ndarray | float, space: Space) -> np.ndarray:
    depth_m = np.asarray(depth_m, float)
    return 3 * (1 / depth_m if space == "disparity" else depth_m) - 0.4


def at(
    metres: float, space: Space, *, factor: float = 1.0, known: bool = False, log_sigma: float = 0.0
) -> ScaleMeasurement:
    return ScaleMeasurement(
        factor * metres,
        encode([metres], space),
        KNOWN_LOG_SIGMA if known else log_sigma,
        given=known,
        image=0,
        person=0,
    )


def log_off(fit: Consensus, measurement: ScaleMeasurement) -> float:
    return float(log_depth_at(fit.head, measurement.relative)[0]) - float(np.log(measurement.metres))


def interval_of(measurements: list[ScaleMeasurement], relative: RelativeDepth, shared: float = 0.0) -> ScaleInterval:
    fit = fit_consensus(measurements, relative)
    return scale_interval(fit, fit.head, relative, CommonErrors(shared=shared))


def log_width(interval: ScaleInterval) -> float:
    return float(np.log(interval.level_80[1] / interval.level_80[0]))


def scene(
    space: Space, seed: int, learned: LogRange | None
) -> tuple[RelativeDepth, list[ScaleMeasurement], list[ScaleMeasurement]]:
    """A random affine map of a random scene, people who may be wrong one by one or all alike, and true distances."""
    rng = np.random.default_rng(seed)
    depth_m = np.exp(rng.uniform(-1, 5) + rng.uniform(0, rng.uniform(0.01, 6), (12, 15)))
    by_scale, by_shift = np.exp(rng.uniform(-5, 5)), rng.uniform(-5, 5)

    def seen(metres: float) -> np.ndarray:
        return by_scale * np.array([1 / metres if space == "disparity" else metres]) + by_shift

    values = by_scale * (1 / depth_m if space == "disparity" else depth_m) + by_shift
    alike = np.exp(rng.choice([0.0, rng.uniform(-4, 4)]))
    people = [
        ScaleMeasurement(float(z * alike * np.exp(rng.normal(0, 0.1))), seen(z), 0.05)
        for z in rng.choice(depth_m.ravel(), rng.integers(0, 25))
    ]
    places = rng.choice(depth_m.ravel(), rng.integers(1, 5), replace=False)
    known = [ScaleMeasurement(float(z), seen(z), KNOWN_LOG_SIGMA, given=True) for z in places]
    return RelativeDepth(values, space, learned), people, known


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(SPACES),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([None, LogRange(((1.0, 1.0, 0.2),))]),
)
def test_what_is_given_is_met_whatever_people_say(space: Space, seed: int, common: float, learned: LogRange | None):
    relative, people, known = scene(space, seed, learned)
    fit = fit_consensus([*people, *known], relative, common_log_sigma=common)
    # One size is met exactly; several of one affine map within their own error.
    assert max(abs(log_off(fit, measurement)) for measurement in known) < (1e-9 if len(known) == 1 else KNOWN_LOG_SIGMA)
    assert fit.inlier_probability[len(people) :].tolist() == [1.0] * len(known)
    sigma = depth_log_sigma(fit, relative, CommonErrors()).log_sigma
    assert np.isfinite(sigma).all() and (sigma >= 0).all()
    interval = scale_interval(fit, fit.head, relative, CommonErrors())
    assert 0 <= interval.level_95[0] <= interval.level_80[0] <= interval.level_80[1] <= interval.level_95[1] < np.inf
    assert 0 <= fit.disagreement.doubt <= MOST_DOUBT


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.sampled_from(SPACES), st.floats(0.01, 100), st.floats(-50, 50), st.floats(0.2, 5))
def test_an_affine_map_of_relative_depth_changes_nothing(space: Space, by_scale: float, by_shift: float, off: float):
    measurements = [at(2.0, space), at(3.0, space, factor=1.1), at(5.0, space), at(4.0, space, factor=off, known=True)]
    measurements.append(at(6.0, space, factor=off, known=True))
    mapped = [
        ScaleMeasurement(one.metres, by_scale * one.relative + by_shift, one.log_sigma, given=one.given)
        for one in measurements
    ]
    room = RelativeDepth(encode(np.geomspace(1.5, 7, 200).reshape(10, 20), space), space)
    other_room = RelativeDepth(by_scale * room.values + by_shift, space)
    fit, other = fit_consensus(measurements, room), fit_consensus(mapped, other_room)
    np.testing.assert_allclose(
        other.head.scale * other_room.values + other.head.shift,
        fit.head.scale * room.values + fit.head.shift,
        rtol=2e-3,
    )
    assert other.disagreement.doubt == pytest.approx(fit.disagreement.doubt, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("people", [5, 16])
@pytest.mark.parametrize("common", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("farther", [True, False])
def test_the_more_they_contradict_the_wider(space: Space, people: int, common: float, farther: bool):
    rng = np.random.default_rng(people)
    street = RelativeDepth(encode(np.geomspace(2, 20, 600).reshape(20, 30), space), space)
    seen = [at(z, space, factor=float(np.exp(rng.normal(0, 0.05)))) for z in np.geomspace(2.5, 15, people)]
    without = interval_of(seen, street, common)
    alone = interval_of([at(8.0, space, known=True)], street)
    factors = [1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 100.0, 1e6]
    widths, doubts = [], []
    for factor in factors:
        wrong = at(8.0, space, factor=factor if farther else 1 / factor, known=True)
        fit = fit_consensus([*seen, wrong], street, common_log_sigma=common)
        assert abs(log_off(fit, wrong)) < 1e-9
        widths.append(log_width(scale_interval(fit, fit.head, street, CommonErrors())))
        doubts.append(fit.disagreement.doubt)
        # What people say of it is named.
        by_people = float(np.exp(fit.disagreement.by_people[0])) * wrong.metres
        assert by_people == pytest.approx(8.0, rel=0.1)
    assert all(after > before - 0.01 for before, after in zip(widths, widths[1:], strict=False)), widths
    assert all(after >= before - 1e-6 for before, after in zip(doubts, doubts[1:], strict=False))
    assert widths[0] < 0.9 * log_width(alone), "who agree know more than what is given alone"
    if common:
        assert widths[0] < 0.9 * log_width(without), "and more than people alone, who may be off alike"
    assert doubts[0] < 0.03 and doubts[5] > NOTABLE_DOUBT
    # Five times as far or near: the interval reaches to what people say, and the given size stays within.
    fit = fit_consensus([*seen, at(8.0, space, factor=5.0, known=True)], street, common_log_sigma=common)
    low, high = scale_interval(fit, fit.head, street, CommonErrors()).level_80
    assert low < 0.22 and 1 < high < 1.3


@pytest.mark.parametrize("space", SPACES)
def test_who_contradicts_what_is_given_does_not_count(space: Space):
    street = RelativeDepth(encode(np.geomspace(2, 20, 600).reshape(20, 30), space), space)
    honest = [at(z, space) for z in (3.0, 6.0, 12.0)]
    fit = fit_consensus([*honest, at(5.0, space, factor=8.0), at(8.0, space, known=True)], street)
    assert (fit.inlier_probability[:3] > 0.85).all() and fit.inlier_probability[3] < 0.01 and fit.weight[3] < 1e-3
    assert fit.disagreement.doubt < 0.03, "three of four agree with what is given"
    lone = fit_consensus([at(5.0, space, factor=8.0), at(8.0, space, known=True)], street)
    assert lone.inlier_probability[0] < 0.1 and lone.disagreement.doubt > NOTABLE_DOUBT


@pytest.mark.parametrize("space", SPACES)
def test_given_sizes_that_contradict_each_other_share_the_blame_and_widen(space: Space):
    street = RelativeDepth(encode(np.geomspace(2, 20, 600).reshape(20, 30), space), space)
    agreed = fit_consensus([at(8.0, space, known=True)] * 2, street)
    fit = fit_consensus([at(8.0, space, known=True), at(8.0, space, factor=5.0, known=True)], street)
    off = fit.disagreement.by_head
    assert off == pytest.approx([np.log(5) / 2, -np.log(5) / 2], abs=0.02)
    np.testing.assert_allclose(agreed.disagreement.by_head, 0, atol=1e-9)
    # Both numbers lie within the 80 % interval there.
    low, high = fit.posterior.quantiles(float(encode(8.0, space)), [0.1, 0.9])
    assert low < np.log(8.0) and high > np.log(40.0)


@pytest.mark.parametrize("space", SPACES)
def test_a_person_at_infinity_does_not_keep_given_sizes_from_being_met(space: Space):
    """A false person in the sky, or behind the camera: the map that given sizes call for has no depth there."""
    street = RelativeDepth(encode(np.geomspace(2, 20, 600).reshape(20, 30), space), space)
    false = ScaleMeasurement(6.0, encode(np.inf if space == "disparity" else 0.0, space)[None] - 3.0, 0.05)
    known = [at(4.0, space, known=True), at(18.0, space, known=True)]
    fit = fit_consensus([false, *known], street, common_log_sigma=0.1)
    assert max(abs(log_off(fit, measurement)) for measurement in known) < KNOWN_LOG_SIGMA
    assert fit.inlier_probability[0] < 0.01 and fit.residual[0] == -np.inf


@pytest.mark.parametrize("space", SPACES)
def test_the_valley_is_where_a_dense_search_finds_it(space: Space):
    street = RelativeDepth(encode(np.geomspace(2, 20, 600).reshape(20, 30), space), space)
    known = [at(z, space, factor=f, known=True) for z, f in ((2.5, 1.02), (7.0, 0.97), (16.0, 1.03))]
    feasible = find_feasible(known, photo_range(street), space)
    ratio = -min(measurement.relative.min() for measurement in known) + np.exp(np.linspace(-12, 6, 200_000))
    misfit = given_scale(known, ratio, space).misfit
    assert feasible.least == pytest.approx(misfit.min(), rel=1e-4)
    assert feasible.best == pytest.approx(ratio[np.argmin(misfit)], rel=1e-2)
    inside = ratio[misfit <= misfit.min() + 16 * feasible.birge_ratio**2]
    assert feasible.birge_ratio == pytest.approx(np.sqrt(max(1, misfit.min() / 2)), rel=1e-4)
    assert feasible.ratio[[0, -1]] == pytest.approx([inside[0], inside[-1]], rel=1e-3)


def test_a_flat_photo_takes_the_given_distance_everywhere():
    flat = RelativeDepth(np.full((4, 5), 0.7), "disparity")
    people = [ScaleMeasurement(3.0, np.array([0.7]))]
    for known in ([2.5], [2.5, 2.5]):
        measurements = [ScaleMeasurement(one, np.array([0.7]), KNOWN_LOG_SIGMA, given=True) for one in known]
        fit = fit_consensus([*people, *measurements], flat)
        assert 1 / (fit.head.scale * 0.7 + fit.head.shift) == pytest.approx(2.5)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.sampled_from(SPACES), st.floats(0.3, 3), st.lists(st.floats(2, 20), min_size=2, max_size=2, unique=True))
def test_a_given_length_is_met(space: Space, factor: float, ends: list[float]):
    assume(abs(np.log(ends[0] / ends[1])) > 0.05)
    street = RelativeDepth(encode(np.geomspace(2, 20, 600).reshape(20, 30), space), space)
    rays = np.array([[0.1, 0.0, 1.0], [-0.3, 0.2, 1.0]])
    metres = float(np.linalg.norm(rays[0] * ends[0] - rays[1] * ends[1]))
    length = ScaleMeasurement(metres, encode(np.array(ends), space), KNOWN_LOG_SIGMA, rays, given=True)
    fit = fit_consensus([*(at(z, space, factor=factor) for z in (3.0, 6.0, 12.0)), length], street)
    found = rays * np.exp(log_depth_at(fit.head, length.relative))[:, None]
    assert np.linalg.norm(found[0] - found[1]) == pytest.approx(metres, rel=1e-6)
