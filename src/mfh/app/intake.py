"""Bodies of requests: read up to a limit, and parsed; whatever they hold, a failure is one line."""

import asyncio
import base64
import binascii
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mfh.app.schema import DepthOptions, DepthRequest, Form, read_form
from mfh.app.work import Refusal
from mfh.errors import InputError, printable
from mfh.io.reading import parse_json

MAX_JSON_BYTES = 1 << 20
"""Of a request without a photo."""
_MAX_FIELDS, _MAX_FIELD_BYTES = 400, 16 << 10
_EXPECTED = "expected multipart/form-data with the picture as file, or application/json with it as photo in base64"


async def read_photo(request: Request, *, max_bytes: int, deadline: float) -> tuple[bytes, str | None, DepthOptions]:
    """Return the picture file of a request, its name, and the options.

    Args:
        request: whose body is read here.
        max_bytes: of the body.
        deadline: by the monotonic clock.

    Raises:
        Refusal: for a body that is too large (413), too slow (408) or of another kind (415).
        InputError: for one that is damaged, and fields that are unknown or of another type.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await read_body(request, max_bytes=max_bytes, deadline=deadline)
        return await run_in_threadpool(_from_json, body)
    if kind != "multipart/form-data":
        raise Refusal(415, f"the content type is {printable(kind)[:60]!r}: {_EXPECTED}")
    form = await _multipart(request, max_bytes=max_bytes, deadline=deadline)
    files = [value for key, value in form.multi_items() if key == "file" and isinstance(value, UploadFile)]
    try:
        if len(files) != 1 or any(isinstance(one, UploadFile) and key != "file" for key, one in form.multi_items()):
            raise InputError(f"the request has {len(files)} pictures as file: expected one file, and no other files")
        fields: dict[str, list[object]] = {}
        for key, value in form.multi_items():
            if key != "file":
                fields.setdefault(key, []).append(value)
        several = [name for name, one in DepthOptions.model_fields.items() if one.get_default() == []]
        values = {key: value if key in several or len(value) > 1 else value[0] for key, value in fields.items()}
        options = read_form(DepthOptions, values)
        return await files[0].read(), files[0].filename, options
    finally:
        await form.close()


async def read_json(request: Request, kind: type[Form], *, deadline: float) -> Form:
    """Return the JSON body of a request as a form.

    Args:
        request: whose body is read here.
        kind: of form.
        deadline: by the monotonic clock.

    Raises:
        Refusal: for a body that is too large or too slow.
        InputError: for one that is no JSON, and fields that are unknown, missing or of another type.
    """
    return read_form(kind, _parsed(await read_body(request, max_bytes=MAX_JSON_BYTES, deadline=deadline)))


async def read_body(request: Request, *, max_bytes: int, deadline: float) -> bytes:
    """Return the body of a request.

    Args:
        request: whose body is read here.
        max_bytes: of it.
        deadline: by the monotonic clock.

    Raises:
        Refusal: for one that is too large or too slow.
    """
    body = bytearray()
    async with _limits(deadline):
        async for chunk in _bounded(request, max_bytes):
            body += chunk
    return bytes(body)


async def _bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes]:
    """Yield the body, as long as it is not too large."""
    too_large = Refusal(413, f"the body is larger than {max_bytes / 1e6:.3g} MB: send a smaller photo")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 18 or int(length) > max_bytes):
        raise too_large
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > max_bytes:
            raise too_large
        yield chunk


async def _multipart(request: Request, *, max_bytes: int, deadline: float) -> FormData:
    parser = MultiPartParser(
        request.headers,
        _bounded(request, max_bytes),
        max_files=1,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_FIELD_BYTES,
    )
    # Pictures stay in memory, which the limit and the places bound: no file is made outside the folder of results.
    parser.spool_max_size = max_bytes + 1
    async with _limits(deadline):
        try:
            return await parser.parse()
        except (Refusal, ClientDisconnect, TimeoutError):
            raise
        except MultiPartException as error:
            raise InputError(
                f"the multipart body is damaged ({printable(error.message)[:200]}): {_EXPECTED}"
            ) from error
        except Exception as error:
            # The parser's own errors on what it did not expect.
            raise InputError(f"the multipart body is damaged ({type(error).__name__}): {_EXPECTED}") from error


@asynccontextmanager
async def _limits(deadline: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            yield
    except TimeoutError as error:
        raise Refusal(408, "the body took too long: send it faster, or a smaller photo") from error


def _from_json(body: bytes) -> tuple[bytes, str | None, DepthOptions]:
    given = read_form(DepthRequest, _parsed(body))
    try:
        data = base64.b64decode(given.photo, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"photo is not base64 ({printable(str(error))[:100]}): {_EXPECTED}") from error
    options = DepthOptions(**{name: getattr(given, name) for name in DepthOptions.model_fields})
    return data, given.name, options


def _parsed(body: bytes) -> object:
    try:
        return parse_json(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not JSON ({printable(str(error))[:200]}): expected one JSON object") from error
