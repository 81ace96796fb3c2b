"""What lies in a folder before and after: nothing may be lost or changed that the run did not write."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.fuzz.case import Failure

Snapshot = Mapping[str, str]
"""Path below the folder -> digest of what is there."""
ANYWHERE = "*"
"""As an output: files may be made anywhere in the case's folder."""
_NOT_PLAIN = re.compile('[\x00-\x1f\x7f<>:"\\\\|?*\u202a-\u202e\ud800-\udfff]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)", re.IGNORECASE)
# What the weights cache knows of its files: which of them it has read whole.
_NOTES = "weights/."
_LEFTOVERS = (".tmp", ".mfh-new-", ".mfh-swap")


def snapshot(folder: Path, *, without: Sequence[str] = ()) -> Snapshot:
    """Return what is in a folder.

    Args:
        folder: to look at.
        without: names in it that do not count.
    """
    found: dict[str, str] = {}
    for place, folders, files in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in without]
            files = [name for name in files if name not in without]
        for name in [*files, *folders]:
            path = Path(place, name)
            found[str(path.relative_to(folder))] = _digest(path)
    return found


def _digest(path: Path) -> str:
    try:
        facts = path.lstat()
        if stat.S_ISLNK(facts.st_mode):
            return f"link to {os.readlink(path)!r}"
        if not stat.S_ISREG(facts.st_mode):
            return f"kind {stat.S_IFMT(facts.st_mode):o}"
        if facts.st_size > 1 << 28:
            # Sparse and enormous on purpose.
            return f"{facts.st_size} bytes"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"unreadable ({error.errno})"


def compare(
    before: Snapshot, after: Snapshot, *, outputs: Sequence[str], owned: Sequence[str] = (), named: Sequence[str] = ()
) -> Iterator[Failure]:
    """Yield what was lost or changed, and what lies where nothing should.

    Args:
        before: of the case's folder.
        after: of the same.
        outputs: where files may be made.
        owned: what may change and go.
        named: outputs as the user gave them: their parts may be odd names.
    """
    parts = {part for place in named for part in Path(place).parts}
    for path, digest in before.items():
        if not _below(path, owned) and after.get(path) != digest:
            kind = "changed" if path in after else "lost"
            yield Failure(kind, f"{path} was {kind}: {_short(digest)} -> {_short(after.get(path, 'nothing'))}")
    for path in after.keys() - before.keys():
        if path.startswith(_NOTES):
            continue
        if not _below(path, (*outputs, *owned)):
            # Folders on the way to an output are made with it.
            if not any(f"{place}/".startswith(f"{path}/") for place in outputs):
                yield Failure("stray", f"{path} was made outside of {', '.join(outputs)}")
        elif any(mark in Path(path).name for mark in _LEFTOVERS):
            yield Failure("leftover", f"{path} was left behind")
        elif _odd(Path(path).name) and Path(path).name not in parts:
            yield Failure("name", f"{path!r} was made, and is no plain name")


def _below(path: str, places: Sequence[str]) -> bool:
    return any(place == ANYWHERE or f"{path}/".startswith(f"{place}/") for place in places)


def _odd(name: str) -> bool:
    """Say whether a name is none on some system, or reads as something else than it is."""
    return bool(
        _NOT_PLAIN.search(name) or _DEVICE.match(name) or name[-1:] in (".", " ") or len(os.fsencode(name)) > 200
    )


def _short(digest: str) -> str:
    return digest[:12] if len(digest) == 64 else digest
