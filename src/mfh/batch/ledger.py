"""The folder of a run over many photos: whose configuration it is of, which photos are done, and who works on which.

``batch.json`` holds the settings; others are refused. Rows are written in parts, after the files of their photos, and
merged into ``rows.parquet`` when nothing is left to do: what has no row is done again. A photo is claimed with a lock
of the operating system, which is held until its row is written and dies with its process: several processes share the
work of one folder.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.batch.rows import Row
from mfh.batch.tables import read_table, schema, write_rows, write_table
from mfh.errors import InputError
from mfh.io.atomic import atomic_path, make_folder
from mfh.io.lock import folder_lock
from mfh.io.reading import parse_json, read_json
from mfh.pipeline.settings import differences, fingerprint

if TYPE_CHECKING:
    import pyarrow as pa

SETTINGS, ROWS, PARTS, PHOTOS = "batch.json", "rows.parquet", "parts", "photos"
ASKED = "asked.json"
_CLAIMS = ".claims"
_FORMAT, _VERSION = "mfh-batch", 1
_SHOWN = 3
_WAIT_S = 600.0
_HALF, _HALF_AFTER_S = ".*.tmp.*", 10.0
"""Names of files that are not whole yet, and seconds after which nothing writes to them any more."""


@dataclass
class Ledger:
    """What is done in a folder, and the claims of this process.

    Attributes:
        folder: of the run.
        mark: fingerprint of the settings.
        status: of every photo that has a row, by its id.
    """

    folder: Path
    mark: str
    status: dict[str, str] = field(default_factory=dict)
    _claims: dict[str, ExitStack] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)
    _seen: tuple[int, int] = (-1, -1)
    _number: int = 0
    _token: str = field(default_factory=lambda: secrets.token_hex(6))

    def claim(self, name: str) -> bool:
        """Take a photo for this process; False where another one has it.

        Args:
            name: id of the photo.
        """
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
        stack = ExitStack()
        try:
            stack.enter_context(folder_lock(self.folder / _CLAIMS / digest, wait_s=0.0))
        except InputError:
            if (self.folder / _CLAIMS).is_dir() and not os.access(self.folder / _CLAIMS, os.W_OK):
                raise
            return False
        self._claims[name] = stack
        return True

    def release(self, names: Sequence[str]) -> None:
        """Give photos back.

        Args:
            names: ids of photos that are claimed.
        """
        for name in names:
            self._claims.pop(name).close()

    def is_done(self, name: str) -> bool:
        """Return whether a photo has a row by now, of this process or another.

        Args:
            name: id of the photo.
        """
        if name not in self.status:
            self.refresh()
        return name in self.status

    def refresh(self) -> None:
        """Read the rows that others have written meanwhile."""
        now = (_changed(self.folder / PARTS), _changed(self.folder / ROWS))
        if now == self._seen:
            return
        # The merged file last: a part that vanishes meanwhile is in it.
        for path in parts_of(self.folder):
            if path.name not in self._read:
                with suppress(FileNotFoundError):
                    self._add(read_table(path, ("id", "status", "fingerprint")), path)
                    self._read.add(path.name)
        if now[1] != self._seen[1]:
            with suppress(FileNotFoundError):
                self._add(read_table(self.folder / ROWS, ("id", "status", "fingerprint")), self.folder / ROWS)
        self._seen = now

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows down, and give their photos back.

        Args:
            rows: of photos that are claimed, and whose files are in place.

        Raises:
            InputError: where they cannot be written; the photos stay claimed.
        """
        if not rows:
            return
        name = f"{self._token}-{self._number:06d}.parquet"
        self._write_part(self.folder / PARTS / name, rows)
        self._number += 1
        self._read.add(name)
        self.status.update({row.id: row.status for row in rows})
        self.release([row.id for row in rows])

    def _write_part(self, path: Path, rows: Sequence[Row]) -> None:
        """Write a part, though another process that has ended its own work removes the folder meanwhile."""
        while True:
            make_folder(path.parent)
            try:
                return write_rows(path, rows)
            except InputError:
                if path.parent.is_dir():
                    raise

    def compact(self) -> None:
        """Merge all parts into ``rows.parquet``, sorted by id; a photo that was tried again has its last row.

        Raises:
            InputError: where it cannot be written.
        """
        with folder_lock(self.folder / PARTS, wait_s=_WAIT_S):
            parts = parts_of(self.folder)
            if parts:
                write_table(self.folder / ROWS, _merged(self.folder / ROWS, parts))
                for path in parts:
                    path.unlink(missing_ok=True)
            _sweep(self.folder)
            # Refused where another process is at work.
            for name in (PARTS, _CLAIMS):
                with suppress(OSError):
                    (self.folder / name).rmdir()

    def close(self) -> None:
        """Give all photos back."""
        self.release(list(self._claims))

    def _add(self, table: "pa.Table", path: Path) -> None:
        if foreign := set(table.column("fingerprint").to_pylist()) - {self.mark}:
            raise InputError(
                f"{path} has rows of another configuration ({foreign.pop()!r:.40}, here {self.mark}): remove it, or "
                "choose another folder with --out"
            )
        self.status.update(zip(table.column("id").to_pylist(), table.column("status").to_pylist(), strict=True))


def open_ledger(folder: Path, settings: Mapping[str, object]) -> Ledger:
    """Open a folder for one configuration, and make it if it is new.

    Args:
        folder: of the run.
        settings: plain JSON values that decide every row and file.

    Returns:
        The ledger, with what is done.

    Raises:
        InputError: for a folder of another configuration, saying what differs, or one that cannot be used.
    """
    wanted = parse_json(json.dumps(settings))
    make_folder(folder)
    path = folder / SETTINGS
    if os.path.lexists(path):
        if different := differences(read_settings(folder), wanted):
            others = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
            raise InputError(
                f"{folder} holds results of another configuration ({'; '.join(different[:_SHOWN])}{others}): choose "
                "another folder with --out"
            )
    else:
        if taken := [name for name in (ROWS, PARTS, PHOTOS) if os.path.lexists(folder / name)]:
            raise InputError(
                f"{folder / taken[0]} is there already and {folder} has no {SETTINGS}: mfh batch did not write it; "
                "choose another folder with --out"
            )
        content = {"format": _FORMAT, "version": _VERSION, "fingerprint": fingerprint(wanted), "settings": wanted}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for name in (PARTS, _CLAIMS):
        make_folder(folder / name)
    ledger = Ledger(folder, fingerprint(wanted))
    ledger.refresh()
    return ledger


def note_asked(folder: Path, photos: int) -> None:
    """Write down how many photos the last command was given.

    Raises:
        InputError: where that cannot be written.
    """
    with atomic_path(folder / ASKED) as temporary:
        temporary.write_text(json.dumps({"photos": photos}) + "\n", encoding="utf-8")


def photos_asked(folder: Path) -> int | None:
    """Return how many photos the last command was given; None where that is not known."""
    if not (folder / ASKED).is_file():
        return None
    content = read_json(folder / ASKED, what="", expected="what mfh batch writes")
    photos = content.get("photos") if isinstance(content, dict) else None
    return photos if isinstance(photos, int) else None


def read_settings(folder: Path) -> dict[str, object]:
    """Return the settings of a folder.

    Raises:
        InputError: where it is no folder of mfh batch.
    """
    expected = "the folder of mfh batch"
    content = read_json(folder / SETTINGS, what="", expected=expected)
    settings = content.get("settings") if isinstance(content, dict) and content.get("format") == _FORMAT else None
    if not isinstance(settings, dict):
        raise InputError(f"{folder / SETTINGS} is none of mfh batch: expected {expected}")
    if content.get("version") != _VERSION:
        raise InputError(f"{folder} is of another version of mfh batch ({content.get('version')!r:.20}): use that one")
    return settings


def all_rows(folder: Path) -> "pa.Table":
    """Return the rows of all photos of a folder, sorted by id, merged or not yet."""
    return _merged(folder / ROWS, parts_of(folder))


def parts_of(folder: Path) -> list[Path]:
    """Return the parts that are not merged yet, oldest first."""
    found = []
    for path in (folder / PARTS).glob("*.parquet"):
        with suppress(OSError):
            if not path.name.startswith("."):
                found.append((path.stat().st_mtime_ns, path.name, path))
    return [path for _, _, path in sorted(found)]


def _sweep(folder: Path) -> None:
    """Remove the half files that killed processes left; one that is being written is younger."""
    for path in (*folder.glob(_HALF), *(folder / PARTS).glob(_HALF)):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _HALF_AFTER_S:
                path.unlink()


def _merged(rows: Path, parts: Sequence[Path]) -> "pa.Table":
    """Return the rows of a merged file and of parts, the last of each id, sorted by id."""
    import pyarrow as pa

    # The merged file is read last: a part that vanishes meanwhile is in it. Its rows are the oldest.
    newer, oldest = [_there(path) for path in parts], _there(rows)
    table = pa.concat_tables([one for one in (oldest, *newer) if one is not None] or [schema().empty_table()])
    last = {name: number for number, name in enumerate(table.column("id").to_pylist())}
    return table.take(pa.array([last[name] for name in sorted(last)], pa.int64()))


def _there(path: Path) -> "pa.Table | None":
    try:
        return read_table(path)
    except FileNotFoundError:
        return None


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
