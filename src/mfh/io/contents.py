"""What lies in a folder of results, by name and digest, and the receipt that says so and knows its own digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mfh.errors import InputError, one_line
from mfh.io.reading import read_json

RECEIPT = "receipt.json"
_OWN = "a receipt of this program"
_CHUNK = 1 << 20

Digest = Mapping[str, Any]
"""Of one file: ``bytes`` and hexadecimal ``sha256``."""


def sealed(tree: Mapping[str, object]) -> dict[str, object]:
    """Return a receipt with the digest of its own content."""
    content = {key: value for key, value in tree.items() if key != "receipt_sha256"}
    return {**content, "receipt_sha256": _content_digest(content)}


def digests_in(folder: Path) -> dict[str, Digest]:
    """Return name -> bytes and sha256 of every file in a folder, its folders included."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _digest(path: Path) -> Digest:
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _content_digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Receipt:
    """What a receipt says of its folder.

    Attributes:
        owner: the file that the results were made from.
        contents: name -> digest of every file beside it.
    """

    owner: str
    contents: dict[str, Digest]


def read_receipt(path: Path) -> Receipt | str:
    """Return what a receipt says, or why it cannot be relied on, in one line."""
    try:
        tree = read_json(path, what="receipt", expected=_OWN)
    except InputError as error:
        return one_line(error)
    if not (isinstance(tree, dict) and isinstance(tree.get("photo"), str)):
        return f"{path} is not {_OWN}"
    contents = tree.get("contents")
    if not (isinstance(contents, dict) and all(is_listing(name, one) for name, one in contents.items())):
        return f"{path} does not say what was written beside it (an older mfh)"
    if tree.get("receipt_sha256") != _content_digest({k: v for k, v in tree.items() if k != "receipt_sha256"}):
        return f"{path} was changed after it was written"
    return Receipt(tree["photo"], contents)


def is_listing(name: str, one: object) -> bool:
    """Return whether a name lies inside its folder, and a JSON value is the digest of a file.

    Args:
        name: with forward slashes.
        one: should have ``bytes`` and ``sha256``.
    """
    parts = PurePosixPath(name).parts
    inside = bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name
    return inside and isinstance(one, dict) and isinstance(one.get("sha256"), str) and isinstance(one.get("bytes"), int)


def is_still(path: Path, digest: Digest) -> bool:
    """Return whether a file is the one that was written: a regular file with this size and digest.

    Args:
        path: the file; it need not exist.
        digest: of what was written.
    """
    if path.is_symlink() or not path.is_file() or path.stat().st_size != digest["bytes"]:
        return False
    return file_sha256(path) == digest["sha256"]
