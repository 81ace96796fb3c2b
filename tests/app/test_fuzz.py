"""Uploads damaged at random: a result or a 4xx of one line each time, never a 500, and nothing left or outside."""

import base64
import json
import os
import random
import socket

import pytest

from tests.app.live import form, picture
from tests.app.test_limits import bomb

SCALE = float(os.environ.get("FUZZ_SCALE", "1"))
"""1000 uploads with FUZZ_SCALE=10."""
WORDS = [
    "",
    "0",
    "-1",
    "1e999",
    "nan",
    "../../etc/passwd",
    "\0",
    "é" * 40,
    "320,240=2m",
    "10,20:30,40",
    "true",
    "{}",
    "9" * 400,
]
FIELDS = ["focal_35mm", "focal_px", "fov_x_deg", "person_height", "known_distance", "known_length", "known_size",
          "region", "measure", "formats", "report", "people", "seed", "file", "photo", "__class__", ""]  # fmt: skip
NAMES = ["a.jpg", "../../x.png", "\\\\host\\c", "é\u2028.jpg", "." * 300]
VALUES = [None, True, -1, 1e300, "x", [], {}, [[]], "9" * 300, {"a": 1}, [None], 2**70]


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with some replaced, cut out or repeated."""
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(data) + 1), rng.randint(1, 60)
        piece = rng.choice([b"", rng.randbytes(length), data[at : at + length] * 2, b"\r\n", b"--", b"\0" * length])
        data = data[:at] + piece + data[at + rng.choice([0, length]) :]
    return data


def a_form(rng: random.Random, photos: list[bytes]) -> tuple[bytes, str]:
    fields = {rng.choice(FIELDS): rng.choice(WORDS) for _ in range(rng.randint(0, 3))}
    fields.pop("file" if rng.random() < 0.5 else "", None)
    body, kind = form(rng.choice(photos), name=rng.choice(NAMES), **fields)
    if rng.random() < 0.6:
        body = damaged(rng, body)
    if rng.random() < 0.2:
        kind = rng.choice([kind[:-1], "multipart/form-data", "multipart/form-data; boundary=" + "y" * 300, "x/y", ""])
    return body, kind


def a_json(rng: random.Random, photos: list[bytes]) -> tuple[bytes, str]:
    tree: dict[str, object] = {"photo": base64.b64encode(rng.choice(photos)).decode()}
    for _ in range(rng.randint(0, 3)):
        tree[rng.choice([*FIELDS, "name", "id"])] = rng.choice([*WORDS, *VALUES])
    body = json.dumps(tree).encode()
    return damaged(rng, body) if rng.random() < 0.5 else body, "application/json"


def a_question(rng: random.Random, known: str) -> tuple[str, bytes]:
    tree: dict[str, object] = {"id": rng.choice([known, "../" + known, "", known.upper()])}
    for _ in range(rng.randint(0, 3)):
        tree[rng.choice(["start_xy", "end_xy", "exclude", *FIELDS])] = rng.choice(
            [*VALUES, [1, 60], [90, 60], [1e9, 2], ["a", 1]]
        )
    body = json.dumps(tree).encode()
    return rng.choice(["/v1/refit", "/v1/measure"]), damaged(rng, body) if rng.random() < 0.3 else body


@pytest.mark.slow
def test_no_upload_is_a_500(live):
    rng = random.Random(20260)
    photos = [picture(64, 48), picture(64, 48, form="PNG"), bomb(), b"", b"GIF89a", picture(64, 48)[:500]]
    photos += [
        damaged(rng, picture(64, 48, form=kind)) for kind in ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM")
    ]
    measured = live.upload(picture(64, 48)).tree
    seen: dict[int, int] = {}
    for _ in range(round(100 * SCALE)):
        path, headers = "/v1/depth", {}
        kind = rng.random()
        if kind < 0.55:
            body, headers["Content-Type"] = a_form(rng, photos)
        elif kind < 0.8:
            body, headers["Content-Type"] = a_json(rng, photos)
        else:
            path, body = a_question(rng, measured["id"])
        reply = live.ask("POST", path, body, headers)
        seen[reply.status] = seen.get(reply.status, 0) + 1
        assert reply.status == 200 or 400 <= reply.status < 500, (reply.status, reply.body, body[:500])
        assert reply.status == 200 or "\n" not in reply.tree["error"]
        assert str(live.folder) not in reply.body.decode()
    assert seen[200] and seen[422], seen
    assert live.service.work.held == 0
    outside = [one for one in live.folder.iterdir() if not one.name.startswith("mfh-serve-")]
    assert outside == []


@pytest.mark.slow
def test_bytes_that_are_no_http_harm_nothing(live):
    rng = random.Random(7)
    body, kind = form(picture(64, 48))
    head = f"POST /v1/depth HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(round(40 * SCALE)):
        with socket.create_connection(("127.0.0.1", live.port), timeout=5) as raw:
            raw.sendall(damaged(rng, head.encode()) + body)
            raw.shutdown(socket.SHUT_WR)
            first = raw.recv(65536)
        assert b" 500 " not in first[:20], first
    assert live.upload(picture(64, 48), report="false").status == 200
