"""The annotation page by way of HTTP: what it serves, what it writes, and what it does not let in."""

import json
import re
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from mfh.errors import InputError
from mfh.evaluation.annotate.server import Annotations, make_server
from mfh.evaluation.annotate.shots import Shot, read_shots, write_shots


def broken():
    raise InputError("b.jpg is damaged")


PHOTOS = {"a": lambda: b"jpeg of a", "b": broken, "c/d": lambda: b"jpeg of d"}


@contextmanager
def serving(out):
    annotations = Annotations(PHOTOS, out)
    server, address = make_server(annotations)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield annotations, address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(address, body=None):
    try:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(address, data=data), timeout=10) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_every_click_is_in_the_file_at_once_and_what_was_there_stays(tmp_path):
    out = tmp_path / "shots.csv"
    write_shots(out, {"elsewhere": Shot("low", "wide"), "a": Shot("low", "wide")})
    with serving(out) as (annotations, address):
        assert annotations.done == 1
        assert ask(f"{address}shot", {"photo": 2, "angle": "high", "distance": "close-up"})[0] == 204
        assert read_shots(out)["c/d"] == Shot("high", "close-up") and annotations.done == 2
        assert ask(f"{address}shot", {"photo": 0, "angle": "level", "distance": "medium"})[0] == 204
        assert read_shots(out) == {
            "elsewhere": Shot("low", "wide"), "a": Shot("level", "medium"), "c/d": Shot("high", "close-up")
        }  # fmt: skip


def test_the_page_knows_the_photos_and_what_is_done(tmp_path):
    out = tmp_path / "shots.csv"
    write_shots(out, {"elsewhere": Shot("low", "wide"), "a": Shot("low", "wide")})
    with serving(out) as (_, address):
        status, page = ask(address)
        assert status == 200
        data = json.loads(re.search(r'id="data">(.*?)</script>', page.decode(), re.S)[1])
        assert data["photos"] == ["a", "b", "c/d"] and data["shots"] == {"a": ["low", "wide"]}
        assert ask(f"{address}photo/2") == (200, b"jpeg of d")
        status, reason = ask(f"{address}photo/1")
        assert status == 500 and b"b.jpg is damaged" in reason


def test_nothing_is_served_outside_the_secret_path_and_nothing_wrong_is_written(tmp_path):
    out = tmp_path / "shots.csv"
    with serving(out) as (_, address):
        root = address.rsplit("/", 2)[0]
        for place in ("", "/", "/photo/0", "/guess/photo/0", "/../../etc/passwd"):
            assert ask(root + place)[0] == 404
        assert ask(f"{root}/shot", {"photo": 0, "angle": "low", "distance": "wide"})[0] == 404
        for body in (
            {"photo": 3, "angle": "low", "distance": "wide"},
            {"photo": "a", "angle": "low", "distance": "wide"},
            {"photo": 0, "angle": "odd", "distance": "wide"},
            {"photo": 0, "angle": ["low"], "distance": "wide"},
            [1],
            b"{",
            b"x" * 5000,
        ):
            assert ask(f"{address}shot", body)[0] == 400, body
        for number in ("3", "-1", "x", "../a"):
            assert ask(f"{address}photo/{number}")[0] == 404
        assert address.startswith("http://127.0.0.1:") and not out.exists()


def test_two_servers_have_different_secrets_and_a_taken_port_is_one_line(tmp_path):
    first, one = make_server(Annotations(PHOTOS, tmp_path / "s.csv"))
    with first:
        second, two = make_server(Annotations(PHOTOS, tmp_path / "s.csv"))
        second.server_close()
        assert one.split("/")[3] != two.split("/")[3] and len(one.split("/")[3]) >= 20
        with pytest.raises(InputError, match="cannot be listened on"):
            make_server(Annotations(PHOTOS, tmp_path / "s.csv"), port=first.server_address[1])


def test_there_must_be_a_photo(tmp_path):
    with pytest.raises(InputError, match="no photo to annotate"):
        Annotations({}, tmp_path / "s.csv")
