"""Model files at plain addresses: one file, resumed where it was left, checked by its digest."""

from collections.abc import Callable

from mfh.errors import WeightsError
from mfh.io.contents import file_sha256
from mfh.models.hub import offline_reason
from mfh.models.weights_download import download
from mfh.models.weights_owner import Place, partial_folder, put_in_place
from mfh.models.weights_types import Artefact

_AT_MOST = 4
"""Times the rounded size, where the size is not known: more is another file."""
_UNKNOWN_BYTES = 1 << 32


def fetch_url(one: Artefact, place: Place, *, report: Callable[[str, float], None]) -> None:
    """Download an artefact's one file and put it in place.

    Args:
        one: the artefact.
        place: where the file goes; owned by the caller.
        report: called with each step and the fraction done.

    Raises:
        WeightsError: where it cannot be got or is not the one expected, with what to do.
        OSError: where the folder cannot be written.
    """
    (file,) = one.files
    reason = offline_reason(one.url)
    if reason:
        raise WeightsError(
            f"{one.name} cannot be fetched ({reason}): check the network, or copy {one.url} to "
            f"{place.folder / file.name}"
        )
    partial = partial_folder(place, str(file.sha256))
    part, total = partial / f"{file.name}.part", one.size_bytes or 1
    download(
        one.url,
        part,
        headers={},
        again=f"run 'mfh weights fetch {one.name}' again",
        report=lambda done: report("download", min(0.95, done / total)),
        max_bytes=_AT_MOST * one.size_bytes if one.size_bytes else _UNKNOWN_BYTES,
        size_bytes=file.size_bytes,
    )
    report("check", 0.95)
    found = file_sha256(part)
    if found != file.sha256:
        part.unlink()
        raise WeightsError(
            f"{one.url} has sha256 {found[:12]}..., expected {str(file.sha256)[:12]}...: run 'mfh weights fetch "
            f"{one.name}' again; if it happens again, the file there is not the one expected"
        )
    part.rename(partial / file.name)
    put_in_place(partial, place)
