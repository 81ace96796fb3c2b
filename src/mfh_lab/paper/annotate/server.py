"""A page on this machine that shows one photo after another; every click is in the CSV at once.

A server rather than a file: nothing has to be downloaded and moved at the end, a closed browser loses nothing, and the
CSV itself is what a later run resumes from. It listens on the loopback address alone, below a path of random letters,
and answers only to its own name: a page from elsewhere whose address was made to mean this machine gets nothing.
"""

import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mfh.errors import InputError, MfhError, kind_and_message, printable, shown
from mfh.io.reading import parse_json
from mfh_lab.paper import pages
from mfh_lab.paper.annotate.shots import ANGLES, DISTANCES, Shot, as_shot, read_shots, write_shots

Jpeg = Callable[[], bytes]
_HOST = "127.0.0.1"
_LARGEST_BODY = 4096
_PATIENCE_S = 10.0
"""How long a request may take to arrive."""
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
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
        photos: name -> its picture as JPEG, read when the page asks for it.
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
        # The whole file is written anew with every click: a column of the user's own would be lost.
        self._shots: dict[str, Shot] = read_shots(out, nothing_else=True) if os.path.lexists(out) else {}

    @property
    def done(self) -> int:
        """How many of the photos have a shot type."""
        with self._lock:
            return sum(name in self._shots for name in self._names)

    def page(self) -> Reply:
        """Return the page with what is known so far."""
        with self._lock:
            shots = {name: [one.angle, one.distance] for name, one in self._shots.items() if name in self._photos}
        data = {"photos": self._names, "shots": shots, "out": shown(self._out), "help": _HELP,
                "angles": ANGLES, "distances": DISTANCES}  # fmt: skip
        return Reply(
            HTTPStatus.OK, pages.build("annotate", data, connect="'self'").encode(), "text/html; charset=utf-8"
        )

    def photo(self, number: str) -> Reply:
        """Return a photo's picture.

        Args:
            number: its place in the list, as text.
        """
        if not (_NUMBER.fullmatch(number) and int(number) < len(self._names)):
            return Reply(HTTPStatus.NOT_FOUND)
        try:
            return Reply(HTTPStatus.OK, self._photos[self._names[int(number)]](), "image/jpeg")
        except MfhError as error:
            return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode())
        except Exception as error:
            return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, kind_and_message(error).encode())

    def keep(self, body: bytes) -> Reply:
        """Write one shot type.

        Args:
            body: JSON with photo (its place in the list), angle and distance.
        """
        try:
            answer = parse_json(body.decode("utf-8"))
            number = answer["photo"]
            # True is a whole number to Python.
            if type(number) is not int or not 0 <= number < len(self._names):
                raise InputError(f"photo {number!r}: expected 0 to {len(self._names) - 1}")
            shot = as_shot(answer["angle"], answer["distance"])
        except Exception as error:
            return Reply(HTTPStatus.BAD_REQUEST, kind_and_message(error).encode())
        with self._lock:
            changed = {**self._shots, self._names[number]: shot}
            try:
                write_shots(self._out, changed)
            except InputError as error:
                return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode())
            self._shots = changed
        return Reply(HTTPStatus.NO_CONTENT)


class _Server(ThreadingHTTPServer):
    """A server that no request ends, and of which none leaves a trace of the program."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print in one line what went wrong; a closed connection is no error."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            print(f"mfh: a request failed: {printable(kind_and_message(error))}", file=sys.stderr)


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

        timeout = _PATIENCE_S

        def do_GET(self) -> None:
            """Send the page or a photo."""
            place = self.path.partition("?")[0]
            if not self._is_meant():
                self._send(Reply(HTTPStatus.FORBIDDEN))
            elif place == root:
                self._send(annotations.page())
            elif place.startswith(f"{root}photo/"):
                self._send(annotations.photo(place.removeprefix(f"{root}photo/")))
            else:
                self._send(Reply(HTTPStatus.NOT_FOUND))

        def do_POST(self) -> None:
            """Keep a shot type."""
            length = self.headers.get("Content-Length")
            if not self._is_meant():
                self._send(Reply(HTTPStatus.FORBIDDEN))
            elif self.path != f"{root}shot":
                self._send(Reply(HTTPStatus.NOT_FOUND))
            elif length is None:
                self._send(Reply(HTTPStatus.LENGTH_REQUIRED))
            elif not (_NUMBER.fullmatch(length) and int(length) <= _LARGEST_BODY):
                self._send(Reply(HTTPStatus.BAD_REQUEST))
            else:
                self._send(annotations.keep(self._body(int(length))))

        def _refuse(self) -> None:
            self._send(Reply(HTTPStatus.METHOD_NOT_ALLOWED))

        do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = _refuse

        def _is_meant(self) -> bool:
            """Return whether a request names this machine, and the page as its origin where it names one."""
            host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
            # Any port: it may have been forwarded from another one.
            named = host.rpartition(":")[0] if ":" in host else host
            return named in (_HOST, "localhost") and origin in (None, f"http://{host}")

        def _body(self, length: int) -> bytes:
            """Read a body of a known length, or what has come of it when patience is over."""
            until, body = time.monotonic() + _PATIENCE_S, b""
            while len(body) < length and time.monotonic() < until:
                part = self.rfile.read1(length - len(body))
                if not part:
                    break
                body += part
            return body

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
        server = _Server((_HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise InputError(f"--port {port} cannot be listened on ({error}): choose another, or 0 for any") from error
    return server, f"http://{_HOST}:{server.server_address[1]}{root}"
