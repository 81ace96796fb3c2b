import numpy as np
import pytest

from mfh.config import HeadConfig, SilogForm
from mfh.errors import NoLandmarkError
from mfh.scale.head import apply_head, exact_head, fit_silog_head, log_depth_at
from mfh.scale.silog import SilogMinimum, fit_silog
from mfh.types import Evidence, Landmark, MetricHead, RelativeDepth, Space

SPACES: list[Space] = ["disparity", "depth"]
FORMS: list[SilogForm] = ["pooled", "per-image-sum"]
TRUE_SCALE, TRUE_SHIFT = 0.4, -0.15
ROOM_M = np.geomspace(1.5, 7.0, 20 * 30).reshape(20, 30)


def encode(depth_m: np.ndarray, space: Space) -> np.ndarray:
    return ((1 / depth_m if space == "disparity" else depth_m) - TRUE_SHIFT) / TRUE_SCALE


def room(space: Space) -> RelativeDepth:
    return RelativeDepth(encode(ROOM_M, space), space)


def people_at(distances_m: list[float], space: Space, *, wrong_by: list[float], relief_m: float = 0.1):
    """One image per person: metres wrong by a factor, and a relief that the relative depth does not see."""
    evidence = []
    for index, (distance, factor) in enumerate(zip(distances_m, wrong_by, strict=True)):
        rng = np.random.default_rng(index)
        z = distance + rng.uniform(-relief_m, relief_m, 80)
        seen = distance + rng.uniform(-relief_m, relief_m, 80)
        evidence.append(Evidence(encode(seen, space), factor * z, np.zeros(80, int)))
    return evidence


def pixels(evidence: list[Evidence]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image = np.repeat(np.arange(len(evidence)), [len(one.relative) for one in evidence])
    return np.concatenate([one.relative for one in evidence]), np.concatenate([one.depth_m for one in evidence]), image


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("form", FORMS)
def test_the_paper_s_head_is_the_exact_silog_minimum(space: Space, form: SilogForm):
    evidence = people_at([2.0, 3.0, 4.5, 6.0], space, wrong_by=[1.1, 0.95, 1.0, 1.05])
    head = fit_silog_head(evidence, room(space), config=HeadConfig("silog", silog_form=form))
    exact = fit_silog(*pixels(evidence), space=space, form=form)
    assert isinstance(exact, SilogMinimum)
    assert (head.scale, head.shift, head.loss) == (exact.scale, exact.shift, exact.loss)
    assert head.shift_determined
    assert head.space == space


def test_the_paper_s_head_without_pixels_is_no_scale():
    with pytest.raises(NoLandmarkError, match="no pixel of any person"):
        fit_silog_head([], room("depth"), config=HeadConfig("silog"))


@pytest.mark.parametrize("space", SPACES)
def test_exact_relief_of_one_body_determines_the_shift(space: Space):
    z = np.linspace(2.8, 3.2, 50)
    head = exact_head([Evidence(encode(z, space), z, np.zeros(50, int))], room(space))
    assert head is not None
    assert (head.scale, head.shift) == pytest.approx((TRUE_SCALE, TRUE_SHIFT), rel=1e-6)


@pytest.mark.parametrize("space", SPACES)
def test_people_with_errors_are_never_exact(space: Space):
    evidence = people_at([2.0, 3.0, 4.5, 6.0], space, wrong_by=[1.02, 0.98, 1.0, 1.01])
    assert exact_head(evidence, room(space)) is None
    assert exact_head([], room(space)) is None


@pytest.mark.parametrize(("people", "exact"), [(2, False), (5, True)])
def test_few_contacts_are_no_exact_fit_and_many_are(people: int, exact: bool):
    feet_m = np.linspace(2, 6, people)
    landmark = Landmark(
        "painting 1", "oracle", (0.0, 0.0, 1.0, 1.0), 0.9, 3.0, None, 40, "used", "measured", evidence="contact"
    )
    evidence = [
        Evidence(encode(np.full(3, z), "disparity"), np.full(3, z), np.zeros(3, int), (landmark,)) for z in feet_m
    ]
    assert (exact_head(evidence, room("disparity")) is not None) == exact


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


@pytest.mark.parametrize("space", SPACES)
def test_log_depth_is_what_applying_gives(space: Space):
    head = MetricHead(TRUE_SCALE, TRUE_SHIFT, space, 0.0)
    np.testing.assert_allclose(log_depth_at(head, room(space).values.ravel()), np.log(ROOM_M.ravel()), rtol=1e-9)
    beyond = log_depth_at(head, np.array([-100.0]))
    assert beyond == (np.inf if space == "disparity" else -np.inf)


def test_an_exact_head_may_put_the_sky_at_infinity():
    # A third of the photo has no disparity at all; rounding leaves it a hair below zero.
    depth_m = np.where(np.arange(20)[:, None] < 7, np.inf, ROOM_M)
    relative = RelativeDepth(encode(depth_m, "disparity"), "disparity")
    z = np.linspace(2.0, 5.0, 300)
    evidence = [Evidence(encode(z, "disparity") * (1 + 1e-13), z, np.zeros(300, int))]
    head = exact_head(evidence, relative)
    assert head is not None
    found, valid_mask = apply_head(relative, head, max_depth_m=200.0)
    np.testing.assert_array_equal(valid_mask, np.isfinite(depth_m))
    np.testing.assert_allclose(found[7:], depth_m[7:], rtol=1e-5)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_a_hole_has_no_depth_whatever_fills_it(space: Space):
    valid_mask = np.array([[True, False, True]])
    relative = RelativeDepth(np.array([[0.5, 0.5, 0.25]], np.float32), space, valid_mask=valid_mask)
    depth_m, valid = apply_head(relative, MetricHead(2.0, 0.5, space, 0.0), max_depth_m=100.0)
    np.testing.assert_array_equal(valid, valid_mask)
    assert np.isnan(depth_m[0, 1]) and np.isfinite(depth_m[0, ::2]).all()
