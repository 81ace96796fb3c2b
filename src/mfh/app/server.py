"""The HTTP interface: its routes, and the answer to every error."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from mfh import __version__
from mfh.app.guard import LOOPBACK, Counts, Guard, complain
from mfh.app.intake import read_json, read_photo
from mfh.app.jobs import Desk, asked, photo_name
from mfh.app.metrics import CONTENT_TYPE, metrics_text
from mfh.app.presets import Models
from mfh.app.schema import (
    Answer,
    DepthOptions,
    DepthRequest,
    Failure,
    Health,
    Length,
    MeasureRequest,
    RefitRequest,
    in_fields,
)
from mfh.app.store import Entry, Store
from mfh.app.work import Abandoned, Refusal, Work, every
from mfh.errors import BackendError, MfhError, NoLandmarkError, WeightsError
from mfh.io.contents import RECEIPT

_SWEPT_EVERY_S = 5.0
_CHUNK_BYTES = 256 << 10
_MEDIA = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
    ".glb": "model/gltf-binary",
}


@dataclass(frozen=True)
class Limits:
    """What one server allows.

    Attributes:
        host: it is bound to.
        token: that requests must bear; empty for none.
        queue: requests that may wait beside the one that runs.
        max_bytes: of a body with a photo.
        time_limit_s: of one request.
        keep_s: seconds that a result is kept.
        log: whether a line for each request is printed.
    """

    host: str = LOOPBACK[0]
    token: str = ""
    queue: int = 8
    max_bytes: int = 32_000_000
    time_limit_s: float = 120.0
    keep_s: float = 3600.0
    log: bool = False


@dataclass(frozen=True)
class Service:
    """A server that can be run.

    Attributes:
        app: what a web server calls.
        work: the models' thread, for a graceful stop.
        store: of results.
    """

    app: ASGIApp
    work: Work
    store: Store


def make_service(models: Models, limits: Limits, *, store: Store | None = None, page: bool = False) -> Service:
    """Return the HTTP interface around some models.

    Args:
        models: that run on photos.
        limits: of this server.
        store: of results; None to make one.
        page: whether the page of ``mfh app`` is added.
    """
    store = store or Store(keep_s=limits.keep_s)
    work = Work(queue=limits.queue, time_limit_s=limits.time_limit_s)
    counts = Counts()

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        store.open()
        sweeping = asyncio.create_task(every(_SWEPT_EVERY_S, store.sweep))
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.to_thread(work.close)
            store.close()

    app = FastAPI(
        title="Metric from Human",
        version=__version__,
        description="Metric depth from one photo: the people in it are the scale.",
        lifespan=life,
        # Their pages load scripts from other sites.
        docs_url=None,
        redoc_url=None,
        responses={status: {"model": Failure} for status in (401, 403, 408, 413, 415, 422, 429, 503, 504)},
    )
    _add_routes(app, Desk(models, store), work, limits)
    _add_reading(app, models, store, work, counts)
    _add_errors(app)
    if page:
        from mfh.app.page import mount_page

        mount_page(app, Desk(models, store), work, max_bytes=limits.max_bytes)
    guard = Guard(
        app,
        token=limits.token,
        # With a token, a page that was let in by its name has none.
        own_names=LOOPBACK if limits.host in LOOPBACK and not limits.token else (),
        drained_bytes=2 * limits.max_bytes,
        counts=counts,
        log=limits.log,
        cookie=page,
    )
    return Service(guard, work, store)


def _add_routes(app: FastAPI, desk: Desk, work: Work, limits: Limits) -> None:
    """Add what makes and measures results."""
    store = desk.store

    @app.post("/v1/depth", response_model=Answer, summary="Measure a photo", openapi_extra=_photo_body())
    async def depth(request: Request) -> Response:
        """Measure a photo: its receipt, and links to its files. The options are those of ``mfh predict``."""
        async with work.slot() as slot:
            data, name, options = await read_photo(request, max_bytes=limits.max_bytes, deadline=slot.deadline)
            given = asked(options, tuple(desk.models.configs))
            made = await slot.run(
                lambda check: desk.depth(data, photo_name(name), given, options, check), gone=_gone(request)
            )
        return JSONResponse(_answer(store, *made))

    @app.post("/v1/refit", response_model=Answer, summary="Fit a result again", openapi_extra=_body(RefitRequest))
    async def refit(request: Request) -> Response:
        """Fit a result again, without any model: another focal length, other sizes, fewer landmarks."""
        async with work.slot() as slot:
            options = await read_json(request, RefitRequest, deadline=slot.deadline)
            given, entry = asked(options), _found(store, options.id)
            made = await slot.run(lambda check: desk.refit(entry, given, options.exclude, check), gone=_gone(request))
        return JSONResponse(_answer(store, *made))

    @app.post("/v1/measure", response_model=Length, summary="Measure a length", openapi_extra=_body(MeasureRequest))
    async def measure(request: Request) -> Response:
        """Return the straight length between what is seen at two pixels, with its intervals."""
        async with work.slot() as slot:
            pixels = await read_json(request, MeasureRequest, deadline=slot.deadline)
            entry = _found(store, pixels.id)
            return JSONResponse(await slot.run(lambda check: desk.measure(entry, pixels, check), gone=_gone(request)))


def _add_reading(app: FastAPI, models: Models, store: Store, work: Work, counts: Counts) -> None:
    """Add what reads and removes results, and what describes the server."""

    @app.get("/v1/results/{id}/{file}", response_class=Response, summary="Read a file of a result")
    def file(id: str, file: str) -> Response:
        """Return a file of a result: one of its links."""
        entry = _found(store, id)
        if file not in entry.names:
            raise Refusal(404, f"the result has no such file: expected {', '.join(sorted(entry.names))}")
        try:
            stream = (entry.folder / file).open("rb")
        except OSError as error:
            raise _no_result() from error
        stream.seek(0, 2)
        length = stream.tell()
        stream.seek(0)
        kind = _MEDIA.get(file[file.rfind(".") :], "application/octet-stream")
        headers = {"Content-Length": str(length)}
        return StreamingResponse(
            _chunks(stream), media_type=kind, headers=headers, background=BackgroundTask(stream.close)
        )

    @app.delete("/v1/results/{id}", status_code=204, response_class=Response, summary="Remove a result")
    def remove(id: str) -> Response:
        """Remove a result and its files."""
        if not store.remove(id):
            raise _no_result()
        return Response(status_code=204)

    @app.get("/healthz", response_model=Health, summary="Whether photos are taken")
    async def health() -> Response:
        """Return 200, or 503 where the server stops."""
        status = "stopping" if work.stopping else "ok"
        presets = list(models.configs)
        body = {"status": status, "preset": presets[0], "presets": presets, "version": __version__}
        return JSONResponse(body, 503 if work.stopping else 200)

    @app.get("/metrics", response_class=PlainTextResponse, summary="Counts for Prometheus")
    async def metrics() -> Response:
        """Return counts of requests, jobs and results, and the memory of the process."""
        return Response(metrics_text(counts, work, store), media_type=CONTENT_TYPE)


def _add_errors(app: FastAPI) -> None:
    """Turn every error into one line of JSON."""

    async def answer(_: Request, error: Exception) -> Response:
        status, body, headers = failure_of(error)
        if status >= 500 and isinstance(error, BackendError | WeightsError) or status == 500:
            complain(error)
        return JSONResponse(body, status, headers)

    kinds: tuple[type[Exception], ...] = (
        Refusal,
        MfhError,
        MemoryError,
        OSError,
        ClientDisconnect,
        Abandoned,
        HTTPException,
        RequestValidationError,
        Exception,
    )
    for kind in kinds:
        app.add_exception_handler(kind, answer)


def failure_of(error: Exception) -> tuple[int, dict[str, object], dict[str, str]]:
    """Return the status, the JSON object and the headers of an error's answer.

    Args:
        error: any.

    Returns:
        4xx for what the user must change, 5xx for what is the server's; never a path of the server.
    """
    if isinstance(error, Refusal):
        return error.status, {"error": error.line}, error.headers
    if isinstance(error, NoLandmarkError):
        return 422, {"error": in_fields(str(error)), "tried": list(error.tried)}, {}
    if isinstance(error, BackendError | WeightsError):
        return 503, {"error": "the models cannot be run on this server"}, {}
    if isinstance(error, MfhError):
        return 422, {"error": in_fields(str(error))}, {}
    if isinstance(error, MemoryError):
        return 503, {"error": "this needs more memory than the server has: send a smaller photo"}, {}
    if isinstance(error, OSError):
        return 503, {"error": f"the server's system refused: {error.strerror or type(error).__name__}"}, {}
    if isinstance(error, ClientDisconnect | Abandoned):
        return 499, {"error": "the client has gone away"}, {}
    if isinstance(error, HTTPException):
        return error.status_code, {"error": str(error.detail).lower()}, dict(error.headers or {})
    if isinstance(error, RequestValidationError):
        return 422, {"error": "the path is none of this server"}, {}
    return 500, {"error": f"{type(error).__name__}: a fault in mfh, please report it"}, {}


def _answer(store: Store, entry: Entry, receipt: dict[str, object]) -> dict[str, object]:
    files = receipt["files"]
    assert isinstance(files, dict)
    links = {kind: f"/v1/results/{entry.id}/{name}" for kind, name in {**files, "receipt": RECEIPT}.items()}
    return {"id": entry.id, "expires_s": store.keep_s, "links": links, "receipt": receipt}


def _found(store: Store, name: str) -> Entry:
    entry = store.find(name)
    if entry is None:
        raise _no_result()
    return entry


def _no_result() -> Refusal:
    return Refusal(404, "no such result: its id is wrong, it was removed, or its time is over")


async def _gone(request: Request) -> None:
    """Return when the client has gone away; its body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with suppress(OSError), stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _body(kind: type[RefitRequest] | type[MeasureRequest]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": kind.model_json_schema()}}}}


def _photo_body() -> dict[str, Any]:
    """Return the description of a photo as a form and as JSON."""
    form = DepthOptions.model_json_schema()
    form["properties"]["file"] = {"type": "string", "format": "binary", "description": "The picture file."}
    form["required"] = ["file"]
    content = {"multipart/form-data": form, "application/json": DepthRequest.model_json_schema()}
    return {"requestBody": {"required": True, "content": {key: {"schema": one} for key, one in content.items()}}}
