"""Export and import of models in a folder, for machines without a network.

The source of such a folder is not known: its files must match its manifest and the catalog, and they replace nothing
that the user supplied, unless the user passes --replace.
"""

import dataclasses
from collections.abc import Callable, Sequence
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
from mfh.weights.model_folder import (
    ModelFolder,
    check_replaceable,
    disk_errors,
    install_folder,
    locked,
    staging_folder,
    sweep,
)
from mfh.weights.store import files_of, folder_of, installed, is_here, require

Progress = Callable[[str, float], None]


def carried_names() -> list[str]:
    """Return the installed models that are exported by default: all but those of the package and gated ones.

    Raises:
        WeightsError: where the weights cache cannot be read.
    """
    cache_folder()
    return [name for name, one in CATALOG.items() if one.kind != "package" and not one.gated and is_here(name)]


def export_weights(
    names: Sequence[str], target: Path, *, replace: bool = False, progress: Progress | None = None
) -> list[Path]:
    """Copy models into a folder, each atomically and with a manifest; return one folder per model.

    Args:
        names: models, or "hf:org/name" for other repositories in the weights cache.
        target: folder to copy to, created where missing.
        replace: whether files that are not of an earlier export may be moved aside.
        progress: called with the name and the fraction of it done.

    Raises:
        InputError: where the target is the weights cache itself.
        WeightsError: where a model is not installed, its target has other content, or the folder cannot be written.
    """
    report = progress or (lambda step, fraction: None)
    if target.resolve().is_relative_to(cache_folder().resolve()):
        raise InputError(f"{shown(target)} is in the weights cache: expected a folder outside it, to be carried away")
    folders = []
    for name in names:
        folder = _here(name)
        with reading(folder, what="", expected="files with plain names, that can be carried", error=WeightsError):
            relative = [listed_name(file.relative_to(folder).as_posix()) for file in _files(name, folder)]
        has_list = (folder / MANIFEST).is_file()
        known = read_manifest(folder) if has_list else Manifest(name, _version(name, folder), ())
        place = ModelFolder(target / name.removeprefix(PREFIX).replace("/", "--").replace("@", "--"))
        _copy(dataclasses.replace(known, name=name, files=()), folder, relative, place, report, replace=replace)
        folders.append(place.folder)
    return folders


def import_weights(source: Path, *, replace: bool = False, progress: Progress | None = None) -> list[str]:
    """Copy the models of an exported folder into the weights cache, and return their names.

    All digests are compared before anything is written; models that are installed already are not copied.

    Args:
        source: folder made by :func:`export_weights`, or one model of it.
        replace: whether files of another origin may be moved aside.
        progress: called with the name and the fraction of it done.

    Raises:
        InputError: where the folder holds no exported model.
        WeightsError: where a file differs from its manifest, a manifest from the catalog, the cache has other content
            in the same place, or it cannot be written.
    """
    report = progress or (lambda step, fraction: None)
    with reading(source, what="", expected="a folder made by 'mfh weights export'"):
        found = sorted(file.parent for file in (*source.glob(MANIFEST), *source.glob(f"*/{MANIFEST}")))
    if not found:
        raise InputError(f"{shown(source)} holds no exported models: expected a folder made by 'mfh weights export'")
    manifests = [(folder, _checked(folder)) for folder in found]
    new = [(folder, manifest) for folder, manifest in manifests if not _is_same(folder_of(manifest.name), manifest)]
    for folder, manifest in manifests:
        if (folder, manifest) not in new:
            sweep(folder_of(manifest.name))
    for _, manifest in new:
        check_replaceable(folder_of(manifest.name), replace=replace)
    for folder, manifest in new:
        place = folder_of(manifest.name)
        _copy(manifest, folder, [one.name for one in manifest.files], place, report, replace=replace)
    return [manifest.name for _, manifest in manifests]


def _checked(folder: Path) -> Manifest:
    """Return the manifest of a folder, after checks against its files and the catalog."""
    inside(folder, MANIFEST)
    manifest = read_manifest(folder)
    _check_about(manifest, folder)
    for one in manifest.files:
        inside(folder, one.name)
    check_digests(folder, manifest, fix="export it again")
    return manifest


def _is_same(place: ModelFolder, manifest: Manifest) -> bool:
    """Return whether the same files are installed."""
    if not all((place.folder / one.name).is_file() for one in manifest.files):
        return False
    try:
        check_digests(place.folder, manifest, fix="")
    except WeightsError:
        return False
    return True


def _copy(
    manifest: Manifest, folder: Path, relative: list[str], place: ModelFolder, report: Progress, *, replace: bool
) -> None:
    """Copy files (of the manifest, where it lists any) to a staging folder, check their digests, and install them."""
    name = manifest.name
    with disk_errors(name, place.folder.parent, fix="choose another folder"), locked(place, report=report):
        check_replaceable(place, replace=replace)
        needed, free = sum((folder / one).stat().st_size for one in relative), free_bytes(place.folder.parent)
        if needed > free:
            raise WeightsError(
                f"{name} takes {needed / 1e9:.2f} GB and {shown(place.folder.parent)} has {free / 1e9:.2f} GB free: "
                "free some space"
            )
        with staging_folder(place) as copy:
            listed = copy_listed(folder, copy, relative, report=lambda fraction: report(name, fraction))
            if manifest.files and listed != manifest.files:
                raise WeightsError(f"{shown(folder)} changed while it was copied: run this again when it is whole")
            write_manifest(copy, dataclasses.replace(manifest, files=listed))
            install_folder(copy, place)


def _here(name: str) -> Path:
    """Return the folder of an installed model."""
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
    """Return the files to copy: the model's own, without other files in its folder."""
    if name.startswith(PREFIX):
        return [folder / one.name for one in read_manifest(folder).files]
    supplied = catalog_model(name).supplied
    files = files_of(name)
    if supplied is not None and not all(file.name in supplied.any_of for file in files):
        # The other machine would not find it under this name.
        raise WeightsError(f"{name} is {files[0]}: rename it to {supplied.any_of[0]} or the like to export it")
    return files


def _version(name: str, folder: Path) -> str:
    """Return the revision of files without a manifest: the hub library's commit, or the catalog's version."""
    return folder.name if catalog_model(name).kind == "hub" else catalog_model(name).version


def _check_about(manifest: Manifest, folder: Path) -> None:
    """Check that a manifest lists the files of the model it names, as the catalog has them.

    Raises:
        WeightsError: where it does not.
        InputError: for a malformed name of a repository.
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
