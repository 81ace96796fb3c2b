"""Results, files, refits and lengths over HTTP are those of the library."""

import base64
import io
import json

import numpy as np
import pytest

from mfh import (
    FocalRequest,
    KnownDistance,
    KnownHeight,
    KnownSizes,
    NoLandmarkError,
    Request,
    Segment,
    load_evidence,
    refit,
)
from mfh.app.schema import Answer, Failure, Length
from mfh.io.results import check_results
from tests.app.live import picture
from tests.app.test_limits import error_of


@pytest.fixture
def measured(live):
    reply = live.upload(picture(), measure="10,60:80,60")
    assert reply.status == 200, reply.body
    return reply.tree


def test_a_photo_becomes_files_and_a_receipt(live, measured):
    answer = Answer.model_validate(measured)
    assert set(answer.links) == {"depth", "depth_millimetres", "preview", "evidence", "report", "receipt"}
    receipt = live.ask("GET", answer.links["receipt"]).tree
    assert receipt == measured["receipt"] and receipt["photo"] == "photo.jpg"
    assert receipt["size"] == {"width": 96, "height": 72}
    with np.load(io.BytesIO(live.ask("GET", answer.links["depth"]).body)) as arrays:
        assert float(np.nanmedian(arrays["depth_m"])) == pytest.approx(receipt["depth_m"]["median"], rel=1e-2)
    page = live.ask("GET", answer.links["report"])
    assert page.headers["content-type"].startswith("text/html") and b"<html" in page.body
    assert page.headers["x-content-type-options"] == "nosniff"


def test_results_are_whole_and_hold_no_path_of_the_server(live, measured):
    (folder,) = [one.parent for one in live.folder.rglob("receipt.json")]
    assert check_results(folder).problems == ()
    for path in folder.iterdir():
        assert str(live.folder).encode() not in path.read_bytes(), path.name
    assert str(live.folder) not in json.dumps(measured)


def test_json_and_multipart_are_the_same_request(live):
    options = {"focal_35mm": 26, "known_distance": ["48,60=2m"], "people": "only", "seed": 7, "formats": ["npz", "ply"]}
    by_form = live.upload(picture(), **options)
    photo = base64.b64encode(picture()).decode()
    by_json = live.post("/v1/depth", {"photo": photo, "name": "a/b\\c.jpg", **options})
    assert by_form.status == by_json.status == 200, by_json.body
    one, other = by_form.tree["receipt"], by_json.tree["receipt"]
    assert one["head"] == other["head"] and one["known_sizes"] == other["known_sizes"] and one["known_sizes"]
    assert other["photo"] == "c.jpg" and set(by_json.tree["links"]) >= {"depth", "cloud_ply"}
    for photo, request, people, seed in live.models.asked:
        assert photo.focal.source == "explicit" and (people, seed) == ("only", 7)
        assert request.known == KnownSizes(distances=(KnownDistance(48.0, 60.0, 2.0),))


def test_a_length_is_that_of_measure(live, measured):
    (expected,) = measured["receipt"]["lengths"]
    reply = live.post("/v1/measure", {"id": measured["id"], "start_xy": [10, 60], "end_xy": [80, 60]})
    assert reply.status == 200, reply.body
    Length.model_validate(reply.tree)
    assert {key: reply.tree[key] for key in expected} == expected
    assert " m" in reply.tree["text"]


def test_a_length_in_the_sky_has_no_depth(live, measured):
    tree = live.post("/v1/measure", {"id": measured["id"], "start_xy": [10, 0], "end_xy": [80, 60]}).tree
    assert tree["metres"] is None and tree["level_80_m"] == [None, None]


def test_what_was_given_counts_in_lengths_too(live):
    given = live.upload(picture(), known_distance="48,60=1m", measure="10,60:80,60").tree
    again = live.post("/v1/measure", {"id": given["id"], "start_xy": [10, 60], "end_xy": [80, 60]}).tree
    assert again["metres"] == pytest.approx(given["receipt"]["lengths"][0]["metres"])


def test_a_refit_is_mfh_refit(live, measured):
    reply = live.post("/v1/refit", {"id": measured["id"], "focal_35mm": 40, "exclude": [1], "person_height": 1.8})
    assert reply.status == 200, reply.body
    (evidence,) = live.folder.rglob(f"{measured['id']}/evidence.npz")
    known = KnownSizes(heights=(KnownHeight(1.8),))
    expected = refit(load_evidence(evidence), Request(known=known), focal=FocalRequest(focal_35mm=40.0), exclude=[1])
    assert reply.tree["receipt"]["head"]["scale"] == pytest.approx(expected.head.scale)
    assert reply.tree["id"] != measured["id"]
    length = live.post("/v1/measure", {"id": reply.tree["id"], "start_xy": [10, 60], "end_xy": [80, 60]}).tree
    request = Request(known=known, lengths=(Segment((10.0, 60.0), (80.0, 60.0)),))
    (same,) = refit(load_evidence(evidence), request, focal=FocalRequest(focal_35mm=40.0), exclude=[1]).lengths
    assert length["metres"] == pytest.approx(same.metres)


def test_a_removed_result_is_gone_and_its_refit_stays(live, measured):
    again = live.post("/v1/refit", {"id": measured["id"]}).tree
    assert live.ask("DELETE", f"/v1/results/{measured['id']}").status == 204
    for reply in (
        live.ask("DELETE", f"/v1/results/{measured['id']}"),
        live.ask("GET", measured["links"]["depth"]),
        live.post("/v1/refit", {"id": measured["id"]}),
        live.post("/v1/measure", {"id": measured["id"], "start_xy": [1, 60], "end_xy": [9, 60]}),
    ):
        assert reply.status == 404 and "no such result" in error_of(reply)
    assert live.post("/v1/refit", {"id": again["id"]}).status == 200
    assert not [one for one in live.files() if measured["id"] in one]


def test_the_description_has_every_route_and_real_schemas(live):
    tree = live.ask("GET", "/openapi.json").tree
    assert set(tree["paths"]) >= {"/v1/depth", "/v1/refit", "/v1/measure", "/v1/results/{id}/{file}", "/healthz"}
    content = tree["paths"]["/v1/depth"]["post"]["requestBody"]["content"]
    assert {"file", "focal_35mm", "known_distance"} <= set(content["multipart/form-data"]["schema"]["properties"])
    assert {"photo", "name", "seed"} <= set(content["application/json"]["schema"]["properties"])
    assert {"Answer", "Receipt", "Length", "Failure"} <= set(tree["components"]["schemas"])
    assert "$defs" not in json.dumps(tree["paths"])


def test_health_and_metrics(live, measured):
    assert live.ask("GET", "/healthz").tree["status"] == "ok"
    live.upload(b"no picture")
    text = live.ask("GET", "/metrics").body.decode()
    assert 'mfh_requests_total{route="/v1/depth",status="200"} 1' in text
    assert 'mfh_requests_total{route="/v1/depth",status="422"} 1' in text
    assert "\nmfh_results 1\n" in text and "process_resident_memory_bytes" in text
    values = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(float(line.rpartition(" ")[2]) >= 0 for line in values)


def test_a_photo_without_scale_says_what_was_tried(live):
    def nothing(_):
        raise NoLandmarkError("no person was found", tried=("people in the photo: 0",))

    live.models.before = nothing
    reply = live.upload(picture())
    assert reply.status == 422 and Failure.model_validate(reply.tree).tried == ["people in the photo: 0"]
