"""``mfh serve``: photos in, depth out, over HTTP."""

import importlib.util
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import check_number
from mfh.cli.groups import grouped
from mfh.config import PRESETS
from mfh.errors import BackendError, InputError, printable

_SHORTEST_TOKEN = 16
_MINUTE_S, _MB = 60.0, 1e6
_DEFAULT = "pocket"
_PRESETS = f"Which models: {', '.join(sorted(PRESETS))}; repeat it to offer several, the default first."


@dataclass(frozen=True)
class ServerOptions:
    """Where the server listens, who may ask, and how much."""

    port: Annotated[int, typer.Option(help="Port; 0 for any that is free.")] = 8000
    host: Annotated[str, typer.Option(help="Address to listen at; any but this machine's own needs a token.")] = (
        "127.0.0.1"
    )
    token: Annotated[
        str | None,
        typer.Option(
            help="Requests must bear it (Authorization: Bearer TOKEN); made and printed where --host needs one.",
            envvar="MFH_TOKEN",
            show_default=False,
        ),
    ] = None
    queue: Annotated[int, typer.Option(help="Requests that may wait beside the one that runs.")] = 8
    limit_mb: Annotated[float, typer.Option(help="Largest upload, megabytes.")] = 32.0
    time_limit: Annotated[float, typer.Option(help="Seconds that a request may take, waiting included.")] = 120.0
    keep: Annotated[float, typer.Option(help="Minutes that results are kept.")] = 60.0

    def check(self) -> None:
        """Refuse what no server can do.

        Raises:
            InputError: for a number out of range, or a token that can be guessed or is none.
        """
        check_number("--port", self.port, 0, 65535)
        check_number("--queue", self.queue, 0, 1000)
        check_number("--limit-mb", self.limit_mb, 0.01, 1000)
        check_number("--time-limit", self.time_limit, 0.1, 86_400)
        check_number("--keep", self.keep, 0.01, 10_080)
        if self.token is not None and not (
            len(self.token) >= _SHORTEST_TOKEN
            and self.token.isascii()
            and self.token.isprintable()
            and " " not in self.token
        ):
            raise InputError(f"--token: expected {_SHORTEST_TOKEN} letters or more, of ASCII and without spaces")


@grouped
def serve(
    server: ServerOptions,
    preset: Annotated[
        list[str] | None,
        typer.Option(help=f"{_PRESETS} Without it: {_DEFAULT} alone.", show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no line for each request.")] = False,
) -> int:
    """Serve depth over HTTP: POST /v1/depth, /v1/refit and /v1/measure; needs the extra [app]."""
    return _serve(server, preset or [_DEFAULT], log=not quiet, page=False)


@grouped
def app(
    server: ServerOptions,
    preset: Annotated[
        list[str] | None,
        typer.Option(help=f"{_PRESETS} Without it: all, {_DEFAULT} first.", show_default=False),
    ] = None,
) -> int:
    """Open a page for photos in the browser, on the same server as mfh serve; needs the extra [app]."""
    return _serve(server, preset or [_DEFAULT, *sorted({*PRESETS} - {_DEFAULT})], log=False, page=True)


def _serve(server: ServerOptions, presets: Sequence[str], *, log: bool, page: bool) -> int:
    """Serve until a signal."""
    server.check()
    needed = ("fastapi", "python_multipart", "uvicorn", *(("gradio",) if page else ()))
    # Not imported yet: Gradio makes a folder when it is.
    if any(importlib.util.find_spec(name) is None for name in needed):
        what = "mfh app needs a web page" if page else "mfh serve needs a web server"
        raise BackendError(f"{what}: pip install 'metric-from-human[app]'")
    from mfh.app.guard import LOOPBACK
    from mfh.app.presets import PresetModels
    from mfh.app.run import Server, bound_socket
    from mfh.app.server import Limits, make_service

    # Before the models, which take longer.
    listening = bound_socket(server.host, server.port)
    with listening:
        token = server.token or ("" if server.host in LOOPBACK else secrets.token_urlsafe(24))
        limits = Limits(
            host=server.host,
            token=token,
            queue=server.queue,
            max_bytes=int(server.limit_mb * _MB),
            time_limit_s=server.time_limit,
            keep_s=server.keep * _MINUTE_S,
            log=log,
        )
        service = make_service(PresetModels(presets), limits, page=page)
        host = f"[{server.host}]" if ":" in server.host else server.host
        address = f"http://{printable(host)}:{listening.getsockname()[1]}"
        if page:
            print(f"open {address}/{f'?token={token}' if token else ''}", flush=True)
        else:
            offered = ", ".join(dict.fromkeys(presets))
            print(f"serving preset {offered} at {address}", flush=True)
            if token and server.token is None:
                print(f"token: {token} (Authorization: Bearer {token})", flush=True)
        Server(service, listening).run_here()
    print("stopped", file=sys.stderr)
    return EXIT_DONE
