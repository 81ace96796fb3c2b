"""Photos from a server like S3, and results to it: the bytes of a folder, killed or not; what is wrong is one line."""

import importlib.util
import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from mfh.batch.rows import VARIABLE
from tests.batch.stub import picture

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ROOT / "build" / "s3"
pytest.importorskip("pyarrow")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PACKAGES.is_dir() and not all(map(importlib.util.find_spec, ("s3fs", "moto", "flask_cors"))),
        reason="no server like S3: pip install --target build/s3 -r tests/batch/s3.txt",
    ),
]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(map(str, (PACKAGES, ROOT / "src", ROOT))),
    "AWS_ACCESS_KEY_ID": "made",
    "AWS_SECRET_ACCESS_KEY": "up",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}
SIGNED = "AWS4-HMAC-SHA256 Credential=made/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none"
"""Enough for a server that checks nothing."""
USUAL = ("--format", "npy", "--quiet")


@contextmanager
def serving(*, open_to_all: bool):
    """A server of this machine, by its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    checks = {} if open_to_all else {"INITIAL_NO_AUTH_ACTION_COUNT": "0"}
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(os.devnull, "wb") as nothing:
        server = subprocess.Popen(words, env={**ENVIRONMENT, **checks}, stdout=nothing, stderr=nothing)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, "the server does not come up"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    with serving(open_to_all=True) as url:
        for bucket in ("photos", "runs"):
            ask(url, bucket, b"", method="PUT")
        for k in range(12):
            ask(url, f"photos/in/{k % 2}/{k:02d}.png", picture(folder / f"{k}.png", k).read_bytes(), method="PUT")
        ask(url, "photos/in/nobody.png", picture(folder / "n.png", 99).read_bytes(), method="PUT")
        ask(url, "photos/in/bad.jpg", b"none", method="PUT")
        yield url


def ask(server: str, key: str, data: bytes | None = None, *, method: str = "GET") -> bytes:
    # As a form, which is what it would be by default, the server waits for more.
    kind = {"Content-Type": "application/octet-stream", "Authorization": SIGNED}
    request = urllib.request.Request(f"{server}/{key}", data=data, method=method, headers=kind)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return answer.read()


def keys(server: str, run: str) -> list[str]:
    text = ask(server, f"runs?list-type=2&prefix={run}/").decode()
    return [name.removeprefix(f"{run}/") for name in re.findall(r"<Key>(.*?)</Key>", text)]


def started(server: str, *words: str, make: str = "quick", **environment: str) -> subprocess.Popen:
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.batch.command", "batch", *words],
        env={**ENVIRONMENT, "AWS_ENDPOINT_URL": server, "STUB": make, "HERE": "1", **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process: subprocess.Popen, code: int = 0) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out if code == 0 else err


def rows(data: bytes) -> list[dict]:
    import pyarrow.parquet as pq

    return [
        {name: value for name, value in row.items() if name not in VARIABLE}
        for row in pq.read_table(io.BytesIO(data)).to_pylist()
    ]


def files(server: str, run: str) -> dict[str, bytes]:
    return {name: ask(server, f"runs/{run}/{name}") for name in keys(server, run) if name.startswith("photos/")}


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """The same photos, from the server to a folder: its rows and files."""
    out = tmp_path_factory.mktemp("local") / "run"
    done(started(server, "s3://photos/in/", "--out", str(out), *USUAL))
    found = {
        path.relative_to(out).as_posix(): path.read_bytes() for path in (out / "photos").rglob("*") if path.is_file()
    }
    assert len(found) == 24
    return rows((out / "rows.parquet").read_bytes()), found


def test_results_at_an_address_are_those_of_a_folder(server, whole, tmp_path):
    words = ("s3://photos/in/", "--out", "s3://runs/one", *USUAL)
    done(started(server, *words, "--workers", "2", TMPDIR=str(tmp_path), HERE=""))
    assert rows(ask(server, "runs/one/rows.parquet")) == whole[0]
    assert files(server, "one") == whole[1]
    others = {name for name in keys(server, "one") if not name.startswith("photos/")}
    assert others == {"batch.json", "asked.json", "last_run.json", "rows.parquet"} and not any(tmp_path.iterdir())
    status = done(started(server, "status", "s3://runs/one"))
    assert "14 of 14 photos done" in status and "ok         12" in status


def test_killed_and_resumed_it_is_the_same(server, whole, tmp_path):
    words = ("s3://photos/in/", "--out", "s3://runs/killed", *USUAL)
    process = started(server, *words, make="slow", TMPDIR=str(tmp_path))
    deadline = time.monotonic() + 60
    while len(keys(server, "killed")) < 6 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # Stopped, so that it is still at work when the second one comes.
    process.send_signal(signal.SIGSTOP)
    second = done(started(server, *words, TMPDIR=str(tmp_path)), 2)
    assert "no locks at an address" in second and "--shard 1/2" in second and len(second.splitlines()) == 1
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 6 <= len(keys(server, "killed")) < 24
    done(started(server, *words, TMPDIR=str(tmp_path)))
    assert rows(ask(server, "runs/killed/rows.parquet")) == whole[0] and files(server, "killed") == whole[1]
    assert not any("parts" in name for name in keys(server, "killed")) and not any(tmp_path.iterdir())


def test_parts_of_the_photos_are_merged_by_the_command_without_one(server, whole, tmp_path):
    words = ("s3://photos/in/", "--out", "s3://runs/shared", *USUAL)
    both = [started(server, *words, "--shard", f"{k}/2") for k in (1, 2)]
    for one in both:
        done(one)
    assert "rows.parquet" not in keys(server, "shared")
    done(started(server, *words))
    assert rows(ask(server, "runs/shared/rows.parquet")) == whole[0] and files(server, "shared") == whole[1]
    assert not any("parts" in name for name in keys(server, "shared"))


def test_what_is_wrong_is_one_line_before_anything_is_measured(server, tmp_path):
    photo = str(picture(tmp_path / "in" / "a.png"))
    missing = done(started(server, photo, "--out", "s3://no-such-bucket/run", *USUAL), 2)
    assert "s3://no-such-bucket/run cannot be" in missing and "bucket does not exist" in missing
    lost = {name: "" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    nobody = done(started(server, photo, "--out", "s3://runs/x", *USUAL, **lost, HOME=str(tmp_path)), 2)
    assert "credentials" in nobody
    with serving(open_to_all=False) as closed:
        wrong = done(started(closed, photo, "--out", "s3://runs/x", *USUAL), 2)
    assert "s3://runs/x cannot be" in wrong and "PermissionError" in wrong and "credentials for it" in wrong
    for text in (missing, nobody, wrong):
        assert len(text.splitlines()) == 1, text
