"""Model files at plain addresses: one file, resumed where it was left, checked by its digest."""

from collections.abc import Callable
from pathlib import Path

from mfh.errors import WeightsError
from mfh.models.hub import offline_reason
from mfh.models.weights_download import download
from mfh.models.weights_place import file_sha256
from mfh.models.weights_types import Artefact


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
    total = one.size_bytes or 1
    download(
        one.url,
        part,
        headers={},
        again=f"run 'mfh weights fetch {one.name}' again",
        report=lambda done: report("download", min(0.95, done / total)),
    )
    report("check", 0.95)
    found = file_sha256(part)
    if found != file.sha256:
        part.unlink()
        raise WeightsError(
            f"{one.url} has sha256 {found[:12]}..., expected {str(file.sha256)[:12]}...: run 'mfh weights fetch "
            f"{one.name}' again; if it happens again, the file there is not the one expected"
        )
    part.rename(folder / file.name)
