"""Sprites for pasting: their size is exact, they are whole, and clothes are cut where a line says."""

import numpy as np
import pytest

from mfh.models.painters.pasting import load_sprites
from mfh_lab.pocket.world.bodies import load_bank, sample_bank_path
from mfh_lab.pocket.world.scene_builder import Place
from mfh_lab.pocket.world.sprites import POSES, Sprite, between_feet, draw_bodies, render_sprite, save_sprites
from mfh_lab.pocket.world.wardrobe import Surface, cut, smooth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bank():
    return load_bank(sample_bank_path())


@pytest.fixture(scope="module")
def sprite(bank) -> Sprite:
    body = int(bank.indices("test", poses=("stand",))[0])
    return render_sprite(bank, body, seed=4, light="sun", height_px=60, samples=1)


def test_a_figure_is_whole_and_as_tall_as_its_stature(sprite: Sprite):
    alpha = sprite.rgba[..., 3]
    rows = np.flatnonzero((alpha > 127).any(1))
    assert not alpha[0].any() and not alpha[-1].any() and not alpha[:, 0].any() and not alpha[:, -1].any()
    assert abs(len(rows) - 60) <= 1
    assert abs(len(rows) / sprite.px_per_m / sprite.stature_m - 1) < 0.08
    x, y = sprite.foot_xy_px
    assert 0 < x < alpha.shape[1] and abs(y - rows[-1]) < 0.12 * 60
    assert ((alpha > 0) & (alpha < 255)).any()
    assert sprite.rgba[..., :3][alpha > 127].std() > 5
    assert 0.9 < sprite.surface_depth_ratio < 1.02 and 0.9 < sprite.pelvis_depth_ratio < 1.1


def test_the_same_seed_gives_the_same_figure(bank, sprite: Sprite):
    body = int(bank.indices("test", poses=("stand",))[0])
    again = render_sprite(bank, body, seed=4, light="sun", height_px=60, samples=1)
    np.testing.assert_array_equal(again.rgba, sprite.rgba)
    other = render_sprite(bank, body, seed=5, light="lamp", height_px=60, samples=1)
    assert other.rgba.shape != sprite.rgba.shape or (other.rgba != sprite.rgba).any()


def test_what_is_written_is_what_the_painter_reads(sprite: Sprite, tmp_path):
    save_sprites(tmp_path / "two.npz", [sprite, sprite])
    first, second = load_sprites(tmp_path / "two.npz")
    assert first.rgba.shape == sprite.rgba.shape
    assert abs(first.rgba[..., 3].astype(int) - sprite.rgba[..., 3]).mean() < 2
    inside = sprite.rgba[..., 3] > 250
    assert abs(second.rgba[inside].astype(int) - sprite.rgba[inside]).mean() < 12
    assert first.px_per_m == pytest.approx(sprite.px_per_m, rel=1e-6)
    assert first.foot_xy_px == pytest.approx(sprite.foot_xy_px, abs=1e-4)
    assert (first.female, first.light_sign) == (sprite.female, sprite.light_sign)


def test_bodies_are_those_of_the_split_on_their_feet(bank):
    bodies = draw_bodies(bank, split="test", count=20, seed=0)
    assert len(bodies) == 20
    assert set(bodies) <= set(bank.indices("test", poses=POSES))
    assert (bank.stature_m[bodies] < 1.5).mean() <= 0.05
    with pytest.raises(ValueError, match="no adult of split 'train'"):
        draw_bodies(bank, split="train", count=3, seed=0)


def test_the_foot_point_turns_and_moves_with_the_body(bank):
    at_home = between_feet(bank, 0, Place(0, 0))
    moved = between_feet(bank, 0, Place(2.0, -1.0, 0.3, np.pi))
    np.testing.assert_allclose(moved, [2 - at_home[0], -1 - at_home[1], 0.3], atol=1e-3)
    assert np.hypot(*at_home[:2]) < 0.4


def test_cutting_keeps_the_area_and_leaves_no_triangle_across_the_line():
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(40, 3))
    faces = np.array([rng.choice(40, 3, replace=False) for _ in range(60)], np.int32)
    before = Surface(vertices, vertices.copy(), faces)
    after = cut(before, lambda at: at[:, 2] - 0.1)

    def area(surface: Surface) -> float:
        corners = surface.vertices[surface.faces]
        return float(
            np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
        )

    assert area(after) == pytest.approx(area(before))
    height = after.rest[after.faces][..., 2] - 0.1
    assert ((height > -1e-6).all(1) | (height < 1e-6).all(1)).all()
    assert len(after.faces) > len(faces)
    np.testing.assert_allclose(after.vertices, after.rest)


def test_smoothing_keeps_the_border():
    x, y = np.meshgrid(np.arange(5.0), np.arange(5.0))
    bumpy = np.stack([x.ravel(), y.ravel(), np.random.default_rng(0).normal(size=25)], 1)
    corner = np.array([k for k in range(24 - 5) if k % 5 != 4])
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 6], 1), np.stack([corner, corner + 6, corner + 5], 1)]
    )
    done = smooth(Surface(bumpy, bumpy, faces.astype(np.int32)), rounds=30)
    inner = (x.ravel() % 4 != 0) & (y.ravel() % 4 != 0)
    np.testing.assert_array_equal(done.vertices[~inner], bumpy[~inner])
    assert done.vertices[inner, 2].std() < 0.6 * bumpy[inner, 2].std()
