"""A hub with one repository on this machine, as a server and as a fixture."""

import hashlib
import http.server
import json
import re
import threading

import pytest

constants = pytest.importorskip("huggingface_hub.constants")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "depth_anything"}',
    "preprocessor_config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 4096,
    "pytorch_model.bin": b"pickle" * 100,
    "README.md": b"# card",
}


class FakeHub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's interface as its client uses to list a repository and to fetch files."""

    files = FILES
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
        if re.fullmatch("/api/models/org/name(/revision/[^/]*)?", self.path.partition("?")[0]):
            answer = hub.answer if hub.answer is not None else json.dumps(self._listing()).encode()
            return self._send(answer, {"Content-Type": "application/json"})
        prefix = f"/org/name/resolve/{COMMIT}/"
        name = self.path.partition("?")[0].removeprefix(prefix)
        if not self.path.startswith(prefix) or name not in hub.files:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        content = hub.files[name]
        etag = hashlib.sha256(content).hexdigest()
        if hub.damaged and name == "model.safetensors":
            content = content[:-1] + b"x"
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if hub.location:
            return self._send(b"", {**headers, "Location": hub.location}, status=302, body=body)
        wanted = self.headers.get("Range")
        if wanted and body:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self._send(content[start:], headers, status=206, body=body)
        self._send(content, headers, body=body)
        return None

    def _listing(self) -> dict[str, object]:
        siblings = []
        for name, content in type(self).files.items():
            entry: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": "0" * 40}
            if name.endswith((".safetensors", ".bin")):
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        return {"id": "org/name", "sha": COMMIT, "siblings": siblings, "private": False, "tags": [], "downloads": 0}

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


@pytest.fixture
def fake_hub(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A hub with one repository, and a weights cache of its own."""

    class Hub(FakeHub):
        asked: list[tuple[str, str, str]] = []

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("MFH_OFFLINE")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # The client read these when it was imported.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    yield Hub
    server.shutdown()
    server.server_close()
