"""A live server with models that answer at once, and a client that can send anything."""

import http.client
import io
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mfh.app.run import Server, bound_socket
from mfh.app.server import Limits, Service, make_service
from mfh.app.store import Store
from mfh.config import Config, preset
from mfh.pipeline.request import Request
from mfh.types import Photo
from mfh.types.observations import Gathered
from tests.report.scene import room


@dataclass
class StandIn:
    """Models that see a made-up room in every photo; ``before`` and ``painting`` are called first."""

    configs: Mapping[str, Config] = field(default_factory=lambda: {name: preset(name) for name in ("pocket", "paper")})
    before: Callable[[Callable[[str, float], None]], None] = lambda progress: None
    painting: Callable[[Photo, Request], None] = lambda photo, request: None
    presets: list[str] = field(default_factory=list)
    asked: list[tuple[Photo, Request, object, object]] = field(default_factory=list)

    def gather(self, photo: Photo, request: Request, *, preset: str, people: object, seed: object) -> Gathered:
        assert request.progress is not None
        request.progress("relative depth", 0.0)
        self.asked.append((photo, request, people, seed))
        self.presets.append(preset)
        self.before(request.progress)
        self.painting(photo, request)
        height, width = photo.pixels.shape[:2]
        lengths = tuple(request.lengths)
        return replace(room(width, height), photo=photo, preset=preset, region=request.region, lengths=lengths)


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tree(self) -> Any:
        return json.loads(self.body)


@dataclass
class Live:
    """A server that runs, and the folder of its temporary files."""

    port: int
    service: Service
    server: Server
    models: StandIn
    folder: Path
    thread: threading.Thread

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request with exactly these headers beside Host and Content-Length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def post(self, path: str, tree: object, headers: Mapping[str, str] | None = None) -> Reply:
        """Send JSON."""
        return self.ask(
            "POST", path, json.dumps(tree).encode(), {"Content-Type": "application/json", **(headers or {})}
        )

    def upload(self, picture: bytes, headers: Mapping[str, str] | None = None, **fields: object) -> Reply:
        """Send a photo as a form."""
        body, kind = form(picture, **fields)
        return self.ask("POST", "/v1/depth", body, {"Content-Type": kind, **(headers or {})})

    def files(self) -> set[str]:
        """Names of all files below the temporary folder but locks."""
        return {
            one.relative_to(self.folder).as_posix()
            for one in self.folder.rglob("*")
            if one.is_file() and not one.name.endswith(".lock")
        }


def form(picture: bytes, *, name: str = "photo.jpg", **fields: object) -> tuple[bytes, str]:
    """Return a multipart body and its content type; a list is several fields of one name."""
    boundary = secrets.token_hex(8)
    parts = []
    for key, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{one}\r\n'.encode())
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    parts.append(head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + picture + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def picture(width: int = 96, height: int = 72, *, form: str = "JPEG", seed: int = 0) -> bytes:
    """Return a picture file of noise."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


@contextmanager
def live_server(
    folder: Path,
    monkeypatch,
    *,
    limits: Limits | None = None,
    models: StandIn | None = None,
    store: Store | None = None,
    page: bool = False,
) -> Iterator[Live]:
    """Run a server in a thread; at the end it is stopped, and nothing of it may be left."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    models = models or StandIn()
    service = make_service(models, limits or Limits(queue=2, max_bytes=2_000_000), store=store, page=page)
    listening = bound_socket("127.0.0.1", 0)
    server = Server(service, listening)
    thread = threading.Thread(target=server.run_here)
    thread.start()
    wait_for(lambda: server.started)
    live = Live(listening.getsockname()[1], service, server, models, folder, thread)
    try:
        yield live
    finally:
        server.stop()
        thread.join(timeout=60)
        assert not thread.is_alive()
        assert list(folder.iterdir()) == [], "something was left"


def wait_for(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


@dataclass
class Endless:
    """A step of the models that goes on until its request is given up."""

    begun: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def __call__(self, progress: Callable[[str, float], None]) -> None:
        self.begun.set()
        try:
            while True:
                time.sleep(0.02)
                progress("people", 0.3)
        finally:
            self.ended.set()
