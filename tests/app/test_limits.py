"""What the server refuses, and that each refusal is one line of JSON with a status that fits."""

import base64
import io
import json
import socket
import struct
import threading
import time
import zlib

import pytest
from PIL import Image

from mfh.app.jobs import photo_name
from mfh.app.server import Limits
from mfh.app.store import PREFIX, Store, sweep_left_over
from mfh.errors import BackendError
from mfh.scale.known_sizes import KnownSizes
from tests.app.live import Endless, StandIn, form, live_server, picture, wait_for

TOKEN = "a-token-of-enough-letters"


def error_of(reply) -> str:
    """The one line of a failure."""
    assert reply.status >= 400 and set(reply.tree) <= {"error", "tried"}, reply.body
    assert reply.headers["content-type"] == "application/json"
    line = reply.tree["error"]
    assert line and "\n" not in line and "Traceback" not in line
    return line


def bomb() -> bytes:
    """A PNG of 40000x40000 pixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (b"hello, no picture", "is not a picture"),
        (picture()[:400], "damaged"),
        (bomb(), "megapixels"),
        (picture(20, 20), "expected at least 32"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not a picture"),
    ],
)
def test_a_bad_file_is_one_line_with_its_name(live, data, expected):
    reply = live.upload(data, name="my photo.jpg")
    line = error_of(reply)
    assert reply.status == 422 and expected in line and line.startswith("my photo.jpg")
    assert str(live.folder) not in line


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"focal_35mm": "wide"}, "focal_35mm: input should be a valid number"),
        ({"focal_35mm": "26", "focal_px": "900"}, "focal_px and focal_35mm are both given"),
        ({"focal_px": "nan"}, "focal_px"),
        ({"known_distance": "10;20=3"}, "known_distance is '10;20=3': expected X,Y=DISTANCE"),
        ({"known_distance": "1000,20=3m"}, "outside"),
        ({"person_height": "9"}, "person_height is '9'"),
        ({"people": "some"}, "people"),
        ({"seed": "-1"}, "seed"),
        ({"seed": ["1", "2"]}, "seed"),
        ({"formats": "docx"}, "format 'docx' is unknown: expected npz"),
        ({"colour": "red"}, "unknown field colour: expected focal_35mm"),
        ({"measure": "1,1:1,1"}, "two different pixels"),
        ({"region": "0,0:0,9"}, "rectangle"),
        ({"known_length": "x" * 300}, "known_length"),
    ],
)
def test_a_bad_option_is_one_line_with_its_field(live, fields, expected):
    reply = live.upload(picture(), **fields)
    assert reply.status == 422 and expected in error_of(reply)


@pytest.mark.parametrize(
    ("kind", "body", "status", "expected"),
    [
        ("text/plain", b"hello", 415, "content type"),
        ("multipart/form-data", b"hello", 422, "boundary"),
        ("multipart/form-data; boundary=x", b"hello", 422, "multipart"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="seed"\r\n\r\n1\r\n--x--',
            422,
            "",
        ),
        ("application/json", b"{", 422, "not JSON"),
        ("application/json", b"[" * 100_000, 422, "nested"),
        ("application/json", b"\xff\xfe", 422, "not JSON"),
        ("application/json", b'{"photo": "%%%"}', 422, "base64"),
        ("application/json", b'{"name": "x"}', 422, "photo: field required"),
        ("application/json", b"[1]", 422, "valid dictionary"),
        ("application/json", b'{"photo": "", "focal_px": 1e999}', 422, ""),
    ],
)
def test_a_bad_body_is_one_line(live, kind, body, status, expected):
    reply = live.ask("POST", "/v1/depth", body, {"Content-Type": kind})
    assert reply.status == status and expected in error_of(reply)


def test_too_large_a_body_is_413_told_by_its_length_and_while_it_is_read(live):
    large = b"x" * 3_000_000
    assert live.upload(large).status == 413
    assert live.post("/v1/refit", {"id": "a" * 1_200_000}).status == 413
    with socket.create_connection(("127.0.0.1", live.port), timeout=30) as raw:
        head = "POST /v1/depth HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        raw.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(30):
            raw.sendall(b"186a0\r\n" + b" " * 100_000 + b"\r\n")
        raw.sendall(b"0\r\n\r\n")
        assert b" 413 " in raw.recv(4096)
    assert live.service.work.held == 0


@pytest.mark.parametrize(
    "path",
    [
        "/v1/results/../../etc/passwd",
        "/v1/results/{id}/..%2F..%2Fetc%2Fpasswd",
        "/v1/results/{id}/%2e%2e/x",
        "/v1/results/{id}/.results.lock",
        "/v1/results/{id}/depth.npz%00",
        "/v1/results/..%2F{id}/depth.npz",
        "/v1/results/{id}%2F/depth.npz",
        "/v1/results//depth.npz",
        "//etc/passwd",
        "/docs",
    ],
)
def test_no_path_leads_out_of_the_results(live, path):
    measured = live.upload(picture(), report="false").tree
    reply = live.ask("GET", path.replace("{id}", measured["id"]))
    assert reply.status == 404 and error_of(reply)


def test_names_of_photos_are_their_last_part_in_one_line():
    assert photo_name("../../etc/passwd") == "passwd" and photo_name("C:\\me\\a.jpg") == "a.jpg"
    assert photo_name("..") == photo_name("") == photo_name(None) == photo_name("/") == "photo"
    assert len(photo_name("x" * 500)) == 80 and "\n" not in photo_name("a\nb") and "\0" not in photo_name("a\0b")


def test_a_token_is_needed_and_health_is_open(tmp_path, monkeypatch):
    limits = Limits(token=TOKEN, max_bytes=2_000_000)
    with live_server(tmp_path / "t", monkeypatch, limits=limits) as live:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": TOKEN},
            {"Authorization": "Bearer \xe9"},
        ):
            for reply in (live.upload(picture(400, 300), headers), live.ask("GET", "/metrics", headers=headers)):
                assert reply.status == 401 and "Bearer" in error_of(reply)
        assert live.ask("GET", "/healthz").status == 200
        assert live.upload(picture(), {"Authorization": f"Bearer {TOKEN}"}).status == 200
        assert live.models.asked and len(live.models.asked) == 1


def test_pages_of_other_sites_are_refused(live):
    assert live.ask("GET", "/metrics", headers={"Host": "evil.example"}).status == 403
    assert live.upload(picture(), {"Origin": "https://evil.example"}).status == 403
    assert live.ask("GET", "/metrics", headers={"Host": f"localhost:{live.port}"}).status == 200


def test_more_than_the_queue_is_429_and_every_place_comes_back(live):
    begun, go_on = threading.Event(), threading.Event()

    def hold(_):
        begun.set()
        go_on.wait(30)

    live.models.before = hold
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(live.upload(picture(600, 400), report=False)))]
    threads[0].start()
    begun.wait(30)
    threads += [threading.Thread(target=lambda: replies.append(live.upload(picture(), report=False))) for _ in range(9)]
    for one in threads[1:]:
        one.start()
    wait_for(lambda: len(replies) == 7)
    assert all(one.status == 429 and int(one.headers["retry-after"]) >= 1 and error_of(one) for one in replies)
    go_on.set()
    for one in threads:
        one.join()
    assert sorted(one.status for one in replies) == [200] * 3 + [429] * 7
    wait_for(lambda: live.service.work.held == 0)


def test_too_long_a_request_is_504_and_its_job_ends_at_its_next_step(tmp_path, monkeypatch):
    ended = threading.Event()

    def slow(progress):
        try:
            for _ in range(1000):
                time.sleep(0.02)
                progress("people", 0.3)
        finally:
            ended.set()

    limits = Limits(time_limit_s=0.5, queue=0, max_bytes=2_000_000)
    with live_server(tmp_path / "t", monkeypatch, limits=limits, models=StandIn(before=slow)) as live:
        reply = live.upload(picture())
        assert reply.status == 504 and "0.5 s" in error_of(reply)
        assert ended.wait(5)
        wait_for(lambda: live.service.work.held == 0)
        assert live.files() == set()


def test_a_client_that_goes_away_frees_its_place(live):
    live.models.before = job = Endless()
    body, kind = form(picture())
    with socket.create_connection(("127.0.0.1", live.port)) as raw:
        head = (
            f"POST /v1/depth HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        raw.sendall(head.encode() + body)
        assert job.begun.wait(30)
    assert job.ended.wait(30)
    wait_for(lambda: live.service.work.held == 0)


def test_a_body_that_never_ends_is_408(tmp_path, monkeypatch):
    limits = Limits(time_limit_s=0.4, max_bytes=2_000_000)
    with live_server(tmp_path / "t", monkeypatch, limits=limits) as live:
        with socket.create_connection(("127.0.0.1", live.port), timeout=60) as raw:
            raw.sendall(b"POST /v1/measure HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.8)
            raw.sendall(b" " * 99)
            assert b" 408 " in raw.recv(4096)
        wait_for(lambda: live.service.work.held == 0)


def test_a_stop_finishes_what_runs_and_refuses_what_waits_and_comes(tmp_path, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def hold(_):
        begun.set()
        go_on.wait(30)

    with live_server(tmp_path / "t", monkeypatch, models=StandIn(before=hold)) as live:
        replies = {}
        running = threading.Thread(target=lambda: replies.update(running=live.upload(picture())))
        running.start()
        begun.wait(30)
        waiting = threading.Thread(target=lambda: replies.update(waiting=live.upload(picture())))
        waiting.start()
        wait_for(lambda: live.service.work.held == 2)
        time.sleep(0.1)
        live.server.handle_exit(15, None)
        assert live.upload(picture()).status == 503
        assert live.ask("GET", "/healthz").status == 503
        waiting.join()
        assert replies["waiting"].status == 503 and "stops" in error_of(replies["waiting"])
        go_on.set()
        running.join()
        assert replies["running"].status == 200
        live.thread.join(30)


def test_faults_are_a_line_without_a_path_or_a_traceback(live, capfd):
    def fault(_):
        raise RuntimeError(f"a secret in {live.folder}")

    live.models.before = fault
    reply = live.upload(picture())
    assert reply.status == 500 and "RuntimeError" in error_of(reply) and "secret" not in error_of(reply)

    def backend(_):
        raise BackendError(f"no model in {live.folder}")

    live.models.before = backend
    reply = live.upload(picture())
    assert reply.status == 503 and str(live.folder) not in error_of(reply)
    logged = capfd.readouterr()
    assert "secret" not in logged.out + logged.err and "Traceback" not in logged.out + logged.err
    live.models.before = lambda _: None
    assert live.upload(picture()).status == 200


def test_a_full_disk_is_503(live, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "/secret/path")

    monkeypatch.setattr("mfh.viz.save.write_formats", full)
    reply = live.upload(picture())
    assert reply.status == 503 and "secret" not in error_of(reply)
    assert live.files() == set()


def test_results_go_when_their_time_is_over_or_there_are_too_many(tmp_path, monkeypatch):
    now = [0.0]
    store = Store(keep_s=100.0, most=3, clock=lambda: now[0])
    with live_server(tmp_path / "t", monkeypatch, store=store) as live:
        made = [live.upload(picture(), report="false").tree for _ in range(4)]
        found = [live.ask("GET", one["links"]["depth"]).status for one in made]
        assert found == [404, 200, 200, 200]
        assert not [one for one in live.files() if made[0]["id"] in one]
        now[0] = 101.0
        assert live.ask("GET", made[3]["links"]["depth"]).status == 404
        store.sweep()
        assert live.files() == set() and store.count == 0


def test_too_many_bytes_go_too_but_never_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = Store(keep_s=100.0, most_bytes=10)
    store.open()
    for _ in range(2):
        folder = store.new_folder()
        folder.mkdir()
        (folder / "receipt.json").write_text("x" * 20)
        store.add(folder, {"contents": {}}, known=KnownSizes())
    assert store.count == 1 and store.size == 20
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_what_killed_servers_left_is_swept_and_what_runs_is_not(tmp_path, monkeypatch):
    import os

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    running = Store(keep_s=10.0)
    running.open()
    left = tmp_path / f"{PREFIX}left"
    (left / "results" / "abc").mkdir(parents=True)
    (left / "results" / "abc" / "depth.npz").write_bytes(b"x")
    (tmp_path / "other").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "other")
    sweep_left_over(tmp_path)
    assert left.exists(), "too young"
    for one in tmp_path.iterdir():
        os.utime(one, (1, 1), follow_symlinks=False)
    sweep_left_over(tmp_path)
    assert not left.exists() and running.root.exists() and (tmp_path / "other").exists()
    running.close()


def test_a_picture_in_json_is_read_as_in_a_form(live):
    stream = io.BytesIO()
    Image.new("L", (64, 64)).save(stream, "PNG")
    reply = live.post("/v1/depth", {"photo": base64.b64encode(stream.getvalue()).decode(), "report": False})
    assert reply.status == 200 and json.loads(reply.body)["receipt"]["photo"] == "photo"
