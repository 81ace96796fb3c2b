"""Model files at plain addresses: one file, resumed where it was left, checked by its digest."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from mfh.errors import WeightsError
from mfh.models.hub import offline_reason
from mfh.models.weights_place import file_sha256
from mfh.models.weights_types import Artefact

_CHUNK = 1 << 20
_TIMEOUT_S = 30


def fetch_url(one: Artefact, folder: Path, *, report: Callable[[str, float], None]) -> None:
    """Download an artefact's one file and put it in place.

    Args:
        one: the artefact.
        folder: where the file goes.
        report: called with each step and the fraction done.

    Raises:
        WeightsError: where it cannot be got or is not the one expected, with what to do.
        OSError: where the folder cannot be written.
    """
    (file,) = one.files
    reason = offline_reason(one.url)
    if reason:
        raise WeightsError(
            f"{one.name} cannot be fetched ({reason}): check the network, or copy {one.url} to {folder / file.name}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{file.name}.part"
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(one.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            resumed = have > 0 and response.status == 206
            total = int(response.headers.get("Content-Length") or 0) + (have if resumed else 0)
            done = have if resumed else 0
            with part.open("ab" if resumed else "wb") as target:
                while chunk := response.read(_CHUNK):
                    target.write(chunk)
                    done += len(chunk)
                    report("download", 0.95 * done / total if total else 0.0)
    except (urllib.error.URLError, TimeoutError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == 416:
            # There is nothing after what is here already.
            report("download", 0.95)
        else:
            raise WeightsError(f"{one.url} broke off ({error}): run 'mfh weights fetch {one.name}' again") from error
    report("check", 0.95)
    found = file_sha256(part)
    if found != file.sha256:
        part.unlink()
        raise WeightsError(
            f"{one.url} has sha256 {found[:12]}..., expected {str(file.sha256)[:12]}...: run 'mfh weights fetch "
            f"{one.name}' again; if it happens again, the file there is not the one expected"
        )
    part.rename(folder / file.name)
