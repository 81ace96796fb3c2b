import html
import json
import re

import numpy as np
import pytest

from mfh.report.encode import EncodedDepth
from tests.report.clip_scene import FRAMES, HEIGHT, STEP_M, WIDTH, filmed_room
from tests.report.test_encode import decoded
from tests.report.test_page import EVIL


def payload_of(page):
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture(scope="module")
def payload(clip_filmed):
    return payload_of(clip_filmed.page)


def test_depth_of_each_frame_is_that_of_the_zip(payload, clip_filmed):
    assert [one["index"] for one in payload["frames"]] == list(range(FRAMES))
    for one in payload["frames"]:
        metres, true = np.exp(decoded(EncodedDepth(**one["depth"]))), clip_filmed.depth_m(one["index"])
        np.testing.assert_array_equal(np.isnan(metres), np.isnan(true))
        np.testing.assert_allclose(metres, true, rtol=0.01)


def test_a_camera_that_stands_still_has_one(still_filmed):
    payload = payload_of(still_filmed.page)
    assert payload["clip"]["static_camera"] and not payload["followed"]
    assert [one["depth"] for one in payload["frames"]] == [None] * FRAMES
    metres = np.exp(decoded(EncodedDepth(**payload["depth"])))
    np.testing.assert_allclose(metres, still_filmed.depth_m(3), rtol=0.01)


def test_tracks_are_those_of_the_receipt_with_times_and_places(payload, clip_filmed):
    receipt = clip_filmed.written.receipt
    assert receipt["files"]["report"] == "report.html" and "report.html" in receipt["contents"]
    assert [one["verdict"] for one in payload["tracks"]] == [one["verdict"] for one in receipt["clip"]["tracks"]]
    camera = clip_filmed.result.photo.camera
    for one, track in zip(payload["tracks"], receipt["clip"]["tracks"], strict=True):
        assert one["kind"] == ("person" if track["label"] == "person" else "object")
        assert [each["frame"] for each in one["sightings"]] == track["frames"]
        assert [each["seconds"] for each in one["sightings"]] == pytest.approx(
            [each / 30 for each in track["frames"]], abs=1e-3
        )
        for each in one["sightings"]:
            if each["distance_m"] is None:
                assert one["verdict"] == "rejected" and each["place"] is None
                continue
            x, y, z = each["place"]
            middle = (each["box"][0] + each["box"][2]) / 2
            assert z == pytest.approx(each["distance_m"], abs=2e-3)
            # The camera has moved to the right since the first frame.
            assert camera.fx * (x - STEP_M * each["frame"]) / z + camera.cx == pytest.approx(middle, abs=0.5)
    rejected = next(one for one in payload["tracks"] if one["verdict"] == "rejected")
    assert rejected["reason"] == "too small: 12 px"


def test_the_path_is_that_of_the_poses(payload):
    places = np.array(payload["path"]["places"])
    np.testing.assert_allclose(places, [[STEP_M * k, 0, 0] for k in range(FRAMES)], atol=1e-4)
    assert payload["frames"][2]["camera"] == [[2 * STEP_M, 0, 0], [0, 0, 1]]


def test_the_page_is_the_scale_of_the_result(payload, clip_filmed):
    result = clip_filmed.result
    assert payload["answer"]["level_80"] == pytest.approx(result.interval.level_80)
    assert payload["command"] == "mfh video walk --report"
    assert (payload["photo"]["width"], payload["photo"]["height"]) == (WIDTH, HEIGHT)
    low, high = result.interval.level_80
    assert f"Depth in metres, {low - 1:+.0%} to {high - 1:+.0%} with 80 % probability" in clip_filmed.page


def test_without_being_asked_for_there_is_no_page(tmp_path):
    filmed = filmed_room(tmp_path, report=False)
    assert not (filmed.written.folder / "report.html").exists()
    assert filmed.written.receipt["files"] == {}


def test_its_policy_admits_its_own_script_and_style_alone(clip_filmed):
    page = clip_filmed.page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None and policy[1].startswith("default-src 'none'; ") and "unsafe" not in policy[1]
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"\son\w+=", markup) and "http" not in markup.replace("http-equiv", "")
    assert page.count("<script") == page.count("</script>") == 2


def test_a_hostile_name_is_text(tmp_path):
    name = EVIL.replace("/", "")
    page = filmed_room(tmp_path, name=name).page
    assert name not in page and html.escape(name) in page
    assert payload_of(page)["photo"]["name"] == name
