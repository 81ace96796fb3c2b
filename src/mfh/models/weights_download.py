"""Downloading one large file that goes on where it was left, in this run or a later one."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from mfh.errors import WeightsError

_CHUNK = 1 << 20
_TIMEOUT_S = 30


def download(url: str, part: Path, *, headers: Mapping[str, str], again: str, report: Callable[[int], None]) -> None:
    """Download an address into a file, appending to what an earlier try left there.

    Args:
        url: the address.
        part: file to write; what it holds already is not asked for again.
        headers: sent with the request.
        again: the command that goes on where this one was left.
        report: called with the bytes that are there.

    Raises:
        WeightsError: where the download breaks off; what has come stays.
        OSError: where the file cannot be written.
    """
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={**headers, **({"Range": f"bytes={have}-"} if have else {})})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            goes_on = have > 0 and response.status == 206
            done = have if goes_on else 0
            expected = int(response.headers.get("Content-Length") or 0)
            with part.open("ab" if goes_on else "wb") as target:
                while chunk := response.read(_CHUNK):
                    target.write(chunk)
                    done += len(chunk)
                    report(done)
            if expected and done < (have if goes_on else 0) + expected:
                raise http.client.IncompleteRead(b"", expected)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == 416:
            # There is nothing after what is here already; its digest will tell whether it is right.
            return
        reason = "the connection closed early" if isinstance(error, http.client.IncompleteRead) else error
        raise WeightsError(
            f"the download of {part.name.removesuffix('.part')} broke off ({reason}): {again}"
        ) from error
