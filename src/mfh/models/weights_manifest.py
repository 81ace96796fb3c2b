"""The list of files beside a fetched model: names, sizes and digests, so that a copy can be proven whole."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from mfh.errors import WeightsError
from mfh.models.weights_place import file_sha256

MANIFEST = "mfh-weights.json"


@dataclass(frozen=True)
class ListedFile:
    """One file of a manifest.

    Attributes:
        name: path inside the folder, with forward slashes.
        size_bytes: its size.
        sha256: its hexadecimal digest.
    """

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of one model.

    Attributes:
        name: of the artefact, or "hf:org/name" for a repository that is in no table.
        revision: commit or version of the source.
        files: all files.
    """

    name: str
    revision: str
    files: tuple[ListedFile, ...]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest into the folder it is about, which is not in use yet.

    Args:
        folder: of the model.
        manifest: what is in it.
    """
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a folder.

    Args:
        folder: of the model.

    Raises:
        WeightsError: where there is none, or it is damaged.
    """
    file = folder / MANIFEST
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
        files = tuple(ListedFile(str(one["name"]), int(one["size_bytes"]), str(one["sha256"])) for one in tree["files"])
        manifest = Manifest(str(tree["name"]), str(tree["revision"]), files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{file} cannot be read ({type(error).__name__}): fetch or export the model again"
        ) from error
    for one in manifest.files:
        path = PurePosixPath(one.name)
        # It may come from another machine: nothing may be read or written outside the folder.
        if path.is_absolute() or ".." in path.parts or "\\" in one.name or ":" in one.name:
            raise WeightsError(f"{file} lists {one.name!r}: expected names inside the folder")
    return manifest


def missing_files(folder: Path, manifest: Manifest) -> list[Path]:
    """Return the files of a manifest that are not there or not of the right size.

    Args:
        folder: of the model.
        manifest: what should be in it.
    """
    places = [(folder / one.name, one.size_bytes) for one in manifest.files]
    return [place for place, size in places if not (place.is_file() and place.stat().st_size == size)]


def check_digests(folder: Path, manifest: Manifest, *, fix: str) -> None:
    """Read every file of a manifest and compare its digest.

    Args:
        folder: of the model.
        manifest: what should be in it.
        fix: what to do about a wrong file.

    Raises:
        WeightsError: for the first file that is missing or wrong.
    """
    for one in manifest.files:
        file = folder / one.name
        if not file.is_file():
            raise WeightsError(f"{file} is missing: {fix}")
        found = file_sha256(file)
        if found != one.sha256:
            raise WeightsError(f"{file} has sha256 {found[:12]}..., expected {one.sha256[:12]}...: {fix}")


def copy_listed(
    source: Path, target: Path, names: list[str], *, report: Callable[[float], None]
) -> tuple[ListedFile, ...]:
    """Copy files of a model, links as the files they point to, and list what was copied.

    Args:
        source: folder to read.
        target: folder to make.
        names: paths inside it.
        report: called with the fraction of bytes done.

    Returns:
        The copies, with sizes and digests as they were read back.
    """
    total = sum((source / name).stat().st_size for name in names) or 1
    done, listed = 0, []
    for name in names:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, copy)
        listed.append(ListedFile(name, copy.stat().st_size, file_sha256(copy)))
        done += listed[-1].size_bytes
        report(done / total)
    return tuple(listed)
