"""Evidence seen through another lens against a full run with that lens."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.config import HeadConfig, preset
from mfh.errors import InputError
from mfh.io.evidence import load_evidence, save_evidence
from mfh.pipeline.conclude import conclude, with_camera
from mfh.pipeline.pipeline import MetricFromHuman
from tests.photos import PEOPLE

KINDS = ["consensus", "silog"]
FOCALS = [100.0, 140.0, 300.0]


def runs(world, people, focal_px, tmp_path):
    """What is gathered with a focal length, and what was with another and was kept in a file."""
    pipeline = MetricFromHuman(replace(preset("pocket"), people=people), **world.models())
    full = pipeline.gather(world.photo(focal_px))
    save_evidence(tmp_path / "e.npz", pipeline.gather(world.photo()))
    return full, with_camera(load_evidence(tmp_path / "e.npz"), full.photo.camera, full.photo.focal)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("focal_px", FOCALS)
def test_figures_of_known_size_give_the_identical_answer(floor_world, tmp_path, focal_px, kind):
    full, refitted = runs(floor_world(), "paint", focal_px, tmp_path)
    first, second = (conclude(one, head=HeadConfig(kind=kind)) for one in (full, refitted))
    np.testing.assert_allclose(second.depth_m, first.depth_m, rtol=1e-6)
    assert second.interval.level_80 == pytest.approx(first.interval.level_80, rel=1e-6)
    assert second.photo.camera == first.photo.camera and second.photo.focal == first.photo.focal
    for one, other in zip(second.landmarks, first.landmarks, strict=True):
        assert (one.verdict, one.reason) == (other.verdict, other.reason)
        assert one.distance_m == pytest.approx(other.distance_m) and one.weight == pytest.approx(other.weight)
    assert first.people_used >= 8, "enough of them to mean something"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("focal_px", FOCALS)
def test_measured_bodies_give_it_up_to_their_own_perspective(floor_world, tmp_path, focal_px, kind):
    full, refitted = runs(floor_world([2.7, 4.0, 6.0]), "only", focal_px, tmp_path)
    first, second = (conclude(one, head=HeadConfig(kind=kind)) for one in (full, refitted))
    assert first.people_used == second.people_used == 3
    np.testing.assert_allclose(second.depth_m, first.depth_m, rtol=0.01)


def test_metres_scale_with_the_focal_length(floor_world):
    world = floor_world()
    pipeline = MetricFromHuman(replace(preset("pocket"), people="paint"), **world.models())
    gathered = pipeline.gather(world.photo())
    once = conclude(gathered, head=HeadConfig())
    np.testing.assert_allclose(once.depth_m, world.depth_m, rtol=0.1)
    doubled = world.photo(2 * world.focal_px)
    twice = conclude(with_camera(gathered, doubled.camera, doubled.focal), head=HeadConfig())
    np.testing.assert_allclose(twice.depth_m, 2 * once.depth_m, rtol=1e-6)


def test_a_camera_of_another_size_is_refused(floor_world, gathered):
    with pytest.raises(InputError, match="expected 64x48"):
        with_camera(gathered, floor_world().photo().camera, gathered.photo.focal)


@pytest.mark.slow
def test_the_real_models_agree_with_a_full_run(tmp_path):
    """People measured in a photo: a lens 1.3 times as long."""
    from mfh.errors import BackendError, WeightsError
    from mfh.io.focal import FocalRequest
    from mfh.io.photo import load_photo

    try:
        pipeline = MetricFromHuman.from_preset("pocket", people="only")
    except (WeightsError, BackendError) as error:
        pytest.skip(f"the models are not installed: {error}")
    first, second = (
        pipeline.gather(load_photo(PEOPLE.rgb_path, focal=FocalRequest(focal_px=focal_px)))
        for focal_px in (525.0, 680.0)
    )
    full = conclude(second, head=HeadConfig())
    refitted = conclude(with_camera(first, second.photo.camera, second.photo.focal), head=HeadConfig())
    off = np.abs(refitted.depth_m / full.depth_m - 1)
    assert np.median(off) < 0.01 and off.max() < 0.03
