"""Models in a folder that can be carried: for machines without a network.

Such a folder may come from anybody. What it claims to be must be what it holds, and it replaces nothing that only the
user can get, unless the user has said so.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mfh.errors import InputError, WeightsError, shown
from mfh.io.reading import reading
from mfh.weights.cache import cache_folder, free_bytes, inside, listed_name
from mfh.weights.catalog import CATALOG, catalog_model
from mfh.weights.hub import PREFIX, cached_folder, parse_source
from mfh.weights.manifest import (
    MANIFEST,
    Manifest,
    check_digests,
    check_listed,
    copy_listed,
    read_manifest,
    write_manifest,
)
from mfh.weights.owner import Place, assembling, check_free, owning, put_in_place, sweep
from mfh.weights.store import files_of, installed, is_here, place_of, require

Progress = Callable[[str, float], None]


def carried_names() -> list[str]:
    """Return the models that are here and may be carried: all but what is in the package, or gated.

    Raises:
        WeightsError: where the weights cache cannot be read.
    """
    cache_folder()
    return [name for name, one in CATALOG.items() if one.kind != "package" and not one.gated and is_here(name)]


def export_weights(
    names: Sequence[str], target: Path, *, replace: bool = False, progress: Progress | None = None
) -> list[Path]:
    """Copy models into a folder, each with a manifest of its files; each is there whole or not at all.

    Args:
        names: models, or "hf:org/name" for other repositories in the weights cache.
        target: folder to copy to; made if needed.
        replace: whether files that are not of an earlier export may be moved aside where they are in the way.
        progress: called with the name and the fraction of it done.

    Returns:
        One folder a model.

    Raises:
        InputError: where the target is the weights cache itself.
        WeightsError: where a model is not here, something else is in its place, or the folder cannot be written.
    """
    report = progress or (lambda step, fraction: None)
    if target.resolve().is_relative_to(cache_folder().resolve()):
        raise InputError(f"{shown(target)} is in the weights cache: expected a folder outside it, to be carried away")
    folders = []
    for name in names:
        folder = _here(name)
        with reading(folder, what="", expected="files with plain names, that can be carried", error=WeightsError):
            relative = [listed_name(file.relative_to(folder).as_posix()) for file in _files(name, folder)]
        revision = read_manifest(folder).revision if (folder / MANIFEST).is_file() else _version(name, folder)
        place = Place(target / name.removeprefix(PREFIX).replace("/", "--").replace("@", "--"))
        _copy(Manifest(name, revision, ()), folder, relative, place, report, replace=replace)
        folders.append(place.folder)
    return folders


def import_weights(source: Path, *, replace: bool = False, progress: Progress | None = None) -> list[str]:
    """Put the models of an exported folder into the weights cache, after reading every byte of them.

    Nothing is written before all of them have been read; what is there already is left as it is.

    Args:
        source: folder made by :func:`export_weights`, or one model of it.
        replace: whether what only the user can get, or was put into the cache by hand, may be moved aside where it is
            in the way.
        progress: called with the name and the fraction of it done.

    Returns:
        The names.

    Raises:
        InputError: where the folder holds no exported model.
        WeightsError: where a file is not the one its manifest lists, a model is not what it claims to be, something is
            in the way, or the cache cannot be written.
    """
    report = progress or (lambda step, fraction: None)
    with reading(source, what="", expected="a folder made by 'mfh weights export'"):
        found = sorted(file.parent for file in (*source.glob(MANIFEST), *source.glob(f"*/{MANIFEST}")))
    if not found:
        raise InputError(f"{shown(source)} holds no exported models: expected a folder made by 'mfh weights export'")
    manifests = [(folder, _checked(folder)) for folder in found]
    new = [(folder, manifest) for folder, manifest in manifests if not _is_same(place_of(manifest.name), manifest)]
    for folder, manifest in manifests:
        if (folder, manifest) not in new:
            sweep(place_of(manifest.name))
    for _, manifest in new:
        check_free(place_of(manifest.name), replace=replace)
    for folder, manifest in new:
        place = place_of(manifest.name)
        _copy(manifest, folder, [one.name for one in manifest.files], place, report, replace=replace)
    return [manifest.name for _, manifest in manifests]


def _checked(folder: Path) -> Manifest:
    """Return the manifest of a folder whose files are the ones it lists, of the model it claims to be."""
    inside(folder, MANIFEST)
    manifest = read_manifest(folder)
    _check_about(manifest, folder)
    for one in manifest.files:
        inside(folder, one.name)
    check_digests(folder, manifest, fix="export it again")
    return manifest


def _is_same(place: Place, manifest: Manifest) -> bool:
    """Say whether these very files are in place already."""
    if not all((place.folder / one.name).is_file() for one in manifest.files):
        return False
    try:
        check_digests(place.folder, manifest, fix="")
    except WeightsError:
        return False
    return True


def _copy(
    manifest: Manifest, folder: Path, relative: list[str], place: Place, report: Progress, *, replace: bool
) -> None:
    """Copy the files beside their final place, prove the copy, and rename."""
    name = manifest.name
    with _disk_errors(name, place.folder.parent), owning(place, report=report):
        check_free(place, replace=replace)
        needed, free = sum((folder / one).stat().st_size for one in relative), free_bytes(place.folder.parent)
        if needed > free:
            raise WeightsError(
                f"{name} takes {needed / 1e9:.2f} GB and {shown(place.folder.parent)} has {free / 1e9:.2f} GB free: "
                "free some space"
            )
        with assembling(place) as copy:
            listed = copy_listed(folder, copy, relative, report=lambda fraction: report(name, fraction))
            if manifest.files and listed != manifest.files:
                raise WeightsError(f"{shown(folder)} changed while it was copied: run this again when it is whole")
            write_manifest(copy, Manifest(name, manifest.revision, listed))
            put_in_place(copy, place)


@contextmanager
def _disk_errors(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"cannot write {name} to {shown(folder)} ({error.strerror or error}): choose another folder"
        ) from error


def _here(name: str) -> Path:
    """Return the folder of a model that is on this machine."""
    if name.startswith(PREFIX):
        folder = cached_folder(parse_source(name))
        if not (folder / MANIFEST).is_file():
            raise WeightsError(f"{name} is not in the weights cache: run 'mfh weights fetch {name}'")
        check_listed(folder, fix=f"run 'mfh weights fetch {name}' to get it again")
        return folder
    if catalog_model(name).kind == "package":
        raise InputError(f"{name} is part of the package: there is nothing to export")
    if not installed(name):
        raise WeightsError(f"{name} is not on this machine: run 'mfh weights fetch {name}'")
    return require(name)


def _files(name: str, folder: Path) -> list[Path]:
    """Return what is copied: the model's own files, whatever else lies in its folder."""
    if name.startswith(PREFIX):
        return [folder / one.name for one in read_manifest(folder).files]
    supplied = catalog_model(name).supplied
    files = files_of(name)
    if supplied is not None and not all(file.name in supplied.any_of for file in files):
        # It would not be found under this name on the other machine.
        raise WeightsError(f"{name} is {files[0]}: rename it to {supplied.any_of[0]} or the like to export it")
    return files


def _version(name: str, folder: Path) -> str:
    """Return the revision of files without a manifest: the commit of the hub library's snapshot, or the table's."""
    return folder.name if catalog_model(name).kind == "hub" else catalog_model(name).version


def _check_about(manifest: Manifest, folder: Path) -> None:
    """Refuse a manifest that is not about the files of the model it names, or about files that the table has not.

    Raises:
        WeightsError: where it is not.
        InputError: for a name that is no model's.
    """
    if manifest.name.startswith(PREFIX):
        parse_source(manifest.name)
        return
    if manifest.name not in CATALOG or CATALOG[manifest.name].kind == "package":
        raise WeightsError(
            f"{shown(folder / MANIFEST)} is about {manifest.name[:100]!r}: expected the name of model files, as 'mfh "
            "weights list' has them"
        )
    one, names = catalog_model(manifest.name), {file.name for file in manifest.files}
    for file in manifest.files:
        expected = next((known.sha256 for known in one.files if known.name == file.name), None)
        if expected not in (None, file.sha256):
            raise WeightsError(
                f"{shown(folder / file.name)} is listed with sha256 {file.sha256[:12]}..., expected "
                f"{str(expected)[:12]}...: it is not the {one.name} that is meant"
            )
    if one.hub is not None:
        wanted, may = {one.hub.marker, *one.hub.only}, names
    elif one.supplied is not None:
        wanted, may = (names & {*one.supplied.any_of}) or {one.supplied.any_of[0]}, {*one.supplied.any_of}
    else:
        wanted = may = {known.name for known in one.files}
    for problem, odd in (("lists", names - may), ("lacks", wanted - names)):
        if odd:
            raise WeightsError(
                f"{shown(folder / MANIFEST)} {problem} {', '.join(sorted(odd))[:300]}: expected "
                f"{', '.join(sorted(may if one.supplied else wanted))}, of which {one.name} consists; export it again"
            )
