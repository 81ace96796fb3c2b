"""A page on this machine that shows one photo after another; every click is in the CSV at once.

A server rather than a file: nothing has to be downloaded and moved at the end, a closed browser loses nothing, and the
CSV itself is what a later run goes on from. It listens on the loopback address alone, below a path nobody can guess.
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mfh.errors import InputError, MfhError
from mfh.evaluation import pages
from mfh.evaluation.annotate.shots import ANGLES, DISTANCES, Shot, as_shot, read_shots, write_shots

Jpeg = Callable[[], bytes]
_HOST = "127.0.0.1"
_LARGEST_BODY = 4096
_HELP = {
    "level": "looks straight ahead",
    "high": "looks down",
    "low": "looks up",
    "close-up": "a thing, or a part of it",
    "medium": "a few things, a corner",
    "wide": "a whole room or street",
}


@dataclass(frozen=True)
class Reply:
    """What is sent back.

    Attributes:
        status: of HTTP.
        content: of the body.
        media_type: of the body.
    """

    status: HTTPStatus
    content: bytes = b""
    media_type: str = "text/plain; charset=utf-8"


class Annotations:
    """The photos, the shot types so far, and the file they are in.

    Args:
        photos: name -> its picture as JPEG, read when it is looked at.
        out: the CSV; shot types that are in it stay.

    Raises:
        InputError: for no photo, or a CSV that cannot be read.
    """

    def __init__(self, photos: Mapping[str, Jpeg], out: Path) -> None:
        if not photos:
            raise InputError("no photo to annotate: expected at least one")
        self._photos = photos
        self._names = list(photos)
        self._out = out
        self._lock = threading.Lock()
        self._shots: dict[str, Shot] = read_shots(out) if out.exists() else {}

    @property
    def done(self) -> int:
        """How many of the photos have a shot type."""
        with self._lock:
            return sum(name in self._shots for name in self._names)

    def page(self) -> Reply:
        """Return the page with what is known so far."""
        with self._lock:
            shots = {name: [one.angle, one.distance] for name, one in self._shots.items() if name in self._photos}
        data = {"photos": self._names, "shots": shots, "out": str(self._out), "help": _HELP,
                "angles": ANGLES, "distances": DISTANCES}  # fmt: skip
        return Reply(
            HTTPStatus.OK, pages.build("annotate", data, connect="'self'").encode(), "text/html; charset=utf-8"
        )

    def photo(self, number: str) -> Reply:
        """Return a photo's picture.

        Args:
            number: its place in the list, as text.
        """
        if not (number.isdecimal() and int(number) < len(self._names)):
            return Reply(HTTPStatus.NOT_FOUND)
        try:
            return Reply(HTTPStatus.OK, self._photos[self._names[int(number)]](), "image/jpeg")
        except MfhError as error:
            return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode())

    def keep(self, body: bytes) -> Reply:
        """Write one shot type.

        Args:
            body: JSON with photo (its place in the list), angle and distance.
        """
        try:
            said = json.loads(body)
            number = said["photo"]
            if not (isinstance(number, int) and 0 <= number < len(self._names)):
                raise InputError(f"photo {number!r}: expected 0 to {len(self._names) - 1}")
            shot = as_shot(said["angle"], said["distance"])
        except (ValueError, KeyError, TypeError) as error:
            return Reply(HTTPStatus.BAD_REQUEST, str(error).encode())
        with self._lock:
            changed = {**self._shots, self._names[number]: shot}
            try:
                write_shots(self._out, changed)
            except InputError as error:
                return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode())
            self._shots = changed
        return Reply(HTTPStatus.NO_CONTENT)


def make_server(annotations: Annotations, *, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """Make a server on this machine; it answers once ``serve_forever`` runs.

    Args:
        annotations: what it shows and keeps.
        port: to listen on; 0 for any that is free.

    Returns:
        The server, and the address of the page.

    Raises:
        InputError: where the port is taken.
    """
    root = f"/{secrets.token_urlsafe(16)}/"

    class Handler(BaseHTTPRequestHandler):
        """Answers below the secret path; nothing else exists."""

        def do_GET(self) -> None:
            """Send the page or a photo."""
            place = self.path.partition("?")[0]
            if place == root:
                self._send(annotations.page())
            elif place.startswith(f"{root}photo/"):
                self._send(annotations.photo(place.removeprefix(f"{root}photo/")))
            else:
                self._send(Reply(HTTPStatus.NOT_FOUND))

        def do_POST(self) -> None:
            """Keep a shot type."""
            length = self.headers.get("Content-Length", "")
            if self.path != f"{root}shot":
                self._send(Reply(HTTPStatus.NOT_FOUND))
            elif not (length.isdecimal() and int(length) <= _LARGEST_BODY):
                self._send(Reply(HTTPStatus.BAD_REQUEST))
            else:
                self._send(annotations.keep(self.rfile.read(int(length))))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.media_type)
            self.send_header("Content-Length", str(len(reply.content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the terminal free."""

    try:
        server = ThreadingHTTPServer((_HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise InputError(f"--port {port} cannot be listened on ({error}): choose another, or 0 for any") from error
    return server, f"http://{_HOST}:{server.server_address[1]}{root}"
