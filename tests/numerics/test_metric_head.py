import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.config import HeadConfig, SilogForm
from mfh.errors import NoLandmarkError
from mfh.numerics.metric_head import apply_head, fit_metric_head
from mfh.numerics.silog_fit import SilogMinimum, fit_silog
from mfh.types import Evidence, MetricHead, RelativeDepth, Space

SPACES: list[Space] = ["disparity", "depth"]
FORMS: list[SilogForm] = ["pooled", "per-image-sum"]
TRUE_SCALE, TRUE_SHIFT = 0.4, -0.15
ROOM_M = np.geomspace(1.5, 7.0, 20 * 30).reshape(20, 30)


def encode(depth_m: np.ndarray, space: Space) -> np.ndarray:
    return ((1 / depth_m if space == "disparity" else depth_m) - TRUE_SHIFT) / TRUE_SCALE


def room(space: Space) -> RelativeDepth:
    return RelativeDepth(encode(ROOM_M, space), space)


def people_at(
    distances_m: list[float], space: Space, *, wrong_by: list[float] | None = None, relief_m: float = 0.1
) -> list[Evidence]:
    """One image per person: metres wrong by a factor, and a relief that the relative depth does not see."""
    evidence = []
    for index, distance in enumerate(distances_m):
        rng = np.random.default_rng(index)
        z = distance + rng.uniform(-relief_m, relief_m, 80)
        seen = distance + rng.uniform(-relief_m, relief_m, 80)
        factor = 1.0 if wrong_by is None else wrong_by[index]
        evidence.append(Evidence(encode(seen, space), factor * z, np.zeros(80, int)))
    return evidence


def pixels(evidence: list[Evidence]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image = np.repeat(np.arange(len(evidence)), [len(one.relative) for one in evidence])
    return np.concatenate([one.relative for one in evidence]), np.concatenate([one.depth_m for one in evidence]), image


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("form", FORMS)
def test_well_placed_people_get_the_exact_silog_minimum(space: Space, form: SilogForm):
    evidence = people_at([2.0, 3.0, 4.5, 6.0], space, wrong_by=[1.1, 0.95, 1.0, 1.05])
    head = fit_metric_head(evidence, room(space), config=HeadConfig(silog_form=form))
    exact = fit_silog(*pixels(evidence), space=space, form=form)
    assert isinstance(exact, SilogMinimum)
    assert (head.scale, head.shift, head.loss) == (exact.scale, exact.shift, exact.loss)
    assert head.shift_determined
    assert head.space == space


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("distances_m", [[3.0], [3.0, 3.1], [3.0, 3.05, 2.95, 3.02]])
def test_people_at_one_distance_give_the_scale_and_no_wild_shift(
    space: Space, form: SilogForm, distances_m: list[float]
):
    wrong_by = [1.05, 0.95, 1.08, 0.97][: len(distances_m)]
    evidence = people_at(distances_m, space, wrong_by=wrong_by)
    head = fit_metric_head(evidence, room(space), config=HeadConfig(silog_form=form))
    assert not head.shift_determined
    assert head.scale > 0
    assert np.isfinite([head.shift, head.loss]).all()
    depth_m, valid_mask = apply_head(room(space), head, max_depth_m=200.0)
    ratio = depth_m / ROOM_M
    assert valid_mask.all()
    assert np.median(ratio[np.abs(ROOM_M - 3) < 0.3]) == pytest.approx(1, abs=0.1)
    assert np.abs(np.log(ratio)).max() < 0.7


@pytest.mark.parametrize("space", SPACES)
def test_a_fit_that_turns_the_photo_inside_out_is_held_back(space: Space):
    # Metres that fall where the relative depth says they rise: the exact minimum is no depth map at all.
    evidence = people_at([2.0, 4.0], space, wrong_by=[2.6, 0.5])
    head = fit_metric_head(evidence, room(space), config=HeadConfig())
    depth_m, valid_mask = apply_head(room(space), head, max_depth_m=200.0)
    assert not head.shift_determined
    assert valid_mask.mean() > 0.9
    assert 1 < np.median(depth_m[valid_mask]) < 10


@settings(max_examples=20)
@given(
    st.sampled_from(SPACES),
    st.lists(st.floats(1.5, 7), min_size=1, max_size=5),
    st.floats(0.01, 100),
    st.floats(-50, 50),
)
def test_an_affine_map_of_relative_depth_changes_no_metres(
    space: Space, distances_m: list[float], by_scale: float, by_shift: float
):
    evidence = people_at(distances_m, space, wrong_by=[1.1, 0.95, 1.0, 1.05, 0.9][: len(distances_m)])
    mapped = [Evidence(by_scale * one.relative + by_shift, one.depth_m, one.person) for one in evidence]
    mapped_room = RelativeDepth(by_scale * room(space).values + by_shift, space)
    head = fit_metric_head(evidence, room(space), config=HeadConfig())
    other = fit_metric_head(mapped, mapped_room, config=HeadConfig())
    assert other.shift_determined == head.shift_determined
    np.testing.assert_allclose(
        other.scale * mapped_room.values + other.shift, head.scale * room(space).values + head.shift, rtol=1e-5
    )


@settings(max_examples=20)
@given(st.sampled_from(SPACES), st.permutations(range(4)), st.booleans())
def test_the_order_of_paintings_does_not_matter(space: Space, order: list[int], spread: bool):
    distances_m = [2.0, 3.0, 4.5, 6.0] if spread else [3.0, 3.05, 2.95, 3.02]
    evidence = people_at(distances_m, space, wrong_by=[1.1, 0.95, 1.0, 1.05])
    one = fit_metric_head(evidence, room(space), config=HeadConfig())
    other = fit_metric_head([evidence[index] for index in order], room(space), config=HeadConfig())
    assert (other.scale, other.shift) == pytest.approx((one.scale, one.shift), rel=1e-9)
    assert one.shift_determined == spread


@pytest.mark.parametrize("space", SPACES)
def test_exact_relief_of_one_body_determines_the_shift(space: Space):
    z = np.linspace(2.8, 3.2, 50)
    head = fit_metric_head([Evidence(encode(z, space), z, np.zeros(50, int))], room(space), config=HeadConfig())
    assert head.shift_determined
    assert (head.scale, head.shift) == pytest.approx((TRUE_SCALE, TRUE_SHIFT), rel=1e-6)


@pytest.mark.parametrize("space", SPACES)
def test_a_flat_photo_gets_the_distance_of_its_people_everywhere(space: Space):
    flat = RelativeDepth(np.full((4, 5), 0.7), space)
    evidence = [Evidence(np.full(30, 0.7), np.full(30, 2.5), np.zeros(30, int))]
    head = fit_metric_head(evidence, flat, config=HeadConfig())
    assert not head.shift_determined
    np.testing.assert_allclose(apply_head(flat, head, max_depth_m=200.0)[0], 2.5, rtol=1e-6)


def test_no_pixels_is_no_scale():
    with pytest.raises(NoLandmarkError, match="no pixel of any person"):
        fit_metric_head([], room("depth"), config=HeadConfig())


def test_applying_a_head_in_disparity_space():
    relative = RelativeDepth(np.array([[0.0, 1.0, -1.0], [3.0, 0.1, -0.5]], np.float32), "disparity")
    head = MetricHead(scale=0.5, shift=0.25, space="disparity", loss=0.0)
    depth_m, valid_mask = apply_head(relative, head, max_depth_m=3.9)
    np.testing.assert_array_equal(valid_mask, [[False, True, False], [True, True, False]])
    np.testing.assert_allclose(depth_m[valid_mask], [1 / 0.75, 1 / 1.75, 1 / 0.3], rtol=1e-6)
    assert np.isnan(depth_m[~valid_mask]).all()
    assert depth_m.dtype == np.float32


def test_applying_a_head_in_depth_space():
    relative = RelativeDepth(np.array([[0.0, 1.0, -1.0]], np.float32), "depth")
    head = MetricHead(scale=4.0, shift=2.0, space="depth", loss=0.0)
    depth_m, valid_mask = apply_head(relative, head, max_depth_m=5.0)
    np.testing.assert_array_equal(valid_mask, [[True, False, False]])
    assert depth_m[0, 0] == 2


def test_an_exact_head_may_put_the_sky_at_infinity():
    # A third of the photo has no disparity at all; rounding leaves it a hair below zero.
    depth_m = np.where(np.arange(20)[:, None] < 7, np.inf, ROOM_M)
    relative = RelativeDepth(encode(depth_m, "disparity"), "disparity")
    z = np.linspace(2.0, 5.0, 300)
    evidence = [Evidence(encode(z, "disparity") * (1 + 1e-13), z, np.zeros(300, int))]
    head = fit_metric_head(evidence, relative, config=HeadConfig())
    assert head.shift_determined
    found, valid_mask = apply_head(relative, head, max_depth_m=200.0)
    np.testing.assert_array_equal(valid_mask, np.isfinite(depth_m))
    np.testing.assert_allclose(found[7:], depth_m[7:], rtol=1e-5)
