"""Oracles are exact when clean, err as told when not, and the real pipeline recovers the truth with them."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.config import Config, PaintingConfig
from mfh.errors import BackendError
from mfh.geometry.rasterize import rasterize_depth
from mfh.models.protocols import HumanMeshModel, Painter, PersonSegmenter, ProposingPainter, RelativeDepthModel
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.planning import strip_paint_mask
from mfh.types import HumanMesh, Photo
from mfh_lab.pocket.world.oracle_noise import PeopleNoise, RelativeDepthNoise, disturb, low_frequency
from mfh_lab.pocket.world.oracle_painter import OraclePainter
from mfh_lab.pocket.world.oracles import KnownPictures, OraclePeople, OracleRelativeDepth, unlit
from mfh_lab.pocket.world.places import MIN_IN_PAINT_MASK
from mfh_lab.pocket.world.scenes import Scene, draw_scene, render

pytestmark = pytest.mark.slow

_SIZE = (192, 144)
_SEED = 5_000_002


@pytest.fixture(scope="module")
def scene(bank) -> Scene:
    return draw_scene(_SEED, bank, split="test", size=_SIZE)


def _strips(count: int) -> list[np.ndarray]:
    return [strip_paint_mask(seed, height=_SIZE[1], width=_SIZE[0]) for seed in range(count)]


def _paint(painter: OraclePainter, photo: Photo, seeds=range(12)):
    masks = [strip_paint_mask(seed, height=_SIZE[1], width=_SIZE[0]) for seed in seeds]
    return masks, painter.paint(photo.rgb, masks, ["a man"] * len(masks), list(seeds))


def _pipeline(known, bank, *, painting_evidence="body", relative=None, people=None, light=False) -> MetricFromHuman:
    config = Config(
        name="oracle",
        relative_depth="oracle",
        person_segmenter="oracle",
        human_mesh="oracle",
        painter="oracle",
        people="paint",
        painting_evidence=painting_evidence,
        painting=PaintingConfig(max_paintings=4, max_attempts=40, batch_size=4),
    )
    oracle = OraclePeople(known, bank, noise=people or PeopleNoise())
    return MetricFromHuman(
        config,
        relative_depth=OracleRelativeDepth(known, noise=relative or RelativeDepthNoise()),
        person_segmenter=oracle,
        human_mesh=oracle,
        painter=OraclePainter(known, bank, split="test", light=light, samples=1),
    )


def test_oracles_keep_the_contracts_and_say_that_they_are_oracles(bank):
    known = KnownPictures()
    people = OraclePeople(known, bank)
    relative, painter = OracleRelativeDepth(known), OraclePainter(known, bank, split="test")
    assert isinstance(relative, RelativeDepthModel) and isinstance(painter, Painter)
    assert isinstance(people, PersonSegmenter) and isinstance(people, HumanMeshModel)
    assert all("oracle" in one.name for one in (relative, painter, people))


def test_a_picture_they_were_not_told_of_is_an_error(bank):
    with pytest.raises(BackendError, match="oracle models know only registered pictures"):
        OracleRelativeDepth(KnownPictures()).predict([np.zeros((4, 6, 3), np.float32)])


@pytest.mark.parametrize("seed", [5_000_000, 5_000_002])
def test_painting_and_alignment_recover_the_exact_depth(bank, seed):
    scene = draw_scene(seed, bank, split="test", size=_SIZE)
    known = KnownPictures()
    photo = known.add_photo(scene, unlit(scene))
    result = _pipeline(known, bank)(photo)
    truth = known.truth_of(photo.rgb).depth_m
    seen = truth < 199
    assert result.paintings == 4 and result.head.shift_determined
    assert result.valid_mask[seen].all() and seen.mean() > 0.4
    assert np.abs(result.depth_m[seen] / truth[seen] - 1).max() < 1e-4
    assert set(result.models.values()) == {"oracle relative depth", "oracle painter", "oracle people"}


def test_lit_paintings_recover_the_exact_depth_too(bank, scene):
    known = KnownPictures()
    photo = known.add_photo(scene, render(scene, bank, samples=1))
    result = _pipeline(known, bank, light=True)(photo)
    truth = known.truth_of(photo.rgb).depth_m
    assert np.abs(result.depth_m / truth - 1).max() < 1e-4


def test_unlit_depth_is_the_renders_depth(bank, scene):
    lit, dark = render(scene, bank, samples=1), unlit(scene)
    np.testing.assert_array_equal(dark.depth_m, lit.depth_m)
    np.testing.assert_array_equal(dark.ids, lit.ids)


def test_the_painted_persons_truth_is_what_a_full_render_shows(bank, scene):
    known = KnownPictures()
    photo = known.add_photo(scene, render(scene, bank, samples=1))
    masks, paintings = _paint(OraclePainter(known, bank, split="test", light=True, samples=1), photo, range(4))
    painted = 0
    for asked, painting in zip(masks, paintings, strict=True):
        truth = known.truth_of(painting.rgb)
        assert not (painting.paint_mask & ~asked).any()
        np.testing.assert_array_equal(painting.rgb[~painting.paint_mask], photo.rgb[~painting.paint_mask])
        if not truth.bodies:
            assert not painting.paint_mask.any()
            continue
        painted += 1
        seen = truth.body_index == 0
        assert seen.sum() >= 100 and not (seen & ~painting.paint_mask).any()
        assert (painting.rgb[seen] != photo.rgb[seen]).any(-1).mean() > 0.9
        drawn = rasterize_depth(truth.bodies[0].vertices_m, truth.bodies[0].faces, photo.camera)
        np.testing.assert_array_equal(truth.depth_m[seen], drawn[seen])
        np.testing.assert_array_equal(truth.depth_m[~seen], known.truth_of(photo.rgb).depth_m[~seen])
        assert (drawn[seen] < known.truth_of(photo.rgb).depth_m[seen]).all()
    assert painted >= 2


def test_people_fall_inside_their_mask(bank, scene):
    known = KnownPictures()
    photo = known.add_photo(scene, unlit(scene))
    masks, paintings = _paint(OraclePainter(known, bank, split="test"), photo)
    checked = 0
    for asked, painting in zip(masks, paintings, strict=True):
        for body in known.truth_of(painting.rgb).bodies:
            silhouette = np.isfinite(rasterize_depth(body.vertices_m, body.faces, photo.camera))
            assert (silhouette & asked).sum() > (MIN_IN_PAINT_MASK - 0.05) * silhouette.sum()
            checked += 1
    assert checked >= 5


def test_a_painting_is_a_function_of_its_seed_alone(bank, scene):
    def paint(seeds):
        known = KnownPictures()
        photo = known.add_photo(scene, unlit(scene))
        return {p.seed: p for p in _paint(OraclePainter(known, bank, split="test"), photo, seeds)[1]}

    forwards, backwards = paint(range(6)), paint([5, 3])
    for seed in backwards:
        np.testing.assert_array_equal(forwards[seed].rgb, backwards[seed].rgb)
    touched = [p for p in forwards.values() if p.paint_mask.any()]
    assert len({p.rgb.tobytes() for p in touched}) == len(touched) > 2


def test_people_stand_where_was_proposed(bank, scene):
    known = KnownPictures()
    photo = known.add_photo(scene, unlit(scene))
    painter = OraclePainter(known, bank, split="test")
    assert isinstance(painter, ProposingPainter)
    masks = _strips(12)
    proposals = painter.propose(photo.rgb, masks, ["a man"] * 12, list(range(12)))
    _, paintings = _paint(painter, photo)
    for proposal, painting in zip(proposals, paintings, strict=True):
        bodies = known.truth_of(painting.rgb).bodies
        assert len(bodies) == (proposal is not None)
        if proposal is None:
            continue
        x, y = proposal.foot_xy_px
        rows, columns = np.nonzero(np.isfinite(rasterize_depth(bodies[0].vertices_m, bodies[0].faces, photo.camera)))
        assert columns.min() - 1 <= x <= columns.max() + 1
        assert y == pytest.approx(rows.max(), abs=2.5) or y > rows.max()
    assert sum(one is not None for one in proposals) >= 5
    assert painter.propose(photo.rgb, masks[::-1], ["a man"] * 12, list(range(12))[::-1]) == proposals[::-1]


def test_nobody_is_painted_where_nobody_fits(bank, scene):
    known = KnownPictures()
    photo = known.add_photo(scene, unlit(scene))
    corner = np.zeros(photo.rgb.shape[:2], bool)
    corner[:5, :5] = True
    (painting,) = OraclePainter(known, bank, split="test").paint(photo.rgb, [corner], ["a man"], [0])
    np.testing.assert_array_equal(painting.rgb, photo.rgb)
    assert not painting.paint_mask.any()
    assert OraclePeople(known, bank).segment([painting.rgb]) == [[]]


def test_people_are_found_in_their_region_only(bank, scene):
    known = KnownPictures()
    photo = known.add_photo(scene, unlit(scene))
    _, paintings = _paint(OraclePainter(known, bank, split="test"), photo)
    painting = next(p for p in paintings if p.paint_mask.any())
    people = OraclePeople(known, bank)
    (found,) = people.segment([painting.rgb], [painting.paint_mask])
    assert len(found) == 1
    np.testing.assert_array_equal(found[0].instance_mask, painting.paint_mask)
    assert people.segment([painting.rgb], [~painting.paint_mask]) == [[]]


def test_relative_depth_is_affine_in_true_disparity_and_distorted_as_told(bank, scene):
    known = KnownPictures()
    photo = known.add_photo(scene, unlit(scene))
    painted = next(p for p in _paint(OraclePainter(known, bank, split="test"), photo)[1] if p.paint_mask.any())
    truth = 1 / known.truth_of(photo.rgb).depth_m
    clean, of_painting = (x.values for x in OracleRelativeDepth(known).predict([photo.rgb, painted.rgb]))
    scale, shift = np.polyfit(truth.ravel(), clean.ravel(), 1)
    np.testing.assert_allclose(clean, scale * truth + shift, atol=1e-12)
    outside = ~painted.paint_mask
    ratio = np.polyfit(clean[outside], of_painting[outside], 1)
    np.testing.assert_allclose(of_painting[outside], np.polyval(ratio, clean[outside]), atol=1e-12)
    assert abs(ratio[0] - 1) > 0.01, "each picture has an affine map of its own"
    noisy = OracleRelativeDepth(known, noise=RelativeDepthNoise(scene_distortion=0.05, scale_sigma=0.0))
    (distorted,) = (x.values for x in noisy.predict([photo.rgb]))
    # Scale 1, so that only a constant stands between distorted and true disparity.
    rest = (distorted - truth) - np.median(distorted - truth)
    assert 0.005 < np.std(rest / truth) < 0.3


def test_painted_people_are_seen_at_a_wrong_depth_where_asked_for(bank, scene):
    known = KnownPictures()
    photo = known.add_photo(scene, unlit(scene))
    paintings = [p for p in _paint(OraclePainter(known, bank, split="test"), photo)[1] if p.paint_mask.any()]
    factors = []
    for painting in paintings:
        truth = 1 / known.truth_of(painting.rgb).depth_m
        noise = RelativeDepthNoise(person_sigma=0.2)
        (seen,) = (x.values for x in OracleRelativeDepth(known, noise=noise).predict([painting.rgb]))
        around = ~painting.paint_mask
        scale, shift = np.polyfit(truth[around], seen[around], 1)
        np.testing.assert_allclose(seen[around], scale * truth[around] + shift, atol=1e-9)
        factor = (seen[~around] - shift) / scale / truth[~around]
        assert np.ptp(factor) < 1e-6
        factors.append(factor.mean())
    assert 0.08 < np.std(np.log(factors)) < 0.4


def test_low_frequency_fields_are_smooth_and_have_the_deviation_asked_for():
    fields = [low_frequency(np.random.default_rng(k), 0.05, height=60, width=80) for k in range(200)]
    assert np.std([field[6, 8] for field in fields]) == pytest.approx(0.05, rel=0.25)
    assert np.std(fields) == pytest.approx(0.04, rel=0.3)
    assert max(np.abs(np.diff(field, axis=1)).max() for field in fields) < 0.03
    np.testing.assert_array_equal(low_frequency(np.random.default_rng(0), 0.0, height=6, width=8), np.zeros((6, 8)))


def _box(z: float) -> HumanMesh:
    corners = np.array([[x, y, d] for x in (-0.3, 0.3) for y in (-0.2, 1.5) for d in (z - 0.1, z + 0.1)])
    faces = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6]])
    return HumanMesh(corners, faces, "oracle", stature_m=1.7)


_STRANGER = replace(_box(0.0), vertices_m=_box(0.0).vertices_m * [1, 1, 1] + [0, -1.5, 0])


def test_no_noise_is_the_very_body():
    body = _box(4.0)
    same = disturb(body, PeopleNoise(), np.random.default_rng(0), stranger=_STRANGER)
    np.testing.assert_array_equal(same.vertices_m, body.vertices_m)


def test_size_and_translation_noise_have_the_deviations_asked_for():
    noise = PeopleNoise(size_sigma=0.1, translation_sigma=0.04)
    drawn = [disturb(_box(4.0), noise, np.random.default_rng(k), stranger=_STRANGER) for k in range(400)]
    log_size = np.log([np.ptp(one.vertices_m[:, 1]) / 1.7 for one in drawn])
    log_distance = np.log([one.vertices_m[:, 2].mean() / 4 for one in drawn])
    assert np.std(log_size) == pytest.approx(0.1, rel=0.15)
    assert np.std(log_distance - log_size) == pytest.approx(0.04, rel=0.15)
    assert np.std(log_distance) == pytest.approx(np.hypot(0.1, 0.04), rel=0.15)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_outliers_are_gross_and_as_many_as_asked_for(kind):
    weights = tuple(float(k == kind) for k in range(3))
    noise = PeopleNoise(outliers=0.25, outlier_weights=weights)
    body = _box(4.0)
    wrong = []
    for k in range(300):
        mesh = disturb(body, noise, np.random.default_rng(k), stranger=_STRANGER)
        if not np.array_equal(mesh.vertices_m, body.vertices_m):
            wrong.append(np.median(mesh.vertices_m[:, 2]) / 4 if kind != 1 else mesh.vertices_m[0, 2] / 3.9)
            # The image stays where it was: what is wrong is the distance.
            rows = mesh.vertices_m[:, 1] / mesh.vertices_m[:, 2]
            true_rows = body.vertices_m[:, 1] / body.vertices_m[:, 2]
            assert rows.max() == pytest.approx(true_rows.max(), rel=0.1)
    assert 0.18 < len(wrong) / 300 < 0.32
    if kind == 0:
        assert all(0.34 < factor < 0.71 or 1.49 < factor < 3.01 for factor in wrong)
    if kind == 2:
        assert all(1.3 < factor < 4.3 for factor in wrong)
    assert np.ptp(wrong) > 0.5


def test_noise_is_seeded_and_people_noise_reaches_the_metres(bank, scene):
    def depth(noise):
        known = KnownPictures()
        photo = known.add_photo(scene, unlit(scene))
        return _pipeline(known, bank, people=noise)(photo).depth_m

    noise = PeopleNoise(size_sigma=0.1, translation_sigma=0.04, seed=3)
    first, again, other = depth(noise), depth(noise), depth(replace(noise, seed=4))
    np.testing.assert_array_equal(first, again)
    assert abs(np.log(np.nanmedian(first) / np.nanmedian(other))) > 1e-3
