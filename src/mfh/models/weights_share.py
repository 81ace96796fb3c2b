"""Models in a folder that can be carried: for machines without a network."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mfh.errors import InputError, WeightsError
from mfh.models.hub import PREFIX, Source, cached_folder, parse_source
from mfh.models.weights import files_of, installed, path
from mfh.models.weights_manifest import (
    MANIFEST,
    Manifest,
    check_digests,
    copy_listed,
    read_manifest,
    write_manifest,
)
from mfh.models.weights_place import cache_folder, file_sha256, free_bytes, replace_folder
from mfh.models.weights_table import ARTEFACTS, artefact

Progress = Callable[[str, float], None]


def carried_names() -> list[str]:
    """Return the artefacts that are here and may be carried: all but what is in the package, or gated."""
    return [name for name, one in ARTEFACTS.items() if one.kind != "package" and not one.gated and installed(name)]


def export_weights(names: Sequence[str], target: Path, *, progress: Progress | None = None) -> list[Path]:
    """Copy models into a folder, each with a manifest of its files; each is there whole or not at all.

    Args:
        names: artefacts, or "hf:org/name" for other repositories in the weights cache.
        target: folder to copy to; made if needed.
        progress: called with the name and the fraction of it done.

    Returns:
        One folder a model.

    Raises:
        WeightsError: where a model is not here, or the folder cannot be written.
    """
    report = progress or (lambda step, fraction: None)
    folders = []
    for name in names:
        folder = _here(name)
        relative = [file.relative_to(folder).as_posix() for file in _files(name, folder)]
        revision = read_manifest(folder).revision if (folder / MANIFEST).is_file() else _version(name, folder)
        place = target / name.removeprefix(PREFIX).replace("/", "--").replace("@", "--")
        folders.append(_copy(name, revision, folder, relative, place, report))
    return folders


def import_weights(source: Path, *, progress: Progress | None = None) -> list[str]:
    """Put the models of an exported folder into the weights cache, after reading every byte of them.

    Args:
        source: folder made by :func:`export_weights`, or one model of it.
        progress: called with the name and the fraction of it done.

    Returns:
        The names.

    Raises:
        InputError: where the folder holds no exported model.
        WeightsError: where a file is not the one its manifest lists, or the cache cannot be written.
    """
    report = progress or (lambda step, fraction: None)
    found = sorted(file.parent for file in (*source.glob(MANIFEST), *source.glob(f"*/{MANIFEST}")))
    if not found:
        raise InputError(f"{source} holds no exported models: expected a folder made by 'mfh weights export'")
    names = []
    for folder in found:
        manifest = read_manifest(folder)
        _check_known(manifest, folder)
        check_digests(folder, manifest, fix="export it again")
        place = _own_place(manifest.name)
        relative = [one.name for one in manifest.files]
        _copy(manifest.name, manifest.revision, folder, relative, place, report)
        names.append(manifest.name)
    return names


def _copy(name: str, revision: str, folder: Path, relative: list[str], place: Path, report: Progress) -> Path:
    """Copy the files beside their final place, prove the copy, and rename."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        needed, free = sum((folder / one).stat().st_size for one in relative), free_bytes(place.parent)
        if needed > free:
            raise WeightsError(
                f"{name} takes {needed / 1e9:.2f} GB and {place.parent} has {free / 1e9:.2f} GB free: free some space"
            )
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as scratch:
            copy = Path(scratch) / "files"
            copy.mkdir()
            listed = copy_listed(folder, copy, relative, report=lambda fraction: report(name, fraction))
            for one in listed:
                if one.sha256 != file_sha256(folder / one.name):
                    raise WeightsError(f"{place}/{one.name} was not written as it was read: check the disk")
            write_manifest(copy, Manifest(name, revision, listed))
            replace_folder(copy, place)
    except OSError as error:
        raise WeightsError(
            f"cannot write {name} to {place.parent} ({error.strerror or error}): choose another folder"
        ) from error
    return place


def _here(name: str) -> Path:
    """Return the folder of a model that is on this machine."""
    if name.startswith(PREFIX):
        folder = cached_folder(parse_source(name))
        if not (folder / MANIFEST).is_file():
            raise WeightsError(f"{name} is not in the weights cache: run 'mfh weights fetch {name}'")
        return folder
    if artefact(name).kind == "package":
        raise InputError(f"{name} is part of the package: there is nothing to export")
    if not installed(name):
        raise WeightsError(f"{name} is not on this machine: run 'mfh weights fetch {name}'")
    return path(name)


def _files(name: str, folder: Path) -> list[Path]:
    """Return what is copied: the model's own files, whatever else lies in its folder."""
    if name.startswith(PREFIX):
        return [folder / one.name for one in read_manifest(folder).files]
    supplied = artefact(name).supplied
    files = files_of(name)
    if supplied is not None and not all(file.name in supplied.any_of for file in files):
        # It would not be found under this name on the other machine.
        raise WeightsError(f"{name} is {files[0]}: rename it to {supplied.any_of[0]} or the like to export it")
    return files


def _version(name: str, folder: Path) -> str:
    """Return the revision of files without a manifest: the commit of the hub library's snapshot, or the table's."""
    return folder.name if artefact(name).kind == "hub" else artefact(name).version


def _own_place(name: str) -> Path:
    """Return the folder of the weights cache a model belongs in, wherever else a copy of it is."""
    if name.startswith(PREFIX):
        return cached_folder(parse_source(name))
    one = artefact(name)
    if one.hub is not None:
        return cached_folder(Source(repo=one.hub.repo, revision=one.hub.revision))
    return cache_folder() / (one.name if one.kind in ("user", "url") else f"{one.name}-{one.version}")


def _check_known(manifest: Manifest, folder: Path) -> None:
    """Refuse files that are not the ones the table expects, whatever their manifest says."""
    if manifest.name.startswith(PREFIX):
        return
    expected = {one.name: one.sha256 for one in artefact(manifest.name).files if one.sha256}
    for one in manifest.files:
        if expected.get(one.name, one.sha256) != one.sha256:
            raise WeightsError(
                f"{folder}/{one.name} is listed with sha256 {one.sha256[:12]}..., expected "
                f"{str(expected[one.name])[:12]}...: it is not the {manifest.name} that is meant"
            )
    absent = set(expected) - {one.name for one in manifest.files}
    if absent:
        raise WeightsError(f"{folder} lacks {', '.join(sorted(absent))}: export {manifest.name} again")
