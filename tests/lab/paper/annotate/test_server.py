"""The annotation page by way of HTTP: what it serves, what it writes, and what it does not let in."""

import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from mfh.errors import InputError
from mfh_lab.paper.annotate import server as serving_code
from mfh_lab.paper.annotate.server import Annotations, make_server
from mfh_lab.paper.annotate.shots import Shot, read_shots, write_shots


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


SHOT = json.dumps({"photo": 0, "angle": "low", "distance": "wide"}).encode()


def raw(address, request, *, hang_up=False):
    """Send bytes; return the status line, empty where there is none."""
    port = int(address.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        if hang_up:
            return b""
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.makefile("rb").readline()
        except ConnectionError:
            return b""


def request(address, body=SHOT, *, method="POST", place="shot", length=None, host=None, more=()):
    root, path = address.split("/", 3)[2], "/" + address.split("/", 3)[3]
    lines = [f"{method} {path}{place} HTTP/1.1", f"Host: {host or root}", *more]
    if length != "":
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@pytest.mark.slow
def test_no_request_leaves_a_trace_or_ends_the_server(tmp_path, capfd):
    out = tmp_path / "shots.csv"
    with serving(out) as (_, address):
        for length in ("-1", "9" * 5000, "1e3", "", "+5", "0x10", "5, 6", "\xb2", "4097", "99999999999999999999", " "):
            status = raw(address, request(address, length=length))
            assert status.split()[1][:1] == b"4", (length, status)
        for body in (b"", b"\xff\xfe", b"[" * 4000, b"{", b"null", b"3", b"[]", b'{"photo": 1e999}', SHOT[:-3],
                     b'{"photo": ' + b"9" * 3000 + b"}", b'{"photo": true, "angle": "low", "distance": "wide"}',
                     b'{"photo": 0.0, "angle": "low", "distance": "wide"}', b'{"photo": -1, "angle": "low"}',
                     b'{"photo": null, "angle": {}, "distance": []}', b'{"photo": NaN}', b"\0" * 100):  # fmt: skip
            assert raw(address, request(address, body)).split()[1] == b"400", body
        for number in ("9" * 5000, "\xb2", "1_0", "+1", "0x0", "%30", "-0", " 0", "true"):
            status = raw(address, request(address, b"", method="GET", place=f"photo/{number}"))
            assert status.split()[1][:1] == b"4", (number, status)
        for method in ("PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH"):
            assert raw(address, request(address, method=method)).split()[1] == b"405"
        for nonsense in (b"", b"\r\n\r\n", b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"x" * 100_000,
                         b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
                         b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n"):  # fmt: skip
            assert raw(address, nonsense)[:5] in (b"", b"HTTP/", b"<!DOC"), nonsense
        raw(address, request(address, length="4000"), hang_up=True)
        raw(address, request(address, b"", method="GET", place=""), hang_up=True)
        time.sleep(0.2)
        assert raw(address, request(address)).split()[1] == b"204"
    assert read_shots(out) == {"a": Shot("low", "wide")}
    assert capfd.readouterr() == ("", "")


def test_only_its_own_page_is_answered(tmp_path):
    with serving(tmp_path / "shots.csv") as (_, address):
        own = address.split("/")[2]
        for host in (
            "evil.example",
            f"evil.example:{own.split(':')[1]}",
            "127.0.0.1.evil.example",
            "[::1]",
            ":80",
            " ",
        ):
            assert raw(address, request(address, host=host)).split()[1] == b"403"
            assert raw(address, request(address, b"", method="GET", place="", host=host)).split()[1] == b"403"
        for origin in ("http://evil.example", "null", f"https://{own}", "http://127.0.0.1:1"):
            assert raw(address, request(address, more=(f"Origin: {origin}",))).split()[1] == b"403"
        assert raw(address, request(address, host="localhost:8000")).split()[1] == b"204", (
            "a port forwarded from another"
        )
        for more in ((), (f"Origin: http://{own}",)):
            assert raw(address, request(address, more=more)).split()[1] == b"204"
        local = f"localhost:{own.split(':')[1]}"
        assert raw(address, request(address, host=local, more=(f"Origin: http://{local}",))).split()[1] == b"204"


@pytest.mark.slow
def test_a_slow_request_keeps_nobody_waiting(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(serving_code, "_PATIENCE_S", 0.3)
    with serving(tmp_path / "shots.csv") as (_, address):
        port = int(address.split(":")[2].split("/")[0])
        slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(20)]
        for number, connection in enumerate(slow):
            connection.sendall(request(address)[: -5 if number % 2 else 20])
        begin = time.monotonic()
        assert ask(f"{address}shot", {"photo": 2, "angle": "low", "distance": "wide"})[0] == 204
        assert time.monotonic() - begin < 5
        for connection in slow:
            # Hung up on, without an answer.
            assert connection.recv(100) == b""
            connection.close()
    assert read_shots(tmp_path / "shots.csv") == {"c/d": Shot("low", "wide")}
    assert capfd.readouterr() == ("", "")


def test_a_picture_that_fails_in_any_way_is_one_reply(tmp_path, monkeypatch):
    monkeypatch.setitem(PHOTOS, "b", lambda: 1 / 0)
    with serving(tmp_path / "shots.csv") as (_, address):
        assert ask(f"{address}photo/1") == (500, b"ZeroDivisionError: division by zero")
        assert ask(f"{address}photo/0")[0] == 200


@pytest.mark.parametrize("text", ["photo,angle,distance,notes\na,low,wide,mine\n",
                                  "photo,angle,distance\na,low,wide,mine\n",
                                  "photo,angle,distance,distance\na,low,wide,wide\n", "mine\n", ""])  # fmt: skip
def test_a_file_of_the_users_own_is_not_taken_over(tmp_path, text):
    out = tmp_path / "shots.csv"
    out.write_text(text)
    with pytest.raises(InputError, match=r"shots\.csv") as caught:
        Annotations(PHOTOS, out)
    assert "\n" not in str(caught.value) and out.read_text() == text
