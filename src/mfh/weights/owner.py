"""A folder of model files has one owner: it is made beside its place and swapped in whole, and nothing else is touched.

Of what lies in the place already, only files are ever deleted that are listed for it and are still those, byte for
byte. Anything else there may be what only the user can get: it is kept, and in the way until the user says otherwise;
then it is moved aside, whole. A killed process leaves the old folder or the new one, and hidden siblings that the next
one sweeps.
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
"""How long a process waits for another that writes the same model, before it says so."""
_MARK = "~"
"""In no name of a model's folder: what follows it is the state of a hidden sibling."""
_NEW, _OLD, _PARTIAL = "new", "old", "partial-"


@dataclass(frozen=True)
class Place:
    """Where a model's files belong.

    Attributes:
        folder: it need not exist yet; nothing but the model's files is put there.
        known: name -> digest of the files that belong there where no manifest lists others.
        precious: whether its files are such as only the user can get: none of them is ever deleted.
    """

    folder: Path
    known: Mapping[str, str | None] = field(default_factory=dict)
    precious: bool = False


@contextmanager
def owning(place: Place, *, report: Callable[[str, float], None]) -> Iterator[None]:
    """Be the one process that writes to a model's place, for the time of a block.

    What killed ones left is put in order first: a swap they were in is finished or undone, and what they were making is
    removed, but for partial downloads (:func:`partial_folder`).

    Raises:
        WeightsError: where another process still has it after a minute.
        OSError: where nothing can be written there.
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


def sweep(place: Place) -> None:
    """Remove what killed processes left beside a model that is whole; nothing where another process is at work."""
    if not place.folder.parent.is_dir():
        return
    try:
        with folder_lock(place.folder, wait_s=0.0):
            _settle(place)
            discard_partials(place)
    except (InputError, OSError):
        # In use, or read only: whoever writes there next does it.
        return


def is_interrupted(place: Place) -> bool:
    """Say whether a process was killed between taking a model's old folder away and putting the new one there."""
    return os.path.lexists(_sibling(place, _OLD)) and not os.path.lexists(place.folder)


@contextmanager
def assembling(place: Place) -> Iterator[Path]:
    """Yield a new empty folder beside a place, to be filled and put there; it is gone after the block."""
    new = _sibling(place, _NEW)
    new.mkdir()
    try:
        yield new
    finally:
        _discard(new)


def partial_folder(place: Place, state: str) -> Path:
    """Return the folder beside a place in which a download of one state of a model goes on, made where it is missing.

    What earlier tries left of other states is removed: they are not mixed.
    """
    folder = _sibling(place, f"{_PARTIAL}{state[:12]}")
    discard_partials(place, keep=folder)
    folder.mkdir(exist_ok=True)
    return folder


def discard_partials(place: Place, *, keep: Path | None = None) -> None:
    """Remove partial downloads that nothing goes on with."""
    prefix = _sibling(place, _PARTIAL).name
    for other in place.folder.parent.iterdir():
        if other.name.startswith(prefix) and (other != keep or other.is_symlink()):
            _discard(other)


def put_in_place(new: Path, place: Place) -> None:
    """Make a finished folder the content of a place; the old one stays whole until the new one is there.

    What was there before goes if all of it was listed, and is kept beside if not.
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
    """Return name -> digest of the files that belong in a folder: those of its manifest, or those known without one."""
    return {one.name: one.sha256 for one in read_manifest(folder).files} if _has_manifest(folder) else known


def check_free(place: Place, *, replace: bool) -> None:
    """Refuse to put a model where something lies that is not part of it, unless the user has said so.

    Raises:
        WeightsError: where it is in the way.
    """
    folder = place.folder
    if replace or not os.path.lexists(folder):
        return
    own = set() if place.precious else {MANIFEST, *listed_in(folder, place.known)}
    others = [name for name in _names(folder) if name not in own] if folder.is_dir() else ["a file"]
    if others:
        count = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise WeightsError(
            f"{shown(folder)} holds {shown(others[0])}{count}, which this would replace and may be yours alone: move "
            "it away, or say --replace, which keeps it beside"
        )


def _has_manifest(folder: Path) -> bool:
    """Say whether a folder's manifest can be relied on."""
    try:
        read_manifest(folder)
    except WeightsError:
        return False
    return True


def _names(folder: Path) -> list[str]:
    """Return the names of all that is in a folder but folders, links to folders included."""
    names = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        names += [(Path(parent) / name).relative_to(folder).as_posix() for name in (*files, *links)]
    return sorted(names)


def _is_still(file: Path, digest: str | None) -> bool:
    return digest is not None and not file.is_symlink() and file.is_file() and file_sha256(file) == digest


def _settle(place: Place) -> None:
    """Finish or undo the swap that a killed process was in, and remove what it was making."""
    old = _sibling(place, _OLD)
    if is_interrupted(place):
        old.rename(place.folder)
    elif os.path.lexists(old):
        _retire(old, place)
    _discard(_sibling(place, _NEW))
    for left in place.folder.parent.glob(f".{glob.escape(_sibling(place, '').name)}*.tmp.*"):
        left.unlink()


def _retire(old: Path, place: Place) -> None:
    """Remove a folder that was replaced where all of it is listed; else keep it under a name that can be seen."""
    digests = listed_in(old, place.known)
    names = [name for name in _names(old) if name != MANIFEST or digests is place.known]
    if not (place.precious or old.is_symlink()) and all(_is_still(old / name, digests.get(name)) for name in names):
        for name in (*names, MANIFEST):
            (old / name).unlink(missing_ok=True)
        for parent, _, _ in os.walk(old, topdown=False):
            # Refused where there is anything in it after all.
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
    """Remove what a process of this program was making; a link is removed, and not what it leads to."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _sibling(place: Place, state: str) -> Path:
    return place.folder.with_name(f".{place.folder.name}{_MARK}{state}")
