"""Several groups of evidence: against an integral over their common biases, and what must hold of them."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from mfh.scale import groups
from mfh.scale import posterior as module
from mfh.scale.consensus import Consensus, fit_consensus
from mfh.scale.measurements import PAINTED, PEOPLE, ScaleMeasurement, remaining_common_sigma
from mfh.scale.range_prior import log_range_prior, photo_range
from mfh.types import RelativeDepth, Space

SPACES: list[Space] = ["disparity", "depth"]
ROOM_M = np.geomspace(1.5, 7.0, 20 * 30).reshape(20, 30)


def encode(depth_m: np.ndarray | float, space: Space) -> np.ndarray:
    depth_m = np.asarray(depth_m, float)
    return 3 * (1 / depth_m if space == "disparity" else depth_m) - 0.4


def room(space: Space = "disparity") -> RelativeDepth:
    return RelativeDepth(encode(ROOM_M, space), space)


def measured(
    distance_m: float, group: str, *, factor: float = 1.0, space: Space = "disparity", **fields
) -> ScaleMeasurement:
    """A landmark at a distance, measured too far by a factor."""
    usual = {"log_sigma": 0.1, "common_log_sigma": 0.1}
    return ScaleMeasurement(factor * distance_m, encode([distance_m], space), group=group, **{**usual, **fields})


def moments(fit: Consensus, relative: RelativeDepth) -> tuple[float, float]:
    """Mean and standard deviation of log depth at the photo's middle."""
    mean, sigma = fit.posterior.moments(np.array([photo_range(relative).middle]))
    return float(mean[0]), float(sigma[0])


def twin_moments(measurements: list[ScaleMeasurement], relative: RelativeDepth) -> tuple[float, float]:
    """The same by brute force: every group's bias is integrated on a grid, with loops over groups and error models."""
    span = photo_range(relative)
    floor = min(min(float(one.relative.min()) for one in measurements), span.low)
    ratio = (span.high - floor) * np.exp(np.linspace(np.log(3e-3), np.log(30), 60)) - floor
    middle = float(np.median([one.log_scale(np.array([1 - floor]), relative.space)[0] for one in measurements]))
    log_scale = middle + np.linspace(-2.5, 2.5, 251)
    nodes = np.linspace(-3.5, 3.5, 81)
    total = np.tile(log_range_prior(span, ratio)[:, None], (1, len(log_scale)))
    too_far = -1.0 if relative.space == "disparity" else 1.0
    for group in sorted({one.group for one in measurements}):
        own = [one for one in measurements if one.group == group]
        parts = []
        wrong = groups.PAINTED_WRONG if group == PAINTED else groups.GROUP_WRONG
        gross = float(np.hypot(own[0].common_log_sigma, groups.GROSS_LOG_SIGMA))
        biases = {own[0].common_log_sigma: 1 - wrong, gross: wrong}
        models = product(module.INTRINSIC_SIGMAS, module.OUTLIER_SHARES.items(), biases.items())
        for scatter, (share, likely), (common, odds) in models:
            z = np.log(scatter / module.INTRINSIC_SIGMA_MEDIAN) / module.INTRINSIC_SIGMA_LOG_SIGMA
            for node in nodes:
                log_like = np.full_like(total, np.log(likely * odds) - 0.5 * z**2 - 0.5 * node**2)
                for one in own:
                    off = one.log_scale(ratio, relative.space)[:, None] - log_scale + node * common
                    variance = one.log_sigma**2 + scatter**2
                    far = one.log_sigma**2 + (one.far_log * module._FAR_SPREAD) ** 2
                    right = np.exp(-0.5 * off**2 / variance) / np.sqrt(variance)
                    hidden = np.exp(-0.5 * (off - too_far * one.far_log) ** 2 / far) / np.sqrt(far)
                    wrong = np.exp(-0.5 * (off / module.OUTLIER_SIGMA) ** 2) / module.OUTLIER_SIGMA
                    inside = (1 - one.far_share) * right + one.far_share * hidden
                    log_like += np.log((1 - share) * inside + share * wrong)
                parts.append(log_like)
        total += np.logaddexp.reduce(parts)
    weight = np.exp(total - total.max())
    log_metric = log_scale + np.log(span.middle + ratio)[:, None]
    log_depth = -log_metric if relative.space == "disparity" else log_metric
    mean = np.average(log_depth, weights=weight)
    return float(mean), float(np.sqrt(np.average((log_depth - mean) ** 2, weights=weight)))


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_common_biases_are_integrated(space: Space):
    measurements = [
        measured(3.0, PEOPLE, space=space, factor=0.95, common_log_sigma=0.05),
        measured(2.5, "chair", space=space, factor=1.3, far_share=0.35, far_log=0.6, common_log_sigma=0.15),
        measured(4.0, "chair", space=space, factor=1.1, far_share=0.35, far_log=0.6, common_log_sigma=0.15),
        measured(3.5, PAINTED, space=space, factor=1.2, common_log_sigma=0.45),
    ]
    mean, sigma = moments(fit_consensus(measurements, room(space)), room(space))
    expected_mean, expected_sigma = twin_moments(measurements, room(space))
    assert mean == pytest.approx(expected_mean, abs=0.01)
    assert sigma == pytest.approx(expected_sigma, abs=0.01)


def test_a_common_bias_does_not_average_out_within_a_class():
    one_chair = [measured(3.0, "cup"), measured(3.0, "chair", common_log_sigma=0.3)]
    chairs = [one_chair[0], *(measured(2.0 + 0.2 * k, "chair", common_log_sigma=0.3) for k in range(12))]
    without_cup = [measured(2.0 + 0.2 * k, "chair", common_log_sigma=0.3) for k in range(12)]
    widths = [moments(fit_consensus(one, room()), room())[1] for one in (one_chair, chairs)]
    assert widths[1] <= widths[0]
    # Twelve chairs say little more than one does: what they share is as large as before.
    assert widths[1] > 0.07
    assert remaining_common_sigma(without_cup) == 0.3, "a single group leaves its bias to be added"
    assert remaining_common_sigma(chairs) == 0


def test_the_order_of_measurements_makes_no_difference():
    measurements = [
        measured(3.0, PEOPLE),
        measured(2.0, "cup", factor=1.2),
        measured(5.0, "car", factor=0.9),
        measured(2.5, "cup"),
    ]
    fit, other = fit_consensus(measurements, room()), fit_consensus(measurements[::-1], room())
    assert other.head.scale == pytest.approx(fit.head.scale, rel=1e-9)
    np.testing.assert_allclose(other.weight[::-1], fit.weight, atol=1e-9)


def test_what_may_be_hidden_is_rather_nearer_than_measured():
    plain = [measured(3.0, "cup", common_log_sigma=0.3), measured(3.0, "chair", factor=1.5)]
    hidden = [plain[0], replace(plain[1], far_share=0.4, far_log=0.5)]
    nearer, farther = (moments(fit_consensus(one, room()), room())[0] for one in (hidden, plain))
    assert nearer < farther - 0.05


def test_an_object_far_off_is_outweighed_by_the_others():
    measurements = [
        measured(3.0, PEOPLE),
        measured(2.5, "cup"),
        measured(4.0, "bottle"),
        measured(3.5, "book", factor=6),
    ]
    fit = fit_consensus(measurements, room())
    assert fit.inlier_probability[3] < 0.1 < 0.8 < fit.inlier_probability[0]
    assert fit.weight[3] < 0.02
    error = np.log(1 / (fit.head.scale * room().values + fit.head.shift)) - np.log(ROOM_M)
    assert abs(np.median(error)) < 0.05


def test_an_unsure_reading_counts_less_the_farther_it_is():
    near, far = measured(1.6, "cup", factor=1.3), measured(6.5, "car", factor=0.8)
    unsure = [replace(one, relative_sigma=0.1) for one in (near, far)]
    shares = [fit_consensus(one, room()).residual for one in ([near, far], unsure)]
    # The near one, whose reading hardly matters, is met better than before, at the cost of the far one.
    assert abs(shares[1][1]) > abs(shares[0][1])


def test_objects_at_different_depths_determine_the_shift():
    spread = [
        measured(float(z), label, log_sigma=0.05, common_log_sigma=0.03)
        for z, label in ((1.6, "cup"), (2.4, "sink"), (3.5, "chair"), (5.0, "bed"), (6.5, "car"))
    ]
    together = [
        measured(3.0 + 0.01 * k, one.group, log_sigma=0.05, common_log_sigma=0.03) for k, one in enumerate(spread)
    ]
    wide, narrow = (fit_consensus(one, room()).range_sigma for one in (together, spread))
    assert narrow < 0.6 * wide
    assert fit_consensus(spread, room()).head.shift_determined


@pytest.mark.parametrize("factor", [30.0, 1000.0])
def test_groups_that_contradict_wildly_do_not_meet_halfway(factor: float):
    relative = RelativeDepth(np.linspace(0.1, 1, 400).reshape(20, 20).astype(np.float32), "disparity")
    places = (0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
    people = [
        ScaleMeasurement(1 / (0.3 * x + 0.05), np.array([x]), 0.1, group="people", common_log_sigma=0.06)
        for x in places
    ]
    books = [
        ScaleMeasurement(factor / (0.3 * x + 0.05), np.array([x]), 0.28, group="book", common_log_sigma=0.15)
        for x in places
    ]
    found = fit_consensus([*people, *books], relative)
    # Which group is wrong is open, and the answer is that of the surer one.
    assert found.inlier_probability[:6].min() > found.inlier_probability[6:].max()
    assert np.abs(found.residual[:6]).max() < 0.3
