"""Every loss and every set of free parameters against a naive twin: a dense grid, then a general-purpose optimiser."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.config import FreeParameters, HeadConfig, HeadLoss, SilogForm
from mfh.errors import InputError, Rejected
from mfh.scale.head import fit_pixels
from mfh.scale.silog import SilogMinimum
from mfh.types import Space
from tests.scale.naive_silog import log_difference, silog_per_image_sum, silog_zoedepth
from tests.scale.published_fit import read_published_fit

LOSSES: list[HeadLoss] = ["silog", "l1", "l2", "mse-log"]
FREE: list[FreeParameters] = ["scale-shift", "scale", "shift"]
SPACES: list[Space] = ["disparity", "depth"]
losses, frees, spaces = st.sampled_from(LOSSES), st.sampled_from(FREE), st.sampled_from(SPACES)


def pixels_of_people(seed: int, space: Space, *, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positive relative depth, metres and image of the pixels of three images."""
    rng = np.random.default_rng(seed)
    image = np.repeat(np.arange(3), rng.integers(5, 40, 3))
    depth_m = rng.uniform(1, 9, 3)[image] + rng.uniform(-0.15, 0.15, len(image))
    exact = 1 / depth_m if space == "disparity" else depth_m
    scale, shift = rng.uniform(0.4, 2.5), -rng.uniform(0, 0.8) * exact.min()
    return (
        (exact * np.exp(rng.normal(0, noise / 2, len(image))) + shift) / scale,
        depth_m * np.exp(rng.normal(0, noise, len(image))),
        image,
    )


def loss_at(pixels, scale: float, shift: float, *, space: Space, config: HeadConfig) -> float:
    """The losses as they are written down, with no cleverness."""
    relative, depth_m, image = pixels
    if config.loss in ("l1", "l2"):
        off = scale * relative + shift - (1 / depth_m if space == "disparity" else depth_m)
        return float(np.abs(off).mean() if config.loss == "l1" else (off**2).mean())
    difference = log_difference(relative, depth_m, scale=scale, shift=shift, space=space)
    if np.isnan(difference).any():
        return np.inf
    if config.loss == "mse-log":
        return float((difference**2).mean())
    return silog_zoedepth(difference) if config.silog_form == "pooled" else silog_per_image_sum(difference, image)


def fitted(pixels, *, space: Space, config: HeadConfig) -> SilogMinimum:
    found = fit_pixels(*pixels, space=space, config=config)
    assert isinstance(found, SilogMinimum), found
    return found


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 10**6), spaces, losses, frees, st.sampled_from(["pooled", "per-image-sum"]))
def test_no_search_finds_anything_lower(seed: int, space: Space, loss: HeadLoss, free: FreeParameters, form: SilogForm):
    optimize = pytest.importorskip("scipy.optimize")
    pixels = pixels_of_people(seed, space)
    relative, depth_m, _ = pixels
    config = HeadConfig("silog", loss=loss, free=free, silog_form=form)
    ours = fit_pixels(*pixels, space=space, config=config)
    if isinstance(ours, Rejected):
        assert loss in ("l1", "l2") and free != "shift" and "swapped" in ours.reason
        return
    assert ours.loss == pytest.approx(loss_at(pixels, ours.scale, ours.shift, space=space, config=config), rel=1e-9)
    assert (ours.scale == 1 or free != "shift") and (ours.shift == 0 or free != "scale")
    value = 1 / depth_m if space == "disparity" else depth_m
    typical = float(np.ptp(value) / np.ptp(relative))

    def at(parameters: np.ndarray) -> float:
        scale = 1.0 if free == "shift" else float(parameters[0])
        shift = 0.0 if free == "scale" else float(parameters[-1])
        return loss_at(pixels, scale, shift, space=space, config=config) if scale > 0 else np.inf

    scales = typical * np.exp(np.linspace(-4, 4, 33))
    gaps = np.concatenate([np.linspace(-1, 1, 21) * float(value.max()), typical * np.exp(np.linspace(-9, 4, 27))])
    if free == "scale-shift":
        grid = [np.array([s, t - s * relative.min()]) for s in scales for t in gaps]
    else:
        grid = [np.array([s]) for s in scales] if free == "scale" else [np.array([t - relative.min()]) for t in gaps]
    options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000}
    found = optimize.minimize(at, min(grid, key=at), method="Nelder-Mead", options=options)
    assert ours.loss <= found.fun * (1 + (1e-4 if ours.at_infinity else 1e-9)) + 1e-12


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(0, 10**6), spaces, losses)
def test_without_noise_every_loss_finds_the_truth(seed: int, space: Space, loss: HeadLoss):
    pixels = pixels_of_people(seed, space, noise=0.0)
    scale, shift = np.polyfit(pixels[0], 1 / pixels[1] if space == "disparity" else pixels[1], 1)
    ours = fitted(pixels, space=space, config=HeadConfig("silog", loss=loss))
    assert (ours.scale, ours.shift) == pytest.approx((scale, shift), rel=1e-6, abs=1e-7)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 10**6), spaces)
def test_mse_log_and_silog_agree_while_both_parameters_are_free(seed: int, space: Space):
    """The paper's Table 5 tells the two apart by where its optimiser stopped: they have one minimum."""
    pixels = pixels_of_people(seed, space)
    silog, mse_log = (
        fitted(pixels, space=space, config=HeadConfig("silog", loss=loss)) for loss in ("silog", "mse-log")
    )
    assert (mse_log.scale, mse_log.shift) == pytest.approx((silog.scale, silog.shift), rel=1e-5, abs=1e-7)


def test_with_the_scale_fixed_silog_and_mse_log_part():
    """Then the mean is not zero, and SIlog counts it at 0.15."""
    pixels = pixels_of_people(3, "disparity")
    pixels = (4 * pixels[0], *pixels[1:])
    silog, mse_log = (
        fitted(pixels, space="disparity", config=HeadConfig("silog", loss=loss, free="shift"))
        for loss in ("silog", "mse-log")
    )
    assert silog.shift > mse_log.shift + 0.01


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 10**6), spaces, losses)
def test_more_freedom_never_costs(seed: int, space: Space, loss: HeadLoss):
    pixels = pixels_of_people(seed, space)
    found = {free: fit_pixels(*pixels, space=space, config=HeadConfig("silog", loss=loss, free=free)) for free in FREE}
    best = found["scale-shift"]
    if isinstance(best, Rejected):
        return
    for one in found.values():
        assert isinstance(one, Rejected) or best.loss <= one.loss * (1 + 1e-9)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 10**6), losses, st.floats(0.01, 100))
def test_a_scale_alone_takes_up_any_unit_of_relative_depth(seed: int, loss: HeadLoss, unit: float):
    pixels = pixels_of_people(seed, "disparity")
    config = HeadConfig("silog", loss=loss, free="scale")
    one = fitted(pixels, space="disparity", config=config)
    other = fitted((unit * pixels[0], *pixels[1:]), space="disparity", config=config)
    assert other.scale * unit == pytest.approx(one.scale, rel=1e-9)


def test_an_outlier_moves_least_squares_and_not_least_absolute_deviations():
    rng = np.random.default_rng(0)
    relative = rng.uniform(0.2, 1, 200)
    depth_m = 1 / (0.5 * relative + 0.1)
    depth_m[:20] = 0.5
    l1, l2 = (
        fitted((relative, depth_m, np.zeros(200, int)), space="disparity", config=HeadConfig("silog", loss=loss))
        for loss in ("l1", "l2")
    )
    assert (l1.scale, l1.shift) == pytest.approx((0.5, 0.1), rel=1e-9)
    assert abs(l2.shift - 0.1) > 0.05


def test_a_scale_alone_leaves_out_pixels_no_scale_gives_metres_and_refuses_when_they_are_most():
    relative = np.array([-0.2, 0.0, 0.5, 1.0, 2.0])
    depth_m = np.array([9.0, 9.0, 4.0, 2.0, 1.0])
    config = HeadConfig("silog", free="scale")
    found = fitted((relative, depth_m, np.zeros(5, int)), space="disparity", config=config)
    assert found.scale == pytest.approx(0.5) and found.shift == 0
    refused = fit_pixels(relative - 0.6, depth_m, np.zeros(5, int), space="disparity", config=config)
    assert isinstance(refused, Rejected) and "positive at 40% of people's pixels" in refused.reason


def test_near_and_far_swapped_comes_back_with_the_reason():
    relative, depth_m = np.linspace(0, 1, 50), np.linspace(1, 5, 50)
    for loss in ("l1", "l2"):
        refused = fit_pixels(
            relative, depth_m, np.zeros(50, int), space="disparity", config=HeadConfig("silog", loss=loss)
        )
        assert isinstance(refused, Rejected) and "swapped" in refused.reason


def test_a_constant_map_can_still_be_shifted():
    constant = np.full(9, 0.25), np.full(9, 2.0), np.zeros(9, int)
    for loss in LOSSES:
        assert isinstance(fit_pixels(*constant, space="disparity", config=HeadConfig("silog", loss=loss)), Rejected)
        found = fitted(constant, space="disparity", config=HeadConfig("silog", loss=loss, free="shift"))
        assert found.scale * 0.25 + found.shift == pytest.approx(0.5, rel=1e-9)


def test_reaches_the_published_minimum_with_the_scale_fixed_or_a_lower_one(shared_data: Path):
    published, pixels = read_published_fit(shared_data)
    config = HeadConfig("silog", free="shift")
    ours = fitted(pixels, space="disparity", config=config)
    theirs = loss_at(pixels, 1.0, float(published["head_shift_scale_fixed"]), space="disparity", config=config)
    assert ours.scale == 1
    assert ours.loss <= theirs
    assert ours.shift == pytest.approx(float(published["head_shift_scale_fixed"]), rel=1e-4)


def test_the_ablations_are_of_the_papers_head_alone():
    with pytest.raises(InputError, match=r"""loss='l1', free='scale' is of the paper's head alone: .*kind="silog\""""):
        HeadConfig(loss="l1", free="scale")
    assert HeadConfig().kind == "consensus"
