"""Downloading one large file, which resumes after an interruption, also in a later run.

The server is not relied on: no more bytes are written than announced, redirects must lead to https, and credentials are
sent to their own host only. A download resumes only where the server's entity tag shows that the file is the same.
"""

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from mfh.errors import WeightsError, kind_and_message

_CHUNK = 1 << 20
_TIMEOUT_S = 30
_WATCH_S, _WATCH_BYTES = 60.0, 64 << 10
"""The smallest number of bytes per period; a slower download is stopped."""
_MAX_TAG = 200
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_TRAVELS = ("range", "if-range", "user-agent", "accept-encoding")
"""Headers that are sent to the host of a redirect too."""


def download(
    url: str,
    part: Path,
    *,
    headers: Mapping[str, str],
    again: str,
    report: Callable[[int], None],
    max_bytes: int,
    size_bytes: int | None = None,
) -> None:
    """Download an address into a file, resuming an earlier try.

    Args:
        url: the address.
        part: file to write. Its content is kept where the server's entity tag is still that in ``<part>.tag``.
        headers: of the request, sent to no other host.
        again: the command that resumes the download, for messages.
        report: called with the number of bytes written.
        max_bytes: largest size.
        size_bytes: exact size; None where it is not known.

    Raises:
        WeightsError: where the download breaks off, which keeps the file; or the content is too large or of another
            size, which does not.
        OSError: where the file cannot be written.
    """
    name = part.name.removesuffix(".part")
    tag_file = part.with_name(f"{part.name}.tag")
    have, tag = _left(part, tag_file)
    if size_bytes is not None and part.is_file() and part.stat().st_size == size_bytes:
        # Complete; the caller compares its digest.
        return
    limit = max_bytes if size_bytes is None else min(max_bytes, size_bytes)
    for start, mark in dict.fromkeys([(have, tag), (0, "")]):
        with _breaking_off(name, again):
            response = _open(url, headers, start, mark)
        if response is None:
            # It cannot resume: from the beginning.
            continue
        with response:
            begin = _begin(response, start, name, again, limit, size_bytes)
            if begin is None:
                continue
            tag_file.write_text(_tag(response), encoding="ascii")
            _take(response, part, begin, limit=limit, name=name, again=again, report=report)
        tag_file.unlink(missing_ok=True)
        return
    raise WeightsError(f"the download of {name} broke off (the server does not say where it goes on): {again}")


def is_web_address(url: str, *, like: str) -> bool:
    """Return whether an address may be requested: https, or http where the address that led to it is http."""
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        return False
    return bool(host) and (scheme == "https" or scheme == urlsplit(like).scheme == "http")


def same_origin(url: str, other: str) -> bool:
    """Return whether two addresses have the same origin."""
    one, two = urlsplit(url), urlsplit(other)
    return (one.scheme, one.netloc) == (two.scheme, two.netloc)


def _left(part: Path, tag_file: Path) -> tuple[int, str]:
    """Return the bytes of an earlier try, and the entity tag of their file; 0 without one."""
    if not (part.is_file() and tag_file.is_file() and tag_file.stat().st_size <= _MAX_TAG):
        return 0, ""
    tag = tag_file.read_bytes().decode("ascii", "replace")
    return (part.stat().st_size, tag) if _is_tag(tag) else (0, "")


def _is_tag(tag: str) -> bool:
    return (
        tag.startswith('"') and tag.endswith('"') and 2 < len(tag) <= _MAX_TAG and tag.isascii() and tag.isprintable()
    )


def _tag(response: Any) -> str:
    """Return a response's strong entity tag; empty where it has none."""
    tag = str(response.headers.get("ETag") or "")
    return tag if _is_tag(tag) else ""


def _open(url: str, headers: Mapping[str, str], start: int, tag: str) -> Any:
    """Request a file from a position; None where the server has nothing there."""
    wanted = {"Range": f"bytes={start}-", "If-Range": tag} if start else {}
    request = urllib.request.Request(url, headers={**headers, **wanted})
    try:
        return _opener().open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if start and error.code == 416:
            return None
        raise


def _begin(response: Any, start: int, name: str, again: str, limit: int, size_bytes: int | None) -> int | None:
    """Return the position of a response's bytes in the file; None where it does not match the request.

    Raises:
        WeightsError: where the announced size is not the expected one.
    """
    begin, length = 0, _whole(response.headers.get("Content-Length"))
    if response.status == 206:
        found = _RANGE.fullmatch(str(response.headers.get("Content-Range")))
        first, last, total = map(int, found.groups()) if found is not None else (-1, -1, -1)
        if not 0 < start == first <= last == total - 1:
            return None
        begin, length = start, total - start
    announced = None if length is None else begin + length
    if announced is not None and (announced > limit or size_bytes not in (None, announced)):
        wanted = f"{size_bytes:,}" if size_bytes is not None else f"at most {limit:,}"
        raise WeightsError(f"the server has {announced:,} bytes for {name}, expected {wanted}: {again}")
    return begin


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else None


def _take(
    response: Any, part: Path, begin: int, *, limit: int, name: str, again: str, report: Callable[[int], None]
) -> None:
    """Append a response's bytes to the file."""
    done, watched, since = begin, begin, time.monotonic()
    with part.open("ab" if begin else "wb") as target:
        while True:
            with _breaking_off(name, again):
                chunk = response.read1(_CHUNK)
            if not chunk:
                break
            done += len(chunk)
            if time.monotonic() - since > _WATCH_S:
                if done - watched < _WATCH_BYTES:
                    raise WeightsError(f"the download of {name} broke off (hardly anything comes): {again}")
                watched, since = done, time.monotonic()
            if done > limit:
                _forget(target)
                raise WeightsError(f"the server sends more than the {limit:,} bytes of {name}: stopped; {again}")
            target.write(chunk)
            report(done)
    expected = _whole(response.headers.get("Content-Length"))
    if expected is not None and done < begin + expected:
        raise WeightsError(f"the download of {name} broke off (the connection closed early): {again}")


def _forget(target: IO[bytes]) -> None:
    target.seek(0)
    target.truncate()


@contextmanager
def _breaking_off(name: str, again: str) -> Iterator[None]:
    """Turn any error of a connection into one line."""
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:
        reason = "the connection closed early" if isinstance(error, http.client.IncompleteRead) else None
        raise WeightsError(
            f"the download of {name} broke off ({reason or kind_and_message(error)}): {again}"
        ) from error


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener of http and https addresses, through the machine's proxies; without files and FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
        _Redirects,
    ):
        opener.add_handler(handler())
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Follow a redirect to an address that is no less secure, without the headers of another host."""
        if not is_web_address(newurl, like=req.full_url):
            raise WeightsError(f"{req.full_url} leads to {newurl[:200]}: refused, expected an address with https")
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and not same_origin(newurl, req.full_url):
            for header in [name for name in new.headers if name.lower() not in _TRAVELS]:
                new.remove_header(header)
        return new
