"""Around everything the server does: who may ask, what is counted, and that no failure is more than a line."""

import asyncio
import hmac
import os
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mfh.errors import printable

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names of this machine for itself."""
COOKIE = b"mfh_token"
OPEN = ("/healthz",)
"""What is answered without a token."""
_DRAINED_S = 10.0


@dataclass
class Counts:
    """What has happened since the start, for ``/metrics``."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: float = 0.0
    received: int = 0


class Guard:
    """Admits requests, counts them, and turns any failure into a line.

    A refused request is read to its end first, up to a limit: a client that still sends would not see the answer.

    Args:
        app: what it stands around.
        token: that requests must bear; empty for none.
        own_names: hosts that requests may name; empty for any. A page of another site, whose name was made to mean this
            machine, names its own.
        drained_bytes: most that is read of a refused request.
        counts: what is counted.
        log: whether a line for each request is printed.
        cookie: whether a browser may show the token once in the address, and then as a cookie.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        own_names: tuple[str, ...],
        drained_bytes: int,
        counts: Counts,
        log: bool,
        cookie: bool = False,
    ) -> None:
        self._app, self._token, self._own_names = app, token.encode(), own_names
        self._drained_bytes, self.counts, self._log, self._cookie = drained_bytes, counts, log, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        begin, status, ended = time.monotonic(), 0, False

        async def received() -> Message:
            nonlocal ended
            message = await receive()
            self.counts.received += len(message.get("body", b""))
            ended = ended or message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message.get("headers", [])}
                headers = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
                headers = [(name, value) for name, value in headers if name not in given]
                message = {**message, "headers": [*message.get("headers", []), *headers]}
                if status >= 400 and not ended:
                    await self._drain(received)
            await send(message)

        try:
            refused = self._refused(scope)
            await (refused or self._app)(scope, received, sent)
        except Exception as error:
            complain(error)
            if not status:
                fault = JSONResponse({"error": f"{type(error).__name__}: a fault in mfh, please report it"}, 500)
                await fault(scope, received, sent)
        finally:
            self._count(scope, status, time.monotonic() - begin)

    def _refused(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is not admitted."""
        headers = {name: value for name, value in reversed(scope["headers"])}
        host = headers.get(b"host", b"").decode("latin-1")
        if self._own_names and _name_of(host) not in self._own_names:
            expected = " or ".join(self._own_names)
            return _error(403, f"the host is {printable(host)[:60]!r}: expected {expected}")
        origin = headers.get(b"origin")
        if origin is not None and _netloc_of(origin.decode("latin-1")) != host:
            return _error(403, "the request comes from a page of another site: expected none")
        if self._token and scope["path"] not in OPEN:
            kind, _, given = headers.get(b"authorization", b"").partition(b" ")
            if self._cookie and (admitted := self._shown(scope, headers.get(b"cookie", b""))) is not None:
                return admitted or None
            if kind.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                answer = _error(401, "no token, or another: expected the header Authorization: Bearer TOKEN")
                answer.headers["WWW-Authenticate"] = "Bearer"
                return answer
        return None

    def _shown(self, scope: Scope, cookies: bytes) -> Response | Literal[False] | None:
        """Return False where a browser has the cookie, the answer that sets it where the address has the token."""
        for one in cookies.split(b";"):
            name, _, value = one.strip().partition(b"=")
            if name == COOKIE and hmac.compare_digest(value, self._token):
                return False
        (given, *_) = parse_qs(scope["query_string"]).get(b"token", [b""])
        if scope["path"] != "/" or not hmac.compare_digest(given, self._token):
            return None
        # Out of the address, so that it is in no history and no picture of the screen.
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE.decode(), self._token.decode(), httponly=True, samesite="strict")
        return answer

    async def _drain(self, receive: Receive) -> None:
        """Read what a refused client still sends."""
        total = 0
        try:
            async with asyncio.timeout(_DRAINED_S):
                while total <= self._drained_bytes:
                    message = await receive()
                    total += len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
        except TimeoutError:
            return

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self.counts.requests[route, status] += 1
        self.counts.seconds += seconds
        if self._log:
            # The route and not the path: an id is what admits to a result.
            method = printable(scope["method"])[:10]
            print(f"mfh: {method} {route} {status} {seconds:.2f} s", file=sys.stderr, flush=True)


def complain(error: BaseException) -> None:
    """Print what kind of error was met; its text may hold paths, and is printed where MFH_TRACEBACK is set.

    Args:
        error: unexpected.
    """
    if os.environ.get("MFH_TRACEBACK"):
        traceback.print_exception(error)
        return
    line = f"mfh: {type(error).__name__}: a fault in mfh, please report it (MFH_TRACEBACK=1 shows where)"
    print(line, file=sys.stderr, flush=True)


def _error(status: int, line: str) -> JSONResponse:
    return JSONResponse({"error": line}, status)


def _name_of(host: str) -> str:
    """Return a host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _netloc_of(address: str) -> str | None:
    """Return host and port of an address, such as a browser's Origin; None where it has none."""
    try:
        return urlsplit(address).netloc or None
    except ValueError:
        return None
