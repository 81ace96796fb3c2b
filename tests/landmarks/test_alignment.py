from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError, Rejected
from mfh.landmarks.alignment import Alignment, align_paintings


def random_paintings(seed: int, n: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return paintings that differ from the photo by an affine map, noise, and anything at all where painted."""
    rng = np.random.default_rng(seed)
    photo = rng.uniform(0, 1, (6, 8))
    painted = rng.uniform(0.5, 2, (n, 1, 1)) * photo + rng.uniform(-1, 1, (n, 1, 1)) + rng.normal(0, 0.05, (n, 6, 8))
    paint_masks = np.zeros((n, 6, 8), bool)
    for index in range(n):
        left = rng.integers(0, 5)
        paint_masks[index, :, left : left + 3] = True
    painted[paint_masks] = rng.uniform(-9, 9, paint_masks.sum())
    return painted, photo, paint_masks


def align_with_lstsq(painted: np.ndarray, photo: np.ndarray, paint_mask: np.ndarray) -> tuple[float, float]:
    """Naive twin: a general least-squares solver on the unpainted pixels."""
    x, y = painted[~paint_mask], photo[~paint_mask]
    scale, shift = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)[0]
    return scale, shift


def aligned(result: Alignment | Rejected) -> tuple[float, float]:
    assert isinstance(result, Alignment)
    return result.scale, result.shift


@given(st.integers(0, 10**6))
def test_equals_a_general_least_squares_solver(seed: int):
    painted, photo, paint_masks = random_paintings(seed)
    for n, result in enumerate(align_paintings(painted, photo, paint_masks)):
        assert aligned(result) == pytest.approx(align_with_lstsq(painted[n], photo, paint_masks[n]), rel=1e-9, abs=1e-9)


@pytest.mark.slow
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_an_affine_map_of_the_painting_changes_nothing_after_alignment(seed: int, scale: float, shift: float):
    painted, photo, paint_masks = random_paintings(seed)
    first = align_paintings(painted, photo, paint_masks)
    second = align_paintings(scale * painted + shift, photo, paint_masks)
    for n in range(len(painted)):
        one, other = first[n], second[n]
        assert isinstance(one, Alignment)
        assert isinstance(other, Alignment)
        np.testing.assert_allclose(other.apply(scale * painted[n] + shift), one.apply(painted[n]), rtol=1e-6, atol=1e-6)


def test_each_painting_is_aligned_by_itself():
    painted, photo, paint_masks = random_paintings(5)
    together = align_paintings(painted, photo, paint_masks)
    for n in range(len(painted)):
        alone = align_paintings(painted[n : n + 1], photo, paint_masks[n : n + 1])
        assert aligned(alone[0]) == aligned(together[n])


def test_a_large_mean_beside_a_small_variation_loses_no_digits():
    photo = np.random.default_rng(0).uniform(0, 1, (40, 50))
    painted = 1e-3 * photo[None] + 1e4
    (result,) = align_paintings(painted, photo, np.zeros((1, 40, 50), bool))
    assert isinstance(result, Alignment)
    assert result.scale == pytest.approx(1e3, rel=1e-6)
    np.testing.assert_allclose(result.apply(painted[0]), photo, atol=1e-6)


def test_float32_maps_are_aligned_in_float64():
    painted, photo, paint_masks = random_paintings(2)
    painted, photo = painted.astype(np.float32), photo.astype(np.float32)
    (result, *_) = align_paintings(painted, photo, paint_masks)
    expected = align_with_lstsq(painted[0].astype(float), photo.astype(float), paint_masks[0])
    assert aligned(result) == pytest.approx(expected, rel=1e-12)


def test_paintings_that_cannot_be_aligned_come_back_with_the_reason():
    photo = np.random.default_rng(0).uniform(0, 1, (4, 5))
    painted = np.stack([-photo, np.full_like(photo, 0.3), np.where(photo > 0.9, np.nan, photo), photo, photo])
    paint_masks = np.zeros((5, 4, 5), bool)
    paint_masks[3] = True
    results = align_paintings(painted, photo, paint_masks)
    reasons = [result.reason for result in results if isinstance(result, Rejected)]
    assert ["runs against", "constant", "not finite", "nothing was left"] == [
        next(word for word in ("runs against", "constant", "not finite", "nothing was left") if word in reason)
        for reason in reasons
    ]
    assert aligned(results[4]) == pytest.approx((1, 0))


def test_bad_values_under_the_paint_do_not_matter():
    painted, photo, paint_masks = random_paintings(4)
    clean = align_paintings(painted, photo, paint_masks)
    assert align_paintings(np.where(paint_masks, np.nan, painted), photo, paint_masks) == clean


def test_a_photo_with_bad_values_is_refused():
    painted, photo, paint_masks = random_paintings(4)
    with pytest.raises(InputError, match="not finite"):
        align_paintings(painted, np.where(photo > 0.5, np.inf, photo), paint_masks)


def test_agrees_with_the_published_numbers(shared_data: Path):
    published = np.load(shared_data / "published_fit" / "fit.npz")
    results = align_paintings(published["relative_painted"], published["relative"], published["paint_mask"])
    np.testing.assert_allclose([aligned(r)[0] for r in results], published["alignment_scale"], rtol=0, atol=1e-9)
    np.testing.assert_allclose([aligned(r)[1] for r in results], published["alignment_shift"], rtol=0, atol=1e-9)
