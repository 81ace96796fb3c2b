"""Results at an address, such as s3://bucket/run: an object store has neither locks nor names that can be changed.

A command works in a folder of its own, and what is whole is put to the address, each file at once: first the files of a
photo, its receipt last, then the rows that speak of them. What has no row there is done again. Without locks, commands
share no photos: each gets a part of its own.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfh.errors import BackendError, InputError, kind_and_message
from mfh.io.contents import RECEIPT
from mfh.io.lock import folder_lock

_FOLDERS = ("file", "local")
_TRIES = 5


def is_address(path: str) -> bool:
    """Return whether a path is an address that fsspec knows, as s3://bucket/name.jpg."""
    return "://" in path


@dataclass(frozen=True)
class Address:
    """Where results go.

    Attributes:
        url: as s3://bucket/run.
    """

    url: str

    def __str__(self) -> str:
        """Return the address."""
        return self.url

    def fetch(self, folder: Path, names: Sequence[str], below: Sequence[str] = ()) -> None:
        """Copy files that are there to a folder.

        Args:
            folder: where they go.
            names: of the files; those that are not there are left out.
            below: names of folders, of which all files are copied.

        Raises:
            InputError: where the address cannot be read.
            BackendError: where a package is missing.
        """
        with self._told("read") as (system, root):
            _copy(system, [f"{root}/{name}" for name in names], folder)
            for one in below:
                # What vanishes meanwhile was merged into another one.
                for _ in range(_TRIES):
                    if _copy(system, _found(system, f"{root}/{one}"), folder / one):
                        break

    def put(self, folder: Path, name: str) -> None:
        """Put a file to its place; one that is there is replaced.

        Args:
            folder: of the copy of the run.
            name: of the file in it.

        Raises:
            InputError: where it cannot be written.
        """
        with self._told("written to") as (system, root):
            system.put_file(str(folder / name), f"{root}/{name}")

    def put_photo(self, folder: Path, name: str) -> None:
        """Put the files of a photo to their place, the receipt last, and remove those in the folder.

        Args:
            folder: of the copy of the run.
            name: of the photo's folder in it.

        Raises:
            InputError: where they cannot be written.
        """
        files = sorted(path for path in (folder / name).rglob("*") if path.is_file())
        try:
            for path in sorted(files, key=lambda one: one.name == RECEIPT):
                self.put(folder, path.relative_to(folder).as_posix())
        finally:
            shutil.rmtree(folder / name, ignore_errors=True)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; those that are not there are left out.

        Args:
            names: of the files.

        Raises:
            InputError: where that is refused.
        """
        with self._told("written to") as (system, root):
            for name in names:
                with suppress(FileNotFoundError):
                    system.rm_file(f"{root}/{name}")

    @contextmanager
    def _told(self, what: str) -> Iterator[tuple[Any, str]]:
        """Yield the file system and the place in it; whatever is wrong with them is one line."""
        try:
            import fsspec

            system, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
            yield system, root.rstrip("/")
        except ImportError as error:
            raise BackendError(f"{self.url} needs another package: {error}") from error
        except Exception as error:
            raise InputError(
                f"{self.url} cannot be {what} ({kind_and_message(error)}): expected a place that is there, such as a "
                "bucket, and credentials for it"
            ) from error


def pictures_below(address: str, endings: Container[str]) -> list[str]:
    """Return the names of all picture files below an address, sorted.

    Args:
        address: ends with a slash.
        endings: of picture files, in small letters, with the dot.

    Raises:
        InputError: where it cannot be read.
        BackendError: where a package is missing.
    """
    with Address(address)._told("read") as (system, root):
        found = [path for path in system.find(root) if os.path.splitext(path)[1].lower() in endings]
        return sorted(path.removeprefix(root).removeprefix("/") for path in found)


@contextmanager
def own_copy(address: Address, shard: str | None) -> Iterator[Path]:
    """Yield a folder for one command whose results go to an address; it is removed at the end.

    Args:
        address: where results go.
        shard: the part of the photos that the command has; None for all.

    Raises:
        InputError: where another command of this machine has the same, or the address is a folder.
    """
    if address.url.partition("://")[0] in _FOLDERS:
        raise InputError(f"{address} is a folder: give its path, as --out /shared/run")
    user = os.getuid() if hasattr(os, "getuid") else ""
    digest = hashlib.sha256(f"{user}\n{address}\n{shard}".encode(errors="surrogatepass")).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"mfh-batch-{digest}"
    with _held(folder, address):
        # What a killed command left: all that counts is at the address.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise InputError(f"cannot make {folder} ({error.strerror}): set TMPDIR to a folder of yours") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _found(system: Any, place: str) -> list[str]:
    try:
        return system.find(place)
    except FileNotFoundError:
        return []


def _copy(system: Any, paths: Sequence[str], folder: Path) -> bool:
    """Copy files that are there to a folder, in the order of their names; return whether all are."""
    missing = 0
    # Parts are named by when their command began: the oldest are the oldest here too.
    for path in sorted(paths):
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / path.rpartition("/")[2]
        try:
            system.get_file(path, str(target))
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            missing += 1
    return not missing


@contextmanager
def _held(folder: Path, address: Address) -> Iterator[None]:
    lock = folder_lock(folder, wait_s=0.0)
    try:
        lock.__enter__()
    except InputError as error:
        raise InputError(
            f"{address} is written to by another command: there are no locks at an address; give each command a part "
            "of its own, with --shard 1/2 and --shard 2/2"
        ) from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
