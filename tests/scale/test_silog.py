from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.config import SilogForm
from mfh.errors import Rejected
from mfh.scale.silog import SilogMinimum, fit_silog
from mfh.types import Space
from tests.scale.naive_silog import log_difference, silog_per_image_sum, silog_zoedepth
from tests.scale.published_fit import read_published_fit

SPACES: list[Space] = ["disparity", "depth"]
FORMS: list[SilogForm] = ["pooled", "per-image-sum"]
spaces, forms = st.sampled_from(SPACES), st.sampled_from(FORMS)


def pixels_of_people(seed: int, space: Space, *, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return relative depth, metres and image of the pixels of up to five images, in random order."""
    rng = np.random.default_rng(seed)
    relative, depth_m, image = [], [], []
    scale, shift = rng.uniform(0.2, 5), rng.uniform(-2, 2)
    for index in range(rng.integers(2, 6)):
        z = rng.uniform(1, 9) + rng.uniform(-0.15, 0.15, rng.integers(5, 60))
        exact = 1 / z if space == "disparity" else z
        relative.append((exact * np.exp(rng.normal(0, noise / 2, len(z))) - shift) / scale)
        depth_m.append(z * np.exp(rng.normal(0, noise)))
        image.append(np.full(len(z), index))
    order = rng.permutation(sum(map(len, image)))
    return np.concatenate(relative)[order], np.concatenate(depth_m)[order], np.concatenate(image)[order]


def loss_at(
    relative: np.ndarray,
    depth_m: np.ndarray,
    image: np.ndarray,
    scale: float,
    shift: float,
    space: Space,
    form: SilogForm,
) -> float:
    difference = log_difference(relative, depth_m, scale=scale, shift=shift, space=space)
    if np.isnan(difference).any():
        return np.inf
    return silog_zoedepth(difference) if form == "pooled" else silog_per_image_sum(difference, image)


def minimum(*args, **options) -> SilogMinimum:
    result = fit_silog(*args, **options)
    assert isinstance(result, SilogMinimum)
    return result


@pytest.mark.slow
@settings(max_examples=15)
@given(st.integers(0, 10**6), spaces, forms)
def test_no_search_over_scale_and_shift_finds_anything_lower(seed: int, space: Space, form: SilogForm):
    """Twin: a dense grid over the whole feasible range, then a general-purpose optimiser from its best point."""
    optimize = pytest.importorskip("scipy.optimize")
    relative, depth_m, image = pixels_of_people(seed, space)
    ours = minimum(relative, depth_m, image, space=space, form=form)
    assert ours.loss == pytest.approx(
        loss_at(relative, depth_m, image, ours.scale, ours.shift, space, form), rel=1e-9, abs=1e-9
    )
    sign = -1 if space == "disparity" else 1
    groups = [image == index for index in np.unique(image)]

    def loss(parameters: np.ndarray) -> float:
        log_scale, log_gap = parameters
        d = sign * (log_scale + np.log(relative - relative.min() + np.exp(log_gap))) - np.log(depth_m)
        if form == "pooled":
            return 10 * np.sqrt(d.var(ddof=1) + 0.15 * d.mean() ** 2)
        return sum((d[group] ** 2).mean() - 0.85 * d[group].mean() ** 2 for group in groups)

    log_reach = np.log(np.ptp(relative))
    grid = [(s, log_reach + g) for s in np.linspace(-6, 6, 13) for g in np.linspace(-13, 11, 33)]
    found = optimize.minimize(loss, min(grid, key=loss), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    # At infinity the loss creeps down for ever: the scan's end is within rounding of the limit, not at it.
    assert ours.loss <= found.fun * (1 + (1e-4 if ours.at_infinity else 0)) + 1e-9


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 10**6), spaces, forms)
def test_without_noise_the_true_scale_and_shift_come_back(seed: int, space: Space, form: SilogForm):
    relative, depth_m, image = pixels_of_people(seed, space, noise=0.0)
    exact = 1 / depth_m if space == "disparity" else depth_m
    scale, shift = np.polyfit(relative, exact, 1)
    ours = minimum(relative, depth_m, image, space=space, form=form)
    assert (ours.scale, ours.shift) == pytest.approx((scale, shift), rel=1e-7, abs=1e-7)
    assert ours.loss < 1e-6
    assert not ours.at_infinity


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 10**6), spaces, forms, st.floats(0.01, 100), st.floats(-50, 50))
def test_an_affine_map_of_relative_depth_changes_no_metres(
    seed: int, space: Space, form: SilogForm, by_scale: float, by_shift: float
):
    relative, depth_m, image = pixels_of_people(seed, space)
    one = minimum(relative, depth_m, image, space=space, form=form)
    other = minimum(by_scale * relative + by_shift, depth_m, image, space=space, form=form)
    if one.at_infinity:
        assert other.at_infinity
        return
    np.testing.assert_allclose(
        other.scale * (by_scale * relative + by_shift) + other.shift, one.scale * relative + one.shift, rtol=1e-6
    )


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 10**6), spaces, forms)
def test_the_order_of_pixels_and_images_does_not_matter(seed: int, space: Space, form: SilogForm):
    relative, depth_m, image = pixels_of_people(seed, space)
    order = np.random.default_rng(seed).permutation(len(image))
    renumbered = np.array([4, 2, 0, 3, 1])[image]
    one = minimum(relative, depth_m, image, space=space, form=form)
    other = minimum(relative[order], depth_m[order], renumbered[order], space=space, form=form)
    assert other.loss == pytest.approx(one.loss, rel=1e-9)
    if not one.at_infinity:
        assert (other.scale, other.shift) == pytest.approx((one.scale, one.shift), rel=1e-6, abs=1e-9)


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(0, 10**6), spaces)
def test_the_pooled_minimum_does_not_depend_on_lambda_and_the_summed_one_does(seed: int, space: Space):
    relative, depth_m, image = pixels_of_people(seed, space)
    pooled = [minimum(relative, depth_m, image, space=space, variance_focus=focus) for focus in (0.1, 0.85)]
    assert pooled[0] == pooled[1]
    focused, unfocused = (
        minimum(relative, depth_m, image, space=space, form="per-image-sum", variance_focus=focus)
        for focus in (0.1, 0.999)
    )
    assert focused.loss > unfocused.loss


@pytest.mark.parametrize("form", FORMS)
def test_finishing_on_all_pixels_after_scanning_a_sample(form: SilogForm):
    # Far more pixels than the scan looks at, and noise that differs between the sample and the rest.
    rng = np.random.default_rng(1)
    image = np.repeat(np.arange(8), 10_000)
    z = np.linspace(1.5, 8, 8)[image] + rng.uniform(-0.2, 0.2, len(image))
    relative = 3 / z + 0.7
    depth_m = z * np.exp(rng.normal(0, 0.1, 8)[image] + rng.normal(0, 0.1, len(image)))
    ours = minimum(relative, depth_m, image, space="disparity", form=form)
    step = 1e-4
    for ds, dt in [(step, 0), (-step, 0), (0, step), (0, -step), (step, -step), (-step, step)]:
        beside = loss_at(relative, depth_m, image, ours.scale + ds, ours.shift + dt, "disparity", form)
        assert beside > ours.loss


@pytest.mark.parametrize("space", SPACES)
def test_people_at_one_depth_put_the_minimum_at_infinity(space: Space):
    relative = np.random.default_rng(0).uniform(0, 1, 100)
    result = minimum(relative, np.full(100, 3.0), np.zeros(100, int), space=space)
    assert result.at_infinity
    value = result.scale * relative + result.shift
    np.testing.assert_allclose(1 / value if space == "disparity" else value, 3.0, rtol=1e-4)


def test_nothing_to_fit_comes_back_with_the_reason():
    nothing = fit_silog(np.zeros(0), np.zeros(0), np.zeros(0, int), space="depth")
    assert isinstance(nothing, Rejected)
    assert "no pixel" in nothing.reason
    constant = fit_silog(np.full(9, 0.3), np.linspace(2, 3, 9), np.zeros(9, int), space="depth")
    assert isinstance(constant, Rejected)
    assert "the same" in constant.reason


def test_reaches_the_published_minimum_or_lower(shared_data: Path):
    published, pixels = read_published_fit(shared_data)
    ours = minimum(*pixels, space="disparity")
    theirs = loss_at(*pixels, float(published["head_scale"]), float(published["head_shift"]), "disparity", "pooled")
    assert ours.loss <= theirs
    assert ours.loss == pytest.approx(float(published["silog_loss"]), rel=1e-6)
    assert ours.scale == pytest.approx(float(published["head_scale"]), rel=1e-6)
    assert ours.shift == pytest.approx(float(published["head_shift"]), rel=1e-6)
