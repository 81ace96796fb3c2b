"""Results in a folder of the user's choice: a file that this program did not write there is never replaced.

A list beside the files has their names and digests. A file of the same name that is not in the list, or was changed
since, is foreign: it stays, and one line reports it.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mfh.errors import InputError, shown
from mfh.io.atomic import atomic_path
from mfh.io.contents import file_sha256
from mfh.io.lock import folder_lock
from mfh.io.reading import read_json, reading

RECORD = ".mfh-written.json"
"""Name -> digests; the last one is of what is there, an earlier one of what a killed run was about to replace."""
_LIST = "the list of files that this program wrote here; move it away, and the files"
_WAIT_S = 10.0


@contextmanager
def own_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path, as :func:`mfh.io.atomic.atomic_path` does, for a file that is replaced only if it is own.

    Raises:
        InputError: for a file that is there already and was not written by this program, or one that cannot be written.
    """
    check_own(path.parent, [path.name])
    with atomic_path(path) as temporary:
        yield temporary
        digest = _digest(temporary)
        # The list comes first: a run that is killed in between knows the old file and the new one.
        with folder_lock(path.parent / RECORD, wait_s=_WAIT_S):
            record = _read(path.parent)
            with atomic_path(path.parent / RECORD) as listed:
                digests = dict.fromkeys([*record.get(path.name, [])[-1:], digest])
                content = {**record, path.name: list(digests)}
                listed.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def check_own(folder: Path, names: Iterable[str]) -> None:
    """Refuse before any work to replace files that this program did not write.

    Raises:
        InputError: naming the first file that is foreign or was changed, or for a list that cannot be read.
    """
    there = [name for name in names if os.path.lexists(folder / name)]
    if not there:
        return
    record = _read(folder)
    for name in there:
        if not os.path.isfile(folder / name) or _digest(folder / name) not in record.get(name, []):
            raise InputError(
                f"{shown(folder / name)} is there already, and this program did not write it, or it was changed since: "
                "choose another folder with --out, or move it away"
            )


def check_apart(outputs: Iterable[Path], inputs: Iterable[Path], *, flag: str = "--out") -> None:
    """Refuse outputs that are inputs too: the same file, by any path to it.

    Raises:
        InputError: naming the first file that is both.
    """
    given = list(inputs)
    for output in outputs:
        for path in given:
            if is_same(output, path):
                raise InputError(f"{flag} would write {shown(output)}, which is read too: choose another place")


def is_same(one: Path, other: Path) -> bool:
    """Return whether two paths are one file or folder, through links, ".." or letter case."""
    try:
        if os.path.realpath(one) == os.path.realpath(other):
            return True
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path is a folder or lies in it, however both are written."""
    path = Path(os.path.realpath(path))
    return any(is_same(one, folder) for one in (path, *path.parents))


def _read(folder: Path) -> dict[str, list[str]]:
    path = folder / RECORD
    if not os.path.lexists(path):
        return {}
    content = read_json(path, what="", expected=_LIST)
    with reading(path, what="", expected=_LIST):
        if not isinstance(content, dict) or not all(isinstance(digests, list) for digests in content.values()):
            raise ValueError("it is no such list")
        return {name: [str(digest) for digest in digests] for name, digests in content.items()}


def _digest(path: Path) -> str:
    with reading(path, what="", expected="a file of this program"):
        return file_sha256(path)
