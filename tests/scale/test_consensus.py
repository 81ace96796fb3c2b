"""The consensus head: against a dense grid, and what must not change it."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.errors import NoLandmarkError
from mfh.scale import posterior as module
from mfh.scale.consensus import Consensus, fit_consensus
from mfh.scale.head import apply_head
from mfh.scale.measurements import ScaleMeasurement, landmark_measurements
from mfh.scale.range_prior import log_range_prior, photo_range
from mfh.types import Evidence, LogRange, RelativeDepth, Space

SPACES: list[Space] = ["disparity", "depth"]
ROOM_M = np.geomspace(1.5, 7.0, 20 * 30).reshape(20, 30)


def encode(depth_m: np.ndarray | float, space: Space) -> np.ndarray:
    depth_m = np.asarray(depth_m, float)
    return 3 * (1 / depth_m if space == "disparity" else depth_m) - 0.4


def room(space: Space) -> RelativeDepth:
    return RelativeDepth(encode(ROOM_M, space), space)


def measurement(
    distance_m: float, space: Space, *, factor: float = 1.0, log_sigma: float = 0.0, given: bool = False
) -> ScaleMeasurement:
    return ScaleMeasurement(factor * distance_m, encode([distance_m], space), log_sigma, given=given)


def log_error(fit: Consensus, space: Space) -> np.ndarray:
    depth_m, valid_mask = apply_head(room(space), fit.head, max_depth_m=1e4)
    assert valid_mask.all(), "a wild shift sends part of the photo to infinity"
    return np.log(depth_m / ROOM_M)


def twin_log_depth(measurements: list[ScaleMeasurement], relative: RelativeDepth, value: float) -> tuple[float, float]:
    """Median and deviation of the same posterior on a dense grid; loops over people and noises, all in logarithms."""
    span = photo_range(relative)
    floor = min(min(float(one.relative.min()) for one in measurements), span.low)
    ratio = (span.high - floor) * np.exp(np.linspace(np.log(3e-3), np.log(30), 150)) - floor
    middle = float(np.median([one.log_scale(np.array([1 - floor]), relative.space)[0] for one in measurements]))
    log_scale = middle + np.linspace(-4, 4, 1001)
    total = np.full((len(ratio), len(log_scale)), -np.inf)
    for scatter, (share, likely) in product(module.INTRINSIC_SIGMAS, module.OUTLIER_SHARES.items()):
        log_like = np.full_like(total, np.log(likely))
        for one in measurements:
            sigma = np.hypot(one.log_sigma, scatter)
            off = one.log_scale(ratio, relative.space)[:, None] - log_scale
            right = np.log(1 - share) - np.log(sigma) - 0.5 * (off / sigma) ** 2
            wrong = np.log(share / module.OUTLIER_SIGMA) - 0.5 * (off / module.OUTLIER_SIGMA) ** 2
            log_like += np.logaddexp(right, wrong)
        common = (
            -0.5 * ((np.log(scatter) - np.log(module.INTRINSIC_SIGMA_MEDIAN)) / module.INTRINSIC_SIGMA_LOG_SIGMA) ** 2
        )
        total = np.logaddexp(total, log_like + common)
    total += log_range_prior(span, ratio)[:, None]
    weight = np.exp(total - total.max())
    log_metric = (log_scale + np.log(value + ratio)[:, None]).ravel()
    log_depth = -log_metric if relative.space == "disparity" else log_metric
    order = np.argsort(log_depth)
    below = np.cumsum(weight.ravel()[order]) / weight.sum()
    mean, square = (np.average(power, weights=weight.ravel()) for power in (log_depth, log_depth**2))
    return float(np.interp(0.5, below, log_depth[order])), float(np.sqrt(square - mean**2))


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("people", [1, 2, 5, 12])
def test_the_posterior_is_that_of_a_dense_grid(space: Space, people: int):
    rng = np.random.default_rng(people)
    measurements = [
        measurement(rng.uniform(1.8, 6), space, factor=np.exp(rng.normal(0, 0.12)), log_sigma=rng.uniform(0, 0.2))
        for _ in range(people)
    ]
    fit = fit_consensus(measurements, room(space))
    for depth in (2.0, 4.0, 6.0):
        value = float(encode(depth, space))
        median, deviation = twin_log_depth(measurements, room(space), value)
        assert fit.posterior.quantiles(value, [0.5])[0] == pytest.approx(median, abs=0.02)
        mean, sigma = fit.posterior.moments(np.array([value]))
        low, high = fit.posterior.quantiles(value, [0.159, 0.841])
        assert low < mean[0] < high
        # The head's grid ends at a factor of 4.5 from the middle, the twin's at 55: one person's tails reach farther.
        assert sigma[0] == pytest.approx(deviation, rel=0.15 if people == 1 else 0.03)


@pytest.mark.parametrize("space", SPACES)
def test_sixteen_noisy_people_with_outliers_give_no_wild_shift(space: Space):
    errors = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        factors = np.exp(rng.normal(0, 0.15, 16))
        gross = rng.random(16) < 0.1
        factors[gross] *= rng.choice([0.3, 0.4, 2.5, 3.0], gross.sum())
        measurements = [measurement(rng.uniform(1.8, 6.5), space, factor=factor) for factor in factors]
        errors.append(log_error(fit_consensus(measurements, room(space)), space))
    errors = np.array(errors)
    assert np.abs(errors).max() < 0.8, "nothing anywhere is off by more than a factor of 2.2"
    assert np.median(np.abs(errors).mean((1, 2))) < 0.1
    assert np.percentile(np.abs(np.median(errors, (1, 2))), 90) < 0.15, "the scale in the middle of the room"


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_one_gross_outlier_of_sixteen_costs_next_to_nothing(space: Space, factor: float):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        places, factors = rng.uniform(1.8, 6.5, 16), np.exp(rng.normal(0, 0.1, 16))
        measurements = [measurement(z, space, factor=f) for z, f in zip(places, factors, strict=True)]
        wrong = [*measurements[:5], measurement(places[5], space, factor=factors[5] * factor), *measurements[6:]]
        fit, without = (
            fit_consensus(wrong, room(space)),
            fit_consensus([*measurements[:5], *measurements[6:]], room(space)),
        )
        assert fit.inlier_probability[5] < 0.02
        assert fit.weight[5] < 0.01
        assert np.sign(fit.residual[5]) == np.sign(np.log(factor))
        np.testing.assert_allclose(log_error(fit, space), log_error(without, space), atol=0.03)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("distances_m", [[3.0], [3.0, 3.1], [3.0, 3.05, 2.95, 3.02]])
def test_people_at_one_distance_give_the_scale_and_no_wild_shift(space: Space, distances_m: list[float]):
    wrong_by = [1.05, 0.95, 1.08, 0.97]
    measurements = [measurement(z, space, factor=f) for z, f in zip(distances_m, wrong_by, strict=False)]
    fit = fit_consensus(measurements, room(space))
    assert not fit.head.shift_determined
    error = log_error(fit, space)
    assert np.median(error[np.abs(ROOM_M - 3) < 0.3]) == pytest.approx(0, abs=0.12)
    assert np.abs(error).max() < 1.2


@pytest.mark.parametrize("space", SPACES)
def test_people_far_apart_determine_the_shift(space: Space):
    rng = np.random.default_rng(0)
    measurements = [measurement(z, space, factor=np.exp(rng.normal(0, 0.03))) for z in np.geomspace(1.6, 6.8, 12)]
    fit = fit_consensus(measurements, room(space))
    assert fit.head.shift_determined
    assert np.abs(log_error(fit, space)).max() < 0.1


@pytest.mark.parametrize("space", SPACES)
def test_a_learned_range_decides_what_people_leave_open(space: Space):
    measurements = [measurement(2.5, space)]
    near, far = (
        fit_consensus(measurements, RelativeDepth(room(space).values, space, LogRange(((1.0, log_range, 0.3),))))
        for log_range in (0.8, 3.0)
    )
    span = photo_range(room(space))
    ranges = []
    for fit in (near, far):
        value = fit.head.scale * np.array([span.low, span.high]) + fit.head.shift
        ranges.append(np.log(value[1] / value[0]))
    assert ranges[0] == pytest.approx(0.8, abs=0.25)
    assert ranges[1] > 2


@pytest.mark.parametrize("space", SPACES)
def test_what_the_user_knows_outvotes_people(space: Space):
    measurements = [measurement(z, space, factor=1.5) for z in (2.0, 3.0, 5.0)]
    fit = fit_consensus([*measurements, measurement(3.0, space, log_sigma=0.03, given=True)], room(space))
    assert fit.inlier_probability[-1] == 1
    assert np.median(log_error(fit, space)[np.abs(ROOM_M - 3) < 0.2]) == pytest.approx(0, abs=0.05)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(SPACES),
    st.lists(st.tuples(st.floats(1.6, 6.8), st.floats(0.7, 1.4)), min_size=1, max_size=6),
    st.floats(0.01, 100),
    st.floats(-50, 50),
)
def test_an_affine_map_of_relative_depth_changes_no_metres(
    space: Space, people: list[tuple[float, float]], by_scale: float, by_shift: float
):
    measurements = [measurement(z, space, factor=f) for z, f in people]
    mapped = [ScaleMeasurement(one.metres, by_scale * one.relative + by_shift) for one in measurements]
    mapped_room = RelativeDepth(by_scale * room(space).values + by_shift, space)
    head, other = fit_consensus(measurements, room(space)).head, fit_consensus(mapped, mapped_room).head
    assert other.shift_determined == head.shift_determined
    np.testing.assert_allclose(
        other.scale * mapped_room.values + other.shift, head.scale * room(space).values + head.shift, rtol=1e-4
    )


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(SPACES), st.permutations(range(6)))
def test_the_order_of_people_does_not_matter(space: Space, order: list[int]):
    measurements = [
        measurement(z, space, factor=f)
        for z, f in [(2.0, 1.1), (3.0, 0.9), (4.5, 1.0), (6.0, 1.05), (2.5, 3.0), (3.5, 1.2)]
    ]
    head, other = (fit_consensus(each, room(space)).head for each in (measurements, [measurements[k] for k in order]))
    assert (other.scale, other.shift) == pytest.approx((head.scale, head.shift), rel=1e-9)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.sampled_from(SPACES), st.floats(0.1, 10))
def test_larger_people_make_everything_larger(space: Space, factor: float):
    measurements = [measurement(z, space, factor=f) for z, f in [(2.0, 1.1), (3.0, 0.9), (4.5, 1.0), (6.0, 1.05)]]
    larger = [ScaleMeasurement(factor * one.metres, one.relative) for one in measurements]
    depth_m, _ = apply_head(room(space), fit_consensus(measurements, room(space)).head, max_depth_m=1e4)
    other_m, _ = apply_head(room(space), fit_consensus(larger, room(space)).head, max_depth_m=1e4)
    np.testing.assert_allclose(other_m, factor * depth_m, rtol=1e-5)


def test_more_pixels_of_a_person_say_nothing_new():
    x, z = encode(np.array([3.0, 3.1, 2.9]), "disparity"), np.array([3.2, 3.3, 3.1])
    once = Evidence(x, z, np.zeros(3, int))
    often = Evidence(np.repeat(x, 50), np.repeat(z, 50), np.zeros(150, int))
    (one,), (other,) = landmark_measurements([once]), landmark_measurements([often])
    assert (one.metres, *one.relative) == (other.metres, *other.relative)


@pytest.mark.parametrize("space", SPACES)
def test_a_flat_photo_gets_the_distance_of_its_people_everywhere(space: Space):
    flat = RelativeDepth(np.full((4, 5), 0.7), space)
    fit = fit_consensus([ScaleMeasurement(2.5, np.array([0.7])), ScaleMeasurement(2.5, np.array([0.7]))], flat)
    np.testing.assert_allclose(apply_head(flat, fit.head, max_depth_m=200.0)[0], 2.5, rtol=0.01)


def test_no_measurement_is_no_scale():
    with pytest.raises(NoLandmarkError, match="no person, no object and no known size is usable"):
        fit_consensus([], room("depth"))


def test_the_effective_number_counts_those_who_count():
    rng = np.random.default_rng(1)
    measurements = [measurement(z, "disparity", factor=np.exp(rng.normal(0, 0.05))) for z in np.linspace(2, 6, 8)]
    assert fit_consensus(measurements, room("disparity")).effective == pytest.approx(8, abs=0.2)
    precise = [measurement(3.0, "disparity", log_sigma=0.02, given=True), *measurements]
    assert fit_consensus(precise, room("disparity")).effective < 5
