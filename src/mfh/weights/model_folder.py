"""Atomic installation of a model's folder, under a lock: it is prepared beside its place and renamed.

Of an existing folder, only files whose digests are listed for it are ever deleted. Other content may be irreplaceable:
it blocks the installation unless the user passes --replace, and the whole folder is then renamed. A killed process
leaves the old folder or the new one, and hidden siblings that the next process removes. Functions that write require
the lock (:func:`locked`).
"""

import glob
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mfh.errors import InputError, WeightsError, shown
from mfh.io.contents import file_sha256
from mfh.io.lock import folder_lock
from mfh.weights.manifest import MANIFEST, read_manifest

logger = logging.getLogger("mfh")

WAIT_S = 60.0
"""Timeout of the lock on a model's folder."""
_MARK = "~"
"""Separator of a folder's name and the state of its hidden sibling; in no name of a model's folder."""
_NEW, _OLD, _PARTIAL = "new", "old", "partial-"


@dataclass(frozen=True)
class ModelFolder:
    """The folder of a model's files in the weights cache.

    Attributes:
        folder: it may not exist yet.
        known: name -> digest of the model's files, where there is no manifest.
        user_supplied: whether the user supplied the files: none of them is ever deleted.
    """

    folder: Path
    known: Mapping[str, str | None] = field(default_factory=dict)
    user_supplied: bool = False


@contextmanager
def disk_errors(
    name: str, folder: Path, *, fix: str = "free some space, or set MFH_WEIGHTS to a folder that can be written"
) -> Iterator[None]:
    """Turn an error of the disk into one line with the fix."""
    try:
        yield
    except OSError as error:
        raise WeightsError(f"cannot write {name} to {shown(folder)} ({error.strerror or error}): {fix}") from error


@contextmanager
def locked(place: ModelFolder, *, report: Callable[[str, float], None]) -> Iterator[None]:
    """Hold the lock on a model's folder, whose parent is created.

    What killed processes left is repaired first: an interrupted replacement is finished or undone, and staging folders
    are removed, except partial downloads (:func:`partial_folder`). ``report`` is called before waiting.

    Raises:
        WeightsError: where another process still holds the lock after a minute.
        OSError: where the folder cannot be written.
    """
    with ExitStack() as stack:
        for wait_s in (0.0, WAIT_S):
            try:
                stack.enter_context(folder_lock(place.folder, wait_s=wait_s))
                break
            except InputError as error:
                cause = error.__cause__
                if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
                    raise cause from None
                if wait_s or not isinstance(cause, TimeoutError):
                    raise WeightsError(str(error)) from error
                report("waiting for another process", 0.0)
        _settle(place)
        yield


def sweep(place: ModelFolder) -> None:
    """Remove what killed processes left beside a complete model, unless another process holds the lock."""
    if not place.folder.parent.is_dir():
        return
    try:
        with folder_lock(place.folder, wait_s=0.0):
            _settle(place)
            discard_partials(place)
    except (InputError, OSError):
        # In use, or read only: the next process that writes does it.
        return


def is_interrupted(place: ModelFolder) -> bool:
    """Return whether a process was killed between the two renames of a replacement."""
    return os.path.lexists(_sibling(place, _OLD)) and not os.path.lexists(place.folder)


@contextmanager
def staging_folder(place: ModelFolder) -> Iterator[Path]:
    """Yield a new empty folder beside a model's, to be filled and installed; it is removed after the block."""
    new = _sibling(place, _NEW)
    new.mkdir()
    try:
        yield new
    finally:
        _discard(new)


def partial_folder(place: ModelFolder, state: str) -> Path:
    """Return the folder of a partial download of one state of a model (hexadecimal digits), created where missing.

    Partial downloads of other states are removed.
    """
    folder = _sibling(place, f"{_PARTIAL}{state[:12]}")
    discard_partials(place, keep=folder)
    folder.mkdir(exist_ok=True)
    return folder


def discard_partials(place: ModelFolder, *, keep: Path | None = None) -> None:
    """Remove partial downloads, except one."""
    prefix = _sibling(place, _PARTIAL).name
    for other in place.folder.parent.iterdir():
        if other.name.startswith(prefix) and (other != keep or other.is_symlink()):
            _discard(other)


def install_folder(new: Path, place: ModelFolder) -> None:
    """Replace a model's folder atomically by a complete one on the same file system.

    The old folder is deleted where all of its files are listed, and is otherwise kept beside under another name.
    """
    if not os.path.lexists(place.folder):
        new.rename(place.folder)
        return
    old = _sibling(place, _OLD)
    place.folder.rename(old)
    try:
        new.rename(place.folder)
    except BaseException:
        old.rename(place.folder)
        raise
    _retire(old, place)


def listed_in(folder: Path, known: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """Return name -> digest of a model's files: those of the manifest, else the known ones."""
    return {one.name: one.sha256 for one in read_manifest(folder).files} if _has_manifest(folder) else known


def check_replaceable(place: ModelFolder, *, replace: bool) -> None:
    """Check that a model's folder has no other content, unless the user asked to replace it.

    Raises:
        WeightsError: where it has.
    """
    folder = place.folder
    if replace or not os.path.lexists(folder):
        return
    own = set() if place.user_supplied else {MANIFEST, *listed_in(folder, place.known)}
    others = [name for name in _names(folder) if name not in own] if folder.is_dir() else ["a file"]
    if others:
        count = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise WeightsError(
            f"{shown(folder)} holds {shown(others[0])}{count}, which this would replace and may be yours alone: move "
            "it away, or say --replace, which keeps it beside"
        )


def _has_manifest(folder: Path) -> bool:
    """Return whether a folder has a valid manifest."""
    try:
        read_manifest(folder)
    except WeightsError:
        return False
    return True


def _names(folder: Path) -> list[str]:
    """Return the paths of all files in a folder, and of links to folders."""
    names = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        names += [(Path(parent) / name).relative_to(folder).as_posix() for name in (*files, *links)]
    return sorted(names)


def _is_still(file: Path, digest: str | None) -> bool:
    return digest is not None and not file.is_symlink() and file.is_file() and file_sha256(file) == digest


def _settle(place: ModelFolder) -> None:
    """Finish or undo an interrupted replacement, and remove staging folders."""
    old = _sibling(place, _OLD)
    if is_interrupted(place):
        old.rename(place.folder)
    elif os.path.lexists(old):
        _retire(old, place)
    _discard(_sibling(place, _NEW))
    for left in place.folder.parent.glob(f".{glob.escape(_sibling(place, '').name)}*.tmp.*"):
        left.unlink()


def _retire(old: Path, place: ModelFolder) -> None:
    """Delete a replaced folder where all of its files are listed; else keep it under a visible name."""
    digests = listed_in(old, place.known)
    names = [name for name in _names(old) if name != MANIFEST or digests is place.known]
    if not (place.user_supplied or old.is_symlink()) and all(
        _is_still(old / name, digests.get(name)) for name in names
    ):
        for name in (*names, MANIFEST):
            (old / name).unlink(missing_ok=True)
        for parent, _, _ in os.walk(old, topdown=False):
            # Fails where the folder is not empty.
            with suppress(OSError):
                os.rmdir(parent)
        if not os.path.lexists(old):
            return
    count = 1
    while os.path.lexists(kept := place.folder.with_name(f"{place.folder.name}.replaced-{count}")):
        count += 1
    old.rename(kept)
    logger.warning("not all of what was in %s was listed for it: it is kept in %s", place.folder, kept)


def _discard(path: Path) -> None:
    """Remove a staging folder; of a link, only the link."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _sibling(place: ModelFolder, state: str) -> Path:
    return place.folder.with_name(f".{place.folder.name}{_MARK}{state}")
