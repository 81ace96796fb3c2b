"""Fig. 6: its files hold the points and the bodies of the result."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.types import HumanMesh, MeasuredPainting
from mfh_lab.paper.figures.point_clouds import bodies_of, make_fig6

pytestmark = pytest.mark.slow


def body(z):
    corners = np.array([[x, y, d] for x in (-0.2, 0.2) for y in (-0.8, 0.8) for d in (z - 0.1, z + 0.1)])
    return HumanMesh(corners, np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]]), "made-up")


def test_points_and_people_are_written(metric_depth, tmp_path):
    from tests.io.test_ply import read

    made = make_fig6(metric_depth, [body(2.0), body(4.0)], tmp_path)
    assert {path.name for path in made.files} == {"fig6.png", "fig6.pdf", "fig6.md", "points.ply", "people.ply"}
    points = np.array([[row[axis] for axis in "xyz"] for row in read(tmp_path / "points.ply")["vertex"]])
    np.testing.assert_allclose(points, metric_depth.points_m(), rtol=1e-5)
    assert made.points == len(points) == metric_depth.valid_mask.sum()
    people = read(tmp_path / "people.ply")
    assert len(people["vertex"]) == 16 and people["face"][4]["vertex_indices"] == [8, 9, 11]
    assert people["vertex"][0]["red"] != people["vertex"][8]["red"]


def test_without_bodies_there_is_a_cloud_alone(metric_depth, tmp_path):
    names = {path.name for path in make_fig6(metric_depth, [], tmp_path).files}
    assert names == {"fig6.png", "fig6.pdf", "fig6.md", "points.ply"}
    assert "the 0 bodies stand" in (tmp_path / "fig6.md").read_text()
    nothing = replace(metric_depth, max_depth_m=0.01)
    with pytest.raises(InputError, match="no pixel with a depth"):
        make_fig6(nothing, [], tmp_path)


def test_only_bodies_that_were_used_are_drawn(metric_depth):
    used, rejected = metric_depth.landmarks
    rgb = metric_depth.photo.rgb
    kept = MeasuredPainting(0, rgb, np.ones(rgb.shape[:2], bool), (used, rejected, used), (body(2.0), body(3.0), None))
    assert [one.vertices_m[0, 2] for one in bodies_of(replace(metric_depth, kept_paintings=(kept,)))] == [1.9]
