"""The files of a folder of results, by name and digest, and the receipt that lists them and carries its own digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mfh.errors import InputError, one_line
from mfh.io.reading import read_json

RECEIPT = "receipt.json"
CLIP_FILE = "side_by_side.mp4"
"""What every folder of a clip has, and none of a photo."""
_OWN = "a receipt of this program"


Digest = Mapping[str, Any]
"""Of one file: ``bytes`` and hexadecimal ``sha256``."""


def sealed(content: Mapping[str, object]) -> dict[str, object]:
    """Return a receipt with the digest of its own content."""
    content = {key: value for key, value in content.items() if key != "receipt_sha256"}
    return {**content, "receipt_sha256": _content_digest(content)}


def digests_in(folder: Path) -> dict[str, Digest]:
    """Return name -> bytes and sha256 of every file in a folder, its folders included."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in files}


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(path: Path) -> Digest:
    """Return the size and SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _content_digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Receipt:
    """The part of a receipt that describes its folder.

    Attributes:
        owner: the file that the results were made from.
        contents: name -> digest of every file beside it.
        sha256: its own digest.
    """

    owner: str
    contents: dict[str, Digest]
    sha256: str


def read_receipt(path: Path) -> Receipt | str:
    """Return a receipt's owner and contents, or why it cannot be relied on, in one line."""
    try:
        content = read_json(path, what="receipt", expected=_OWN)
    except InputError as error:
        return one_line(error)
    if not (isinstance(content, dict) and isinstance(content.get("photo"), str)):
        return f"{path} is not {_OWN}"
    contents = content.get("contents")
    if not (isinstance(contents, dict) and all(is_listing(name, one) for name, one in contents.items())):
        return f"{path} does not say what was written beside it (an older mfh)"
    if content.get("receipt_sha256") != _content_digest({k: v for k, v in content.items() if k != "receipt_sha256"}):
        return f"{path} was changed after it was written"
    return Receipt(content["photo"], contents, content["receipt_sha256"])


def is_listing(name: str, one: object) -> bool:
    """Return whether a name (with forward slashes) lies inside its folder, and a JSON value is the digest of a file."""
    parts = PurePosixPath(name).parts
    inside = bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name
    return inside and isinstance(one, dict) and isinstance(one.get("sha256"), str) and isinstance(one.get("bytes"), int)


def is_still(path: Path, digest: Digest) -> bool:
    """Return whether a file, if it exists, is a regular one with this size and digest."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != digest["bytes"]:
        return False
    return file_sha256(path) == digest["sha256"]
