"""A hub on this machine, as a server and as a fixture with one repository."""

import hashlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

constants = pytest.importorskip("huggingface_hub.constants")

from huggingface_hub.utils import close_session  # noqa: E402

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "depth_anything"}',
    "preprocessor_config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 4096,
    "pytorch_model.bin": b"pickle" * 100,
    "README.md": b"# card",
}

PROXIES = [name for one in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (one, one.upper())]


class FakeHub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's interface as its client uses to list repositories and to fetch files.

    A revision that is a commit is served as such; "main" is ``main``. ``repos`` are repositories beside org/name, and
    ``plain`` files at addresses of their own.
    """

    files = FILES
    repos: dict[str, dict[str, bytes]] = {}
    plain: dict[str, bytes] = {}
    main = COMMIT
    asked: list[tuple[str, str, str]] = []
    cut_after: int | None = None
    damaged = False
    answer: bytes | None = None
    location = ""

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        hub = type(self)
        hub.asked.append((self.command, self.path, self.headers.get("Range") or ""))
        path = urllib.parse.unquote(self.path.partition("?")[0])
        if path in hub.plain:
            return self._send_file(hub.plain[path], {}, body=body)
        listed = re.fullmatch("/api/models/([^/]+/[^/]+)(?:/revision/([^/]*))?", path)
        if listed and listed[1] in self._repos():
            answer = hub.answer if hub.answer is not None else self._listed(listed[1], listed[2])
            return self._send(answer, {"Content-Type": "application/json"}, body=body)
        tree = re.fullmatch("/api/models/([^/]+/[^/]+)/tree/([^/]*)", path)
        if tree and tree[1] in self._repos():
            listing = self._tree_of(self._repos()[tree[1]])
            return self._send(json.dumps(listing).encode(), {"Content-Type": "application/json"}, body=body)
        asked = re.fullmatch("/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        files = self._repos().get(asked[1], {}) if asked else {}
        if asked is None or asked[3] not in files:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if files else "RepoNotFound")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        content = files[asked[3]]
        headers = {"X-Repo-Commit": self._commit(asked[2])}
        if hub.location:
            return self._send(b"", {**headers, "Location": hub.location}, status=302, body=body)
        return self._send_file(content, headers, body=body, damaged=hub.damaged and asked[3] == "model.safetensors")

    def _repos(self) -> dict[str, dict[str, bytes]]:
        return {"org/name": type(self).files, **type(self).repos}

    def _commit(self, revision: str | None) -> str:
        return revision if revision and re.fullmatch("[0-9a-f]{40}", revision) else type(self).main

    def _listed(self, repo: str, revision: str | None) -> bytes:
        if repo == "org/name":
            return json.dumps(self._listing() | ({"sha": self._commit(revision)} if revision else {})).encode()
        return json.dumps(self._listing_of(repo, self._repos()[repo], self._commit(revision))).encode()

    def _listing(self) -> dict[str, object]:
        return self._listing_of("org/name", type(self).files, type(self).main)

    def _listing_of(self, repo: str, files: dict[str, bytes], commit: str) -> dict[str, object]:
        siblings = []
        for name, content in files.items():
            entry: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": "0" * 40}
            if name.endswith((".safetensors", ".bin", ".ckpt", ".gz")):
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        return {"id": repo, "sha": commit, "siblings": siblings, "private": False, "tags": [], "downloads": 0}

    def _tree_of(self, files: dict[str, bytes]) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for name, content in files.items()
        ]

    def _send_file(self, content: bytes, headers: dict[str, str], *, body: bool, damaged: bool = False) -> None:
        etag = hashlib.sha256(content).hexdigest()
        content = content[:-1] + b"x" if damaged else content
        headers = {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", **headers}
        wanted = self.headers.get("Range")
        if wanted and body:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self._send(content[start:], headers, status=206, body=body)
        return self._send(content, headers, body=body)

    def _send(self, content: bytes, headers: dict[str, str], *, status: int = 200, body: bool = True) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            cut = type(self).cut_after
            if cut is not None and len(content) > cut:
                self.wfile.write(content[:cut])
                self.wfile.flush()
                self.connection.close()
                return
            self.wfile.write(content)


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve with a handler on this machine; yields the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def fake_hub(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A hub with one repository, and a weights cache of its own."""

    class Hub(FakeHub):
        asked: list[tuple[str, str, str]] = []

    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("MFH_OFFLINE")
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    # The client read these when it was imported.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with serving(Hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        # Its connections are of the proxies that were set when it opened them.
        close_session()
        yield Hub
        close_session()
