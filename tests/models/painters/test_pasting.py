"""Pasting sprites: size, place, light, what hides them, and that the rest of the photo stays as it is."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.errors import WeightsError
from mfh.models.painters.blending import edge_sharpness, noise_sigma
from mfh.models.painters.pasting import (
    SPRITES,
    Composite,
    Sprite,
    composite,
    ground_disparity,
    load_sprites,
)

HEIGHT, WIDTH = 240, 320


def _cut_out() -> Sprite:
    """A person of rectangles with a light shirt, 140 px for 1.75 m, standing a little left of the middle."""
    rgba = np.zeros((150, 60, 4), np.uint8)
    rgba[..., :3] = 90
    rgba[5:145, 15:40] = (200, 120, 90, 255)
    rgba[60:145, 15:40] = (60, 60, 120, 255)
    # The lower edge of pixel row 144 is at 144.5.
    return Sprite(rgba, 1.75, 80.0, (27.0, 144.5), False, 0)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    rng = np.random.default_rng(5)
    ramp = np.linspace(0.3, 0.6, HEIGHT)[:, None, None] * np.array([1.0, 0.9, 0.8])
    return (ramp + 0.01 * rng.standard_normal((HEIGHT, WIDTH, 3))).clip(0, 1).astype(np.float32)


def _paste(photo, sprite, *, foot=(160.0, 200.0), px_per_m=80.0, relative=None, allowed=None, seed=0) -> Composite:
    allowed = np.ones(photo.shape[:2], bool) if allowed is None else allowed
    rng = np.random.default_rng(seed)
    return composite(
        photo, sprite, foot_xy_px=foot, px_per_m=px_per_m, relative=relative, allowed_mask=allowed, rng=rng
    )


def _floor() -> np.ndarray:
    """Disparity of a floor seen from above it: nearer downwards, with a wall from row 100 up."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    return np.broadcast_to(np.maximum(rows, 100) / HEIGHT, (HEIGHT, WIDTH)).copy()


@pytest.mark.slow
@settings(max_examples=40)
@given(
    px_per_m=st.floats(12, 200),
    foot_x=st.floats(-40, WIDTH + 40),
    foot_y=st.floats(20, HEIGHT + 60),
    seed=st.integers(0, 2**31),
)
def test_outside_the_changed_mask_the_photo_is_untouched(photo, px_per_m, foot_x, foot_y, seed):
    allowed = np.zeros(photo.shape[:2], bool)
    allowed[30:230, 60:250] = True
    before = photo.copy()
    done = _paste(photo, _cut_out(), foot=(foot_x, foot_y), px_per_m=px_per_m, allowed=allowed, seed=seed)
    np.testing.assert_array_equal(photo, before)
    np.testing.assert_array_equal(done.rgb[~done.changed_mask], photo[~done.changed_mask])
    assert (done.rgb[done.changed_mask] != photo[done.changed_mask]).any(-1).all()
    assert not (done.changed_mask & ~allowed).any()
    assert not (done.sprite_mask & ~allowed).any()
    assert done.rgb.dtype == np.float32 and done.rgb.min() >= 0 and done.rgb.max() <= 1


@pytest.mark.slow
@settings(max_examples=40)
@given(px_per_m=st.floats(20, 110), foot_x=st.floats(90, 230), seed=st.integers(0, 2**31))
def test_the_figure_has_the_size_asked_for_and_stands_on_its_foot_point(photo, px_per_m, foot_x, seed):
    done = _paste(photo, _cut_out(), foot=(foot_x, 210.3), px_per_m=px_per_m, seed=seed)
    rows, columns = np.flatnonzero(done.sprite_mask.any(1)), np.flatnonzero(done.sprite_mask.any(0))
    assert abs(len(rows) - 1.75 * px_per_m) <= 1.5
    assert abs(rows[-1] + 0.5 - 210.3) <= 1
    assert abs(columns.mean() - foot_x) <= 1
    assert abs(len(columns) - 25 / 80 * px_per_m) <= 1.5


@pytest.mark.slow
def test_every_shipped_figure_stands_where_asked_at_its_own_size(photo):
    large = np.full((400, 400, 3), 0.5, np.float32)
    sprites = load_sprites()
    assert len(sprites) >= 48
    assert {sprite.female for sprite in sprites} == {True, False}
    assert np.mean([sprite.stature_m < 1.5 for sprite in sprites]) <= 0.08
    for sprite in sprites:
        done = _paste(large, sprite, foot=(200.0, 340.0), px_per_m=120.0)
        rows, columns = np.flatnonzero(done.sprite_mask.any(1)), np.flatnonzero(done.sprite_mask.any(0))
        # Strides lower people and bring a foot nearer than the point midway between both; hair and arms rise.
        assert 0.85 < len(rows) / (120 * sprite.stature_m) < 1.15
        assert -3 <= rows[-1] - 340 <= 35
        assert columns[0] - 12 < 200 < columns[-1] + 12
        assert done.sprite_mask.sum() > 0.1 * len(rows) ** 2


def test_the_same_seed_gives_the_same_picture_and_seeds_differ(photo):
    sprite = load_sprites()[0]
    one, same = _paste(photo, sprite, seed=3), _paste(photo, sprite, seed=3)
    np.testing.assert_array_equal(one.rgb, same.rgb)
    np.testing.assert_array_equal(one.changed_mask, same.changed_mask)
    assert any((_paste(photo, sprite, seed=s).sprite_mask != one.sprite_mask).any() for s in range(4, 10))


def test_nearer_things_hide_the_figure_and_farther_ones_do_not(photo):
    relative = _floor()
    relative[120:170, 100:220] = 1.2  # a table top in front
    hidden = _paste(photo, _cut_out(), relative=relative)
    whole = _paste(photo, _cut_out(), relative=None)
    assert whole.sprite_mask[125:165].any()
    assert not hidden.sprite_mask[122:168].any()
    np.testing.assert_array_equal(hidden.sprite_mask[:115], whole.sprite_mask[:115])
    np.testing.assert_array_equal(hidden.sprite_mask[175:], whole.sprite_mask[175:])
    np.testing.assert_array_equal(hidden.rgb[124:166], photo[124:166])
    behind = _floor()
    behind[120:170, 100:220] = 0.0
    np.testing.assert_array_equal(_paste(photo, _cut_out(), relative=behind).sprite_mask, whole.sprite_mask)


def test_a_bare_floor_hides_nothing_however_noisy(photo):
    whole = _paste(photo, _cut_out()).sprite_mask
    noise = np.random.default_rng(1).normal(0, 0.02, (HEIGHT, WIDTH)).astype(np.float32)
    shown = _paste(photo, _cut_out(), relative=_floor() + noise).sprite_mask
    assert (shown & whole).sum() > 0.99 * whole.sum()


def test_occlusion_does_not_depend_on_the_affine_map_of_disparity(photo):
    relative = _floor()
    relative[150:, 100:150] += 0.5
    one = _paste(photo, _cut_out(), relative=relative)
    other = _paste(photo, _cut_out(), relative=7.5 * relative - 20)
    assert (one.sprite_mask != other.sprite_mask).sum() <= 2
    assert one.sprite_mask.sum() < _paste(photo, _cut_out()).sprite_mask.sum()


def test_feet_behind_a_sofa_are_hidden_by_it(photo):
    relative = _floor()
    relative[170:230, 120:200] = 1.3
    level, feet_hidden = ground_disparity(relative, (160.0, 200.0), 140.0, 0.05) or (0.0, False)
    assert feet_hidden and abs(level - 200 / HEIGHT) < 0.05
    done = _paste(photo, _cut_out(), relative=relative)
    assert not done.sprite_mask[173:].any() and done.sprite_mask[80:165].any()
    # A shadow would lie on the sofa.
    assert not done.changed_mask[180:].any()
    assert ground_disparity(relative, (160.0, 500.0), 140.0, 0.05) is None


def test_the_ground_at_the_feet_gets_darker(photo):
    done = _paste(photo, _cut_out(), relative=_floor())
    beside = done.changed_mask & ~done.sprite_mask
    assert beside[196:206].any()
    assert (done.rgb[beside] <= photo[beside] + 0.2).all()
    assert done.rgb[202, 155:165].mean() < photo[202, 155:165].mean() - 0.02


def test_figures_follow_the_light_of_the_photo():
    sprite = _cut_out()
    shades = []
    for level in ((0.15, 0.15, 0.15), (0.5, 0.5, 0.5), (0.6, 0.5, 0.35)):
        scene = np.broadcast_to(np.array(level, np.float32), (HEIGHT, WIDTH, 3)).copy()
        done = _paste(scene, sprite)
        shades.append(done.rgb[done.sprite_mask].mean(0))
    dark, even, warm = shades
    assert dark.mean() < 0.7 * even.mean()
    assert warm[0] / warm[2] > 1.1 * even[0] / even[2]


def test_noise_and_sharpness_are_those_of_the_photo():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.02, (200, 200)).astype(np.float32)
    assert abs(noise_sigma(0.5 + noise) - 0.02) < 0.002
    stripes = np.tile((np.arange(200) // 20 % 2).astype(np.float32), (200, 1))
    sharp_edge, soft_edge = edge_sharpness(stripes), edge_sharpness(cv2.GaussianBlur(stripes, (0, 0), 3))
    assert sharp_edge is not None and soft_edge is not None and sharp_edge > 2 * soft_edge
    assert edge_sharpness(np.full((50, 50), 0.5, np.float32)) is None


def test_a_figure_outside_the_photo_changes_nothing(photo):
    done = _paste(photo, _cut_out(), foot=(-500.0, 100.0))
    np.testing.assert_array_equal(done.rgb, photo)
    assert not done.changed_mask.any() and not done.sprite_mask.any()


@pytest.mark.parametrize("px_per_m", [0.0, -3.0, float("nan")])
def test_sizes_must_be_positive(photo, px_per_m):
    with pytest.raises(ValueError, match="pixels per metre must be positive"):
        _paste(photo, _cut_out(), px_per_m=px_per_m)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(WeightsError, match="reinstall metric-from-human"):
        load_sprites(tmp_path / "none.npz")


def test_the_shipped_file_is_small():
    assert SPRITES.stat().st_size < 2.5e6
