"""The prior draws what it predicts, inside the mask; the painter keeps to it, and to its seed."""

from importlib import resources

import numpy as np
import pytest

from mfh.io.photo import load_photo
from mfh.models.painters.pasting import load_sprites
from mfh.models.painters.person_prior import MIN_PROBABILITY, PersonPrior, PlacementPrior
from mfh.models.painters.sprite import SpritePainter, choose_sprite, real_log_sigma, refusal
from mfh.models.scene_kind import SceneKind

pytestmark = pytest.mark.slow


def _field(probability: np.ndarray, *, sigma: float = 0.1) -> PlacementPrior:
    shape = (2, *probability.shape)
    mean = np.empty(shape)
    mean[0], mean[1] = np.log(0.2), np.log(0.4)
    weight = np.empty(shape)
    weight[0], weight[1] = 0.25, 0.75
    return PlacementPrior(probability, weight, mean, np.full(shape, sigma), 120, 160)


def test_draws_follow_the_mixture_and_stay_in_the_mask():
    probability = np.full((30, 40), 0.9)
    mask = np.zeros((120, 160), bool)
    mask[:, 40:120] = True
    stands = [_field(probability).sample(mask, np.random.default_rng(seed)) for seed in range(400)]
    sizes = np.array([s.px_per_m for s in stands if s is not None]) / 120
    assert len(sizes) == 400
    small = sizes < 0.28
    assert small.mean() == pytest.approx(0.25, abs=0.07)
    assert np.std(np.log(sizes[~small])) == pytest.approx(0.1, abs=0.02)
    assert all(39 <= s.foot_xy_px[0] <= 121 for s in stands if s is not None)
    # Near the side of the mask, where they would be cut, people are rare.
    assert np.mean([50 < s.foot_xy_px[0] < 110 for s in stands if s is not None]) > 0.85


def test_nobody_is_drawn_where_nobody_can_stand():
    probability = np.full((30, 40), MIN_PROBABILITY - 0.01)
    assert _field(probability).sample(np.ones((120, 160), bool), np.random.default_rng(0)) is None
    probability[20, 10] = 0.9
    mask = np.ones((120, 160), bool)
    sample = _field(probability).sample(mask, np.random.default_rng(0))
    assert sample is not None and sample.probability > 0.1
    mask[:, :80] = False
    assert _field(probability).sample(mask, np.random.default_rng(0)) is None


def test_the_network_does_not_see_what_is_under_the_mask():
    rng = np.random.default_rng(0)
    photo = rng.random((96, 128, 3), np.float32)
    mask = np.zeros((96, 128), bool)
    mask[:, 32:96] = True
    other = photo.copy()
    other[:, 40:88] = rng.random((96, 48, 3), np.float32)
    prior = PersonPrior()
    np.testing.assert_allclose(
        prior.predict(photo, mask).probability, prior.predict(other, mask).probability, atol=1e-5
    )
    assert not np.allclose(prior.predict(photo, ~mask).probability, prior.predict(other, ~mask).probability, atol=1e-3)


@pytest.mark.parametrize("size", [(96, 128), (160, 90), (60, 200)])
def test_what_is_said_of_a_mirror_image_is_mirrored_and_every_opinion_counts_the_same(size: tuple[int, int]):
    rng = np.random.default_rng(2)
    photo = rng.random((*size, 3), np.float32)
    mask = np.zeros(size, bool)
    mask[:, 10:40] = True
    prior = PersonPrior()
    field, mirrored = prior.predict(photo, mask), prior.predict(photo[:, ::-1], mask[:, ::-1])
    np.testing.assert_allclose(mirrored.probability[:, ::-1], field.probability, atol=1e-4)
    np.testing.assert_allclose(mirrored.median_px_per_m()[:, ::-1], field.median_px_per_m(), rtol=1e-3)
    np.testing.assert_allclose(field.weight.sum(0), 1, atol=1e-5)
    # Two sizes, each seen twice, say as much as each other.
    augmented = field.weight.reshape(4, -1, *field.probability.shape).sum(1)
    np.testing.assert_allclose(augmented, 0.25, atol=1e-5)


def test_prompts_choose_the_figure():
    sprites = load_sprites()
    rng = np.random.default_rng(0)
    for prompt, expected in (("a man", {False}), ("a woman", {True}), ("somebody", {False, True})):
        drawn = [choose_sprite(sprites, prompt, rng) for _ in range(60)]
        assert {one.female for one in drawn} == expected
        assert min(one.stature_m for one in drawn) > 1.4


def test_painting_n_depends_on_its_own_seed_alone():
    with resources.as_file(resources.files("mfh") / "examples" / "room" / "rgb.png") as path:
        photo = load_photo(path).rgb
    height, width = photo.shape[:2]
    masks = []
    for left in (0.05, 0.25, 0.45):
        mask = np.zeros((height, width), bool)
        mask[:, round(left * width) : round((left + 0.5) * width)] = True
        masks.append(mask)
    painter = SpritePainter()
    prompts, seeds = ["a man", "a woman", "a man"], [7, 8, 9]
    together = painter.paint(photo, masks, prompts, seeds)
    backwards = painter.paint(photo, masks[::-1], prompts[::-1], seeds[::-1])[::-1]
    sprites = [one.sprite for one in together if one.sprite is not None]
    assert len(sprites) >= 2
    # Less sure of one size, less sure of all; and what close-ups add comes on top.
    real = real_log_sigma(painter._classifier.predict(photo))
    for sprite in sprites:
        assert sprite.shared_log_sigma is not None
        own = np.sqrt(sprite.shared_log_sigma**2 - real**2)
        assert 0.5 * sprite.log_size_sigma < own < sprite.log_size_sigma, "nearly all of it is shared"
    for mask, one, same in zip(masks, together, backwards, strict=True):
        np.testing.assert_array_equal(one.rgb, same.rgb)
        np.testing.assert_array_equal(one.rgb[~one.paint_mask], photo[~one.paint_mask])
        assert not (one.paint_mask & ~mask).any()


def test_a_photo_is_looked_at_once_however_often_it_is_painted_into(monkeypatch):
    painter = SpritePainter()
    looked = []
    look = painter._relative_depth.predict
    monkeypatch.setattr(painter._relative_depth, "predict", lambda photos: looked.append(len(photos)) or look(photos))
    first, second = np.random.default_rng(2).random((2, 60, 80, 3), np.float32)
    mask = np.ones((60, 80), bool)
    for photo in (first, first, second):
        painter.paint(photo, [mask], ["a man"], [3])
    assert looked == [1, 1]


def test_views_from_far_away_and_close_ups_are_refused_and_rooms_and_streets_are_not():
    far, near = refusal(SceneKind(0.1, 0.9, 0.0)), refusal(SceneKind(0.1, 0.0, 0.9))
    assert far is not None and "far away" in far.reason
    assert near is not None and near.reason == "a close-up"
    for kind in (SceneKind(1.0, 0.1, -0.1), SceneKind(0.5, 0.5, 0.0), SceneKind(0.4, 0.1, 0.5)):
        assert refusal(kind) is None
    with resources.as_file(resources.files("mfh") / "examples" / "room" / "rgb.png") as path:
        assert SpritePainter().refuses(load_photo(path).rgb) is None


def test_the_more_a_photo_looks_like_a_close_up_the_less_painted_sizes_are_worth():
    room, table, macro = (real_log_sigma(SceneKind(1 - near, 0.0, near)) for near in (-0.1, 0.3, 0.6))
    assert 0.05 < room < 0.3 < table < macro
    street, edge = (real_log_sigma(SceneKind(1 - far, far, 0.0)) for far in (0.5, 0.649))
    assert street == room
    # Just not refused: an interval that reaches a view from far away.
    assert edge > 1.5
