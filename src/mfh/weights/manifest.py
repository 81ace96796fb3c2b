"""The manifest of a fetched model (names, sizes and digests of its files), and the check that files are unchanged.

A manifest may come from another machine: it is read with limits, and its names cannot lead out of its folder.

Reading gigabytes at every start would take seconds, and comparing names and sizes alone would miss damaged files. So
the state of a file (size, times, inode) is written beside its folder when its digest is compared. Where this record is
missing, damaged or of another state, the file is read again. Where it cannot be written, in a read-only cache, files
are read once per process.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mfh.errors import InputError, WeightsError, shown
from mfh.io.atomic import atomic_path
from mfh.io.contents import file_sha256
from mfh.io.reading import check_file, read_json, reading
from mfh.weights.cache import listed_name

MANIFEST = "mfh-weights.json"
MAX_FILE_BYTES = 1 << 42
"""Largest size accepted for a model file."""
_MAX_MANIFEST_BYTES = 8 << 20
_MAX_FILES = 10_000
_MAX_TEXT = 300
_CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ListedFile:
    """One file of a manifest: its path inside the folder, with forward slashes, its size and hexadecimal digest."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of one model.

    Attributes:
        name: of the model, or "hf:org/name" for a repository outside the catalog.
        revision: commit or version of the source.
        files: all files.
        converted_from: what was fetched and converted to them; empty where they are what was fetched.
    """

    name: str
    revision: str
    files: tuple[ListedFile, ...]
    converted_from: tuple[ListedFile, ...] = ()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest into its folder, which is not in use yet."""
    content = asdict(manifest)
    if not manifest.converted_from:
        del content["converted_from"]
    (folder / MANIFEST).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a folder.

    Raises:
        WeightsError: where it is missing or damaged, or its entries cannot be those of model files.
    """
    file = folder / MANIFEST
    expected = "the list of a model's files; fetch or export the model again"
    content = read_json(file, what="", expected=expected, max_bytes=_MAX_MANIFEST_BYTES, error=WeightsError)
    with reading(file, what="", expected=expected, error=WeightsError):
        files, sources = _listed_files(content["files"]), _listed_files(content.get("converted_from", []))
        names = {one.name.casefold() for one in files}
        if len(names) < len(files) or MANIFEST in names:
            raise ValueError("it lists a name twice, or itself")
        return Manifest(_short_text(content["name"]), _short_text(content["revision"]), files, sources)


def checked_size(size: object) -> int:
    """Return the file size of an external list.

    Raises:
        ValueError: where it is none.
    """
    if type(size) is not int or not 0 <= size <= MAX_FILE_BYTES:
        raise ValueError(f"it lists a file of {str(size)[:40]} bytes")
    return size


def checked_digest(digest: object) -> str:
    """Return the SHA-256 of an external list.

    Raises:
        ValueError: where it is none.
    """
    if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        raise ValueError(f"it lists {str(digest)[:80]!r} as a SHA-256")
    return digest


def missing_files(folder: Path, manifest: Manifest) -> list[Path]:
    """Return the files of a manifest that are missing or of another size."""
    places = [(folder / one.name, one.size_bytes) for one in manifest.files]
    return [place for place, size in places if not (place.is_file() and place.stat().st_size == size)]


def check_digests(folder: Path, manifest: Manifest, *, fix: str) -> None:
    """Read every file of a manifest and compare its digest; ``fix`` ends the message.

    Raises:
        WeightsError: for the first file that is missing or wrong.
    """
    for one in manifest.files:
        file = folder / one.name
        if not file.exists():
            raise WeightsError(f"{shown(file)} is missing: {fix}")
        with reading(file, what="", expected=f"a model file of {one.size_bytes:,} bytes; {fix}", error=WeightsError):
            if one.size_bytes:
                check_file(file, what="", expected=f"a model file; {fix}", error=WeightsError)
            if file.stat().st_size != one.size_bytes:
                raise ValueError(f"it has {file.stat().st_size:,} bytes")
            check_digest(file, one.sha256, fix=fix)


def check_digest(file: Path, expected: str, *, fix: str) -> None:
    """Read a file and compare its digest; ``fix`` ends the message.

    Raises:
        WeightsError: where it differs.
    """
    found = file_sha256(file)
    if found != expected:
        raise WeightsError(f"{shown(file)} has sha256 {found[:12]}..., expected {expected[:12]}...: {fix}")


def copy_listed(
    source: Path, target: Path, names: list[str], *, report: Callable[[float], None]
) -> tuple[ListedFile, ...]:
    """Copy files of a model, with links resolved, and return their sizes and digests as read.

    Raises:
        WeightsError: where a copy differs from what was read.
    """
    total = sum((source / name).stat().st_size for name in names) or 1
    done, listed = 0, []
    for name in names:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        one = _copied(source / name, copy, name)
        check_digest(copy, one.sha256, fix="it was not written as it was read, check the disk")
        listed.append(one)
        done += one.size_bytes
        report(done / total)
    return tuple(listed)


def _copied(source: Path, copy: Path, name: str) -> ListedFile:
    digest = hashlib.sha256()
    with source.open("rb") as reader, copy.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
    return ListedFile(name, copy.stat().st_size, digest.hexdigest())


def _listed_files(entries: list[object]) -> tuple[ListedFile, ...]:
    if len(entries) > _MAX_FILES:
        raise ValueError(f"it lists {len(entries):,} files")
    return tuple(_listed_file(one) for one in entries)


def _listed_file(one: object) -> ListedFile:
    if not isinstance(one, dict):
        raise ValueError("it lists something else than files")
    return ListedFile(listed_name(one["name"]), checked_size(one["size_bytes"]), checked_digest(one["sha256"]))


def _short_text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise ValueError(f"a {type(value).__name__} where a name or revision should be, or a very long one")
    return value


_MAX_NOTE_BYTES = 8 << 20
_UNSETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was read is not recorded: some file systems have times in seconds."""

_CHANGED = 1 if os.name == "nt" else 2
"""Index of the time in a state: that of the content on Windows, elsewhere ctime, which programs cannot set."""

_seen: dict[Path, list[object]] = {}


def check_unchanged(folder: Path, digests: Mapping[str, str | None], *, fix: str) -> None:
    """Compare the digests (name -> SHA-256; None is skipped) of the files that changed since the last comparison.

    Raises:
        WeightsError: for the first file that is not the expected one.
        OSError: where one cannot be read.
    """
    states = {name: [*_state(folder / name), digest] for name, digest in digests.items() if digest is not None}
    pending = {name: state for name, state in states.items() if _seen.get((folder / name).absolute()) != state}
    if not pending:
        return
    note = note_of(folder)
    noted = _read_note(note)
    unread = {name: state for name, state in pending.items() if noted.get(name) != state}
    for name, (*state, digest) in unread.items():
        check_digest(folder / name, str(digest), fix=fix)
        if [*_state(folder / name)] != state:
            raise WeightsError(f"{shown(folder / name)} changed while it was read: run this again when it is whole")
    now = time.time_ns()
    for name, state in pending.items():
        _seen[(folder / name).absolute()] = state
    settled = {name: state for name, state in states.items() if now - state[_CHANGED] > _UNSETTLED_NS}
    if unread and settled != noted:
        _write_note(note, settled)


def check_listed(folder: Path, *, fix: str) -> None:
    """Compare the files of a folder with its manifest, as :func:`check_unchanged` does.

    Raises:
        WeightsError: for a damaged manifest, or the first file that is missing or differs from its entry.
        OSError: where one cannot be read.
    """
    manifest = read_manifest(folder)
    missing = missing_files(folder, manifest)
    if missing:
        raise WeightsError(f"{shown(missing[0])} is missing, or not whole: {fix}")
    check_unchanged(folder, {one.name: one.sha256 for one in manifest.files}, fix=fix)


def note_of(folder: Path) -> Path:
    """Return the path of the record of a model's folder."""
    return folder.with_name(f".{folder.name}~checked.json")


def _state(file: Path) -> tuple[int, int, int, int]:
    """Return the state of a file: size, times of its content and of its inode, inode."""
    facts = file.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def _read_note(note: Path) -> dict[str, object]:
    try:
        states = read_json(note, what="", expected="a record of checked files", max_bytes=_MAX_NOTE_BYTES)
    except InputError:
        # The files are then read again.
        return {}
    return states if isinstance(states, dict) else {}


def _write_note(note: Path, states: Mapping[str, object]) -> None:
    try:
        with atomic_path(note) as temporary:
            temporary.write_text(json.dumps(states), encoding="utf-8")
    except InputError:
        # Read only: the states are kept for this process.
        return


def check_start(path: Path) -> None:
    """Refuse an empty file, or a web page, in place of a model's file that the user supplied.

    Raises:
        WeightsError: naming the file, with the fix.
    """
    with reading(path, what="", expected="a model file", error=WeightsError), path.open("rb") as stream:
        start = stream.read(64).lstrip()
    if not start or start.startswith(b"<"):
        kind = "a web page" if start else "empty"
        raise WeightsError(f"{shown(path)} is {kind}: expected the model's file; get it again")
