"""Results of the server: one temporary folder, kept for a limited time and number, and nothing left after it."""

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from mfh.errors import InputError, MfhError
from mfh.io.contents import RECEIPT
from mfh.io.focal import FocalRequest
from mfh.io.lock import folder_lock
from mfh.scale.known_sizes import KnownSizes

PREFIX = "mfh-serve-"
MOST_RESULTS = 100
MOST_BYTES = 4 << 30
_RESULTS = "results"
_YOUNG_S = 60.0
"""A folder of another server that is younger may not be locked yet."""


@dataclass(frozen=True)
class Entry:
    """One result that is kept.

    Attributes:
        id: random; the result can be read by it.
        folder: of its files.
        names: of its files.
        size: of all of them, bytes.
        known: sizes that were given.
        focal: focal length that the fit was given beside that of the evidence; None for none.
        exclude: numbers of landmarks that did not count.
        until: time at which it is removed, by the store's clock.
    """

    id: str
    folder: Path
    names: frozenset[str]
    size: int
    known: KnownSizes
    focal: FocalRequest | None
    exclude: tuple[int, ...]
    until: float


class Store:
    """The results of one server.

    Args:
        keep_s: seconds that a result is kept.
        most: results; the oldest go first.
        most_bytes: of all results.
        clock: seconds.
    """

    def __init__(
        self,
        *,
        keep_s: float,
        most: int = MOST_RESULTS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keep_s = keep_s
        self._most, self._most_bytes, self._clock = most, most_bytes, clock
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._held = ExitStack()
        self.root: Path | None = None

    def open(self) -> None:
        """Remove what killed servers left, and make the folder, where that was not done yet.

        Raises:
            InputError: where there is no room for temporary files.
        """
        if self.root is not None:
            return
        parent = Path(tempfile.gettempdir())
        sweep_left_over(parent)
        try:
            root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            (root / _RESULTS).mkdir()
        except OSError as error:
            raise InputError(f"cannot make a folder in {parent}: {error.strerror}; set TMPDIR to another") from error
        self._held.enter_context(folder_lock(root / _RESULTS, wait_s=0.0))
        self.root = root

    def close(self) -> None:
        """Remove everything."""
        with self._lock:
            self._entries.clear()
        self._held.close()
        if self.root is not None:
            shutil.rmtree(self.root, ignore_errors=True)

    def abandon(self) -> None:
        """Remove everything without waiting for anything: the process ends now."""
        if self.root is not None:
            shutil.rmtree(self.root, ignore_errors=True)

    def new_folder(self) -> Path:
        """Return a folder that is not there yet, with a random name."""
        assert self.root is not None, "the store is open"
        return self.root / _RESULTS / secrets.token_hex(16)

    def add(
        self,
        folder: Path,
        receipt: dict[str, object],
        *,
        known: KnownSizes,
        focal: FocalRequest | None = None,
        exclude: tuple[int, ...] = (),
    ) -> Entry:
        """Keep a result.

        Args:
            folder: of its files, from :meth:`new_folder`.
            receipt: that lists them.
            known: sizes that were given.
            focal: focal length of the fit.
            exclude: numbers that did not count.
        """
        contents = receipt["contents"]
        names = {*contents, RECEIPT} if isinstance(contents, dict) else {RECEIPT}
        size = sum((folder / name).stat().st_size for name in names)
        until = self._clock() + self.keep_s
        entry = Entry(folder.name, folder, frozenset(names), size, known, focal, exclude, until)
        with self._lock:
            self._entries[entry.id] = entry
        self.sweep()
        return entry

    def find(self, name: str) -> Entry | None:
        """Return the result of an id; None where there is none, or none any more."""
        with self._lock:
            entry = self._entries.get(name)
        return entry if entry is not None and entry.until > self._clock() else None

    def remove(self, name: str) -> bool:
        """Remove a result, and return whether there was one."""
        with self._lock:
            entry = self._entries.pop(name, None)
        if entry is not None:
            discard(entry.folder)
        return entry is not None

    def sweep(self) -> None:
        """Remove results whose time is over, and the oldest of too many or too large ones."""
        now = self._clock()
        with self._lock:
            entries = list(self._entries.values())
            total = sum(one.size for one in entries)
            gone: list[Entry] = []
            for count, one in enumerate(entries):
                left = len(entries) - count
                # The last one stays, however large it is: it was just made.
                if one.until <= now or left > self._most or (total > self._most_bytes and left > 1):
                    gone.append(one)
                    total -= one.size
            for one in gone:
                del self._entries[one.id]
        for one in gone:
            discard(one.folder)

    @property
    def count(self) -> int:
        """Results that are kept."""
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        with self._lock:
            return sum(one.size for one in self._entries.values())


def discard(folder: Path) -> None:
    """Remove a folder of a result, and its files that are open elsewhere as soon as they are closed.

    Args:
        folder: need not be there.
    """
    shutil.rmtree(folder, ignore_errors=True)


def sweep_left_over(parent: Path) -> None:
    """Remove folders of servers that were killed: no process holds their lock.

    Args:
        parent: folder of temporary files.
    """
    with suppress(OSError):
        for one in parent.glob(f"{PREFIX}*"):
            with suppress(OSError, MfhError):
                facts = one.lstat()
                mine = not hasattr(os, "getuid") or facts.st_uid == os.getuid()
                if one.is_symlink() or not one.is_dir() or not mine or time.time() - facts.st_mtime < _YOUNG_S:
                    continue
                with folder_lock(one / _RESULTS, wait_s=0.0):
                    shutil.rmtree(one / _RESULTS, ignore_errors=True)
                one.rmdir()
