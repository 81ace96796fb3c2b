"""The scale prior: the size of the view, whatever the size of the picture and its side."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.io.photo import load_photo
from mfh.models.scale_prior import SceneScalePrior
from tests.models.test_scene_kind import room


def test_a_room_is_a_few_metres_whatever_its_size_and_side():
    model, rgb = SceneScalePrior(), room()
    size = model.predict(rgb)
    assert 1 < size.height_m < 6 and 0.2 < size.log_sigma < 1
    assert model.predict(np.ascontiguousarray(rgb[:, ::-1])).height_m == pytest.approx(size.height_m, rel=1e-3)
    larger = cv2.resize(rgb, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    assert model.predict(larger).height_m == pytest.approx(size.height_m, rel=0.2)


def test_a_missing_layer_says_so(tmp_path: Path):
    with pytest.raises(WeightsError, match="no scale prior at"):
        SceneScalePrior(tmp_path / "scale_prior.npz")


def test_rooms_and_streets_have_views_of_different_sizes(shared_data: Path):
    model = SceneScalePrior()
    nyu = sorted((shared_data / "real_val" / "nyu").iterdir())[::10]
    streets = [one for one in sorted((shared_data / "real_val" / "others").iterdir()) if one.name.startswith("kitti")]
    rooms, outside = (
        [model.predict(load_photo(one / "rgb.jpg").rgb).height_m for one in folders] for folders in (nyu, streets)
    )
    assert len(rooms) > 10 and len(outside) > 5
    assert np.median(outside) > 2 * np.median(rooms)
