import base64
import gzip
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mfh import FocalRequest, KnownDistance, KnownHeight, KnownSizes, Request, load_evidence, refit, save_evidence
from mfh.report.again import command_of
from mfh.report.bodies import MOST_BODIES, packed_bodies
from mfh.report.encode import EncodedDepth
from mfh.report.focal import answers_by_focal, is_linear
from mfh.report.payload import POINTS, grid_shape, report_payload
from mfh.report.pictures import PHOTO_BYTES, thumbnails
from mfh.types import SCALE_PRIOR
from tests.report.scene import room
from tests.report.test_encode import decoded


@pytest.fixture(scope="module")
def payload(room_result):
    return report_payload(room_result)


def test_it_is_json_and_says_what_the_receipt_says(payload, room_result):
    again = json.loads(json.dumps(payload, allow_nan=False))
    assert again["schema"] == "mfh/report/1"
    assert again["depth_m"]["median"] == pytest.approx(room_result.depth_range_m[1])
    assert again["answer"]["level_80"] == pytest.approx(room_result.interval.level_80)
    assert [one["number"] for one in again["landmarks"]] == list(range(len(room_result.landmarks)))
    assert [one["painted"] for one in again["landmarks"]] == [one.painted for one in room_result.landmarks]
    for one, landmark in zip(again["answer"]["landmarks"], room_result.landmarks, strict=True):
        assert one["used"] == (landmark.verdict == "used") and one["reason"] == landmark.reason
        if landmark.implied_scale is not None:
            assert np.exp(one["implied"]) == pytest.approx(room_result.head.scale / landmark.implied_scale)


def test_the_grid_is_the_depth_of_the_answer(payload, room_result):
    depth = EncodedDepth(**payload["depth"])
    assert depth.width * depth.height == pytest.approx(POINTS, rel=0.01)
    metres = np.exp(decoded(depth))
    rows = np.round((np.arange(depth.height) + 0.5) * 480 / depth.height - 0.5).astype(int)
    columns = np.round((np.arange(depth.width) + 0.5) * 640 / depth.width - 0.5).astype(int)
    true = room_result.depth_m[np.ix_(rows, columns)]
    both = np.isfinite(metres) & np.isfinite(true)
    assert both.mean() > 0.9
    assert np.median(np.abs(np.log(metres[both] / true[both]))) < 1e-3
    # The sky has none.
    assert np.isnan(metres[0]).all()


def test_a_small_photo_keeps_its_grid_and_a_large_one_is_thinned():
    assert grid_shape(48, 64) == (48, 64)
    rows, columns = grid_shape(3000, 4000)
    assert rows * columns == pytest.approx(POINTS, rel=0.01) and columns / rows == pytest.approx(4 / 3, rel=0.01)


def test_the_photo_fits_and_thumbnails_show_their_landmark(payload, room_result):
    picture = Image.open(io.BytesIO(base64.b64decode(payload["photo"]["jpeg"])))
    assert picture.size == (payload["photo"]["jpeg_width"], payload["photo"]["jpeg_height"])
    assert len(base64.b64decode(payload["photo"]["jpeg"])) <= PHOTO_BYTES
    for thumb, landmark in zip(thumbnails(room_result), room_result.landmarks, strict=True):
        assert thumb is not None
        left, top, right, bottom = thumb.box
        width, height = Image.open(io.BytesIO(base64.b64decode(thumb.jpeg))).size
        box = landmark.box_xyxy
        if 0 < box[0] and box[2] < 639 and 0 < box[1] and box[3] < 479:
            shape = (right - left) * width / ((bottom - top) * height)
            assert shape == pytest.approx((box[2] - box[0]) / (box[3] - box[1]), rel=0.1)


def test_a_landmark_outside_the_photo_has_no_thumbnail(room_result):
    away = replace(room_result.landmarks[0], box_xyxy=(-500.0, -500.0, -300.0, -200.0))
    assert thumbnails(replace(room_result, landmarks=(away,))) == [None]


def test_the_scale_prior_is_no_thing_in_the_photo(room_result):
    prior = replace(room_result.landmarks[0], evidence="prior", label=SCALE_PRIOR, size_m=2.2, stature_m=None)
    payload: Any = report_payload(replace(room_result, landmarks=(prior, *room_result.landmarks[1:]), basis=None))
    told = payload["landmarks"]
    first, others = told[0], told[1:]
    assert (first["prior"], first["object"], first["kind"], first["size_m"]) == (True, False, SCALE_PRIOR, 2.2)
    assert others and not any(one["prior"] for one in others)


def test_an_answer_that_was_put_together_has_a_report_without_refits(metric_depth):
    payload = report_payload(metric_depth)
    assert payload["by_focal"] == [] and payload["answer"]["level_80"] is None
    assert payload["posteriors"]["counts"] == [1]


@pytest.mark.parametrize("factor", [0.45, 0.83, 1.3, 2.2])
def test_a_focal_length_between_the_rows_gives_what_refit_gives(gathered_room, room_result, factor):
    rows = answers_by_focal(room_result)
    assert len(rows) > 1 and not is_linear(room_result.basis)
    at, knots = np.log(factor), np.log([row.factor for row in rows])
    log_scale = np.interp(at, knots, [np.log(row.head.scale) for row in rows] + knots) - at
    ratio = np.interp(at, knots, [row.head.shift / row.head.scale for row in rows])
    full = refit(gathered_room, focal=FocalRequest(focal_px=gathered_room.photo.camera.fx * factor))
    values = np.percentile(full.relative.valid_values, [10, 50, 90])
    np.testing.assert_allclose(
        np.exp(log_scale) * (values + ratio), full.head.scale * values + full.head.shift, rtol=0.01
    )
    level = [np.interp(at, knots, [row.interval.level_80[k] for row in rows]) for k in (0, 1)]
    np.testing.assert_allclose(level, full.interval.level_80, rtol=0.01)


def test_where_depth_is_proportional_one_row_is_exact():
    gathered = room(relief=False)
    result = refit(gathered)
    (row,) = answers_by_focal(result)
    full = refit(gathered, focal=FocalRequest(focal_px=gathered.photo.camera.fx * 1.7))
    assert row.head.scale / 1.7 == pytest.approx(full.head.scale, rel=1e-9)
    assert row.interval.level_80 == pytest.approx(full.interval.level_80, rel=5e-3)


def test_known_distances_do_not_move_with_the_focal_length(gathered_room):
    known = KnownSizes(distances=(KnownDistance(x=320.0, y=400.0, metres=3.0),))
    result = refit(gathered_room, Request(known=known))
    rows = answers_by_focal(result)
    value = float(result.relative.values[400, 320])
    assert len(rows) > 1
    for row in (rows[0], rows[-1]):
        # The distance along the ray is given, and the ray is steeper with a shorter lens.
        ray = np.hypot(1, (400 - 239.5) / (0.9 * 640 * row.factor))
        assert 1 / (row.head.scale * value + row.head.shift) == pytest.approx(3.0 / ray, rel=1e-4)
    assert "--known-distance=320,400=3m" in command_of(result)


def test_evidence_from_a_file_gives_the_same_report(gathered_room, room_result, tmp_path):
    save_evidence(tmp_path / "evidence.npz", gathered_room)
    here, there = report_payload(room_result), report_payload(refit(load_evidence(tmp_path / "evidence.npz")))
    for key in ("depth", "depth_m", "answer", "by_focal", "posteriors", "warnings"):
        assert here[key] == there[key], key


def test_the_command_quotes_what_a_shell_would_read(room_result):
    photo = replace(room_result.photo, path="a b'; rm -rf x.jpg")
    words = command_of(replace(room_result, photo=photo))
    assert words.startswith("mfh predict 'a b'\"'\"'; rm -rf x.jpg' --preset pocket --seed 3")


def unpacked(text: str, kind: str) -> np.ndarray:
    """Rows of three from the columns that a page reads."""
    return np.frombuffer(gzip.decompress(base64.b64decode(text)), kind).reshape(3, -1).T


def test_a_measured_body_is_sent_to_the_millimetre(payload, room_result):
    bodies = [one["body"] for one in payload["landmarks"]]
    assert [k for k, one in enumerate(bodies) if one] == [0]
    figure = room_result.landmarks[0].figure
    corners = unpacked(bodies[0]["corners"], "<i2") * 1e-3 + bodies[0]["middle"]
    np.testing.assert_allclose(corners, figure.vertices_m, atol=1e-3)
    np.testing.assert_array_equal(unpacked(bodies[0]["faces"], "<u2"), figure.faces)


def test_no_more_bodies_are_sent_than_a_page_bears(room_result):
    one = room_result.landmarks[0]
    crowd = [replace(one, weight=k / 100) for k in range(MOST_BODIES + 5)]
    kept = packed_bodies([replace(crowd[-1], verdict="rejected"), *crowd])
    assert [k for k, body in enumerate(kept) if body is None] == list(range(6))
    huge = replace(one.figure, vertices_m=one.figure.vertices_m * 1000)
    assert packed_bodies([replace(one, figure=huge)]) == [None]


def test_a_body_moves_with_the_focal_length_and_grows_with_the_height_that_is_given(gathered_room, room_result):
    figure, camera = room_result.landmarks[0].figure, room_result.photo.camera
    longer = refit(gathered_room, focal=FocalRequest(focal_px=1.5 * camera.fx)).landmarks[0]
    farther = longer.distance_m - room_result.landmarks[0].distance_m
    assert farther > 1
    np.testing.assert_allclose(longer.figure.vertices_m - figure.vertices_m, [[0, 0, farther]] * 8, atol=1e-4)
    taller = refit(gathered_room, Request(KnownSizes(heights=(KnownHeight(1.87, person=0),)))).landmarks[0]
    np.testing.assert_allclose(taller.figure.vertices_m, figure.vertices_m * 1.1, rtol=1e-4)


def test_thumbnails_show_the_mask(payload, room_result):
    (first, second) = (payload["landmarks"][k]["thumb"] for k in (0, 1))
    assert first["masked"] and not second["masked"]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(first["jpeg"]))), float).mean(2)
    height, width = shown.shape
    left, top, right, bottom = (round(one * side) for one, side in zip(first["box"], (width, height) * 2, strict=True))
    wide = right - left
    # The figure is in the middle half of its box; around it the picture is darker.
    body = shown[top + (bottom - top) // 4 : bottom - 8, left + wide * 3 // 8 : right - wide * 3 // 8]
    assert body.mean() > 1.5 * shown[:, : left + wide // 8].mean()
