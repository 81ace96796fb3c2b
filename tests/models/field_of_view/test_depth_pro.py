"""The focal length a model sees in a photo: Depth Pro's tiny copy, and what becomes of its answer."""

import json
import math
import shutil

import numpy as np
import pytest

from mfh.errors import BackendError, WeightsError
from mfh.io.focal import FOCAL_UNKNOWN, FocalRequest
from mfh.io.photo import photo_from_array
from mfh.models.field_of_view.depth_pro import DepthPro
from mfh.models.registry import load_models
from mfh.pipeline.inference import with_estimated_camera

pytest.importorskip("transformers", reason="the hub's libraries are not installed: pip install -e '.[hub]'")
import torch  # noqa: E402  after the check that it is there

RGB = np.random.default_rng(1).random((90, 160, 3)).astype(np.float32)


class Says:
    """Says one field of view of every photo."""

    name = "oracle"
    relative_sigma = 0.1

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def fov_x_deg(self, photo: np.ndarray) -> float:
        return self.degrees


@pytest.fixture
def tiny(tiny_weights) -> DepthPro:
    tiny_weights("depth-pro")
    return load_models({"field_of_view": "depth-pro"})["field_of_view"]


@pytest.mark.slow
def test_the_network_sees_what_the_librarys_processor_would_show_it(tiny, monkeypatch):
    seen = []
    forward = tiny._model.forward
    monkeypatch.setattr(tiny._model, "forward", lambda pixel_values: seen.append(pixel_values) or forward(pixel_values))
    degrees = tiny.fov_x_deg(RGB)
    # Normalised first, then bilinear without smoothing, to a square.
    normal = (torch.from_numpy(RGB).permute(2, 0, 1)[None] - 0.5) / 0.5
    expected = torch.nn.functional.interpolate(normal, size=(128, 128), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(seen[0].numpy(), expected.numpy(), atol=1e-5)
    with torch.inference_mode():
        assert degrees == pytest.approx(float(forward(pixel_values=expected).field_of_view[0]), abs=1e-3)
    assert tiny.fov_x_deg(1 - RGB) != degrees, "it does not look at the photo"
    red = np.zeros((64, 64, 3), np.float32)
    red[..., 0] = 1
    tiny.fov_x_deg(red)
    np.testing.assert_allclose(seen[-1][0].mean((1, 2)).numpy(), [1, -1, -1], atol=1e-6)


def test_a_model_without_the_head_is_refused(tiny_weights, tmp_path):
    from mfh.weights.store import path

    tiny_weights("depth-pro")
    shutil.copytree(path("depth-pro"), tmp_path / "copy")
    config = json.loads((tmp_path / "copy" / "config.json").read_text())
    (tmp_path / "copy" / "config.json").write_text(json.dumps({**config, "use_fov_model": False}))
    with pytest.raises(WeightsError, match="has no head for the field of view: expected apple/DepthPro-hf"):
        DepthPro(tmp_path / "copy")


def test_an_estimate_takes_the_place_of_the_default_and_says_so():
    photo = photo_from_array(RGB)
    assert photo.focal.notes == (FOCAL_UNKNOWN,)
    seen = with_estimated_camera(photo, Says(40.0))
    assert seen.camera.fx == seen.camera.fy == pytest.approx(80 / math.tan(math.radians(20)))
    assert (seen.camera.cx, seen.camera.cy) == (79.5, 44.5)
    assert seen.focal.source == "estimated" and seen.focal.relative_sigma == 0.1
    assert seen.focal.detail == "estimated by oracle: 40.0° horizontal field of view (220 px)"
    (note,) = seen.focal.notes
    assert "estimated from the picture by oracle (taken as good to 10%)" in note


@pytest.mark.parametrize("degrees", [math.nan, -3.0, 0.5, 170.0])
def test_a_field_of_view_no_photo_has_is_an_error_not_an_answer(degrees):
    with pytest.raises(BackendError, match=r"oracle says that array has a field of view of .*give --fov-x-deg"):
        with_estimated_camera(photo_from_array(RGB), Says(degrees))


@pytest.mark.slow
def test_nobody_is_asked_where_the_focal_length_is_known(people_pipeline):
    pipeline, photo = people_pipeline
    given = pipeline(photo_from_array(photo.rgb, focal=FocalRequest(focal_px=photo.camera.fx)))
    assert given.photo.focal.source == "explicit" and "field_of_view" not in given.models


@pytest.mark.slow
def test_the_result_names_who_estimated_the_focal_length_and_counts_its_error(people_pipeline):
    pipeline, photo = people_pipeline
    result = pipeline(photo_from_array(photo.rgb))
    assert result.models["field_of_view"] == "oracle" and result.photo.focal.source == "estimated"
    assert any("estimated from the picture by oracle" in warning for warning in result.warnings)
    assert FOCAL_UNKNOWN not in result.warnings
    assert result.interval is not None and result.interval.common.focal == 0.1
    assert "field of view" in result.seconds
    # Metres of a body are proportional to the focal length.
    given = pipeline(photo_from_array(photo.rgb, focal=FocalRequest(fov_x_deg=60.0)))
    factor = math.tan(math.radians(30)) / math.tan(math.radians(20))
    for one, other in zip(result.landmarks, given.landmarks, strict=True):
        assert one.distance_m == pytest.approx(factor * other.distance_m, rel=0.02)


@pytest.fixture
def people_pipeline():
    """The embedded pipeline with an oracle of the field of view, and the example photo."""
    from pathlib import Path

    import mfh
    from mfh.io.photo import load_photo
    from mfh.pipeline.pipeline import MetricFromHuman

    try:
        pipeline = MetricFromHuman.from_preset("pocket", people="only")
    except (BackendError, WeightsError) as missing:
        pytest.skip(str(missing))
    pipeline.field_of_view = Says(40.0)
    return pipeline, load_photo(Path(mfh.__file__).parent / "examples" / "room" / "rgb.png")
