"""Whether model files are still the ones whose digests were compared: read whole once, and again when they changed.

Reading gigabytes at every start would take seconds, and trusting names and sizes would use a damaged file in silence.
So what a file looked like when its digest was compared (size, times, inode) is written beside its folder. The note
saves time and nothing else: where it is missing, damaged or of another state of the file, the file is read again. Where
it cannot be written, in a cache that is read only, files are read once a process.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from mfh.errors import InputError, WeightsError, shown
from mfh.io.atomic import atomic_path
from mfh.io.reading import read_json
from mfh.models.weights_manifest import check_digest, missing_files, read_manifest

_MAX_NOTE_BYTES = 8 << 20
_UNSETTLED_NS = 2_000_000_000
"""A file that changed so shortly before it had been read can change again without its times showing it, where a file
system counts in seconds."""

_CHANGED = 1 if os.name == "nt" else 2
"""Which part of a state says when a file changed: on Windows its content's time, elsewhere one that nobody can set."""

_seen: dict[Path, list[object]] = {}


def check_unchanged(folder: Path, digests: Mapping[str, str | None], *, fix: str) -> None:
    """Compare the digests of a model's files, of those that changed since that was last done.

    Args:
        folder: of the model, whose files are all there.
        digests: name -> expected SHA-256; where it is None there is nothing to compare.
        fix: what to do about a wrong file.

    Raises:
        WeightsError: for the first file that is not the one expected.
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

    Args:
        folder: of a model, with a manifest.
        fix: what to do about a wrong file.

    Raises:
        WeightsError: for a manifest that is damaged, or the first file that is missing or not the one it lists.
        OSError: where one cannot be read.
    """
    manifest = read_manifest(folder)
    missing = missing_files(folder, manifest)
    if missing:
        raise WeightsError(f"{shown(missing[0])} is missing, or not whole: {fix}")
    check_unchanged(folder, {one.name: one.sha256 for one in manifest.files}, fix=fix)


def note_of(folder: Path) -> Path:
    """Return the note of a model's folder.

    Args:
        folder: of the model.
    """
    return folder.with_name(f".{folder.name}~checked.json")


def _state(file: Path) -> tuple[int, int, int, int]:
    """Return what tells a file that was not touched: size, times of its content and of its entry, inode."""
    facts = file.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def _read_note(note: Path) -> dict[str, object]:
    try:
        tree = read_json(note, what="", expected="a note", max_bytes=_MAX_NOTE_BYTES)
    except InputError:
        # It saves time and nothing else.
        return {}
    return tree if isinstance(tree, dict) else {}


def _write_note(note: Path, states: Mapping[str, object]) -> None:
    try:
        with atomic_path(note) as temporary:
            temporary.write_text(json.dumps(states), encoding="utf-8")
    except InputError:
        # Read only: this process remembers it.
        return
