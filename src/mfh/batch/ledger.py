"""The folder of a run over many photos: whose configuration it is of, which photos are done, and who works on which.

``batch.json`` holds the settings; others are refused. Rows are written in parts, after the files of their photos, and
merged into ``rows.parquet`` when nothing is left to do: what has no row is done again. A photo is claimed with a lock
of the operating system, which is held until its row is written and dies with its process: several processes share the
work of one folder. Where results go to an address, the folder is a copy of one command, and each part is put there too.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mfh.batch.address import Address
from mfh.batch.merge import SORTED_AT_ONCE, merged, write_merged
from mfh.batch.rows import Row
from mfh.batch.statuses import Statuses
from mfh.batch.tables import blocks_of, open_table, write_rows
from mfh.errors import InputError
from mfh.io.atomic import atomic_path, make_folder
from mfh.io.lock import folder_lock
from mfh.io.reading import parse_json, read_json
from mfh.pipeline.settings import differences, fingerprint

if TYPE_CHECKING:
    import pyarrow as pa

SETTINGS, ROWS, PARTS, PHOTOS = "batch.json", "rows.parquet", "parts", "photos"
ASKED = "asked.json"
_CLAIMS, _SCRATCH = ".claims", ".sorted"
_NONE = "none"
_MOST_PARTS = 128
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
        address: where results go; None where they stay in the folder.
        apart: whether other commands put rows at the address: then their rows are left as they are.
        status: of every photo that has a row.
    """

    folder: Path
    mark: str
    address: Address | None = None
    apart: bool = False
    status: Statuses = field(default_factory=Statuses)
    _claims: dict[str, ExitStack] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)
    _seen: tuple[int, int] = (-1, -1)
    _number: int = 0
    _token: str = field(default_factory=lambda: f"{time.time_ns() // 10**6:012x}-{secrets.token_hex(4)}")

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
        for path in parts_of(self.folder, but=self._read):
            self._add(path)
            self._read.add(path.name)
        if now[1] != self._seen[1]:
            self._add(self.folder / ROWS)
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
        if self.address is not None:
            self.address.put(self.folder, f"{PARTS}/{name}")
        self._number += 1
        self._read.add(name)
        self.status.add([row.id for row in rows], [row.status for row in rows])
        self.release([row.id for row in rows])
        if self._number % _MOST_PARTS == 0:
            # Left to the next time where another process merges.
            with suppress(InputError), folder_lock(self.folder / PARTS, wait_s=0.0):
                self._compact_own()

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

        Where others put rows at the address, the parts of this command become one instead.

        Raises:
            InputError: where it cannot be written.
        """
        with folder_lock(self.folder / PARTS, wait_s=_WAIT_S):
            if self.apart:
                self._compact_own()
                return
            if parts := parts_of(self.folder):
                write_merged(self.folder / ROWS, [self.folder / ROWS, *parts], self.folder / PARTS / _SCRATCH)
                self._replace(ROWS, parts)
            _sweep(self.folder)
            # Refused where another process is at work.
            for name in (PARTS, _CLAIMS):
                with suppress(OSError):
                    (self.folder / name).rmdir()

    def _compact_own(self) -> None:
        """Merge the parts of this command into one: thousands of small files take long to read."""
        parts = [path for path in parts_of(self.folder) if path.name.startswith(self._token)]
        if len(parts) > 1:
            name = f"{PARTS}/{self._token}-{self._number:06d}.parquet"
            self._number += 1
            write_merged(self.folder / name, [self.folder / PARTS / _NONE, *parts], self.folder / PARTS / _SCRATCH)
            self._read.add(Path(name).name)
            self._replace(name, parts)

    def _replace(self, name: str, parts: Sequence[Path]) -> None:
        """Remove parts that were merged into a file, once that is where it belongs."""
        if self.address is not None:
            self.address.put(self.folder, name)
            self.address.remove([f"{PARTS}/{path.name}" for path in parts])
        for path in parts:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give all photos back."""
        self.release(list(self._claims))

    def _add(self, path: Path) -> None:
        """Note the rows of a file, where it is there."""
        with suppress(FileNotFoundError), open_table(path) as file:
            for table in blocks_of(file, path, SORTED_AT_ONCE, ("id", "status", "fingerprint")):
                if foreign := set(table.column("fingerprint").unique().to_pylist()) - {self.mark}:
                    raise InputError(
                        f"{path} has rows of another configuration ({foreign.pop()!r:.40}, here {self.mark}): remove "
                        "it, or choose another folder with --out"
                    )
                self.status.add(table.column("id").to_pylist(), table.column("status").to_pylist())


def open_ledger(
    folder: Path, settings: Mapping[str, object], *, address: Address | None = None, apart: bool = False
) -> Ledger:
    """Open a folder for one configuration, and make it if it is new.

    Args:
        folder: of the run.
        settings: plain JSON values that decide every row and file.
        address: where results go; what is there was copied to the folder.
        apart: as of :class:`Ledger`.

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
                f"{address or folder} holds results of another configuration ({'; '.join(different[:_SHOWN])}{others}"
                "): choose another folder with --out"
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
        if address is not None:
            address.put(folder, SETTINGS)
    for name in (PARTS, _CLAIMS):
        make_folder(folder / name)
    ledger = Ledger(folder, fingerprint(wanted), address, apart)
    ledger.refresh()
    return ledger


def note_asked(ledger: Ledger, photos: int) -> None:
    """Write down how many photos the last command was given.

    Raises:
        InputError: where that cannot be written.
    """
    with atomic_path(ledger.folder / ASKED) as temporary:
        temporary.write_text(json.dumps({"photos": photos}) + "\n", encoding="utf-8")
    if ledger.address is not None:
        ledger.address.put(ledger.folder, ASKED)


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


def all_rows(folder: Path, columns: Sequence[str]) -> Iterator["pa.Table"]:
    """Yield the rows of all photos of a folder, sorted by id, merged or not yet.

    Args:
        folder: of a run.
        columns: that are needed, "id" among them.
    """
    with TemporaryDirectory(prefix="mfh-batch-") as scratch:
        yield from merged([folder / ROWS, *parts_of(folder)], Path(scratch) / _SCRATCH, columns)


def parts_of(folder: Path, *, but: Container[str] = ()) -> list[Path]:
    """Return the parts that are not merged yet, oldest first.

    Args:
        folder: of a run.
        but: names of those that are not wanted.
    """
    found = []
    with suppress(FileNotFoundError), os.scandir(folder / PARTS) as entries:
        for one in entries:
            if one.name.endswith(".parquet") and not one.name.startswith(".") and one.name not in but:
                with suppress(FileNotFoundError):
                    found.append((one.stat().st_mtime_ns, one.name))
    return [folder / PARTS / name for _, name in sorted(found)]


def _sweep(folder: Path) -> None:
    """Remove what killed processes left, under the lock of the parts; a half file that is being written is younger."""
    shutil.rmtree(folder / PARTS / _SCRATCH, ignore_errors=True)
    for path in (*folder.glob(_HALF), *(folder / PARTS).glob(_HALF)):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _HALF_AFTER_S:
                path.unlink()


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
