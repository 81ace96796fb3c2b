"""The command in a process of its own: the real models, the client of the examples, a signal, nothing left."""

import http.client
import importlib.util
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mfh.cli.main import main
from tests.app.live import form, picture, wait_for

REPOSITORY = Path(__file__).resolve().parents[2]
PHOTO = REPOSITORY / "src" / "mfh" / "examples" / "room" / "rgb.png"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--port", "70000"], "--port is 70000: expected 0 to 65535"),
        (["--host", "203.0.113.1"], "cannot serve at 203.0.113.1:8000"),
        (["--token", "short"], "--token: expected 16 letters or more"),
        (["--keep", "0"], "--keep is 0"),
        (["--queue", "-1"], "--queue is -1"),
        (["--limit-mb", "nan"], "--limit-mb is nan"),
        (["--port", "0", "--preset", "none"], "unknown preset 'none'"),
    ],
)
def test_what_cannot_be_served_is_one_line(words, expected, capfd):
    assert main(["serve", *words]) == 2
    line = capfd.readouterr().err
    assert line.startswith("mfh: ") and expected in line and line.count("\n") == 1


@pytest.mark.parametrize(("command", "missing"), [("serve", "uvicorn"), ("app", "gradio")])
def test_without_the_extra_its_command_is_named(command, missing, monkeypatch, capfd):
    there = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else there(name))
    assert main([command, "--port", "0"]) == 2
    assert "pip install 'metric-from-human[app]'" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_command_serves_the_client_and_stops_at_a_signal(host, tmp_path, capsys):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    environment.pop("MFH_TOKEN", None)
    command = [sys.executable, "-m", "mfh", "serve", "--port", "0", "--host", host]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            (port,) = re.findall(r"at http://[\d.]+:(\d+)$", server.stdout.readline().strip())
            token = ""
            if host != "127.0.0.1":
                (token,) = re.findall(r"^token: (\S+) ", server.stdout.readline())
            client = runpy.run_path(str(REPOSITORY / "examples" / "08_client.py"))
            address = f"http://127.0.0.1:{port}"
            if token:
                with pytest.raises(SystemExit, match="Bearer TOKEN"):
                    client["main"](PHOTO, tmp_path / "out", address, "x" * 20)
            client["main"](PHOTO, tmp_path / "out", address, token)
        finally:
            server.send_signal(signal.SIGTERM)
            _, log = server.communicate(timeout=60)
    assert server.returncode == 0 and log.endswith("stopped\n") and "POST /v1/depth 200" in log
    assert list(temporary.iterdir()) == [], "something was left"
    text = capsys.readouterr().out
    median_m = float(re.findall(r"([\d.]+) m median", text)[0])
    assert 4 < median_m < 7 and re.search(r"^\S+ m \(", text, re.MULTILINE) or " m" in text.splitlines()[-1]
    assert {one.name for one in (tmp_path / "out").iterdir()} >= {"depth.npz", "report.html", "receipt.json"}


@pytest.mark.slow
def test_a_second_signal_ends_at_once_and_leaves_nothing(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    code = (
        "import sys, threading\n"
        "from mfh.app.run import Server, bound_socket\n"
        "from mfh.app.server import Limits, make_service\n"
        "from tests.app.live import StandIn\n"
        "forever = StandIn(before=lambda _: (print('begun', flush=True), threading.Event().wait()))\n"
        "listening = bound_socket('127.0.0.1', 0)\n"
        "print(listening.getsockname()[1], flush=True)\n"
        "Server(make_service(forever, Limits()), listening).run_here()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        body, kind = form(picture())
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
            head = f"POST /v1/depth HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
            raw.sendall(f"{head}\r\n\r\n".encode() + body)
            assert server.stdout.readline() == "begun\n"
            server.send_signal(signal.SIGTERM)
            wait_for(lambda: health(port) == 503)
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=60) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def health(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/healthz")
    return connection.getresponse().status
