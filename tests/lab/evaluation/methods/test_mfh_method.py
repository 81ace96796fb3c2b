"""This project's method as one of several: its settings, its answers, and a fixed scale."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.config import HeadConfig, preset
from mfh.errors import BackendError, InputError, WeightsError
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.settings import differences, settings_of
from mfh.types import MetricHead, ScaleInterval
from mfh_lab.evaluation.methods.method import Method
from mfh_lab.evaluation.methods.mfh_method import MfhMethod, mfh_contender, prediction_of, with_fixed_scale
from tests import toy_world


def test_settings_are_every_field_that_decides_the_answer(tmp_path):
    pocket = preset("pocket")
    assert differences(settings_of(pocket), settings_of(replace(pocket, seed=1))) == ["seed was 0, is 1"]
    painting = replace(pocket.painting, max_paintings=3)
    assert differences(settings_of(pocket), settings_of(replace(pocket, painting=painting))) == [
        "painting.max_paintings was 8, is 3"
    ]
    assert settings_of(pocket) == settings_of(replace(pocket, keep_paintings=True))
    # A model in a folder counts with its files.
    (tmp_path / "model").mkdir()
    with_folder = replace(pocket, relative_depth=str(tmp_path / "model"))
    before = settings_of(with_folder)
    (tmp_path / "model" / "config.json").write_text("{}")
    (line,) = differences(before, settings_of(with_folder))
    assert line.startswith("folders.relative_depth was")


def test_what_is_beyond_the_farthest_depth_is_infinite_not_missing(metric_depth):
    found = prediction_of(metric_depth)
    assert found.space == "disparity" and found.level_80 is None
    np.testing.assert_array_equal(np.isposinf(found.depth_m), ~metric_depth.valid_mask)
    np.testing.assert_array_equal(found.depth_m[metric_depth.valid_mask], metric_depth.depth_m[metric_depth.valid_mask])


def test_depth_below_zero_is_missing(metric_depth):
    values = metric_depth.relative.values - 1
    relative = replace(metric_depth.relative, values=values, space="depth")
    result = replace(metric_depth, relative=relative, head=MetricHead(1.0, 0.0, "depth", 0.0), max_depth_m=0.5)
    found = prediction_of(result).depth_m
    assert np.isnan(found[values <= 0]).all() and np.isposinf(found[values > 0.5]).all()


def test_the_interval_comes_along(metric_depth):
    from mfh.types import CommonErrors

    interval = ScaleInterval((0.8, 1.2), (0.7, 1.5), 0.2, 0.1, CommonErrors(), 0.0, 3.0, "people")
    found = prediction_of(replace(metric_depth, interval=interval))
    assert (found.level_80, found.level_95) == ((0.8, 1.2), (0.7, 1.5))


def test_a_fixed_scale_is_for_the_papers_head_alone():
    paper = preset("paper")
    assert with_fixed_scale(paper, None, protocol="paper") is paper
    fixed = with_fixed_scale(paper, 1.0, protocol="authors_code")
    assert fixed.head == replace(paper.head, free="shift") and fixed == replace(paper, head=fixed.head)
    with pytest.raises(InputError, match="authors_code fixes the scale to 1 here, which the consensus head cannot"):
        with_fixed_scale(preset("pocket"), 1.0, protocol="authors_code")
    with pytest.raises(InputError, match="fixes the scale to 2"):
        with_fixed_scale(paper, 2.0, protocol="authors_code")


@pytest.mark.slow
def test_the_pipeline_answers_the_same_in_any_order(floor_world):
    world = floor_world(people_at_m=(3.0, 5.0))
    config = replace(preset("pocket"), head=HeadConfig(), people="only", painter=None)
    method = MfhMethod(MetricFromHuman(config, **world.models()))
    assert isinstance(method, Method) and method.name == "mfh"
    other = floor_world(people_at_m=(4.0,)).photo()
    first = method.predict(world.photo(), name="a")
    method.predict(other, name="b")
    again = method.predict(world.photo(), name="a")
    np.testing.assert_array_equal(first.depth_m, again.depth_m)
    assert first.depth_m.shape == (120, 160) and first.level_80 is not None and first.level_80 == again.level_80
    # The people are measured within 3 %, at the front of a body 20 cm deep.
    for mask in world.masks:
        assert np.median((first.depth_m / world.depth_m)[mask]) == pytest.approx(1, abs=0.07)


@pytest.mark.slow
def test_models_are_loaded_when_they_are_needed():
    contender = mfh_contender(replace(preset("pocket"), people="only"), title="mfh (preset pocket, people only)")
    assert contender.name == "mfh" and contender.title == "mfh (preset pocket, people only)"
    try:
        method = contender.load()
    except (BackendError, WeightsError) as missing:
        pytest.skip(str(missing))
    assert method.settings == contender.settings


def test_half_a_measurement_is_never_scored():
    class Impatient(toy_world.OraclePainter):
        def paint(self, photo, paint_masks, prompts, seeds):
            if len(self.seen) >= 4:
                raise KeyboardInterrupt
            return super().paint(photo, paint_masks, prompts, seeds)

    config = toy_world.config("paint", batch_size=2, max_paintings=20)
    pipeline = toy_world.pipeline(config, painter=Impatient(misses=0.0))
    photo = toy_world.render([])
    with pytest.raises(KeyboardInterrupt):
        MfhMethod(pipeline).predict(photo, name="a")
    assert pipeline.config == config, "the user's pipeline is as it was"
