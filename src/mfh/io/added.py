"""One more file in a folder of results that is already in place: listed in its receipt like the others."""

import os
from collections.abc import Callable
from pathlib import Path

from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.io.contents import RECEIPT, Digest, digest_of, is_still, read_receipt, sealed
from mfh.io.json_text import json_text
from mfh.io.lock import folder_lock
from mfh.io.reading import read_json

_WAIT_S = 120.0


def check_addition(folder: Path, name: str) -> None:
    """Refuse to add a file where that could replace one that is not the program's own, before any work is done.

    Raises:
        InputError: where the folder is none of results, or holds a file of this name that its receipt does not list.
    """
    receipt = read_receipt(folder / RECEIPT)
    if isinstance(receipt, str):
        raise InputError(f"{receipt}; expected the folder of a photo's results")
    path = folder / name
    if os.path.lexists(path) and not (name in receipt.contents and is_still(path, receipt.contents[name])):
        raise InputError(f"{path} was not written by mfh, or was changed since: move it, or choose --out")


def add_file(folder: Path, name: str, kind: str, write: Callable[[Path], object]) -> Path:
    """Write one more file into a folder of results, and list it in the receipt.

    Args:
        folder: of one photo's results.
        name: of the file in it.
        kind: what the receipt calls it.
        write: writes it to the path it is given.

    Returns:
        Where it is.

    Raises:
        InputError: where the folder is none of results, holds something else of this name, or cannot be written.
    """
    path = folder / name
    with folder_lock(folder.parent, wait_s=_WAIT_S), folder_lock(folder, wait_s=_WAIT_S):
        check_addition(folder, name)
        with atomic_path(path) as temporary:
            write(temporary)
            digest = digest_of(temporary)
            # Killed between these, the receipt lists a file that is missing, and the same command again writes it.
            path.unlink(missing_ok=True)
            _list(folder / RECEIPT, name, kind, digest)
    return path


def _list(path: Path, name: str, kind: str, digest: Digest) -> None:
    """Write a receipt again, with one more file."""
    content = read_json(path, what="receipt", expected="a receipt of this program")
    assert isinstance(content, dict)
    content = {
        **content,
        "files": {**content["files"], kind: name},
        "contents": {**content["contents"], name: digest},
        "from_earlier_run": [one for one in content.get("from_earlier_run", []) if one != name],
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(sealed(content)) + "\n", encoding="utf-8")
