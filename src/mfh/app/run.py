"""A server on its socket, until it is asked to stop."""

import asyncio
import os
import socket
from types import FrameType

import uvicorn

from mfh.app.server import Service
from mfh.errors import InputError

_BACKLOG = 128


class Server(uvicorn.Server):
    """Serves, and at SIGTERM or Ctrl-C finishes what runs while it refuses what is new; a second signal ends at once.

    Args:
        service: what is served.
        port_socket: listening or bound.
    """

    def __init__(self, service: Service, port_socket: socket.socket) -> None:
        config = uvicorn.Config(
            service.app,
            http="h11",
            ws="none",
            lifespan="on",
            # Its log would hold addresses and tracebacks: requests are logged by their route.
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._service, self._socket = service, port_socket

    def run_here(self) -> None:
        """Serve until a signal, or :meth:`stop`."""
        self.run(sockets=[self._socket])

    def stop(self) -> None:
        """Refuse new requests, finish what runs, then end; from any thread."""
        self._service.work.stop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at the first signal, end at once at the second."""
        if self._service.work.stopping:
            self._service.store.abandon()
            os._exit(128 + sig)
        self.stop()

    async def on_tick(self, counter: int) -> bool:
        """Return whether to end: once no request holds a place."""
        if self._service.work.stopping and not self._service.work.held:
            # The answer of the last one is written meanwhile.
            await asyncio.sleep(0.05)
            self.should_exit = True
        return await super().on_tick(counter)


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address of this machine.

    Args:
        host: name or address.
        port: 0 for any that is free.

    Raises:
        InputError: for an address that is not this machine's, or a port that is taken.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        one = socket.socket(family, kind)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(address)
        one.listen(_BACKLOG)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(f"cannot serve at {host}:{port} ({reason}): choose another --host or --port") from error
    return one
